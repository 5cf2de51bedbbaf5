"""Folds new windows into what is kept of them: rows, hours, lanes. Counts add; nothing is added twice."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, insert, select

from agent.uplink.messages import LATENCY_FIELDS, SCORE_FIELDS, SummaryMessage
from fleet.intake.bounds import class_names
from fleet.store.database import insert_into
from fleet.store.identity import Key
from fleet.store.schema import (
    COUNTS,
    DAY_HOURS,
    HOUR_MS,
    MILLI_SUMS,
    SUMMED,
    class_name,
    day_sum,
    defect_day,
    defect_sum,
    hour_sum,
    judged_by,
    lane,
    summary,
)
from fleet.store.values import KINDS

Row = dict[str, Any]
MOST_REMEMBERED = 20_000


class Remembered:
    """What never changes once it is committed, so that it is not looked up for each batch."""

    def __init__(self) -> None:
        self.judges: dict[bytes, int] = {}
        self.classes: set[str] = set()

    def forget(self) -> None:
        """After a batch that was not committed."""
        self.judges.clear()
        self.classes.clear()


def store_windows(conn: Connection, remembered: Remembered, new: Mapping[Key, SummaryMessage]) -> None:
    """Insert new windows and add them up."""
    if not new:
        return
    judges = _judges(conn, remembered, new.values())
    rows = [_row(key, said, judges[_digest(said)]) for key, said in new.items()]
    conn.execute(insert(summary), rows)
    for hours, sums, defects in ((1, hour_sum, defect_sum), (DAY_HOURS, day_sum, defect_day)):
        _add(conn, sums, _folded(rows, hours), ("epoch_id", "lane", "hour", "judged_by_id"), ("windows", *SUMMED))
        _add(conn, defects, _found(new, hours), ("epoch_id", "lane", "hour", "kind", "slug"), ("n",))
    _show(conn, _lanes(new))
    _name_classes(conn, remembered, new.values())


def _row(key: Key, said: SummaryMessage, judged_by_id: int) -> Row:
    extra = said.__pydantic_extra__ or {}
    found = sorted((n, v) for n, v in extra.items() if n.startswith(("defect_", "missing_", "unsure_")) and v)
    return {
        "epoch_id": key[0],
        "seq": key[1],
        "lane": said.lane,
        "judged_by_id": judged_by_id,
        "start_ms": said.window_start,
        "end_ms": said.window_end,
        "first_id": said.first_id,
        "last_id": said.last_id,
        "parts_total": said.parts_total,
        **{name: getattr(said, name) for name in COUNTS},
        **{f"{name}_e3": round(getattr(said, name) * 1000) for name in MILLI_SUMS},
        **{name: extra[name] for name in (*LATENCY_FIELDS, *SCORE_FIELDS)},
        "latency_max_ms": said.latency_max_ms,
        "temperature_c": said.temperature_c,
        "found": ";".join(f"{name}={n}" for name, n in found),
    }


def _folded(rows: Iterable[Row], hours: int) -> list[Row]:
    """One row an epoch, lane, span of so many hours and judge; in the order of their keys."""
    sums: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        hour = row["start_ms"] // HOUR_MS // hours * hours
        key = row["epoch_id"], row["lane"], hour, row["judged_by_id"]
        one = {name: row[name] for name in SUMMED}
        known = sums.get(key)
        if known is None:
            named = {"epoch_id": key[0], "lane": key[1], "hour": hour, "judged_by_id": key[3]}
            sums[key] = {**named, "windows": 1, **one, "latency_max_ms": row["latency_max_ms"]}
            continue
        known["windows"] += 1
        for name, value in one.items():
            known[name] += value
        known["latency_max_ms"] = max(known["latency_max_ms"], row["latency_max_ms"])
    return [sums[key] for key in sorted(sums)]


def _found(new: Mapping[Key, SummaryMessage], hours: int) -> list[Row]:
    counted: Counter[tuple[int, str, int, str, str]] = Counter()
    for (epoch_id, _), said in new.items():
        where = epoch_id, said.lane, said.window_start // HOUR_MS // hours * hours
        for kind, counts in zip(KINDS, (said.defects(), said.missing(), said.unsure_reasons()), strict=True):
            for slug, n in counts.items():
                counted[(*where, kind, slug)] += n
    names = "epoch_id", "lane", "hour", "kind", "slug"
    return [{**dict(zip(names, key, strict=True)), "n": counted[key]} for key in sorted(counted) if counted[key]]


def _add(conn: Connection, table: Any, rows: list[Row], key: tuple[str, ...], added: tuple[str, ...]) -> None:
    """Insert rows, or add them to those that are there."""
    if not rows:
        return
    more = insert_into(conn, table)
    sums: dict[str, ColumnElement[Any]] = {name: table.c[name] + more.excluded[name] for name in added}
    if "latency_max_ms" in table.c:
        sums["latency_max_ms"] = largest(table.c.latency_max_ms, more.excluded.latency_max_ms)
    conn.execute(more.on_conflict_do_update(index_elements=list(key), set_=sums), rows)


def largest(one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The larger of two, in words that both databases know."""
    return case((other > one, other), else_=one)


