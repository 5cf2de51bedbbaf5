"""The station as a whole: real store, sockets and threads; the virtual line; the canned engine."""

import json
from pathlib import Path

import numpy as np
import pytest

from agent.control import ask
from agent.errors import ControlFailed
from agent.status import Status
from agent.store.read import Reader
from agent.store.values import PartQuery
from pipelines.values import Outcome, Rule
from tests.station.rig import PUSH, RECIPE, Rig, running, virtual

CANNED_NG = 'canned = [["spur", 0.9, 10, 10, 30, 30]]\n'


def status(rig: Rig) -> Status:
    return Status.model_validate(ask(rig.runtime, "status")["status"])


def test_every_board_gets_one_row(tmp_path: Path) -> None:
    with running(tmp_path, virtual(boards=40), CANNED_NG) as rig:
        rig.until(lambda: rig.station.lanes["top"].ended)
        rig.until(lambda: rig.reader.tally().parts == 40)
        parts = rig.reader.parts(PartQuery(limit=100))
        assert [p.record.sequence for p in reversed(parts)] == list(range(1, 41))
        assert {p.record.verdict.outcome for p in parts} == {Outcome.NG}
        assert {r.label for p in parts for r in p.record.verdict.reasons} == {"spur"}
        assert all(p.record.origin.model == "canned-1" for p in parts)


def test_captured_is_judged_and_missed(tmp_path: Path) -> None:
    """FIELD 4 and 8: a lane too slow for its camera misses boards, and every one of them is counted."""
    slow = "canned_ms = 60\n"
    with running(tmp_path, virtual(boards=60, rate_hz=100, free_run=True), slow) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.ended)
        rig.until(lambda: rig.reader.tally().parts == lane.judged)
        assert lane.missed > 0
        tally = rig.reader.tally()
        last = rig.reader.parts(PartQuery(limit=1))[0].record.sequence
        assert tally.parts + tally.missed == last
        assert lane.capture.captured == lane.judged + lane.missed


def test_a_second_station_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with running(tmp_path, virtual()), pytest.raises(Exception, match="in use by process"):  # noqa: SIM117
        with running(tmp_path, virtual()):
            pass


def test_frozen_camera_is_unsure(tmp_path: Path) -> None:
    """FIELD 3: equal pictures are believed twice, then the part is UNSURE."""
    freeze = '[[lanes.top.camera.faults]]\nkind = "freeze"\nat_s = 0.3\nfor_s = 60\n'
    with running(tmp_path, virtual(rate_hz=50, free_run=True) + freeze) as rig:
        rig.until(lambda: rig.reader.tally().unsure > 3)
        newest = rig.reader.parts(PartQuery(limit=1, outcome=Outcome.UNSURE))[0]
        assert newest.record.verdict.reasons[0].rule is Rule.FROZEN


def test_vanished_camera_comes_back_and_the_other_lane_never_stops(tmp_path: Path) -> None:
    """FIELD 1 and 2: retried for ever, alone, with a state and events."""
    gone = '[[lanes.top.camera.faults]]\nkind = "vanish"\nat_s = 0.3\nfor_s = 1.0\n'
    other = virtual(rate_hz=50, free_run=True).replace("lanes.top", "lanes.side")
    with running(tmp_path, virtual(rate_hz=50, free_run=True) + gone + other) as rig:
        top, side = rig.station.lanes["top"], rig.station.lanes["side"]
        rig.until(lambda: top.capture.view.state == "gone")
        before = side.judged
        rig.until(lambda: side.judged > before + 10)
        judged = top.judged
        rig.until(lambda: top.capture.view.state == "live" and top.judged > judged)
        names = {e.name for e in rig.reader.events(100)}
        assert {"camera_gone", "camera_live"} <= names


def test_pause_and_resume(tmp_path: Path) -> None:
    with running(tmp_path, virtual()) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.judged > 3)
        assert ask(rig.runtime, "pause", lane="top", why="clean the lens")["paused"] == ["top"]
        rig.until(lambda: status(rig).lanes[0].paused_why == "clean the lens")
        judged = lane.judged
        for _ in range(10):
            rig.turn()
        assert lane.judged <= judged + 1
        ask(rig.runtime, "resume", lane="")
        rig.until(lambda: lane.judged > judged + 3)
        with pytest.raises(ControlFailed, match="unknown lane 'nowhere'; known: top"):
            ask(rig.runtime, "pause", lane="nowhere")


def test_wrong_recipe_is_refused_with_all_problems_and_the_old_one_stays(tmp_path: Path) -> None:
    bad = RECIPE.format(model='"canned-1"') + "[classes.opne]\nthreshold = 0.4\n[classes.short]\nthreshold = 2\n"
    with running(tmp_path, virtual()) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.judged > 1)
        job = lane.job
        (tmp_path / "recipes" / "bad.toml").write_text(bad)
        with pytest.raises(ControlFailed, match=r"classes\.short\.threshold"):
            ask(rig.runtime, "recipe", lane="top", name="bad")
        (tmp_path / "recipes" / "bad.toml").write_text(bad.replace("threshold = 2", "threshold = 0.2"))
        with pytest.raises(ControlFailed, match="'opne', did you mean open"):
            ask(rig.runtime, "recipe", lane="top", name="bad")
        assert lane.job is job
        (tmp_path / "recipes" / "good.toml").write_text(RECIPE.format(model='"canned-1"') + "threshold = 0.9\n"[:0])
        revision = ask(rig.runtime, "recipe", lane="top", name="good")["revision"]
        rig.until(lambda: status(rig).lanes[0].recipe_hash == revision)


