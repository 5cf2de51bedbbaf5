"""The larger questions that a reader asks, as SQL."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal_column, select

from agent.store.records import lanes_of, last_id
from agent.store.retention import aged_up_to, held_from
from agent.store.reviews import UNREVIEWED
from agent.store.rows import PARTS, evidence_of
from agent.store.schema import JUDGED, KEPT, NAMED, NOT_PRODUCTION, OPEN, defects, inspections, origins
from agent.store.values import Committed, Kept, PartQuery
from pipelines.values import Outcome, Purpose

FEW = 20_000
"""Rows of a span of time whose ids are looked at in a few milliseconds."""


def parts_query(conn: Connection, query: PartQuery) -> Select[Any]:
    """The select for a search, the newest first: rows are walked by id, whichever index finds them."""
    part = inspections.c
    wanted = PARTS.where(JUDGED)
    # Where the part's own id is known, its index is the one to take.
    lane, outcome = (_unindexed("lane"), _unindexed("outcome")) if query.part_id else (part.lane, part.outcome)
    if query.lane:
        wanted = wanted.where(lane == query.lane)
    if query.outcome is not None:
        wanted = wanted.where(outcome == str(query.outcome))
    if query.part_id:
        wanted = wanted.where(part.part_id == query.part_id, NAMED)
    if query.purpose:
        wanted = wanted.where(part.purpose == query.purpose)
        if query.purpose != Purpose.PRODUCTION:
            wanted = wanted.where(NOT_PRODUCTION)
    if query.recipe:
        wanted = wanted.where(origins.c.recipe == query.recipe)
    if query.kept:
        wanted = wanted.where(KEPT)
    if query.before_id is not None:
        wanted = wanted.where(part.id < query.before_id)
    if query.since_utc_us is not None or query.until_utc_us is not None:
        # By the index on time SQLite would have to sort all that it finds.
        wanted = wanted.where(*_within(query, _unindexed("captured_utc_us")))
        if (span := _span(conn, query)) is not None:
            wanted = wanted.where(part.id.between(*span))
    if query.label:
        wanted = wanted.where(part.id.in_(_with_label(query)))
    return wanted.order_by(part.id.desc()).limit(query.limit)


def outcomes_query(query: PartQuery) -> Select[Any]:
    """(outcome, count) of the judged parts of a lane, recipe, purpose and span of time."""
    part = inspections.c
    counted = select(part.outcome, func.count()).where(part.state == "judged", *_within(query, part.captured_utc_us))
    if query.recipe:
        counted = counted.join(origins, origins.c.id == part.origin_id).where(origins.c.recipe == query.recipe)
    if query.lane:
        counted = counted.where(part.lane == query.lane)
    if query.purpose:
        counted = counted.where(part.purpose == query.purpose)
    return counted.group_by(part.outcome)


def committed(conn: Connection, after_id: int) -> Committed:
    """The judged production parts above an id: only those rows are walked, and the index of the open ones."""
    part, lane, outcome = inspections.c, _unindexed("lane"), _unindexed("outcome")
    still_open = select(func.min(part.id)).where(OPEN)
    lowest = [conn.scalar(still_open.where(part.lane == name)) for name in lanes_of(conn)]
    upto = min((int(number) - 1 for number in lowest if number is not None), default=last_id(conn))
    below = part.id <= upto
    counted = (
        select(lane, outcome, below, func.count())
        .where(part.id > after_id, JUDGED, _unindexed("purpose") == str(Purpose.PRODUCTION))
        .group_by(lane, outcome, below)
    )
    rows = conn.execute(counted).all()
    until, beyond = (
        {(name, Outcome(said)): int(n) for name, said, is_below, n in rows if bool(is_below) is side}
        for side in (True, False)
    )
    return Committed(upto, until, beyond)


def _unindexed(name: str) -> ColumnElement[Any]:
    """A column of `inspections`, with the plus that keeps SQLite from its indexes (sqlite.org/optoverview.html)."""
    return literal_column(f"+inspections.{name}", inspections.c[name].type)


def _within(query: PartQuery, captured: ColumnElement[int]) -> list[ColumnElement[bool]]:
    when = []
    if query.since_utc_us is not None:
        when.append(captured >= query.since_utc_us)
    if query.until_utc_us is not None:
        when.append(captured < query.until_utc_us)
    return when


def _span(conn: Connection, query: PartQuery) -> tuple[int, int] | None:
    """The span of ids that a span of time lies in, from the index alone; None where it would not help.

    Ids rise with time, but for a clock that jumps: so both ends are looked for and not worked out. A span
    of many rows is left alone where the newest of them are wanted, or where few rows come into question.
    """
    ids = inspections.c.id
    when = _within(query, inspections.c.captured_utc_us)
    some = select(ids).where(*when).limit(FEW + 1).subquery()
    count, lowest, highest = conn.execute(select(func.count(), func.min(some.c.id), func.max(some.c.id))).one()
    if count > FEW:
        if query.until_utc_us is None or _is_selective(query):
            return None
        lowest, highest = conn.execute(select(func.min(ids), func.max(ids)).where(*when)).one()
    return lowest or 0, highest or 0


def _is_selective(query: PartQuery) -> bool:
    rare = query.outcome in (Outcome.NG, Outcome.UNSURE) or query.purpose not in ("", Purpose.PRODUCTION)
    return rare or bool(query.label or query.part_id)


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
    here = part.outcome == str(outcome), part.lane == lane, part.id < below, KEPT, ~UNREVIEWED
    kept = []
    for row in conn.execute(select(*columns).where(*here).order_by(part.id).limit(limit)).mappings():
        evidence = evidence_of(row)
        assert evidence is not None
        kept.append(Kept(row["id"], outcome, row["captured_utc_us"], evidence))
    return kept