def _lanes(new: Mapping[Key, SummaryMessage]) -> list[Row]:
    newest: dict[tuple[int, str], Row] = {}
    for (epoch_id, seq), said in sorted(new.items(), key=lambda item: item[0]):
        key = epoch_id, said.lane
        before = newest.get(key, {"last_part_ms": 0})
        newest[key] = {
            "epoch_id": epoch_id,
            "lane": said.lane,
            "seq": seq,
            "camera": said.camera,
            "models": said.models,
            "recipes": said.recipes,
            "end_ms": said.window_end,
            "last_part_ms": max(before["last_part_ms"], said.last_part_ts or 0),
            "temperature_c": said.temperature_c,
        }
    return list(newest.values())


def _show(conn: Connection, rows: list[Row]) -> None:
    """What the newest window of a lane said; an older one that comes late changes nothing but the last part."""
    more = insert_into(conn, lane)
    newer = more.excluded.seq > lane.c.seq
    plain = ("seq", "camera", "models", "recipes", "end_ms", "temperature_c")
    said: dict[str, ColumnElement[Any]] = {n: case((newer, more.excluded[n]), else_=lane.c[n]) for n in plain}
    said["last_part_ms"] = largest(lane.c.last_part_ms, more.excluded.last_part_ms)
    conn.execute(more.on_conflict_do_update(index_elements=["epoch_id", "lane"], set_=said), rows)


def _digest(said: SummaryMessage) -> bytes:
    return hashlib.sha256(f"{said.models}\n{said.recipes}".encode()).digest()


def _judges(conn: Connection, remembered: Remembered, new: Iterable[SummaryMessage]) -> Mapping[bytes, int]:
    known = remembered.judges
    if len(known) > MOST_REMEMBERED:
        known.clear()
    wanted = {_digest(said): said for said in new}
    if unknown := sorted(digest for digest in wanted if digest not in known):
        rows = [{"digest": d, "models": wanted[d].models, "recipes": wanted[d].recipes} for d in unknown]
        conn.execute(insert_into(conn, judged_by).on_conflict_do_nothing(), rows)
        for start in range(0, len(unknown), 500):
            some = judged_by.c.digest.in_(unknown[start : start + 500])
            known |= {
                bytes(row[0]): row[1] for row in conn.execute(select(judged_by.c.digest, judged_by.c.id).where(some))
            }
    return {digest: known[digest] for digest in wanted}


def _name_classes(conn: Connection, remembered: Remembered, new: Iterable[SummaryMessage]) -> None:
    if len(remembered.classes) > MOST_REMEMBERED:
        remembered.classes.clear()
    said = {slug: name for each in new for slug, name in class_names(each).items() if slug not in remembered.classes}
    if said:
        rows = [{"slug": slug, "name": said[slug]} for slug in sorted(said)]
        conn.execute(insert_into(conn, class_name).on_conflict_do_nothing(), rows)
        remembered.classes.update(said)
