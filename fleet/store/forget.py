"""What is old goes: single windows and events after `windows_days`, the sums of hours after `hours_days`.

A number up to `forgotten` was held, and is known to have been held, though its row is gone: said again, it is
an old one. What lies above a gap stays until the gap is closed.
"""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, and_, delete, func, select, update

from fleet.store.database import Database
from fleet.store.schema import (
    DAY_HOURS,
    HOUR_MS,
    day_sum,
    defect_day,
    defect_sum,
    epoch,
    event,
    hour_sum,
    message,
    station,
    summary,
)

CHUNK = 2000
"""Numbers of one epoch that go in one transaction, so that nobody waits long for its lock."""


def forget_messages(database: Database, before_ms: int, chunks: int) -> int:
    """Let windows and events older than a moment go, at most so many chunks; how many went. Raises StoreFailed."""
    gone = 0
    for epoch_id in database.ask(partial(_old, before_ms)):
        while gone < chunks and database.change(partial(_forget, epoch_id, before_ms)):
            gone += 1
    return gone


def forget_hours(database: Database, before_ms: int) -> None:
    """Let the sums of the UTC days before a moment's go. Raises StoreFailed."""
    first = before_ms // HOUR_MS // DAY_HOURS * DAY_HOURS

    def change(conn: Connection) -> None:
        for table in (hour_sum, day_sum, defect_sum, defect_day):
            conn.execute(delete(table).where(table.c.hour < first))

    database.change(change)


def _old(before_ms: int, conn: Connection) -> Sequence[int]:
    """Epochs whose oldest row is old."""
    oldest = and_(message.c.epoch_id == epoch.c.id, message.c.seq == epoch.c.forgotten + 1)
    asked = (
        select(epoch.c.id).join(message, oldest).where(message.c.ts_ms < before_ms, epoch.c.held > epoch.c.forgotten)
    )
    return conn.scalars(asked.order_by(epoch.c.id)).all()


def _forget(epoch_id: int, before_ms: int, conn: Connection) -> bool:
    """One chunk of an epoch; whether anything went."""
    whose = select(epoch.c.station_id).where(epoch.c.id == epoch_id).scalar_subquery()
    conn.execute(select(station.c.id).where(station.c.id == whose).with_for_update())
    row = conn.execute(select(epoch.c.held, epoch.c.forgotten).where(epoch.c.id == epoch_id)).one()
    upto = min(row.held, row.forgotten + CHUNK)
    some = message.c.epoch_id == epoch_id, message.c.seq > row.forgotten, message.c.seq <= upto
    young = conn.scalar(select(func.min(message.c.seq)).where(*some, message.c.ts_ms >= before_ms))
    last = upto if young is None else young - 1
    if last <= row.forgotten:
        return False
    for table in (message, summary, event):
        conn.execute(delete(table).where(table.c.epoch_id == epoch_id, table.c.seq <= last))
    conn.execute(update(epoch).where(epoch.c.id == epoch_id).values(forgotten=last))
    return True
