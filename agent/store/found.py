"""What was found on parts, and where: causes for Pareto, places for the heat map, scores for the histograms.

These look at the rows of single parts, so they are bounded to the newest ones, and say by how many.
"""

from collections.abc import Mapping, Sequence
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
    select,
    text,
)

from agent.quality.heat import SCORE_BINS, Heat, Scores, grid, scores
from agent.store.schema import PRODUCTION, defects, detections, inspections
from agent.store.sums import Scope
from pipelines.values import Outcome, Rule

PARTS_LOOKED_AT = 20_000
DETECTIONS_LOOKED_AT = 50_000
_part = inspections.c
_RULE, _LIMIT, _LABEL, _DETECTION = (f"$[{place}]" for place in (0, 2, 3, 5))
"""Places in a reason's JSON array, see `agent.store.rows.reason_row`."""


@dataclass(frozen=True, slots=True)
class Causes:
    """Parts by what was wrong with them; a part counts once for each of its causes."""

    counts: Mapping[str, int]
    parts: int
    """That were looked at: the newest ones."""
    all_looked_at: bool


def _within(conn: Connection, ids: Sequence[int], scope: Scope) -> tuple[ColumnExpressionArgument[bool], ...]:
    """These origins' production parts in the scope's time; with the span of ids that this time lies in."""
    when = _part.captured_utc_us >= scope.since_utc_us, _part.captured_utc_us < scope.until_utc_us
    # Out of the index on time alone. Ids rise with time but for a clock that jumps, so both ends are looked for.
    lowest, highest = conn.execute(select(func.min(_part.id), func.max(_part.id)).where(*when)).one()
    some = _part.id.between(lowest or 0, highest or 0)
    return PRODUCTION, _part.lane == scope.lane, some, _part.origin_id.in_(ids), *when


def _newest(
    conn: Connection,
    ids: Sequence[int],
    scope: Scope,
    outcome: Outcome,
    first: bool = False,
    most: int = PARTS_LOOKED_AT,
) -> Select[tuple[int]]:
    here = [*_within(conn, ids, scope), _part.outcome == str(outcome)]
    if first:
        here.append(_part.attempt == 1)
    return select(_part.id).where(*here).order_by(_part.id.desc()).limit(most)


def defect_causes(conn: Connection, ids: Sequence[int], scope: Scope) -> Causes:
    """First attempts that were NG, by the classes among their reasons."""
    some = _newest(conn, ids, scope, Outcome.NG, first=True).subquery()
    parts = conn.scalar(select(func.count()).select_from(some)) or 0
    query = select(defects.c.label, func.count()).join(some, some.c.id == defects.c.inspection_id)
    counts = {label: int(n) for label, n in conn.execute(query.group_by(defects.c.label))}
    return Causes(counts, parts, parts < PARTS_LOOKED_AT)


def unsure_causes(conn: Connection, ids: Sequence[int], scope: Scope) -> Causes:
    """First attempts that were UNSURE, by the rules among their reasons."""
    some = _newest(conn, ids, scope, Outcome.UNSURE, first=True).subquery()
    parts = conn.scalar(select(func.count()).select_from(some)) or 0
    each = func.json_each(_part.reasons).table_valued("value")
    rule = func.json_extract(each.c.value, _RULE)
    query = (
        select(rule, func.count(_part.id.distinct()))
        .select_from(inspections.join(some, some.c.id == _part.id).join(each, text("1")))
        .group_by(rule)
    )
    return Causes({name: int(n) for name, n in conn.execute(query)}, parts, parts < PARTS_LOOKED_AT)


def heat(conn: Connection, ids: Sequence[int], scope: Scope, label: str = "") -> Heat | None:
    """Where the defects lie that made parts NG, of one class or of all; None where there are none."""
    some = _newest(conn, ids, scope, Outcome.NG).subquery()
    largest = select(func.max(_part.width_px), func.max(_part.height_px)).join(some, some.c.id == _part.id)
    width, height = conn.execute(largest).one()
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
    return Heat(columns, rows, cells, width, height) if cells else None


def _key() -> ColumnElement[int]:
    """One number a detection: a detection that broke several rules is one defect."""
    return detections.c.inspection_id * literal(100_000) + detections.c.n


def _cell(share: ColumnElement[Any], cells: int) -> ColumnElement[int]:
    """The cell that a share of the picture's side lies in; what sticks out is at the edge."""
    return func.min(func.max(cast(share * cells, Integer), 0), cells - 1)


def score_histograms(conn: Connection, ids: Sequence[int], scope: Scope) -> tuple[tuple[Scores, ...], bool]:
    """(a histogram for each class, by name; whether all detections were looked at and not the newest only)."""
    box = detections.c
    # A limit on the detections and not on the parts: on a good line most parts have none.
    newest = (
        select(box.label, box.score)
        .select_from(detections.join(inspections, _part.id == box.inspection_id))
        .where(*_within(conn, ids, scope), box.inspection_id == _part.id)
        .order_by(box.inspection_id.desc())
        .limit(DETECTIONS_LOOKED_AT)
        .subquery()
    )
    place = func.min(func.max(cast(newest.c.score * SCORE_BINS, Integer), 0), SCORE_BINS - 1)
    found: dict[str, list[tuple[int, int]]] = {}
    for label, at, n in conn.execute(select(newest.c.label, place, func.count()).group_by(newest.c.label, place)):
        found.setdefault(label, []).append((int(at), int(n)))
    limits = thresholds(conn, ids, scope)
    looked_at = sum(n for some in found.values() for _, n in some)
    made = tuple(scores(label, found[label], limits.get(label)) for label in sorted(found))
    return made, looked_at < DETECTIONS_LOOKED_AT


def thresholds(conn: Connection, ids: Sequence[int], scope: Scope) -> dict[str, float]:
    """Class -> the score from which it last made a part NG; classes that made none are not known."""
    some = _newest(conn, ids, scope, Outcome.NG, most=2000).subquery()
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
