"""What becomes a notice, and when; who may send it: over SQLite and PostgreSQL."""

import threading

from benchmarks.fleet.simulated import START_US, Simulated
from fleet.store.database import Database
from fleet.store.notices import Wish
from fleet.store.outbox import GIVE_UP_US, LEASE_US, Letter, Outbox
from fleet.store.write import Writer
from tests.fleet.stored import NOW_US, taken

MINUTE = 60_000_000
HOUR = 60 * MINUTE
MAIL = Wish("mail", quiet_us=HOUR)
BOTH = Wish("mail", ended=True, quiet_us=HOUR)


class Said:
    """A station's alarms, stored as they are said."""

    def __init__(self, database: Database, *wishes: Wish, name: str = "a") -> None:
        self.station = Simulated(name)
        self.writer = Writer(database, wishes)
        self.outbox = Outbox(database)

    def begin(self, at_us: int, alarm: str = "camera_gone", lane: str = "top") -> None:
        self._say(at_us, "alarm", alarm=alarm, lane=lane, detail="serial 7 is not there")

    def end(self, at_us: int, alarm: str = "camera_gone", lane: str = "top") -> None:
        self._say(at_us, "alarm_end", alarm=alarm, lane=lane)

    def _say(self, at_us: int, name: str, **detail: str) -> None:
        item = taken(self.station.prefix, self.station.event(at_us, name, **detail))
        self.writer.store([item], at_us)
        self.writer.store([item], at_us)  # again: harmless

    def claim(self, at_us: int, gather_us: int = 0, channel: str = "mail") -> Letter | None:
        return self.outbox.claim(channel, gather_us, at_us) if self.outbox.due(channel, at_us) else None

    def told(self, at_us: int) -> list[tuple[str, str]]:
        """Deliver what is due; (turn, alarm) of each."""
        letter = self.claim(at_us)
        if letter is None:
            return []
        self.outbox.delivered(letter, at_us)
        return [(notice.turn, notice.alarm) for notice in letter.notices]


