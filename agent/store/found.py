"""What was found on parts, and where: causes for Pareto, places for the heat map, scores for the histograms.

These look at the rows of single parts, so they are bounded to the newest ones, and say by how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ColumnExpressionArgument,
    Connection,
    Integer,
    Select,
    cast,
    func,
    literal,
    literal_column,
    select,
    text,
)

from agent.quality.heat import SCORE_BINS, Heat, Scores, grid, scores
from agent.quality.study import Causes
from agent.store.schema import KEPT, PRODUCTION, defects, detections, inspections
from agent.store.sums import Scope
from pipelines.values import Outcome, Rule

PARTS_LOOKED_AT = 10_000
DETECTIONS_LOOKED_AT = 20_000
_part = inspections.c
_RULE, _LIMIT, _LABEL, _DETECTION = (f"$[{place}]" for place in (0, 2, 3, 5))
"""Places in a reason's JSON array, see `agent.store.rows.reason_row`."""


@dataclass(frozen=True, slots=True)
class Look:
    """Which parts are looked at: production parts of these origins in the scope's time."""

    scope: Scope
    ids: tuple[int, ...]
    """Of origins."""
    lowest: int
    highest: int
    """The span of part ids that this time lies in."""

    def here(self) -> tuple[ColumnExpressionArgument[bool], ...]:
        when = _part.captured_utc_us >= self.scope.since_utc_us, _part.captured_utc_us < self.scope.until_utc_us
        some = _part.id.between(self.lowest, self.highest)
        return PRODUCTION, some, _part.origin_id.in_(self.ids), *when


def _unindexed(name: str) -> ColumnElement[Any]:
    """A column of `inspections`, with the plus that keeps SQLite from its indexes (sqlite.org/optoverview.html)."""
    return literal_column(f"+inspections.{name}", _part[name].type)


def look(conn: Connection, ids: Sequence[int], scope: Scope) -> Look:
    """With its span of ids, from the index on time alone: ids rise with time but for a clock that jumps, so both
    ends are looked for and not worked out."""
    when = _part.captured_utc_us >= scope.since_utc_us, _part.captured_utc_us < scope.until_utc_us
    lowest, highest = conn.execute(select(func.min(_part.id), func.max(_part.id)).where(*when)).one()
    return Look(scope, tuple(ids), lowest or 0, highest or 0)


def _newest(at: Look, outcome: Outcome, first: bool = False, most: int = PARTS_LOOKED_AT) -> Select[tuple[int]]:
    here = [*at.here(), _part.outcome == str(outcome)]
    if first:
        here.append(_part.attempt == 1)
    return select(_part.id).where(*here).order_by(_part.id.desc()).limit(most)


def defect_causes(conn: Connection, at: Look) -> Causes:
    """First attempts that were NG, by the classes among their reasons."""
    some = _newest(at, Outcome.NG, first=True).subquery()
    parts = conn.scalar(select(func.count()).select_from(some)) or 0
    query = select(defects.c.label, func.count()).join(some, some.c.id == defects.c.inspection_id)
    counts = {label: int(n) for label, n in conn.execute(query.group_by(defects.c.label))}
    return Causes(counts, parts, parts < PARTS_LOOKED_AT)


def unsure_causes(conn: Connection, at: Look) -> Causes:
    """First attempts that were UNSURE, by the rules among their reasons."""
    some = _newest(at, Outcome.UNSURE, first=True).subquery()
    parts = conn.scalar(select(func.count()).select_from(some)) or 0
    each = func.json_each(_part.reasons).table_valued("value")
    rule = func.json_extract(each.c.value, _RULE)
    query = (
        select(rule, func.count(_part.id.distinct()))
        .select_from(inspections.join(some, some.c.id == _part.id).join(each, text("1")))
        .group_by(rule)
    )
    return Causes({name: int(n) for name, n in conn.execute(query)}, parts, parts < PARTS_LOOKED_AT)


