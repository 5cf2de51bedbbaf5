"""One name, one machine; or two, and then neither's numbers are the other's."""

from dataclasses import replace

from agent.status import Alarm
from benchmarks.fleet.simulated import MINUTE_US, START_US, Simulated
from fleet.intake.topics import Address
from fleet.store.database import Database
from fleet.store.read import Reader
from fleet.store.values import Box, Glance, Scope
from fleet.store.write import EpochKey, Writer
from tests.fleet.stored import NOW_US, added, taken

A = Address("plant", "line1", "a")
OTHER = "00000000000000bb"


def minute(n: int) -> int:
    return START_US + n * MINUTE_US


class Rig:
    """A store, and a clock that goes with the messages."""

    def __init__(self, database: Database) -> None:
        self.writer, self.reader = Writer(database), Reader(database)
        self.now_us = NOW_US

    def store(self, station: Simulated, *messages: tuple[str, bytes], retained: bool = False) -> None:
        self.now_us += 1_000_000
        self.writer.store([taken(station.prefix, m, retained) for m in messages], self.now_us)

    def status(self, station: Simulated, payload: bytes, retained: bool = False) -> None:
        self.store(station, ("status", payload), retained=retained)

    def glances(self) -> tuple[Glance, ...]:
        return self.reader.glances(self.now_us // 1000)

    def by_box(self) -> dict[Box | None, int]:
        return {g.box: g.sums.parts for g in self.reader.sums(Scope(), ("box",))}


def test_a_new_epoch_goes_on_with_the_old_one(database: Database) -> None:
    rig = Rig(database)
    old, new = Simulated("a"), Simulated("a", epoch=OTHER)
    rig.store(old, *(old.window(minute(n)) for n in range(3)))
    rig.store(new, *(new.window(minute(n)) for n in range(3, 6)))
    (glance,) = rig.glances()
    assert (glance.box, glance.conflict, glance.sync.epoch) == (Box(A), False, OTHER)
    assert rig.by_box() == {Box(A): added([*old.said, *new.said]).parts}


def test_what_was_still_on_its_way_is_no_second_machine(database: Database) -> None:
    """A restored station numbers anew what it had not heard the end of, older than the old epoch's last."""
    rig = Rig(database)
    old, new = Simulated("a"), Simulated("a", epoch=OTHER)
    late = [old.window(minute(n)) for n in range(6)]
    rig.store(old, *late[:3])
    rig.store(new, new.window(minute(2)), new.event(minute(7), "epoch_renewed", old=old.epoch, new=OTHER))
    rig.store(old, *late[3:])
    (glance,) = rig.glances()
    assert (glance.box, glance.conflict) == (Box(A), False)


def test_two_machines_of_one_name_are_kept_apart(database: Database) -> None:
    rig = Rig(database)
    one, two = Simulated("a"), Simulated("a", epoch=OTHER, seed=9)
    for n in range(4):
        rig.store(one, one.window(minute(n)))
        rig.store(two, two.window(minute(n) + 1))
    first, second = rig.glances()
    assert (first.box, second.box) == (Box(A, 1), Box(A, 2))
    assert first.conflict
    assert second.conflict
    assert rig.by_box() == {Box(A, 1): added(one.said).parts, Box(A, 2): added(two.said).parts}
    assert [g.sums for g in rig.reader.sums(Scope(station="a", box=2))] == [added(two.said)]
    # a third database in this name is nobody's continuation
    three = Simulated("a", epoch="00000000000000cc")
    rig.store(three, three.window(minute(9)))
    assert [g.box.number for g in rig.glances()] == [1, 2, 3]


def test_a_conflict_ends_an_hour_after_its_last_sign(database: Database) -> None:
    rig = Rig(database)
    one, two = Simulated("a"), Simulated("a", epoch=OTHER)
    for n in range(2):
        rig.store(one, one.window(minute(n)))
        rig.store(two, two.window(minute(n) + 1))
    rig.now_us += 3_700_000_000
    rig.store(one, one.window(minute(70)))
    assert [g.conflict for g in rig.glances()] == [False, False]
    assert rig.by_box()[Box(A, 2)] == added(two.said).parts


def test_two_that_throw_each_other_out_are_a_conflict(database: Database) -> None:
    rig = Rig(database)
    a = Simulated("a")
    rig.status(a, a.birth(1000, instance="one"))
    rig.status(a, a.birth(500, instance="two"))  # its clock is behind
    (glance,) = rig.glances()
    assert (glance.presence.instance, glance.conflict) == ("two", False)
    rig.status(a, a.birth(1100, instance="one"))
    (glance,) = rig.glances()
    assert (glance.presence.instance, glance.conflict) == ("one", True)


def test_statuses_that_come_late_or_again_change_nothing(database: Database) -> None:
    rig = Rig(database)
    a = Simulated("a")
    first, will = a.birth(1000, instance="one"), a.birth(990, online=False, instance="one", why="lost")
    rig.status(a, first)
    rig.status(a, a.birth(2000, instance="two"))
    for old in (first, will):
        rig.status(a, old)
        rig.status(a, old, retained=True)
    (glance,) = rig.glances()
    assert (glance.presence.instance, glance.presence.online, glance.conflict) == ("two", True, False)
    rig.status(a, a.birth(1990, online=False, instance="two", why="lost"))
    (glance,) = rig.glances()
    assert (glance.presence.online, glance.presence.why) == (False, "lost")
    rig.status(a, a.birth(3000, instance="two"))
    assert rig.glances()[0].presence.online


def test_a_station_that_only_said_hello_is_shown(database: Database) -> None:
    rig = Rig(database)
    a = Simulated("a")
    rig.status(a, a.birth(1000))
    (glance,) = rig.glances()
    assert (glance.box, glance.presence.version, glance.sync.complete_ms, glance.lanes) == (Box(A), "0.1.0", 0, ())


def test_a_station_that_jumped_back_loses_nothing_and_overwrites_nothing(database: Database) -> None:
    """Restored from a backup without noticing: its numbers are told with other bytes, and the centre names its own."""
    rig = Rig(database)
    before = Simulated("a")
    rig.store(before, *(before.window(minute(n)) for n in range(10)))
    restored = replace(Simulated("a", seed=3), seq=5)
    rig.store(restored, *(restored.window(minute(n)) for n in range(20, 23)))
    assert rig.by_box() == {Box(A): added(before.said).parts}
    assert {a.cause for a in rig.reader.asides()} == {"differs"}
    (holding,) = rig.writer.holdings([EpochKey(A, before.epoch)])
    assert holding.held == 10  # above the station's 8: on this word it begins a new epoch
    renewed = replace(restored, epoch=OTHER, seq=0, said=list(restored.said[:0]))
    again = [renewed.window(minute(n)) for n in range(20, 23)]
    rig.store(renewed, *again, renewed.event(minute(23), "epoch_renewed", old=before.epoch, new=OTHER))
    (glance,) = rig.glances()
    assert not glance.conflict
    assert rig.by_box() == {Box(A): added(before.said).parts + added(renewed.said).parts}


def test_alarms_that_a_new_process_does_not_know_have_ended(database: Database) -> None:
    rig = Rig(database)
    a = Simulated("a")
    rig.store(a, a.event(minute(0), "alarm", alarm="camera_gone", lane="top", detail=""))
    rig.store(a, a.event(minute(0), "alarm", alarm="clock", lane="", detail=""))
    assert len(rig.glances()[0].alarms) == 2

    def says(n: int, alarms: list[Alarm] | None) -> None:
        rig.store(a, ("alarms", a.encoder.alarms(minute(n) // 1000, alarms)), retained=True)

    says(1, None)  # the station's process does not answer: nothing is known
    assert len(rig.glances()[0].alarms) == 2
    says(2, [Alarm(name="camera_gone", lane="top", since_utc_us=minute(2), detail="")])
    assert [x.name for x in rig.glances()[0].alarms] == ["camera_gone"]
    assert {x.name: x.ended_ms for x in rig.reader.alarms()} == {"camera_gone": 0, "clock": minute(2) // 1000}
    rig.store(a, a.event(minute(3), "alarm", alarm="clock", lane="", detail="again"))
    assert len(rig.glances()[0].alarms) == 2
