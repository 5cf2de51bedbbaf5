"""Roll-outs in both databases, and over a real broker with stations that answer as docs/mqtt.md says."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.uplink.messages import CancelCommand, UpdateCommand
from agent.uplink.payload import decode
from benchmarks.fleet.simulated import Simulated
from fleet.intake.topics import Address
from fleet.rollout.commands import AGAIN_US, LIFE_MS, Told
from fleet.rollout.values import Plan, Rollout
from fleet.store.database import Database
from fleet.store.rollout_steps import Asking
from fleet.store.rollouts import RolloutRefused, Rollouts
from fleet.store.write import Writer
from tests.fleet.collecting import collecting, wait_for
from tests.fleet.stored import NOW_US, taken
from tests.uplink.broker import running as mosquitto
from tests.uplink.rig import Listener, listening

BASE = "https://centre.plant:8090"
MODEL = {"name": "boards-2.okng", "model": "boards-2", "sha256": "ab" * 32, "size": 1234}
S = 1_000_000


@dataclass(slots=True)
class Small:
    """A centre that knows some stations, without a broker."""

    database: Database
    stations: tuple[Simulated, ...] = tuple(Simulated(name) for name in ("a", "b", "c", "d"))
    writer: Writer = field(init=False)
    rollouts: Rollouts = field(init=False)
    asking: Asking = field(init=False)

    def __post_init__(self) -> None:
        self.writer, self.rollouts = Writer(self.database), Rollouts(self.database)
        self.asking = Asking(self.database, BASE, at_once=10, patience_s=3600)
        for station in self.stations:
            self.status(station, True)

    def status(self, station: Simulated, online: bool) -> None:
        message = "status", station.birth(NOW_US // 1000, online, why="" if online else "lost")
        self.writer.store([taken(station.prefix, message)], NOW_US)

    def begin(self, **plan: Any) -> int:
        made = self.rollouts.add_file("t" * 32, **MODEL, by="anna", now_us=NOW_US)
        addresses = tuple(map(address, self.stations))
        wanted = {"stations": addresses, "first": 1, "most_failures": 0, "activate": False, **plan}
        return self.rollouts.begin(Plan(file_id=made, **wanted), "anna", NOW_US)

    def answer(self, told: Told, error: str = "", by: Simulated | None = None) -> None:
        station = by or self.of(told)
        name = told.below.removeprefix("cmd/")
        payload = station.encoder.answer(NOW_US // 1000, command(told), name, error, {})
        self.writer.store([taken(station.prefix, (f"{told.below}/answer", payload))], NOW_US)

    def event(self, told: Told, name: str, **detail: str | int) -> None:
        station = self.of(told)
        event = station.event(NOW_US, name, command=command(told), **detail)
        self.writer.store([taken(station.prefix, event)], NOW_US)

    def of(self, told: Told) -> Simulated:
        return next(s for s in self.stations if address(s) == told.address)

    def now(self, rollout_id: int) -> Rollout:
        known = self.rollouts.one(rollout_id)
        assert known is not None
        return known

    def progress(self, rollout_id: int) -> list[str]:
        return [target.progress for target in self.now(rollout_id).targets]


def address(station: Simulated) -> Address:
    return Address(station.site, station.line, station.name)


def command(told: Told) -> str:
    kind = UpdateCommand if told.below == "cmd/update" else CancelCommand
    return decode(kind, told.payload).id


def test_from_the_first_one_to_all(database: Database) -> None:
    small = Small(database)
    made = small.begin(activate=True, recipe="board")
    (first,) = small.asking.turn(NOW_US)
    said = decode(UpdateCommand, first.payload)
    assert (said.url, said.sha256, said.bytes) == (f"{BASE}/files/{'t' * 32}/boards-2.okng", "ab" * 32, 1234)
    assert (said.activate, said.recipe, said.expires) == (1, "board", NOW_US // 1000 + LIFE_MS)
    assert small.asking.turn(NOW_US + 1) == (), "one command is given once"
    assert small.asking.turn(NOW_US + AGAIN_US + 1) == (first,), "and without an answer again, byte for byte"
    small.answer(first)
    small.event(first, "update_progress", percent=50)
    assert small.now(made).targets[0].percent == 50
    assert small.asking.turn(NOW_US + 2 * AGAIN_US) == ()
    small.event(first, "update_done", model="boards-2", activated=1)
    others = small.asking.turn(NOW_US + 3 * AGAIN_US)
    assert [told.address.station for told in others] == ["b", "c", "d"]
    for told in others:
        small.event(told, "update_done", model="boards-2", activated=1)  # the answers were lost
    small.asking.turn(NOW_US + 4 * AGAIN_US)
    assert small.progress(made) == ["activated"] * 4
    assert small.now(made).phase == "done"


def test_it_stops_at_a_failure_and_a_person_lets_it_go_on(database: Database) -> None:
    small = Small(database)
    made = small.begin()
    (first,) = small.asking.turn(NOW_US)
    small.answer(first, "busy: update x is under way")
    assert small.asking.turn(NOW_US + S) == ()
    known = small.now(made)
    assert (known.phase, known.why, known.targets[0].why) == ("stopped", "failures", "busy: update x is under way")
    small.rollouts.go_on(made)
    assert len(small.asking.turn(NOW_US + 2 * S)) == 3
    small.rollouts.stop(made)
    with pytest.raises(RolloutRefused, match="is stopped; allowed: running"):
        small.rollouts.stop(made)


def test_who_does_not_answer_has_failed(database: Database) -> None:
    small = Small(database)
    made = small.begin()
    (first,) = small.asking.turn(NOW_US)
    late_us = NOW_US + LIFE_MS * 1000 + S
    assert small.asking.turn(late_us) == ()
    assert (small.progress(made)[0], small.now(made).phase) == ("silent", "stopped")
    small.answer(first)
    assert small.progress(made)[0] == "accepted", "it was late, and is believed"


def test_a_station_that_is_away_keeps_its_turn(database: Database) -> None:
    small = Small(database)
    small.status(small.stations[1], False)
    made = small.begin(first=0)
    assert [told.address.station for told in small.asking.turn(NOW_US)] == ["a", "c", "d"]
    small.status(small.stations[1], True)
    assert [told.address.station for told in small.asking.turn(NOW_US + S)] == ["b"]
    assert set(small.progress(made)) == {"asked"}


def test_what_is_cancelled_is_given_up_where_it_is_not_too_late(database: Database) -> None:
    small = Small(database)
    made = small.begin(first=2)
    one, two = small.asking.turn(NOW_US)
    small.answer(one)
    small.answer(two)
    small.rollouts.cancel(made, NOW_US)
    assert small.progress(made) == ["accepted", "accepted", "cancelled", "cancelled"]
    cancels = small.asking.turn(NOW_US + S)
    assert [decode(CancelCommand, each.payload).update for each in cancels] == [command(one), command(two)]
    small.answer(cancels[0])
    small.answer(cancels[1], "too late")
    assert small.progress(made)[:2] == ["cancelled", "accepted"]
    small.event(two, "update_done", model="boards-2", activated=0)
    assert small.progress(made)[:2] == ["cancelled", "installed"]
    assert small.now(made).phase == "cancelled"


def test_nobody_speaks_for_another_station(database: Database) -> None:
    small = Small(database)
    made = small.begin()
    (first,) = small.asking.turn(NOW_US)
    small.answer(first, "no", by=small.stations[3])
    assert small.progress(made)[0] == "asked"


def test_a_station_is_in_one_roll_out_at_a_time(database: Database) -> None:
    small = Small(database)
    small.begin()
    with pytest.raises(RolloutRefused, match="in another roll-out that has not ended: plant/line1/a"):
        small.rollouts.begin(Plan(1, (address(small.stations[0]),), 0, 0, False), "anna", NOW_US)
    with pytest.raises(RolloutRefused, match="no station is chosen"):
        small.rollouts.begin(Plan(1, (), 0, 0, False), "anna", NOW_US)
    with pytest.raises(RolloutRefused, match="there is no model file 9"):
        small.rollouts.begin(Plan(9, (Address("x", "y", "z"),), 0, 0, False), "anna", NOW_US)


# -- over a real broker -------------------------------------------------------------------------------


class StandIn:
    """A station's uplink as far as updates go: answers, and tells each step by an event."""

    def __init__(self, station: Simulated, centre: Listener, refuses: str = "") -> None:
        self.station, self._refuses, self._centre = station, refuses, centre
        self.commands: list[UpdateCommand] = []

    def born(self) -> None:
        self._centre.publish(f"{self.station.prefix}/status", self.station.birth(time.time_ns() // 1_000_000), True)

    def act(self) -> None:
        """Take the commands that have come."""
        known = {each.id for each in self.commands}
        for message in list(self._centre.got):
            if message.topic != f"{self.station.prefix}/cmd/update":
                continue
            said = decode(UpdateCommand, bytes(message.payload))
            if said.id not in known:
                known.add(said.id)
                self.commands.append(said)
                self._carry_out(said)

    def _carry_out(self, said: UpdateCommand) -> None:
        answer = self.station.encoder.answer(time.time_ns() // 1_000_000, said.id, "update", self._refuses, {})
        self._centre.publish(f"{self.station.prefix}/cmd/update/answer", answer)
        if not self._refuses:
            self._tell("update_started", said)
            self._tell("update_progress", said, percent=50)
            self._tell("update_downloaded", said)
            self._tell("update_done", said, model="boards-2", activated=said.activate)

    def _tell(self, name: str, said: UpdateCommand, **detail: str | int) -> None:
        topic, payload = self.station.event(time.time_ns() // 1000, name, command=said.id, **detail)
        self._centre.publish(f"{self.station.prefix}/{topic}", payload)


@contextmanager
def plant(tmp_path: Path, refusing: str = "") -> Iterator[tuple[Rollouts, list[StandIn]]]:
    """A broker, three stations, the collector."""
    database = Database(f"sqlite:///{tmp_path / 'fleet.db'}")
    url = database.url.render_as_string(hide_password=False)
    more = f'[rollout]\naddress = "{BASE}"'
    with (
        mosquitto(tmp_path / "broker") as broker,
        listening(broker.port, "okng/+/+/+/cmd/update") as centre,
        collecting(tmp_path, broker.port, url, more=more) as collector,
    ):
        collector.online()
        made = [StandIn(Simulated(n), centre, "no room on the disk" if n == refusing else "") for n in ("a", "b", "c")]
        for each in made:
            each.born()
        yield Rollouts(database), made
    database.close()


def ended(rollouts: Rollouts, made: list[StandIn], rollout_id: int, phase: str) -> Rollout:
    def look() -> Rollout | None:
        for each in made:
            each.act()
        known = rollouts.one(rollout_id)
        return known if known is not None and known.phase == phase else None

    found: Rollout = wait_for(look, why=phase)
    return found


def begin(rollouts: Rollouts, made: list[StandIn]) -> int:
    file = rollouts.add_file("t" * 32, **MODEL, by="anna", now_us=NOW_US)
    plan = Plan(file, tuple(address(each.station) for each in made), 1, 0, True)
    return rollouts.begin(plan, "anna", time.time_ns() // 1000)


def test_a_model_reaches_every_station(tmp_path: Path) -> None:
    with plant(tmp_path) as (rollouts, made):
        known = ended(rollouts, made, begin(rollouts, made), "done")
    assert [target.progress for target in known.targets] == ["activated"] * 3
    assert [len(each.commands) for each in made] == [1, 1, 1]


def test_where_the_first_one_refuses_nobody_else_is_asked(tmp_path: Path) -> None:
    with plant(tmp_path, refusing="a") as (rollouts, made):
        known = ended(rollouts, made, begin(rollouts, made), "stopped")
        assert [(t.progress, t.why) for t in known.targets] == [
            ("refused", "no room on the disk"),
            *[("waiting", "")] * 2,
        ]
        assert [len(each.commands) for each in made] == [1, 0, 0]
