"""What a station must live through: an ended source, a disk that takes no revision, a bad recipe, a hung camera."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.control import ask
from agent.errors import ControlFailed
from agent.ports import CameraInfo, Shot
from agent.store.values import PartQuery
from pipelines.values import Outcome, Rule, Stamp
from tests.station.rig import RECIPE, running, virtual


class SkippingClock:
    """The real clock, which can be set forward."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.ahead_s = 0.0

    def now(self) -> Stamp:
        now = self._clock.now()
        return replace(now, mono_ns=now.mono_ns + int(self.ahead_s * 1e9))


def test_an_ended_source_is_not_judged_again(tmp_path: Path) -> None:
    clock = SkippingClock()
    with running(tmp_path, virtual(boards=5), clock=clock) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.ended)
        rig.until(lambda: rig.reader.tally().parts == 5)
        clock.ahead_s = 100.0
        for _ in range(20):
            rig.turn()
        assert lane.capture.view.state == "ended"
        assert lane.capture.captured == 5
        assert "camera_hung" not in {e.name for e in rig.reader.events(100)}


def test_a_disk_that_keeps_no_revision_is_no_reason_not_to_judge(tmp_path: Path) -> None:
    """FIELD 18."""
    (tmp_path / "last-good").write_text("in the way")
    with running(tmp_path, virtual(boards=5)) as rig:
        rig.until(lambda: rig.reader.tally().parts == 5)
        rig.until(lambda: "recipe_not_kept" in {e.name for e in rig.reader.events(100)})


def test_a_pause_outlives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, virtual()) as rig:
        rig.until(lambda: rig.station.lanes["top"].judged > 2)
        ask(rig.runtime, "pause", lane="top", why="new lamp")
    with running(tmp_path, virtual()) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.started)
        for _ in range(20):
            rig.turn()
        assert (lane.paused.why, lane.judged) == ("new lamp", 0)
        ask(rig.runtime, "resume", lane="top")
        rig.until(lambda: lane.judged > 2)


def test_a_recipe_that_went_bad_at_rest_leaves_its_last_good_revision(tmp_path: Path) -> None:
    """FIELD 22: an unknown label in the file; the lane judges on, with an alarm that names it."""
    with running(tmp_path, virtual(boards=3)) as rig:
        rig.until(lambda: rig.reader.tally().parts == 3)
        good = rig.station.lanes["top"].job
    bad = RECIPE.format(model='"canned-1"') + "[classes.opne]\nthreshold = 0.4\n"
    with running(tmp_path, virtual(), recipe=bad) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.judged > 2)
        assert good is not None
        assert lane.job is not None
        assert lane.job.origin.recipe_hash == good.origin.recipe_hash
        assert "did you mean open" in lane.recipe_trouble
        rig.until(lambda: "recipe_refused" in {a.name for a in rig.station.alarms})


def test_equal_frames_of_a_free_running_camera_are_frozen_with_a_queue_as_well(tmp_path: Path) -> None:
    """FIELD 3: keep = every must not switch the gate off."""
    freeze = '[[lanes.top.camera.faults]]\nkind = "freeze"\nat_s = 0.2\nfor_s = 60\n'
    lanes = (virtual(rate_hz=50, free_run=True) + freeze).replace("[lanes.top]\n", '[lanes.top]\nkeep = "every"\n')
    with running(tmp_path, lanes) as rig:
        rig.until(lambda: rig.reader.tally().unsure > 3)
        newest = rig.reader.parts(PartQuery(limit=1, outcome=Outcome.UNSURE))[0]
        assert newest.record.verdict.reasons[0].rule is Rule.FROZEN


class HungCamera:
    """A driver whose read does not come back until it is let go."""

    def __init__(self, go: threading.Event) -> None:
        self._go = go

    def open(self) -> CameraInfo:
        return CameraInfo(serial="hung", width_px=0, height_px=0)

    def read(self, timeout_s: float) -> Shot | None:  # noqa: ARG002
        self._go.wait(60)
        return None

    def close(self) -> None:
        return None


def test_hung_cameras_do_not_hold_up_the_end_nor_each_other(tmp_path: Path) -> None:
    """FIELD 2."""
    go = threading.Event()
    names = [f"lane{n}" for n in range(5)]
    lanes = "".join(virtual().replace("lanes.top", f"lanes.{name}") for name in names)
    with running(tmp_path, lanes, cameras={name: lambda: HungCamera(go) for name in names}) as rig:
        rig.until(lambda: all(lane.started for lane in rig.station.lanes.values()))
    # The block has ended: the station is down while all five drivers still hang.
    left = [t for t in threading.enumerate() if t.name.startswith("capture-lane")]
    assert len(left) == 5
    go.set()
    for thread in left:
        thread.join(10)


def test_numbers_beyond_any_count_are_refused(tmp_path: Path) -> None:
    with running(tmp_path, virtual()) as rig:
        rig.turn()
        for wrong in (2**70, -1, 1.5, "7", True):
            with pytest.raises(ControlFailed, match="a whole number from 0"):
                ask(rig.runtime, "resend", from_seq=1, to_seq=wrong)
        rig.until(lambda: rig.station.lanes["top"].judged > 1)
