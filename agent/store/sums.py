"""The table `sums`: written with each window's summary, in its transaction; read together with what came since.

A summary covers a contiguous range of record ids, each lane's ranges follow on without a gap, and all parts of a
range are judged: so each part is added once. What is not in a summary yet is summed from its rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal_column, select
from sqlalchemy.dialects.sqlite import insert

from agent.clock import EARLIEST_TRUSTED_UTC_US
from agent.quality.baseline import HOUR_US, HOURS, PARTS, is_complete
from agent.quality.bins import BIN_US, Bin, FirstHours, Revision
from agent.quality.yields import Counts
from agent.store.schema import PRODUCTION, inspections, origins, summaries, sums
from pipelines.values import Outcome

FOREVER_UTC_US = 2**62
LONG_US = 62 * 86_400_000_000
"""Of more than two months half hours are enough, and a year is read in a few ten milliseconds."""
WIDE_US = 1_800_000_000
_part = inspections.c
_FIRST = _part.attempt == 1
_IS = {outcome: _part.outcome == str(outcome) for outcome in Outcome}
_PLACE = _part.captured_utc_us.op("/")(literal_column(str(BIN_US))).op("*")(literal_column(str(BIN_US)))


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


_SUMS = (
    func.count(),
    *(_sum(_IS[o]) for o in (Outcome.OK, Outcome.NG, Outcome.UNSURE)),
    _sum(_FIRST),
    *(_sum(and_(_FIRST, _IS[o])) for o in (Outcome.OK, Outcome.NG, Outcome.UNSURE)),
    func.count(_part.brightness),
    func.total(_part.brightness),
    func.total(_part.sharpness),
)
_COLUMNS = [column for column in sums.c if not column.primary_key]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which parts a question is about."""

    lane: str
    recipe: str = ""
    """"": every recipe."""
    since_utc_us: int = EARLIEST_TRUSTED_UTC_US
    until_utc_us: int = FOREVER_UTC_US
    """Captured in [since, until); where sums are asked for, both on whole bins."""


def bin_width_us(scope: Scope) -> int:
    """Of the bins of a span of time."""
    return WIDE_US if scope.until_utc_us - scope.since_utc_us > LONG_US else BIN_US


def _rows(lane: str, first_id: int, last_id: int) -> Select[Any]:
    # The plus keeps SQLite from the lane's index: the ids are the narrower way.
    here = literal_column("+inspections.lane", _part.lane.type) == lane, _part.id.between(first_id, last_id)
    query = select(_part.origin_id, _PLACE.label("place"), *_SUMS).where(PRODUCTION, *here)
    return query.group_by(_part.origin_id, "place")


def add(conn: Connection, lane: str, first_id: int, last_id: int) -> None:
    """Add the parts of a window that is being cut."""
    if last_id < first_id:
        return
    statement = insert(sums).from_select([column.name for column in sums.c], _rows(lane, first_id, last_id))
    more = {column.name: column + statement.excluded[column.name] for column in _COLUMNS}
    conn.execute(statement.on_conflict_do_update(index_elements=["origin_id", "start_utc_us"], set_=more))


def revisions(conn: Connection, lane: str, recipe: str = "") -> dict[Revision, tuple[int, ...]]:
    """The revisions that ever ran on the lane -> ids of their origins, the oldest first."""
    query = select(origins.c.id, origins.c.recipe, origins.c.recipe_hash).where(origins.c.lane == lane)
    if recipe:
        query = query.where(origins.c.recipe == recipe)
    found: dict[Revision, list[int]] = {}
    for number, name, recipe_hash in conn.execute(query.order_by(origins.c.id)):
        found.setdefault(Revision(name, recipe_hash), []).append(number)
    return {revision: tuple(ids) for revision, ids in found.items()}


