"""Questions about models that came and went: asked through `Reader.ask`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from agent.store.schema import JUDGED, inspections, origins, second_opinions
from agent.store.values import Role
from pipelines.values import Outcome

LOOKED_AT = 100_000
"""Newest opinions that are looked at: two models that always agree must not cost a walk over all of them."""


@dataclass(frozen=True, slots=True)
class HeldPart:
    """A part that a model which was taken back has judged."""

    id: int
    part_id: str
    lane: str
    captured_utc_us: int
    outcome: Outcome


def held_parts(
    conn: Connection, model_hash: str, first_id: int, last_id: int, after_id: int, limit: int, everything: bool
) -> tuple[HeldPart, ...]:
    """The judged parts of a span of ids that are this model's, the first one first; OK ones, or `everything`."""
    part = inspections.c
    query = (
        select(part.id, part.part_id, part.lane, part.captured_utc_us, part.outcome)
        .join(origins, origins.c.id == part.origin_id)
        .where(JUDGED, origins.c.model_hash == model_hash, part.id.between(max(first_id, after_id + 1), last_id))
        .order_by(part.id)
        .limit(limit)
    )
    if not everything:
        query = query.where(part.outcome == str(Outcome.OK))
    rows = conn.execute(query)
    return tuple(HeldPart(int(i), str(p or ""), str(lane), int(c), Outcome(o)) for i, p, lane, c, o in rows)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A part on which a second model came to another outcome."""

    opinion: int
    """Pages go by it: the newest first."""
    id: int
    lane: str
    captured_utc_us: int
    was: Outcome
    would_be: Outcome
    kept: bool
    """Its picture is there."""


def agreement(conn: Connection, model_hash: str, role: Role) -> dict[tuple[Outcome, Outcome], int]:
    """(what was decided, what the second model said) -> parts, among its newest LOOKED_AT opinions.

    Unlike a second model's figures in the status it outlives a restart of the station.
    """
    some, decided = _newest(model_hash, role).subquery(), inspections.c.outcome
    query = (
        select(decided, some.c.outcome, func.count())
        .join(some, inspections.c.id == some.c.inspection_id)
        .group_by(decided, some.c.outcome)
    )
    return {(Outcome(was), Outcome(said)): int(parts) for was, said, parts in conn.execute(query)}


def disagreements(
    conn: Connection, model_hash: str, role: Role, before: int | None, limit: int
) -> tuple[Disagreement, ...]:
    """The newest first, among the newest LOOKED_AT opinions."""
    part, some = inspections.c, _newest(model_hash, role, before).subquery()
    query = (
        select(some.c.id, part.id, part.lane, part.captured_utc_us, part.outcome, some.c.outcome, part.evidence_file)
        .join(inspections, part.id == some.c.inspection_id)
        .where(part.outcome != some.c.outcome)
        .order_by(some.c.id.desc())
        .limit(limit)
    )
    return tuple(
        Disagreement(int(o), int(i), str(lane), int(c), Outcome(was), Outcome(now), file is not None)
        for o, i, lane, c, was, now, file in conn.execute(query)
    )


def _newest(model_hash: str, role: Role, before: int | None = None) -> Select[Any]:
    """(id, inspection_id, outcome) of a second model's newest LOOKED_AT opinions, or of those below an id."""
    its = second_opinions.c
    query = select(its.id, its.inspection_id, its.outcome).where(its.model_hash == model_hash, its.role == role)
    if before is not None:
        query = query.where(its.id < before)
    return query.order_by(its.id.desc()).limit(LOOKED_AT)
