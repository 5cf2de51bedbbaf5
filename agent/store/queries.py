"""The larger questions that a reader asks, as SQL."""

from typing import Any

from sqlalchemy import Connection, Select, func, select

from agent.store.records import lanes_of
from agent.store.retention import aged_up_to, held_from
from agent.store.rows import PARTS, evidence_of
from agent.store.schema import JUDGED, KEPT, NAMED, NOT_PRODUCTION, defects, inspections
from agent.store.values import Kept, PartQuery
from pipelines.values import Outcome, Purpose


def parts_query(conn: Connection, query: PartQuery) -> Select[Any]:
    """The select for a search, the newest first.

    Ids rise with time but for a clock that jumps. So a span of time is first turned into the span of ids
    it lies in, from the index alone, and the rows are then walked by id, whichever index finds them.
    """
    part = inspections.c
    wanted = PARTS.where(JUDGED)
    if query.lane:
        wanted = wanted.where(part.lane == query.lane)
    if query.outcome is not None:
        wanted = wanted.where(part.outcome == str(query.outcome))
    if query.part_id:
        wanted = wanted.where(part.part_id == query.part_id, NAMED)
    if query.purpose:
        wanted = wanted.where(part.purpose == query.purpose)
        if query.purpose != Purpose.PRODUCTION:
            wanted = wanted.where(NOT_PRODUCTION)
    if query.before_id is not None:
        wanted = wanted.where(part.id < query.before_id)
    when = _when(query)
    if when:
        lowest, highest = conn.execute(select(func.min(part.id), func.max(part.id)).where(*when)).one()
        wanted = wanted.where(*when, part.id.between(lowest or 0, highest or 0))
    if query.label:
        wanted = wanted.where(part.id.in_(_with_label(query)))
    return wanted.order_by(part.id.desc()).limit(query.limit)


def _when(query: PartQuery) -> list[Any]:
    captured, when = inspections.c.captured_utc_us, []
    if query.since_utc_us is not None:
        when.append(captured >= query.since_utc_us)
    if query.until_utc_us is not None:
        when.append(captured < query.until_utc_us)
    return when


def _with_label(query: PartQuery) -> Select[Any]:
    found = select(defects.c.inspection_id).where(defects.c.label == query.label)
    return found.where(defects.c.lane == query.lane) if query.lane else found


def removable(conn: Connection, limit: int, before_utc_us: int | None) -> tuple[Kept, ...]:
    """See `Reader.removable`."""
    lanes = lanes_of(conn)
    below = {lane: held_from(conn, lane) for lane in lanes}
    if before_utc_us is not None:
        below = {lane: min(n, aged_up_to(conn, lane, before_utc_us) + 1) for lane, n in below.items()}
    found: list[Kept] = []
    for outcomes in ((Outcome.OK,), (Outcome.NG, Outcome.UNSURE)):
        some = [kept for o in outcomes for lane in lanes for kept in _kept(conn, o, lane, below[lane], limit)]
        found += sorted(some, key=lambda kept: kept.id)
    return tuple(found[:limit])


def _kept(conn: Connection, outcome: Outcome, lane: str, below: int, limit: int) -> list[Kept]:
    part = inspections.c
    columns = part.id, part.captured_utc_us, part.evidence_file, part.evidence_sha256, part.evidence_bytes
    here = part.outcome == str(outcome), part.lane == lane, part.id < below, KEPT
    kept = []
    for row in conn.execute(select(*columns).where(*here).order_by(part.id).limit(limit)).mappings():
        evidence = evidence_of(row)
        assert evidence is not None
        kept.append(Kept(row["id"], outcome, row["captured_utc_us"], evidence))
    return kept
