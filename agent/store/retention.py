"""Which rows may go, and letting them go in small batches.

Pictures go before records, and nothing goes that the centre has not acknowledged: a record is held by
its lane's unsettled summaries and by what is not summarised yet, unless nothing is ever settled.
"""

from sqlalchemy import Connection, delete, func, select

from agent.clock import EARLIEST_TRUSTED_UTC_US
from agent.store.records import lanes_of
from agent.store.schema import WAITING, defects, detections, events, inspections, meta, outbox, summaries

BATCH = 500
UNASKED = ("none", "off")
"""Ways of settling in which nothing is held for a centre's acknowledgement."""
DAY_US = 86_400_000_000


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


def drop_old(conn: Connection, before_utc_us: int) -> int:
    """Delete at most BATCH rows of each kind that are older than this and free to go; how many parts went."""
    ids: list[int] = []
    for lane in lanes_of(conn):
        ids += _free_to_go(conn, lane, before_utc_us, BATCH - len(ids))
    for table, column in ((defects, "inspection_id"), (detections, "inspection_id"), (inspections, "id")):
        conn.execute(delete(table).where(table.c[column].in_(ids)))
    _drop_messages(conn, before_utc_us)
    return len(ids)


def _free_to_go(conn: Connection, lane: str, before_utc_us: int, limit: int) -> list[int]:
    below = min(held_from(conn, lane), aged_up_to(conn, lane, before_utc_us) + 1)
    free = inspections.c.lane == lane, inspections.c.id < below, inspections.c.evidence_file.is_(None)
    return list(conn.scalars(select(inspections.c.id).where(*free).order_by(inspections.c.id).limit(limit)))


def _drop_messages(conn: Connection, before_utc_us: int) -> None:
    old = select(outbox.c.epoch, outbox.c.seq, outbox.c.kind, outbox.c.ref)
    aged = outbox.c.utc_us.between(EARLIEST_TRUSTED_UTC_US, before_utc_us), outbox.c.settled
    gone = conn.execute(old.where(*aged).order_by(outbox.c.utc_us).limit(BATCH)).all()
    # A lane's newest summary stays: its totals and its last id are where the next one goes on.
    newest = set(conn.scalars(select(func.max(summaries.c.id)).group_by(summaries.c.lane)))
    for epoch, seq, kind, ref in gone:
        if kind == "event":
            conn.execute(delete(events).where(events.c.id == ref))
        elif ref in newest:
            continue
        else:
            conn.execute(delete(summaries).where(summaries.c.id == ref))
        conn.execute(delete(outbox).where(outbox.c.epoch == epoch, outbox.c.seq == seq))
