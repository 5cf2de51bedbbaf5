"""What of the new events is to be told, written in the transaction that stores them.

The caller holds the station's lock, so that two collectors never weigh one alarm at the same time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, desc, select, update

from agent.uplink.messages import EventMessage
from fleet.intake.topics import Address
from fleet.store.database import insert_into
from fleet.store.identity import Key
from fleet.store.outbox_schema import notice
from fleet.store.standing import Standing

TURNS = {"alarm": "began", "alarm_end": "ended"}
"""Event -> the turn of the alarm that is told."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which alarms a channel tells. What is empty does not restrict."""

    channel: str
    alarms: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    ended: bool = False
    """The end of an alarm is told too."""
    quiet_us: int = 0
    """An alarm that comes again within this time waits for its end, and is told only where it stands then."""

    def of(self, at: Address, alarm: str) -> bool:
        """Whether this alarm of a station is told at all."""
        pairs = ((self.alarms, alarm), (self.sites, at.site), (self.lines, at.line))
        return all(not wanted or one in wanted for wanted, one in pairs)


def store_notices(
    conn: Connection, wishes: Sequence[Wish], standing: Standing, new: Mapping[Key, EventMessage], now_us: int
) -> None:
    """Put new beginnings and ends of alarms into the outbox, for each channel that tells them."""
    if not wishes:
        return
    for row in _turns(standing, new):
        at = Address(row["site"], row["line"], row["station"])
        for wish in wishes:
            if wish.of(at, row["alarm"]):
                _weigh(conn, wish, row, now_us)


def _turns(standing: Standing, new: Mapping[Key, EventMessage]) -> Iterator[dict[str, Any]]:
    """In the order in which each station said them."""
    whose = {epoch.id: (station, epoch) for station in standing.values() for epoch in station.epochs}
    for (epoch_id, seq), said in sorted(new.items(), key=lambda item: item[0]):
        if turn := TURNS.get(said.name):
            station, epoch = whose[epoch_id]
            detail = said.detail()
            yield {
                "epoch_id": epoch_id,
                "seq": seq,
                "site": station.site,
                "line": station.line,
                "station": station.name,
                "box": epoch.box,
                "lane": said.lane,
                "alarm": str(detail.get("alarm", ""))[:128],
                "turn": turn,
                "at_ms": said.ts,
                "detail": str(detail.get("detail", ""))[:1000],
            }


def _weigh(conn: Connection, wish: Wish, turn: dict[str, Any], now_us: int) -> None:
    """Tell it, or hold it back while the same was told lately; an end lets a beginning that was held back go."""
    before = _newest(conn, wish.channel, turn)
    waits = before is not None and before.held and before.state == "waiting" and not before.letter
    if turn["turn"] == "ended":
        if before is not None and waits:
            conn.execute(update(notice).where(notice.c.id == before.id).values(state="quiet", settled_us=now_us))
        elif wish.ended:
            _put(conn, turn, wish.channel, now_us, now_us)
    elif before is not None and waits:
        conn.execute(update(notice).where(notice.c.id == before.id).values(again=before.again + 1))
    elif before is None or before.turn == "ended":
        _put(conn, turn, wish.channel, now_us, now_us)
    else:
        _put(conn, turn, wish.channel, _told_us(conn, wish.channel, turn) + wish.quiet_us, now_us)


def _same(channel: str, turn: Mapping[str, Any]) -> list[Any]:
    names = ("site", "line", "station", "box", "lane", "alarm")
    return [notice.c.channel == channel, *(notice.c[name] == turn[name] for name in names)]


def _newest(conn: Connection, channel: str, turn: Mapping[str, Any]) -> Row[Any] | None:
    found = select(notice).where(*_same(channel, turn)).order_by(desc(notice.c.id)).limit(1)
    return conn.execute(found).first()


def _told_us(conn: Connection, channel: str, turn: Mapping[str, Any]) -> int:
    """When its newest beginning that was told, or is about to be, was due; 0: never."""
    told = notice.c.turn == "began", notice.c.state.in_(("waiting", "sent"))
    found = select(notice.c.from_us).where(*_same(channel, turn), *told)
    return conn.execute(found.order_by(desc(notice.c.id)).limit(1)).scalar() or 0


def _put(conn: Connection, turn: Mapping[str, Any], channel: str, from_us: int, now_us: int) -> None:
    due_us = max(from_us, now_us)
    zeros = dict.fromkeys(("again", "claimed_until_us", "tries", "settled_us"), 0)
    texts = {"channel": channel, "state": "waiting", "letter": "", "failure": ""}
    times = {"from_us": due_us, "due_us": due_us, "held": int(due_us > now_us)}
    conn.execute(insert_into(conn, notice).values({**turn, **zeros, **texts, **times}).on_conflict_do_nothing())
