"""New events, and the alarms that follow from them, in whatever order they come."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, insert

from agent.uplink.messages import EventMessage
from fleet.store.database import insert_into
from fleet.store.identity import Key
from fleet.store.schema import alarm, event

_TURNS = {"alarm": "began", "alarm_end": "ended", "alarm_acknowledged": "known"}
"""Event -> the columns of the alarm that it moves."""
_TEXTS = {"began": ("detail",), "ended": (), "known": ("known_by", "known_note")}


def store_events(conn: Connection, new: Mapping[Key, EventMessage]) -> None:
    """Insert new events and move the alarms."""
    if not new:
        return
    conn.execute(insert(event), [_row(key, said) for key, said in new.items()])
    alarms: dict[tuple[int, str, str], dict[str, Any]] = {}
    for (epoch_id, seq), said in sorted(new.items(), key=lambda item: item[0]):
        if (turn := _TURNS.get(said.name)) is not None:
            detail = said.detail()
            key = epoch_id, _text(detail, "alarm", 128), said.lane
            row = alarms.setdefault(key, _nothing(*key))
            row |= {f"{turn}_seq": seq, f"{turn}_ms": said.ts}
            if turn == "began":
                row["detail"] = _text(detail, "detail", 1000)
            elif turn == "known":
                row |= {"known_by": _text(detail, "who", 128), "known_note": _text(detail, "note", 1000)}
    if alarms:
        _move(conn, [alarms[key] for key in sorted(alarms)])


def _row(key: Key, said: EventMessage) -> dict[str, Any]:
    named = {"epoch_id": key[0], "seq": key[1], "ts_ms": said.ts, "name": said.name, "lane": said.lane}
    return {**named, "detail": json.dumps(said.detail(), ensure_ascii=False, separators=(",", ":"))}


def _nothing(epoch_id: int, name: str, lane: str) -> dict[str, Any]:
    turns = {f"{turn}_{what}": 0 for turn in _TURNS.values() for what in ("seq", "ms")}
    return {"epoch_id": epoch_id, "name": name, "lane": lane, **turns, "detail": "", "known_by": "", "known_note": ""}


def _move(conn: Connection, rows: list[dict[str, Any]]) -> None:
    """Each turn by its own highest number: so it does not matter which came first."""
    more = insert_into(conn, alarm)
    moved: dict[str, ColumnElement[Any]] = {}
    for turn, texts in _TEXTS.items():
        newer = more.excluded[f"{turn}_seq"] > alarm.c[f"{turn}_seq"]
        for name in (f"{turn}_seq", f"{turn}_ms", *texts):
            moved[name] = case((newer, more.excluded[name]), else_=alarm.c[name])
    conn.execute(more.on_conflict_do_update(index_elements=["epoch_id", "name", "lane"], set_=moved), rows)


def _text(detail: Mapping[str, str | int | float], name: str, most: int) -> str:
    return str(detail.get(name, ""))[:most]
