"""Sums read from the hours: over lanes, hours, lines, sites, the fleet."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from agent.uplink.messages import LATENCY_FIELDS, SCORE_FIELDS
from fleet.store.places import Places, chosen
from fleet.store.schema import (
    COUNTS,
    HOUR_MS,
    MILLI_SUMS,
    class_name,
    day_sum,
    defect_day,
    defect_sum,
    hour_sum,
    judged_by,
)
from fleet.store.spans import Span, hours_of, spans_of
from fleet.store.values import KINDS, By, Found, Group, Kind, Scope, Sums, Tally

_PLAIN = ("windows", *COUNTS, *(f"{name}_e3" for name in MILLI_SUMS))
_ADDED = (*_PLAIN, *LATENCY_FIELDS, *SCORE_FIELDS)
COUNTED = ("windows", *COUNTS)
"""What is added up where histograms and measured numbers are of no interest."""
_TALLY = ("parts", "ok", "ng", "unsure", "missed", "first_pass", "first_pass_ok")


def sums_of(row: RowMapping) -> Sums:
    """A row's columns that add, as one value. PostgreSQL adds whole numbers up as decimals."""
    plain: dict[str, Any] = {name: int(row[name]) for name in _PLAIN if name in row}
    if LATENCY_FIELDS[0] not in row:
        return Sums(**plain)
    return Sums(
        **plain,
        latency_max_ms=row["latency_max_ms"],
        latency_le=tuple(int(row[name]) for name in LATENCY_FIELDS),
        score_le=tuple(int(row[name]) for name in SCORE_FIELDS),
    )


def groups(
    conn: Connection, places: Places, scope: Scope, by: Sequence[By], added_up: Sequence[str] = _ADDED
) -> tuple[Group, ...]:
    """The sums of a scope, told apart by some of their fields, in the order of these; `added_up`: which columns."""
    spans = (hours_of(scope),) if "hour" in by else spans_of(scope)
    names = _judges(conn) if {"models", "recipes"} & set(by) else {}
    added: dict[tuple[Any, ...], Group] = {}
    for row in (row for span in spans for row in _rows(conn, places, span, by, added_up)):
        if row["parts"] is None:  # nothing at all
            continue
        group = _group(row, places, by, names)
        key = (group.site, group.line, group.box, group.lane, group.hour_ms, group.models, group.recipes)
        known = added.get(key)
        added[key] = group if known is None else _more(known, group.sums)
    return tuple(sorted(added.values(), key=lambda g: (g.site, g.line, str(g.box or ""), g.lane, g.hour_ms, g.models)))


def _rows(
    conn: Connection, places: Places, span: Span, by: Sequence[By], added_up: Sequence[str]
) -> Iterable[RowMapping]:
    columns = (hour_sum if span.hours == 1 else day_sum).c
    keys = _keys(columns, by)
    summed: list[ColumnElement[Any]] = [func.sum(columns[name]).label(name) for name in added_up]
    if added_up is _ADDED:
        summed.append(func.max(columns.latency_max_ms).label("latency_max_ms"))
    asked = select(*keys, *summed).where(*_where(columns, places, span))
    return conn.execute(asked.group_by(*keys) if keys else asked).mappings()


def tallies(conn: Connection, first_hour: int) -> dict[tuple[int, int], Tally]:
    """(epoch, hour) -> the few counts of a list, from an hour on."""
    keys = hour_sum.c.epoch_id, hour_sum.c.hour
    summed = [func.sum(hour_sum.c[name]).label(name) for name in _TALLY]
    rows = conn.execute(select(*keys, *summed).where(hour_sum.c.hour >= first_hour).group_by(*keys))
    return {(row[0], row[1]): Tally(*map(int, row[2:])) for row in rows}


def pareto(conn: Connection, places: Places, scope: Scope, kinds: Iterable[Kind] = KINDS) -> tuple[Found, ...]:
    """What was found how often, the most frequent first."""
    counted: Counter[tuple[Kind, str]] = Counter()
    for span in spans_of(scope):
        columns = (defect_sum if span.hours == 1 else defect_day).c
        where = *_where(columns, places, span), columns.kind.in_(tuple(kinds))
        asked = select(columns.kind, columns.slug, func.sum(columns.n)).where(*where)
        for kind, slug, n in conn.execute(asked.group_by(columns.kind, columns.slug)):
            counted[(kind, slug)] += int(n)
    known: dict[str, str] = {row.slug: row.name for row in conn.execute(select(class_name))}
    found = [Found(kind, slug, _called(kind, slug, known), n) for (kind, slug), n in counted.items()]
    return tuple(sorted(found, key=lambda f: (-f.n, f.kind, f.slug)))


def _called(kind: str, slug: str, known: Mapping[str, str]) -> str:
    return slug if kind == "unsure" else known.get(slug, slug)


def _keys(columns: Any, by: Sequence[By]) -> list[ColumnElement[Any]]:
    keys: list[ColumnElement[Any]] = []
    if {"site", "line", "box"} & set(by):
        keys.append(columns.epoch_id)
    if "lane" in by:
        keys.append(columns.lane)
    if "hour" in by:
        keys.append(columns.hour)
    if {"models", "recipes"} & set(by):
        keys.append(columns.judged_by_id)
    return keys


def _where(columns: Any, places: Places, span: Span) -> list[ColumnElement[bool]]:
    where: list[Any] = chosen(columns.epoch_id, places.within(span.scope))
    if span.scope.lane:
        where.append(columns.lane == span.scope.lane)
    # Of a long time nearly every row is wanted: by the index each would be looked up one by one.
    hour = columns.hour + 0 if span.long else columns.hour
    if span.first is not None:
        where.append(hour >= span.first)
    if span.end is not None:
        where.append(hour < span.end)
    return where


def _judges(conn: Connection) -> dict[int, tuple[str, str]]:
    return {row.id: (row.models, row.recipes) for row in conn.execute(select(judged_by))}


def _group(row: RowMapping, places: Places, by: Sequence[By], judges: Mapping[int, tuple[str, str]]) -> Group:
    box = places.epochs[row["epoch_id"]].box if "epoch_id" in row else None
    models, recipes = judges[row["judged_by_id"]] if "judged_by_id" in row else ("", "")
    whole = box is not None and ("line" in by or "box" in by)
    return Group(
        sums=sums_of(row),
        site=box.address.site if box is not None else "",
        line=box.address.line if box is not None and whole else "",
        box=box if "box" in by else None,
        lane=row["lane"] if "lane" in by else "",
        hour_ms=row["hour"] * HOUR_MS if "hour" in by else 0,
        models=models if "models" in by else "",
        recipes=recipes if "recipes" in by else "",
    )


def _more(group: Group, sums: Sums) -> Group:
    return Group(
        group.sums + sums, group.site, group.line, group.box, group.lane, group.hour_ms, group.models, group.recipes
    )
