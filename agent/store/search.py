"""A search for parts: which ids, the newest first, so that a search over millions of rows walks few of them.

Each way in is an index whose rows come in the order of ids, so that the walk ends with the page. Ids are
looked for first and the parts read by them: whatever SQLite has to sort are numbers.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, select

from agent.store.blind import waits
from agent.store.rows import PARTS, stored_parts
from agent.store.schema import JUDGED, KEPT, NAMED, NOT_PRODUCTION, defects, inspections, origins, reviews
from agent.store.values import PartQuery, StoredPart
from pipelines.values import Outcome, Purpose

FEW = 20_000
"""Rows of a span of time whose ids are looked at in a few milliseconds."""
CHUNK = 500


def find_parts(conn: Connection, query: PartQuery) -> tuple[StoredPart, ...]:
    """The judged parts that a search finds, the newest first."""
    found: list[StoredPart] = []
    ids = find_ids(conn, query)
    for start in range(0, len(ids), CHUNK):
        some = PARTS.where(inspections.c.id.in_(ids[start : start + CHUNK])).order_by(inspections.c.id.desc())
        found += stored_parts(conn, conn.execute(some).mappings().all())
    return tuple(found)


def count_parts(conn: Connection, query: PartQuery, most: int) -> int:
    """How many parts a search finds, whatever its page; counted up to `most`."""
    query = replace(query, before_id=None, limit=most)
    wanted = _without_origin(conn, query)
    if not (query.recipe or query.model):
        return _count(conn, wanted, most)
    judged_by = _origins(conn, query)
    if _finds_few(query):
        return _count(conn, wanted.where(unindexed("origin_id").in_(judged_by)), most)
    found = 0
    for origin, outcome in _arms(query, judged_by):
        here = inspections.c.origin_id == origin, inspections.c.outcome == str(outcome)
        found += _count(conn, wanted.where(*here), most - found) if found < most else 0
    return found


def _count(conn: Connection, wanted: Select[Any], most: int) -> int:
    """In any order, so that SQLite sorts nothing for it."""
    return conn.scalar(select(func.count()).select_from(wanted.limit(most).subquery())) or 0


def _finds_few(query: PartQuery) -> bool:
    """By themselves, whatever judged."""
    return bool(query.label or query.part_id or query.overridden)


def _arms(query: PartQuery, judged_by: Sequence[int]) -> Sequence[tuple[int, Outcome]]:
    """What the index of origins and outcomes is asked for, one by one: within each its rows come by their ids."""
    outcomes = (query.outcome,) if query.outcome is not None else tuple(Outcome)
    return [(origin, outcome) for origin in judged_by for outcome in outcomes]


def find_ids(conn: Connection, query: PartQuery) -> Sequence[int]:
    """The ids of a search, the highest first."""
    if query.limit <= 0:
        return ()
    wanted = _without_origin(conn, query)
    if not (query.recipe or query.model):
        return _ids(conn, wanted, query.limit)
    judged_by = _origins(conn, query)
    if _finds_few(query):
        return _ids(conn, wanted.where(unindexed("origin_id").in_(judged_by)), query.limit)
    return _by_origins(conn, query, wanted, judged_by)


def recipes_and_models(conn: Connection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of all recipes and of all models that have ever judged here, the newest first."""
    newest = func.max(origins.c.id).desc()
    recipes, models = (
        tuple(conn.scalars(select(column).group_by(column).order_by(newest)))
        for column in (origins.c.recipe, origins.c.model)
    )
    return recipes, models


def _ids(conn: Connection, wanted: Select[Any], limit: int) -> Sequence[int]:
    return conn.scalars(wanted.order_by(inspections.c.id.desc()).limit(limit)).all()


def _origins(conn: Connection, query: PartQuery) -> Sequence[int]:
    """Ids of what judged by this recipe and model, in this lane."""
    wanted = select(origins.c.id)
    for name in ("recipe", "model", "lane"):
        if value := getattr(query, name):
            wanted = wanted.where(origins.c[name] == value)
    return conn.scalars(wanted).all()


