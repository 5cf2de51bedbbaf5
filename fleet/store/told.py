"""What stations said of themselves: windows, events, alarms; and what was set aside."""

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, desc, select

from fleet.intake.topics import Address
from fleet.store.places import Places, StationRow, chosen
from fleet.store.schema import alarm, collector, event, judged_by, refusal, set_aside, summary
from fleet.store.totals import sums_of
from fleet.store.values import Alarm, Aside, Box, Collector, EventQuery, FleetEvent, Refusal, Scope, WindowSums


def windows(conn: Connection, places: Places, scope: Scope, limit: int) -> tuple[WindowSums, ...]:
    """The windows that begin in a scope's time, the oldest first; of too many the newest."""
    columns = summary.c
    where = chosen(columns.epoch_id, places.within(scope))
    if scope.lane:
        where.append(columns.lane == scope.lane)
    if scope.since_ms is not None:
        where.append(columns.start_ms >= scope.since_ms)
    if scope.until_ms is not None:
        where.append(columns.start_ms < scope.until_ms)
    asked = select(summary, judged_by.c.models, judged_by.c.recipes).join(
        judged_by, judged_by.c.id == columns.judged_by_id
    )
    newest = asked.where(*where).order_by(desc(columns.start_ms), desc(columns.epoch_id), desc(columns.seq))
    rows = conn.execute(newest.limit(limit)).mappings().all()
    return tuple(_window(row, places) for row in reversed(rows))


def events(conn: Connection, places: Places, query: EventQuery) -> tuple[FleetEvent, ...]:
    """The newest first."""
    columns, scope = event.c, query.scope
    where = chosen(columns.epoch_id, places.within(scope))
    if scope.lane:
        where.append(columns.lane == scope.lane)
    if scope.since_ms is not None:
        where.append(columns.ts_ms >= scope.since_ms)
    if scope.until_ms is not None:
        where.append(columns.ts_ms < scope.until_ms)
    if query.before_ms is not None:
        where.append(columns.ts_ms < query.before_ms)
    if query.name:
        where.append(columns.name == query.name)
    newest = select(event).where(*where).order_by(desc(columns.ts_ms), desc(columns.epoch_id), desc(columns.seq))
    rows = conn.execute(newest.limit(query.limit))
    return tuple(
        FleetEvent(places.epochs[r.epoch_id].box, r.seq, r.ts_ms, r.name, r.lane, json.loads(r.detail)) for r in rows
    )


def alarms(conn: Connection, places: Places, scope: Scope) -> tuple[Alarm, ...]:
    """Each alarm's newest turn, standing or ended, the newest first. Later epochs of a box go on with earlier ones'."""
    where = chosen(alarm.c.epoch_id, places.within(scope))
    if scope.lane:
        where.append(alarm.c.lane == scope.lane)
    told: dict[tuple[Box, str, str], list[Row[Any]]] = {}
    for row in conn.execute(select(alarm).where(*where).order_by(alarm.c.epoch_id)):
        told.setdefault((places.epochs[row.epoch_id].box, row.name, row.lane), []).append(row)
    found = (_alarm(*key, rows) for key, rows in told.items())
    alone = places.alone()
    every = (_ended(alarm, alone.get(alarm.box.address)) for alarm in found if alarm is not None)
    return tuple(sorted(every, key=lambda a: (-a.since_ms, a.box, a.name)))


def _ended(alarm: Alarm, station: StationRow | None) -> Alarm:
    """A station's new process knows nothing of what stood before it: what it says stands now is the last word.

    But where two machines use one name (None), it is one's word, and nobody can tell whose.
    """
    named = f"{alarm.name}:{alarm.lane}" if alarm.lane else alarm.name
    if alarm.ended_ms or station is None or station.standing is None or named in station.standing:
        return alarm
    return replace(alarm, ended_ms=station.standing_ms) if station.standing_ms > alarm.since_ms else alarm


def _alarm(box: Box, name: str, lane: str, rows: list[Row[Any]]) -> Alarm | None:
    """From the beginnings and ends of all epochs: the last beginning, and what came after it."""
    began = max(((r.epoch_id, r.began_seq, r) for r in rows if r.began_seq), key=lambda b: b[:2], default=None)
    if began is None:  # its end came, and its beginning is still on the way
        return None
    ended = max(((r.epoch_id, r.ended_seq, r.ended_ms) for r in rows if r.ended_seq), default=(0, 0, 0))
    known = max(((r.epoch_id, r.known_seq) for r in rows if r.known_seq), default=(0, 0))
    last = next((r for r in rows if (r.epoch_id, r.known_seq) == known), None)
    row = began[2]
    said = last is not None and known > began[:2]
    return Alarm(
        box=box,
        name=name,
        lane=lane,
        since_ms=row.began_ms,
        detail=row.detail,
        ended_ms=ended[2] if ended[:2] > began[:2] else 0,
        known_ms=last.known_ms if last is not None and said else 0,
        known_by=last.known_by if last is not None and said else "",
        known_note=last.known_note if last is not None and said else "",
    )


def asides(conn: Connection, places: Places, before_id: int | None, limit: int) -> tuple[Aside, ...]:
    """The newest first."""
    where = [] if before_id is None else [set_aside.c.id < before_id]
    rows = conn.execute(select(set_aside).where(*where).order_by(desc(set_aside.c.id)).limit(limit))
    return tuple(
        Aside(r.id, r.utc_us, r.cause, r.reason, r.topic, _whose(places, r.station_id), r.size, r.head) for r in rows
    )


def refusals(conn: Connection, places: Places) -> tuple[Refusal, ...]:
    """The most frequent first."""
    rows = conn.execute(select(refusal).order_by(desc(refusal.c.n), refusal.c.cause, refusal.c.station_id))
    return tuple(Refusal(r.cause, _whose(places, r.station_id), r.n, r.last_us) for r in rows)


def collectors(conn: Connection) -> tuple[Collector, ...]:
    """By name."""
    return tuple(Collector(*row) for row in conn.execute(select(collector).order_by(collector.c.name)))


def _whose(places: Places, station_id: int | None) -> Address | None:
    known = places.stations.get(station_id or 0)
    return known.address if known else None


def _window(row: RowMapping, places: Places) -> WindowSums:
    pairs = (entry.partition("=") for entry in row["found"].split(";") if entry)
    return WindowSums(
        box=places.epochs[row["epoch_id"]].box,
        lane=row["lane"],
        seq=row["seq"],
        start_ms=row["start_ms"],
        end_ms=row["end_ms"],
        models=row["models"],
        recipes=row["recipes"],
        sums=replace(sums_of(row), windows=1),
        found={name: int(n) for name, _, n in pairs},
        temperature_c=row["temperature_c"],
    )