def heat(conn: Connection, at: Look, label: str = "") -> Heat | None:
    """Where the defects lie that made parts NG, of one class or of all; None where there are none."""
    some = _newest(at, Outcome.NG).subquery()
    largest = select(func.max(_part.width_px), func.max(_part.height_px), func.count())
    width, height, parts = conn.execute(largest.join(some, some.c.id == _part.id)).one()
    if not width or not height:
        return None
    columns, rows = grid(width, height)
    each = func.json_each(_part.reasons).table_valued("value")
    box = detections.c
    across = _cell((box.x1 + box.x2) / 2 / _part.width_px, columns)
    down = _cell((box.y1 + box.y2) / 2 / _part.height_px, rows)
    found = (
        inspections.join(some, some.c.id == _part.id)
        .join(each, text("1"))
        .join(detections, (box.inspection_id == _part.id) & (box.n == func.json_extract(each.c.value, _DETECTION)))
    )
    query = select(across.label("across"), down.label("down"), func.count(func.distinct(_key()))).select_from(found)
    query = query.where(_part.width_px > 0, _part.height_px > 0)
    if label:
        query = query.where(box.label == label)
    cells = {(int(x), int(y)): int(n) for x, y, n in conn.execute(query.group_by("across", "down"))}
    return Heat(columns, rows, cells, width, height, parts, parts < PARTS_LOOKED_AT) if cells else None


def _key() -> ColumnElement[int]:
    """One number a detection: a detection that broke several rules is one defect."""
    return detections.c.inspection_id * literal(100_000) + detections.c.n


def _cell(share: ColumnElement[Any], cells: int) -> ColumnElement[int]:
    """The cell that a share of the picture's side lies in; what sticks out is at the edge."""
    return func.min(func.max(cast(share * cells, Integer), 0), cells - 1)


def score_histograms(conn: Connection, at: Look) -> tuple[tuple[Scores, ...], bool]:
    """(a histogram for each class, by name; whether all detections were looked at and not the newest only)."""
    box = detections.c
    # A limit on the detections and not on the parts: on a good line most parts have none. The plusses keep SQLite
    # from the parts' indexes: the detections are to be walked, the newest first, and each one's part looked up.
    captured = _unindexed("captured_utc_us")
    newest = (
        select(box.label, box.score)
        .select_from(detections.join(inspections, _part.id == box.inspection_id))
        .where(PRODUCTION, box.inspection_id.between(at.lowest, at.highest), _unindexed("origin_id").in_(at.ids))
        .where(captured >= at.scope.since_utc_us, captured < at.scope.until_utc_us)
        .order_by(box.inspection_id.desc())
        .limit(DETECTIONS_LOOKED_AT)
        .subquery()
    )
    place = func.min(func.max(cast(newest.c.score * SCORE_BINS, Integer), 0), SCORE_BINS - 1)
    found: dict[str, list[tuple[int, int]]] = {}
    for label, where, n in conn.execute(select(newest.c.label, place, func.count()).group_by(newest.c.label, place)):
        found.setdefault(label, []).append((int(where), int(n)))
    limits = thresholds(conn, at)
    looked_at = sum(n for some in found.values() for _, n in some)
    made = tuple(scores(label, found[label], limits.get(label)) for label in sorted(found))
    return made, looked_at < DETECTIONS_LOOKED_AT


def thresholds(conn: Connection, at: Look) -> dict[str, float]:
    """Class -> the score from which it last made a part NG; classes that made none are not known."""
    some = _newest(at, Outcome.NG, most=2000).subquery()
    each = func.json_each(_part.reasons).table_valued("value")
    label, limit = (func.json_extract(each.c.value, place) for place in (_LABEL, _LIMIT))
    # Beside max(id) SQLite answers the other columns of that same row (sqlite.org/lang_select.html#bareagg).
    query = (
        select(label, limit, func.max(_part.id))
        .select_from(inspections.join(some, some.c.id == _part.id).join(each, text("1")))
        .where(func.json_extract(each.c.value, _RULE) == str(Rule.DEFECT))
        .group_by(label)
    )
    return {name: float(value) for name, value, _ in conn.execute(query) if value is not None}


def last_picture(conn: Connection, at: Look) -> int | None:
    """The newest part of these origins whose picture is kept, whenever it was taken."""
    # The plus keeps SQLite from the origins' index: of those parts few have a picture.
    here = KEPT, PRODUCTION, _part.lane == at.scope.lane, _unindexed("origin_id").in_(at.ids)
    newest = select(_part.id).where(*here)
    found = [
        conn.scalar(newest.where(_part.outcome == str(outcome)).order_by(_part.id.desc()).limit(1))
        for outcome in Outcome
    ]
    return max((int(number) for number in found if number is not None), default=None)
