"""The larger questions that a reader asks, as SQL."""

from typing import Any

from sqlalchemy import Connection, Select, func, select

from agent.store.records import lanes_of, last_id
from agent.store.retention import aged_up_to, held_from
from agent.store.reviews import UNREVIEWED
from agent.store.rows import evidence_of
from agent.store.schema import JUDGED, KEPT, OPEN, inspections, origins
from agent.store.search import unindexed, within
from agent.store.values import Committed, Kept, PartQuery
from pipelines.values import Outcome, Purpose


def outcomes_query(query: PartQuery) -> Select[Any]:
    """(outcome, count) of the judged parts of a lane, recipe, purpose and span of time."""
    part = inspections.c
    counted = select(part.outcome, func.count()).where(part.state == "judged", *within(query, part.captured_utc_us))
    if query.recipe:
        counted = counted.join(origins, origins.c.id == part.origin_id).where(origins.c.recipe == query.recipe)
    if query.lane:
        counted = counted.where(part.lane == query.lane)
    if query.purpose:
        counted = counted.where(part.purpose == query.purpose)
    return counted.group_by(part.outcome)


def committed(conn: Connection, after_id: int) -> Committed:
    """The judged production parts above an id: only those rows are walked, and the index of the open ones."""
    part, lane, outcome = inspections.c, unindexed("lane"), unindexed("outcome")
    still_open = select(func.min(part.id)).where(OPEN)
    lowest = [conn.scalar(still_open.where(part.lane == name)) for name in lanes_of(conn)]
    upto = min((int(number) - 1 for number in lowest if number is not None), default=last_id(conn))
    below = part.id <= upto
    counted = (
        select(lane, outcome, below, func.count())
        .where(part.id > after_id, JUDGED, unindexed("purpose") == str(Purpose.PRODUCTION))
        .group_by(lane, outcome, below)
    )
    rows = conn.execute(counted).all()
    until, beyond = (
        {(name, Outcome(said)): int(n) for name, said, is_below, n in rows if bool(is_below) is side}
        for side in (True, False)
    )
    return Committed(upto, until, beyond)


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