def _by_origins(conn: Connection, query: PartQuery, wanted: Select[Any], judged_by: Sequence[int]) -> Sequence[int]:
    """The highest ids over these origins: each one's are a walk of the index, the newest origin's first."""
    part = inspections.c
    ranked = []
    for origin, outcome in _arms(query, judged_by):
        here = select(func.max(part.id)).where(part.origin_id == origin, part.outcome == str(outcome))
        if (newest := conn.scalar(here)) is not None:
            ranked.append((newest, origin, outcome))
    found: list[int] = []
    for newest, origin, outcome in sorted(ranked, reverse=True):
        if len(found) >= query.limit and newest < found[-1]:
            break
        here = wanted.where(part.origin_id == origin, part.outcome == str(outcome))
        found = sorted({*found, *_ids(conn, here, query.limit)}, reverse=True)[: query.limit]
    return found


def _without_origin(conn: Connection, query: PartQuery) -> Select[Any]:
    """The select of ids by everything but recipe and model; without order and limit."""
    part = inspections.c
    wanted = select(part.id).where(JUDGED)
    # Where the part's own id or its origin is known, its index is the one to take.
    known = query.part_id or query.recipe or query.model
    lane, outcome = (unindexed("lane"), unindexed("outcome")) if known else (part.lane, part.outcome)
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
    if query.kept:
        wanted = wanted.where(KEPT)
    if query.before_id is not None:
        wanted = wanted.where(part.id < query.before_id)
    if query.since_utc_us is not None or query.until_utc_us is not None:
        # By the index on time SQLite would have to sort all that it finds.
        wanted = wanted.where(*within(query, unindexed("captured_utc_us")))
        if (span := _span(conn, query)) is not None:
            wanted = wanted.where(part.id.between(*span))
    if query.label:
        wanted = wanted.where(part.id.in_(_with_label(query)))
    if query.told and (query.outcome is not None or query.label):
        wanted = wanted.where(~waits())
    if query.overridden:
        wanted = wanted.where(part.id.in_(select(reviews.c.inspection_id)), overridden())
    return wanted


def overridden() -> ColumnElement[bool]:
    """Whether the review that counts says something else than the machine did; UNSURE is never what a person says.

    Of a part that waits for its blind review nobody is told that yet. The line view, the shift report, the history and
    the ledger all count by this.
    """
    newest = (
        select(reviews.c.verdict)
        .where(reviews.c.inspection_id == inspections.c.id)
        .order_by(reviews.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return and_(newest != func.lower(unindexed("outcome")), ~waits())


def unindexed(name: str) -> ColumnElement[Any]:
    """A column of `inspections`, with the plus that keeps SQLite from its indexes (sqlite.org/optoverview.html)."""
    return literal_column(f"+inspections.{name}", inspections.c[name].type)


def within(query: PartQuery, captured: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """The conditions of a search's span of time."""
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
    when = within(query, inspections.c.captured_utc_us)
    some = select(ids).where(*when).limit(FEW + 1).subquery()
    count, lowest, highest = conn.execute(select(func.count(), func.min(some.c.id), func.max(some.c.id))).one()
    if count > FEW:
        if query.until_utc_us is None or _is_selective(query):
            return None
        lowest, highest = conn.execute(select(func.min(ids), func.max(ids)).where(*when)).one()
    return lowest or 0, highest or 0


def _is_selective(query: PartQuery) -> bool:
    rare = query.outcome in (Outcome.NG, Outcome.UNSURE) or query.purpose not in ("", Purpose.PRODUCTION)
    return rare or query.overridden or bool(query.label or query.part_id)


def _with_label(query: PartQuery) -> Select[Any]:
    found = select(defects.c.inspection_id).where(defects.c.label == query.label)
    return found.where(defects.c.lane == query.lane) if query.lane else found