def recipes_of(conn: Connection, lane: str) -> tuple[str, ...]:
    """Names of the recipes that ever ran on the lane."""
    names = select(origins.c.recipe).where(origins.c.lane == lane).distinct().order_by(origins.c.recipe)
    return tuple(conn.scalars(names))


@dataclass(frozen=True, slots=True)
class Fresh:
    """What came since the lane's last summary: few parts, looked at once."""

    bins: dict[int, tuple[Bin, ...]]
    """Origin's id -> its bins."""


def fresh(conn: Connection, lane: str) -> Fresh:
    """The sums of what no summary covers yet."""
    upto = conn.scalar(
        select(summaries.c.last_id).where(summaries.c.lane == lane).order_by(summaries.c.id.desc()).limit(1)
    )
    found: dict[int, list[Bin]] = {}
    for row in conn.execute(_rows(lane, (upto or 0) + 1, FOREVER_UTC_US)):
        found.setdefault(row[0], []).append(_bin(row[1:]))
    return Fresh({origin: tuple(some) for origin, some in found.items()})


def bins(conn: Connection, ids: Sequence[int], scope: Scope, since_summary: Fresh) -> tuple[Bin, ...]:
    """The bins of these origins together, by time; those without parts are left out. Of a long span they are wider."""
    when = sums.c.start_utc_us >= scope.since_utc_us, sums.c.start_utc_us < scope.until_utc_us
    width = bin_width_us(scope)
    start = sums.c.start_utc_us.op("/")(literal_column(str(width))).op("*")(literal_column(str(width)))
    whole = (func.sum(column) for column in _COLUMNS)
    query = select(start.label("start"), *whole).where(sums.c.origin_id.in_(ids), *when).group_by("start")
    some = [_bin(row) for row in conn.execute(query)]
    some += [
        replace(each, start_utc_us=each.start_utc_us // width * width)
        for number in ids
        for each in since_summary.bins.get(number, ())
        if scope.since_utc_us <= each.start_utc_us < scope.until_utc_us
    ]
    return together(some)


def baseline(conn: Connection, ids: Sequence[int], since_summary: Fresh) -> FirstHours:
    """The first whole hours of these origins, which are a revision's on a lane; see `agent.quality.baseline`."""
    first = (
        select(sums.c.start_utc_us, *_COLUMNS)
        .where(sums.c.origin_id.in_(ids), sums.c.start_utc_us >= EARLIEST_TRUSTED_UTC_US)
        .order_by(sums.c.start_utc_us)
        .limit((HOURS + PARTS) * (HOUR_US // BIN_US) * 2)
    )
    some = [_bin(row) for row in conn.execute(first)]
    some += [
        each
        for number in ids
        for each in since_summary.bins.get(number, ())
        if each.start_utc_us >= EARLIEST_TRUSTED_UTC_US
    ]
    taken: list[Bin] = []
    hours = parts = 0
    hour = -1
    for each in together(some):
        if each.start_utc_us // HOUR_US != hour:
            if is_complete(hours, parts):  # it goes on: the last hour is over and changes no more
                return FirstHours(tuple(taken), frozen=True)
            hour, hours = each.start_utc_us // HOUR_US, hours + 1
        taken.append(each)
        parts += each.counts.first
    return FirstHours(tuple(taken), frozen=False)


def together(some: Sequence[Bin]) -> tuple[Bin, ...]:
    """One bin for each start, by time."""
    found: dict[int, Bin] = {}
    for each in some:
        before = found.get(each.start_utc_us)
        found[each.start_utc_us] = each if before is None else before + each
    return tuple(found[start] for start in sorted(found))


def _bin(row: Sequence[Any]) -> Bin:
    start, parts, ok, ng, unsure, first, first_ok, first_ng, first_unsure, measured, brightness, sharpness = row
    counts = Counts(int(parts), int(ok), int(ng), int(unsure), int(first), int(first_ok))
    return Bin(int(start), counts, int(first_ng), int(first_unsure), int(measured), float(brightness), float(sharpness))
