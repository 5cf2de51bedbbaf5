"""Start of shift with challenge parts, on a real station: nothing passes before all were judged right."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.errors import ControlFailed
from agent.ports import Clock
from agent.store import challenges as stored
from agent.store.values import PartQuery
from pipelines.values import Purpose, Stamp
from tests.station.challenged import DARK, GOOD, NOON, PARTS, Desk, desk_of, lane, passed, settle
from tests.station.rig import Rig, running, virtual


def runs(rig: Rig) -> tuple[stored.StoredRun, ...]:
    return rig.reader.ask(lambda conn: stored.runs(conn, stored.RunQuery()))


def events(rig: Rig) -> list[str]:
    rig.station.store.flush()
    return [event.name for event in reversed(rig.reader.events(50)) if "challenge" in event.name]


def test_nothing_passes_before_every_part_was_judged_right(tmp_path: Path) -> None:
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        assert desk.state().why == ("first",)
        with pytest.raises(ControlFailed, match="not released, challenge parts are required: first"):
            desk.present("P-1")
        with pytest.raises(ControlFailed, match="no challenge parts: an engineer enters them"):
            desk.begin()
        desk.save()
        number = passed(desk)
        settle(rig, desk, released=True)
        assert desk.present("P-1") > 0
        (run,) = runs(rig)
        assert (run.id, run.state, run.by, run.why) == (number, "passed", "ann", ("first",))
        assert [(r.part, r.wrong) for r in run.results] == [("D-1", ""), ("G-2", ""), ("G-1", "")]
        assert run.bound.shift.endswith(("/a", "/b"))
        assert rig.reader.tally().parts == 1  # challenge parts count in no yield
        assert len(rig.reader.parts(PartQuery(purpose=Purpose.CHALLENGE))) == 3
        assert events(rig) == ["challenge_started", "challenge_passed"]


def test_one_mistake_fails_the_run_whatever_comes_after_and_lists_what_to_hold(tmp_path: Path) -> None:
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        desk.save()
        passed(desk)
        settle(rig, desk, released=True)
        made = [desk.present(f"P-{n}") for n in range(3)]
        failed = desk.begin()
        rig.until(lambda: desk.state().run == failed)
        with pytest.raises(ControlFailed, match="'P-9' is none of its parts"):
            desk.present("P-9")
        desk.present("G-1", DARK)  # UNSURE fails a good part
        desk.present("G-1", GOOD)  # and is not made good by another try
        assert desk.say("challenge_end", lane="desk", by="ann")["ended"] == "failed"
        settle(rig, desk, released=False)
        assert desk.state().why == ("failed",)
        held = rig.reader.ask(lambda conn: stored.held(conn, failed))
        assert [(part.id, part.part_id) for part in held] == [(n, f"P-{i}") for i, n in enumerate(made)]
        assert rig.reader.ask(lambda conn: stored.held(conn, failed, after_id=made[1])) == held[2:]
        passed(desk)
        settle(rig, desk, released=True)
        assert [run.state for run in runs(rig)] == ["passed", "failed", "passed"]


def test_an_aborted_run_changes_nothing(tmp_path: Path) -> None:
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        desk.save()
        desk.begin()
        with pytest.raises(ControlFailed, match="is on already, begun by ann"):
            desk.begin()
        desk.present("G-1")
        assert desk.say("challenge_end", lane="desk", by="bob")["ended"] == "aborted"
        settle(rig, desk, released=False)
        assert desk.state().why == ("first",)
        (run,) = runs(rig)
        assert (run.state, run.ended_by, run.note) == ("aborted", "bob", "bob has ended it")


def test_warned_lanes_go_on_with_an_alarm(tmp_path: Path) -> None:
    with running(tmp_path, lane("warn")) as rig:
        desk = desk_of(rig)
        assert desk.present("P-1") > 0
        rig.until(lambda: [a.name for a in rig.station.alarms] == ["not_released"])
        desk.save()
        passed(desk)
        settle(rig, desk, released=True)
        rig.until(lambda: not rig.station.alarms)


def test_an_override_holds_until_the_next_requirement(tmp_path: Path) -> None:
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        with pytest.raises(ControlFailed, match="reason: 0 characters; 1 to 500 are allowed"):
            desk.say("challenge_override", lane="desk", by="eve", reason=" ")
        desk.say("challenge_override", lane="desk", by="eve", reason="parts are at the lab")
        settle(rig, desk, released=True)
        assert (desk.state().overridden_by, desk.state().overridden_reason) == ("eve", "parts are at the lab")
        assert desk.present("P-1") > 0
        rig.until(lambda: [a.name for a in rig.station.alarms] == ["released_by_hand"])
        with pytest.raises(ControlFailed, match="nothing to override"):
            desk.say("challenge_override", lane="desk", by="eve", reason="again")
        # A change-over asks anew, and so does the way back.
        recipe = (tmp_path / "recipes" / "trial.toml").read_text()
        (tmp_path / "recipes" / "other.toml").write_text(recipe)
        desk.say("recipe", lane="desk", name="other")
        with pytest.raises(ControlFailed, match="challenge parts are required: recipe"):
            desk.present("P-2")
        settle(rig, desk, released=False)
        rig.until(lambda: "challenge_required" in events(rig))
        desk.say("recipe", lane="desk", name="trial")
        settle(rig, desk, released=False)
        assert desk.state().why == ("recipe",)


def test_a_change_in_the_middle_of_a_run_ends_it(tmp_path: Path) -> None:
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        desk.save()
        desk.begin()
        desk.present("G-1")
        (tmp_path / "recipes" / "other.toml").write_text((tmp_path / "recipes" / "trial.toml").read_text())
        desk.say("recipe", lane="desk", name="other")
        rig.until(lambda: runs(rig)[0].state != "running")
        (run,) = runs(rig)
        assert (run.state, run.note) == ("aborted", "recipe or model was changed in the middle of it")


def test_a_restart_asks_for_a_run_and_knows_what_was_before(tmp_path: Path) -> None:
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        desk.save()
        passed(desk)
        settle(rig, desk, released=True)
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        assert desk.state().why == ("restart",)
        assert desk.state().passed_utc_us > 0
    with running(tmp_path, lane(more='challenge_at = ["recipe"]\n')) as rig:
        assert desk_of(rig).state().why == ("restart",)  # it was required once: no configuration takes that back


def test_expired_parts_cannot_release(tmp_path: Path) -> None:
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        desk.save(*PARTS, {"id": "X", "expected": "ng", "expires": "2020-01-31"})
        with pytest.raises(ControlFailed, match=r"expired challenge parts cannot release: X \(2020-01-31\)"):
            desk.begin()


def test_two_editors_of_a_set(tmp_path: Path) -> None:
    with running(tmp_path, lane()) as rig:
        desk = desk_of(rig)
        first = desk.save()
        with pytest.raises(ControlFailed, match="somebody has changed the set meanwhile"):
            desk.save({"id": "mine", "expected": "ok"})
        desk.save({"id": "mine", "expected": "ok"}, revision=first)
        with pytest.raises(ControlFailed) as refused:
            desk.save(
                {"id": "A", "expected": "good"},
                {"id": "B", "expected": "ok", "defect": "spur"},
                {"id": "B", "expected": "ng", "expires": "31.12.2026"},
                {"id": "C", "expected": "ng"},
                {"id": "C", "expected": "ng"},
            )
        said = str(refused.value)
        for where in ("parts.0.expected", "parts.1.defect", "parts.2.expires", "parts.4.id"):
            assert where in said


def test_a_camera_takes_one_picture_for_each_part_that_is_announced(tmp_path: Path) -> None:
    """Nothing else is judged while a run is on: a free-running line shows whatever lies there."""
    with running(
        tmp_path, virtual(rate_hz=50, free_run=True).replace('"trial"', '"trial"\nchallenge = "block"')
    ) as rig:
        desk = desk_of(rig)
        desk.save({"id": "A", "expected": "ok"}, {"id": "B", "expected": "ok"})
        rig.until(lambda: rig.station.lanes["top"].capture.view.newest)
        assert rig.station.lanes["top"].judged == 0
        number = int(desk.say("challenge_start", lane="top", by="ann")["run"])
        with pytest.raises(ControlFailed, match=f"'C' is no part of run {number}; its parts: A, B"):
            desk.say("challenge_next", lane="top", part="C")
        desk.say("challenge_next", lane="top", part="B")
        rig.until(lambda: desk.state().judged == 1)
        assert rig.station.lanes["top"].judged == 1
        desk.say("challenge_next", lane="top", part="A")
        settle(rig, desk, released=True)
        rig.until(lambda: rig.station.lanes["top"].judged > 5)
        tagged = rig.reader.parts(PartQuery(purpose=Purpose.CHALLENGE))
        assert [part.record.part_id for part in tagged] == ["A", "B"]


class HandClock:
    """The real one, put forward by hand."""

    def __init__(self) -> None:
        self._real: Clock = SystemClock()
        self.ahead_s = 0.0

    def now(self) -> Stamp:
        at = self._real.now()
        return replace(at, utc_us=at.utc_us + round(self.ahead_s * 1e6))


def test_the_next_shift_asks_for_a_run_and_its_end_for_another(tmp_path: Path) -> None:
    clock = HandClock()
    day_s = 86_400
    noon_s = 12 * 3600 - clock.now().utc_us // 1_000_000 % day_s
    clock.ahead_s = noon_s + day_s + 600  # ten past noon: shift b, until midnight
    with running(tmp_path, lane(shifts=NOON), clock=clock) as rig:
        desk = desk_of(rig)
        desk.save(*({k: v for k, v in part.items() if k != "expires"} for part in PARTS))
        passed(desk)
        settle(rig, desk, released=True)
        assert desk.state().closing_until_utc_us == 0
        clock.ahead_s += 12 * 3600 - 1200  # ten to midnight
        rig.until(lambda: desk.state().closing_until_utc_us)
        assert desk.state().released
        rig.until(lambda: [a.name for a in rig.station.alarms if a.name == "closing_run_due"])
        passed(desk)
        rig.until(lambda: not desk.state().closing_until_utc_us)
        clock.ahead_s += 1200
        rig.until(lambda: desk.state().why == ("shift_start",))
        with pytest.raises(ControlFailed, match="challenge parts are required: shift_start"):
            desk.present("P-1")
        passed(desk)
        settle(rig, desk, released=True)
        clock.ahead_s += 12 * 3600 - 1200
        rig.until(lambda: desk.state().closing_until_utc_us)
        clock.ahead_s += 1200
        rig.until(lambda: "closing_run_missed" in [e.name for e in rig.reader.events(50)])


def test_verbs_name_what_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path, lane("off")) as rig:
        desk = Desk(rig.runtime)
        rig.turn()
        assert desk.state().mode == "off"
        for verb, more, says in (
            ("challenge_start", {"lane": "desk", "by": "ann"}, "asks for no challenge parts"),
            ("challenge_start", {"lane": "nowhere", "by": "ann"}, "unknown lane 'nowhere'; known: desk"),
            ("challenge_start", {"lane": "desk", "by": " "}, "who says it is to be named"),
            ("challenge_end", {"lane": "desk"}, "missing argument 'by'"),
            ("challenge_save", {"recipe": "../x", "parts": [], "revision": ""}, "recipe"),
            ("challenge_save", {"recipe": "x", "parts": {}, "revision": ""}, "a list of at most 60 parts"),
        ):
            with pytest.raises(ControlFailed, match=says):
                desk.say(verb, **more)