def test_pushed_picture_is_answered_with_its_committed_row(tmp_path: Path) -> None:
    with running(tmp_path, PUSH, CANNED_NG) as rig:
        rig.until(lambda: rig.station.lanes["desk"].job is not None)
        folder = rig.runtime / "push"
        folder.mkdir()
        np.save(folder / "a.npy", np.full((48, 64, 3), 90, np.uint8))
        answer = ask(rig.runtime, "judge", file="a.npy", lane="desk", part_id="P7")
        part = rig.reader.part(answer["record"])
        assert part is not None
        assert (part.record.part_id, part.record.verdict.outcome, str(part.record.purpose)) == ("P7", Outcome.NG, "api")
        assert rig.reader.tally().parts == 0, "only production counts"
        for wrong, why in (("../x.npy", "plain name"), ("gone.npy", "cannot be read"), ("a.txt", "plain name")):
            with pytest.raises(ControlFailed, match=why):
                ask(rig.runtime, "judge", file=wrong, lane="desk")
        np.save(folder / "b.npy", np.zeros((4, 4), np.float32))
        with pytest.raises(ControlFailed, match="float32"):
            ask(rig.runtime, "judge", file="b.npy")


def test_broken_file_is_unsure_and_the_next_is_judged(tmp_path: Path) -> None:
    import cv2

    folder = tmp_path / "in"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.full((64, 64, 3), 90, np.uint8))
    (folder / "b.png").write_bytes((folder / "a.png").read_bytes()[:40])
    cv2.imwrite(str(folder / "c.png"), np.full((64, 64, 3), 91, np.uint8))
    lane = f'[lanes.in]\nrecipe = "trial"\ncamera = {{ kind = "folder", folder = "{folder}" }}\n'
    with running(tmp_path, lane) as rig:
        rig.until(lambda: rig.station.lanes["in"].ended)
        rig.until(lambda: rig.reader.tally().parts == 3)
        outcomes = [p.record.verdict.outcome for p in reversed(rig.reader.parts(PartQuery()))]
        assert outcomes == [Outcome.OK, Outcome.UNSURE, Outcome.OK]
        rig.until(lambda: "picture_refused" in {e.name for e in rig.reader.events(50)})


def test_five_errors_in_a_row_end_the_process_and_none_is_ok(tmp_path: Path) -> None:
    with running(tmp_path, virtual(), "canned_fail_after = 3\n") as rig:
        crash = ""
        for _ in range(500):
            crash = crash or rig.station.turn()
            if crash:
                break
            rig.station.lanes["top"].inspect.stopping.wait(0.02)
        assert "could not be judged" in crash
    # Stopped: whatever was judged is committed, the five that failed among it.
    errors = [p for p in Reader(tmp_path / "results.db").parts(PartQuery()) if p.record.inspection.fault is Rule.ERROR]
    assert len(errors) == 5
    assert {p.record.verdict.outcome for p in errors} == {Outcome.UNSURE}


def test_unknown_verbs_and_lines_are_refused(tmp_path: Path) -> None:
    import socket

    with running(tmp_path, virtual()) as rig:
        rig.turn()
        with pytest.raises(ControlFailed, match=r"unknown verb 'dance'; known: .*, judge, misbehave, model_activate"):
            ask(rig.runtime, "dance")
        with pytest.raises(ControlFailed, match="missing argument 'epoch'"):
            ask(rig.runtime, "settle")
        for line in (b"nonsense\n", b"[]\n", b'{"verb": 3}\n'):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(rig.runtime / "control.sock"))
                raw.sendall(line)
                assert json.loads(raw.recv(4096))["ok"] is False


def test_virtual_line_misbehaves_on_command(tmp_path: Path) -> None:
    with running(tmp_path, virtual(rate_hz=50, free_run=True) + PUSH) as rig:
        rig.until(lambda: rig.reader.tally().parts > 3)
        ask(rig.runtime, "misbehave", lane="top", kind="dark", for_s=60)
        rig.until(lambda: rig.reader.tally().unsure > 3)
        newest = rig.reader.parts(PartQuery(limit=1, outcome=Outcome.UNSURE))[0]
        assert newest.record.verdict.reasons[0].rule is Rule.TOO_DARK
        ask(rig.runtime, "misbehave", lane="top", kind="dark", for_s=0)
        rig.until(lambda: rig.reader.parts(PartQuery(limit=1))[0].record.verdict.outcome is Outcome.OK)
        with pytest.raises(ControlFailed, match="push camera; only a virtual one obeys"):
            ask(rig.runtime, "misbehave", lane="desk", kind="dark", for_s=1)