def test_an_alarm_is_told_once_to_each_channel(database: Database) -> None:
    said = Said(database, MAIL, Wish("hook"))
    said.begin(NOW_US)
    letter = said.claim(NOW_US)
    assert letter is not None
    (notice,) = letter.notices
    assert (str(notice.box), notice.lane, notice.alarm, notice.turn) == ("plant/line1/a", "top", "camera_gone", "began")
    assert (notice.detail, notice.at_ms) == ("serial 7 is not there", NOW_US // 1000)
    said.outbox.delivered(letter, NOW_US)
    assert said.claim(NOW_US + HOUR) is None
    hook = said.claim(NOW_US, channel="hook")
    assert hook is not None
    assert hook.name != letter.name
    states = said.outbox.states(("mail", "hook", "new"))
    assert [(s.sent, s.waiting, s.delivered_us) for s in states] == [(1, 0, NOW_US), (0, 1, 0), (0, 0, 0)]


def test_only_what_a_channel_asks_for(database: Database) -> None:
    wishes = (
        Wish("alarms", alarms=frozenset({"disk_full"})),
        Wish("sites", sites=frozenset({"elsewhere"})),
        Wish("lines", lines=frozenset({"line1"})),
    )
    said = Said(database, *wishes)
    said.begin(NOW_US)
    said.end(NOW_US + 1)
    assert [s.waiting for s in said.outbox.states([w.channel for w in wishes])] == [0, 0, 1]


def test_an_end_is_told_where_it_is_asked_for(database: Database) -> None:
    said = Said(database, BOTH)
    said.begin(NOW_US)
    assert said.told(NOW_US) == [("began", "camera_gone")]
    said.end(NOW_US + MINUTE)
    assert said.told(NOW_US + MINUTE) == [("ended", "camera_gone")]
    said.begin(NOW_US + 2 * MINUTE)
    assert said.told(NOW_US + 2 * MINUTE) == [("began", "camera_gone")], "who was told that it ended is told again"


def test_what_comes_again_soon_waits_and_is_told_only_where_it_stands(database: Database) -> None:
    said = Said(database, MAIL)
    said.begin(NOW_US)
    assert said.told(NOW_US) == [("began", "camera_gone")]
    for minute in (2, 4, 6):
        said.end(NOW_US + minute * MINUTE - 1)
        said.begin(NOW_US + minute * MINUTE)
    assert said.told(NOW_US + 59 * MINUTE) == []
    assert said.told(NOW_US + HOUR) == [("began", "camera_gone")]
    said.end(NOW_US + HOUR + 1)
    said.begin(NOW_US + HOUR + MINUTE)
    said.end(NOW_US + HOUR + 2 * MINUTE)
    assert said.told(NOW_US + 9 * HOUR) == [], "it ended before it was told again"
    said.begin(NOW_US + 9 * HOUR)
    assert said.told(NOW_US + 9 * HOUR) == [("began", "camera_gone")]


def test_lanes_and_stations_are_apart(database: Database) -> None:
    said, other = Said(database, MAIL), Said(database, MAIL, name="b")
    said.begin(NOW_US)
    said.begin(NOW_US, lane="side")
    other.begin(NOW_US)
    letter = said.claim(NOW_US)
    assert letter is not None
    assert [(str(n.box), n.lane) for n in letter.notices] == [
        ("plant/line1/a", "top"),
        ("plant/line1/a", "side"),
        ("plant/line1/b", "top"),
    ]


def test_a_storm_is_one_letter_a_minute(database: Database) -> None:
    said = Said(database, MAIL)
    said.begin(NOW_US, "alarm0")
    first = said.claim(NOW_US, MINUTE)
    assert first is not None
    assert len(first.notices) == 1, "the first is told at once"
    for n in range(1, 100):
        said.begin(NOW_US + n * 500_000, f"alarm{n}")
    assert said.claim(NOW_US + 50_000_000, MINUTE) is None
    rest = said.claim(NOW_US + MINUTE, MINUTE)
    assert rest is not None
    assert len(rest.notices) == 99


def test_a_letter_is_tried_again_as_it_was_and_given_up_after_a_day(database: Database) -> None:
    said = Said(database, MAIL)
    said.begin(NOW_US)
    first = said.claim(NOW_US)
    assert first is not None
    assert not said.outbox.failed(first, "no route", NOW_US + MINUTE, NOW_US)
    said.begin(NOW_US + 1, "disk_full")
    assert said.outbox.states(("mail",))[0].failure == "no route"
    second = said.claim(NOW_US + 2)
    assert second is not None
    assert [n.alarm for n in second.notices] == ["disk_full"], "what is new does not wait for what fails"
    again = said.claim(NOW_US + MINUTE)
    assert again is not None
    assert (again.name, again.notices, again.tries) == (first.name, first.notices, 1)
    late_us = NOW_US + GIVE_UP_US
    assert said.outbox.failed(again, "no route", late_us + MINUTE, late_us)
    assert said.claim(late_us + HOUR) is not None, "the second letter's collector has died"
    state = said.outbox.states(("mail",))[0]
    assert (state.given_up, state.sent, state.failed_us) == (1, 0, late_us)


def test_a_letter_is_one_collectors_until_it_is_dead(database: Database) -> None:
    said = Said(database, MAIL)
    said.begin(NOW_US)
    first = said.claim(NOW_US)
    assert first is not None
    assert said.claim(NOW_US + LEASE_US - 1) is None
    second = said.claim(NOW_US + LEASE_US)
    assert second is not None
    assert second.name == first.name


def test_many_collectors_never_take_one_letter(database: Database) -> None:
    said = Said(database, MAIL)
    for n in range(40):
        said.begin(NOW_US, f"alarm{n}")
    found: list[Letter] = []

    def take() -> None:
        for _ in range(5):
            if letter := said.outbox.claim("mail", 0, NOW_US):
                found.append(letter)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(n.alarm for letter in found for n in letter.notices) == sorted(f"alarm{n}" for n in range(40))


def test_what_was_settled_long_ago_is_forgotten(database: Database) -> None:
    said = Said(database, MAIL)
    said.begin(NOW_US)
    assert said.told(NOW_US) != []
    said.begin(NOW_US, "disk_full")
    said.outbox.tidy(NOW_US + 40 * 24 * HOUR)
    assert said.outbox.states(("mail",))[0].waiting == 0
    said.begin(START_US + 41 * 24 * HOUR)
    assert said.told(NOW_US + 41 * 24 * HOUR) == [("began", "camera_gone")]
