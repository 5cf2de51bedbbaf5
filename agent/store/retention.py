"""Which rows may go, and letting them go in small batches.

Pictures go before records, and nothing goes that the centre has not acknowledged: a record is held by
its lane's unsettled summaries and by what is not summarised yet, unless nothing is ever settled.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, delete, func, select

from agent.clock import EARLIEST_TRUSTED_UTC_US
from agent.store.records import lanes_of
from agent.store.schema import (
    WAITING,
    defects,
    detections,
    events,
    inspections,
    meta,
    outbox,
    reviews,
    second_opinions,
    summaries,
)

BATCH = 500
"""Rows of each kind that go in one transaction: a few milliseconds, so that no part waits for it."""
EVENTS_MAX = 1_000_000
"""Rows of `events` that stay at most, some 200 MB; a camera that sends rubbish makes ten a second."""
EVENTS_SEEN = 5_000
"""Of the oldest events so many are looked at in one go."""
UNASKED = ("none", "off")
"""Ways of settling in which nothing is held for a centre's acknowledgement."""
DAY_US = 86_400_000_000
FOREVER_UTC_US = 2**62
"""Later than any row."""


def held_from(conn: Connection, lane: str) -> int:
    """The lowest id of the lane's records that must stay; every id below is summarised and settled."""
    covered = conn.scalar(select(func.max(summaries.c.last_id)).where(summaries.c.lane == lane)) or 0
    if conn.scalar(select(meta.c.settle)) in UNASKED:
        return covered + 1
    waiting = (
        select(func.min(summaries.c.first_id))
        .join(outbox, outbox.c.ref == summaries.c.id)
        .where(outbox.c.kind == "summary", summaries.c.lane == lane, WAITING)
    )
    lowest = conn.scalar(waiting)
    return covered + 1 if lowest is None else int(lowest)


def aged_up_to(conn: Connection, lane: str, before_utc_us: int) -> int:
    """The highest id of the lane's records that are older than this; 0 when there is none.

    Age is told by records whose clock was trusted: one that was made in "1970" is as old as those around it.
    """
    old = inspections.c.lane == lane, inspections.c.captured_utc_us < before_utc_us, inspections.c.clock_trusted
    return conn.scalar(select(func.max(inspections.c.id)).where(*old)) or 0


def reusable_bytes(conn: Connection) -> int:
    """Room inside the database's file that new rows take before the file grows.

    SQLite never gives the pages of deleted rows back to the disk without VACUUM, which would need as much
    room again; it fills them anew. So for the store they are free space, and whoever deletes rows until
    the disk alone has room would delete all of them.
    """
    pages, size = (int(conn.exec_driver_sql(f"PRAGMA {what}").scalar_one()) for what in ("freelist_count", "page_size"))
    return pages * size


def drop_old(conn: Connection, before_utc_us: int) -> int:
    """Delete at most BATCH rows of each kind that are older than this and free to go; BATCH: there may be more."""
    ids: list[int] = []
    for lane in lanes_of(conn):
        below = min(held_from(conn, lane), aged_up_to(conn, lane, before_utc_us) + 1)
        ids += _free_to_go(conn, lane, below, BATCH - len(ids))
    _drop_parts(conn, ids)
    messages = _drop_messages(conn, before_utc_us)
    return max(len(ids), messages, _drop_events(conn, before_utc_us))


def drop_oldest(conn: Connection) -> int:
    """Delete at most BATCH of the oldest records that are free to go, whatever their age; how many went.

    Once there are none, settled messages go.
    """
    lanes = lanes_of(conn)
    ids = sorted(i for lane in lanes for i in _free_to_go(conn, lane, held_from(conn, lane), BATCH))[:BATCH]
    _drop_parts(conn, ids)
    return len(ids) or _drop_messages(conn, FOREVER_UTC_US)


def _free_to_go(conn: Connection, lane: str, below: int, limit: int) -> list[int]:
    free = inspections.c.lane == lane, inspections.c.id < below, inspections.c.evidence_file.is_(None)
    return list(conn.scalars(select(inspections.c.id).where(*free).order_by(inspections.c.id).limit(limit)))


def _drop_parts(conn: Connection, ids: Sequence[int]) -> None:
    for table in (defects, detections, reviews, second_opinions):
        conn.execute(delete(table).where(table.c.inspection_id.in_(ids)))
    conn.execute(delete(inspections).where(inspections.c.id.in_(ids)))


def _drop_messages(conn: Connection, before_utc_us: int) -> int:
    old = select(outbox.c.epoch, outbox.c.seq, outbox.c.kind, outbox.c.ref)
    aged = outbox.c.utc_us.between(EARLIEST_TRUSTED_UTC_US, before_utc_us), outbox.c.settled
    # A lane's newest summary stays: its totals and its last id are where the next one goes on.
    newest = set(conn.scalars(select(func.max(summaries.c.id)).group_by(summaries.c.lane)))
    found = conn.execute(old.where(*aged).order_by(outbox.c.utc_us).limit(BATCH + len(newest))).all()
    gone = [row for row in found if row.kind == "event" or row.ref not in newest][:BATCH]
    for epoch, seq, kind, ref in gone:
        table = events if kind == "event" else summaries
        conn.execute(delete(table).where(table.c.id == ref))
        conn.execute(delete(outbox).where(outbox.c.epoch == epoch, outbox.c.seq == seq))
    return len(gone)


def _drop_events(conn: Connection, before_utc_us: int) -> int:
    """Events whose message was rolled up have only their own age to go by; and of all there are so many at most."""
    some = select(events.c.id, events.c.utc_us).order_by(events.c.id).limit(EVENTS_SEEN).subquery()
    aged = some.c.utc_us.between(EARLIEST_TRUSTED_UTC_US, before_utc_us)
    old = conn.scalar(select(func.max(some.c.id)).where(aged)) or 0
    newest = conn.scalar(select(func.max(events.c.id))) or 0
    # A message bears its event's time, and time is what the outbox has an index on.
    its = outbox.c.utc_us == events.c.utc_us, outbox.c.kind == "event", outbox.c.ref == events.c.id
    waits = select(outbox.c.ref).where(*its, outbox.c.settled.is_(False)).exists()
    free = events.c.id <= max(old, newest - EVENTS_MAX), ~waits
    ids = list(conn.scalars(select(events.c.id).where(*free).order_by(events.c.id).limit(BATCH)))
    sent = conn.execute(select(outbox.c.epoch, outbox.c.seq).join(events, and_(*its)).where(events.c.id.in_(ids))).all()
    for epoch, seq in sent:
        conn.execute(delete(outbox).where(outbox.c.epoch == epoch, outbox.c.seq == seq))
    conn.execute(delete(events).where(events.c.id.in_(ids)))
    return len(ids)
