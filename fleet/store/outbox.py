"""The outbox of the notices: what is due, claimed by one collector, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, Select, Update, func, select, update

from fleet.intake.topics import Address
from fleet.store.database import Database, insert_into
from fleet.store.outbox_schema import notice, notice_channel
from fleet.store.values import Box

LEASE_US = 300_000_000
"""So long a letter is one collector's: longer than any delivery. After a crash another one takes it."""
GIVE_UP_US = 86_400_000_000
KEPT_US = 30 * 86_400_000_000
MOST = 500
"""Notices in one letter."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One beginning or end of an alarm, as it is told."""

    box: Box
    lane: str
    """Empty: of the whole station."""
    alarm: str
    turn: str
    """began, ended"""
    at_ms: int
    """By the station's clock."""
    detail: str
    again: int
    """How often it came again while it waited to be told."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes out at once. Its name and what is in it stay the same at each try."""

    name: str
    channel: str
    notices: tuple[Notice, ...]
    tries: int
    """How often it was tried in vain."""
    from_us: int
    """Since when its oldest notice is due."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What became of a channel's notices since ever. Times: 0 is never."""

    name: str
    delivered_us: int = 0
    failed_us: int = 0
    failure: str = ""
    """Of the newest try; empty when it went well."""
    sent: int = 0
    given_up: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Outbox:
    """Several collectors may take from one. Every call raises StoreFailed."""

    database: Database

    def due(self, channel: str, now_us: int) -> bool:
        """Whether something of a channel waits. It writes nothing: it may be asked each second."""
        free = select(notice.c.id).where(*_free(channel, now_us)).limit(1)
        return self.database.ask(lambda conn: conn.scalar(free)) is not None

    def claim(self, channel: str, gather_us: int, now_us: int) -> Letter | None:
        """The next letter of a channel, for this collector alone: one to try again, else a new one.

        A new one is made `gather_us` after the one before at the earliest, and holds all that waits then.
        """
        return self.database.change(lambda conn: _claim(conn, channel, gather_us, now_us))

    def delivered(self, letter: Letter, now_us: int) -> None:
        """It has arrived."""
        count = len(letter.notices)
        said = {"delivered_us": now_us, "failure": "", "sent": notice_channel.c.sent + count}

        def change(conn: Connection) -> None:
            conn.execute(_of(letter).values(state="sent", settled_us=now_us, claimed_until_us=0, failure=""))
            conn.execute(update(notice_channel).where(notice_channel.c.name == letter.channel).values(said))

        self.database.change(change)

    def failed(self, letter: Letter, why: str, again_us: int, now_us: int) -> bool:
        """It has not arrived: try again later, or give up what is a day old. Whether it was given up."""
        lost = again_us > letter.from_us + GIVE_UP_US
        count = len(letter.notices) if lost else 0
        said = {"failed_us": now_us, "failure": why[:400], "given_up": notice_channel.c.given_up + count}
        became = {"state": "given_up", "settled_us": now_us} if lost else {"due_us": again_us}

        def change(conn: Connection) -> None:
            tried = {"tries": letter.tries + 1, "claimed_until_us": 0, "failure": why[:400]}
            conn.execute(_of(letter).values(**became, **tried))
            conn.execute(update(notice_channel).where(notice_channel.c.name == letter.channel).values(said))

        self.database.change(change)
        return lost

    def tidy(self, now_us: int) -> None:
        """Forget what was settled a month ago, and give up what waits for a channel that is no more."""

        def change(conn: Connection) -> None:
            gone = notice.c.state == "waiting", notice.c.from_us < now_us - 2 * GIVE_UP_US
            conn.execute(update(notice).where(*gone).values(state="given_up", settled_us=now_us))
            settled = notice.c.state != "waiting", notice.c.settled_us < now_us - KEPT_US
            conn.execute(notice.delete().where(*settled))

        self.database.change(change)

    def states(self, channels: Sequence[str]) -> tuple[ChannelState, ...]:
        """How each of these channels is, in their order."""

        def question(conn: Connection) -> tuple[ChannelState, ...]:
            rows = {row.name: row for row in conn.execute(select(notice_channel))}
            counted = select(notice.c.channel, func.count()).where(notice.c.state == "waiting")
            waiting = {row[0]: row[1] for row in conn.execute(counted.group_by(notice.c.channel))}
            return tuple(_state(name, rows.get(name), waiting.get(name, 0)) for name in channels)

        return self.database.ask(question)


def _claim(conn: Connection, channel: str, gather_us: int, now_us: int) -> Letter | None:
    empty = {"lettered_us": 0, "delivered_us": 0, "failed_us": 0, "failure": "", "sent": 0, "given_up": 0}
    conn.execute(insert_into(conn, notice_channel).values(name=channel, **empty).on_conflict_do_nothing())
    own = select(notice_channel.c.lettered_us).where(notice_channel.c.name == channel)
    lettered_us = conn.scalar(own.with_for_update(skip_locked=True))
    if lettered_us is None:  # another collector is taking from it at this moment
        return None
    free = _free(channel, now_us)
    again = select(notice.c.letter).where(*free, notice.c.letter != "").order_by(notice.c.due_us).limit(1)
    name = conn.scalar(again)
    if name is None and lettered_us + gather_us <= now_us:
        name = _new_letter(conn, channel, select(notice.c.id).where(*free, notice.c.letter == ""), now_us)
    if name is None:
        return None
    conn.execute(update(notice).where(notice.c.letter == name).values(claimed_until_us=now_us + LEASE_US))
    rows = conn.execute(select(notice).where(notice.c.letter == name).order_by(notice.c.id)).all()
    notices = tuple(_notice(row) for row in rows)
    return Letter(name, channel, notices, rows[0].tries, min(row.from_us for row in rows))


def _free(channel: str, now_us: int) -> tuple[ColumnElement[bool], ...]:
    """What of a channel is due, and in no collector's hands."""
    waits = notice.c.channel == channel, notice.c.state == "waiting"
    return (*waits, notice.c.due_us <= now_us, notice.c.claimed_until_us <= now_us)


def _new_letter(conn: Connection, channel: str, waiting: Select[tuple[int]], now_us: int) -> str | None:
    """All that waits, as one; None where nothing does. Rows that a batch is changing wait for the next one."""
    ids = conn.scalars(waiting.order_by(notice.c.id).limit(MOST).with_for_update(skip_locked=True)).all()
    if not ids:
        return None
    name = uuid4().hex
    conn.execute(update(notice).where(notice.c.id.in_(ids)).values(letter=name))
    conn.execute(update(notice_channel).where(notice_channel.c.name == channel).values(lettered_us=now_us))
    return name


def _of(letter: Letter) -> Update:
    return update(notice).where(notice.c.letter == letter.name, notice.c.state == "waiting")


def _notice(row: Row[Any]) -> Notice:
    at = row._mapping
    box = Box(Address(at["site"], at["line"], at["station"]), at["box"])
    return Notice(box, *(at[name] for name in ("lane", "alarm", "turn", "at_ms", "detail", "again")))


def _state(name: str, row: Row[Any] | None, waiting: int) -> ChannelState:
    if row is None:
        return ChannelState(name, waiting=waiting)
    at = row._mapping
    said = {key: at[key] for key in ("delivered_us", "failed_us", "failure", "sent", "given_up")}
    return ChannelState(name, waiting=waiting, **said)
