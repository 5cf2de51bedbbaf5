"""A canary and a shadow on a running station with canned answers."""

import json
import os
import signal
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.cli import main
from agent.clock import SystemClock, boot_id
from agent.config import EngineConfig
from agent.control import ask
from agent.errors import ControlFailed
from agent.station.beside.canary import drawn
from agent.station.beside.shadow import Shadow
from agent.station.models.activations import Activations
from agent.station.models.bundle import read_bundle, sha256_of
from agent.station.models.gate import Gates
from agent.station.models.running import FILE as RUNNING
from agent.station.models.trial import Result
from agent.store.values import PartQuery
from pipelines.values import (
    Frame,
    Outcome,
    Rule,
)
from tests.station.rig import RECIPE, Rig, canned_bundle, running, virtual

CANNED = """
devices = ["CPU"]
canned = [["open", 0.9, 8, 8, 24, 24], ["short", 0.98, 40, 40, 56, 56]]
"""
RULES = (
    RECIPE.format(model='"canned-1"')
    .replace("5000", "60000")
    .replace("[quality]", "classes.short.allowed = 1\n[quality]")
)
"""canned-1 sees an "open" and rejects every part; canned-2 counts it from 0.95 only, and passes every part."""
ROWS = {"canned-1": [["open", 0.9, 8, 8, 24, 24], ["short", 0.98, 40, 40, 56, 56]]}
ROWS["canned-2"] = ROWS["canned-1"][1:]


def stocked(data: Path) -> Path:
    """Two models with golden pictures, tried already."""
    for name, rows in ROWS.items():
        folder = canned_bundle(data / "models" / name)
        cv2.imwrite(str(folder / "golden.png"), np.full((64, 64, 3), 90, np.uint8))
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest |= {"version": name[-1], "golden": [{"file": "golden.png", "expected": rows}]}
        manifest["files"]["golden.png"] = sha256_of(folder / "golden.png")
        if name == "canned-2":
            manifest["thresholds"] = {"open": 0.95}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        gates = Gates(data, EngineConfig(kind="canned", devices=("CPU",)), SystemClock())
        gates.measured(read_bundle(folder), Result(device="CPU", runtime="canned", p50_ms=1, p99_ms=1, memory_mb=1))
    return data


def started(rig: Rig) -> None:
    lane = rig.station.lanes["top"]
    rig.until(lambda: lane.started and lane.judged > 0, 300)
    assert lane.trouble == ""


def events(rig: Rig) -> dict[str, dict[str, str | int | float]]:
    return {e.name: e.detail for e in rig.reader.events(100)}


def test_a_part_of_the_canary_passes_only_if_both_pass_it(tmp_path: Path) -> None:
    """Chosen before it is judged; the record names the active model, the second opinion the candidate."""
    data = stocked(tmp_path / "data")
    rules = RULES.replace("canned-1", "canned-2")
    with running(data, virtual(rate_hz=40), CANNED, recipe=rules) as rig:
        started(rig)
        with pytest.raises(ControlFailed, match="share 2: above 0 and up to 1 is allowed"):
            ask(rig.runtime, "model_canary", 300, id="canned-1", share=2)
        with pytest.raises(ControlFailed, match="is the active one of recipe trial"):
            ask(rig.runtime, "model_canary", 300, id="canned-2", share=0.5, again=True)
        said = ask(rig.runtime, "model_canary", 300, id="canned-1", share=0.5, expect_change=True)
        assert (said["model"], said["lanes"]) == ("canned-1", ["top"])
        rig.until(
            lambda: (side := rig.station._models.company.canary("top")) and side.tally.figures().compared >= 30, 60
        )
        rig.turn()
        status = ask(rig.runtime, "status")["status"]["lanes"][0]["canary"]
        assert (status["model"], status["share"], status["passes_more"]) == ("canned-1", 0.5, 0)
        assert status["rejects_more"] == status["compared"]
        off = ask(rig.runtime, "model_canary", 300, id="off")
        wanted = off["figures"]["top"]["compared"]
        digest, key = read_bundle(data / "models" / "canned-1").digest, rig.reader.draw_key()
        rig.until(lambda: sum(rig.beside(digest, "canary").values()) == wanted)
        parts = rig.reader.parts(PartQuery(limit=500))
        judged_by_both = {o.part for o in rig.reader.second_opinions([p.id for p in parts])}
        for part in parts:
            record = part.record
            assert record.origin.model == "canned-2"
            assert record.verdict.outcome is (Outcome.NG if part.id in judged_by_both else Outcome.OK)
            if part.id in judged_by_both:
                assert [(r.rule, r.label) for r in record.verdict.reasons] == [(Rule.DEFECT, "open")]
                frame = Frame("top", record.sequence, np.zeros((1, 1, 3), np.uint8), record.captured)
                assert drawn(frame, 0.5, key)
        assert Activations(data).of("trial").canary is None


def test_a_canary_goes_on_after_a_stop_by_the_same_draw_and_ends_when_it_is_activated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the command line, as a person would."""
    data = stocked(tmp_path / "data")
    named = ("--config", str(data / "station.toml"))
    with running(data, virtual(rate_hz=40), CANNED, recipe=RULES) as rig:
        started(rig)
        assert main(["model", "canary", "canned-2", "--share", "0.495", "--expect-change", *named]) == 0
        told = "canned-2, recipe trial, top: for 49.5 % of the parts, a part passes only if it passes it too"
        assert told in capsys.readouterr().out
        rig.until(lambda: compared(rig) >= 10, 300)
    with running(data, virtual(rate_hz=40), CANNED, recipe=RULES) as rig:
        started(rig)
        rig.until(lambda: compared(rig) >= 10, 300)
        ask(rig.runtime, "model_activate", 300, id="canned-2", expect_change=True)
        rig.until(lambda: "model_canary_ended" in events(rig), 300)
        assert events(rig)["model_canary_ended"]["why"] == "it is the active model now"
        kept = Activations(data).of("trial")
        assert (kept.canary, kept.canary_trouble) == (None, ""), "no alarm"
        assert main(["model", "canary", "off", *named]) == 0
        assert "recipe trial has no canary" in capsys.readouterr().out
        parts, key = rig.reader.parts(PartQuery(limit=500)), rig.reader.draw_key()
    by_both = {o.part for o in rig.reader.second_opinions([p.id for p in parts])}
    for run in {part.record.run for part in parts}:
        ids = [part.id for part in parts if part.record.run == run and part.id in by_both]
        assert len(ids) >= 10
        for part in parts:
            record = part.record
            if record.run == run and min(ids) <= part.id <= max(ids):
                frame = Frame("top", record.sequence, np.zeros((1, 1, 3), np.uint8), record.captured)
                assert (part.id in by_both) is drawn(frame, 0.495, key)


def compared(rig: Rig) -> int:
    """Parts that the canary has judged, in this run."""
    side = rig.station._models.company.canary("top")
    return side.tally.figures().compared if side is not None else 0


def test_a_shadow_in_its_process_touches_no_answer(tmp_path: Path) -> None:
    """And dies alone; it comes back after a pause."""
    data = stocked(tmp_path / "data")
    with running(data, virtual(rate_hz=20), CANNED, recipe=RULES) as rig:
        started(rig)
        lane, company = rig.station.lanes["top"], rig.station._models.company
        before_it = lane.judged
        assert ask(rig.runtime, "model_shadow", 300, id="canned-2")["lanes"] == ["top"]
        shadow = company.shadow("top")
        assert isinstance(shadow, Shadow)
        rig.until(lambda: shadow.tally.figures().compared >= 5, 300)
        figures = shadow.tally.figures()
        assert figures.passes_more == figures.differ == figures.compared
        assert os.getpriority(os.PRIO_PROCESS, shadow.pid) == 19
        rig.until(lambda: sum(rig.beside(shadow.task.digest, "shadow").values()) >= 5)
        assert set(rig.beside(shadow.task.digest, "shadow")) == {(Outcome.NG, Outcome.OK)}
        assert Activations(data).of("trial").shadow == "canned-2"
        os.kill(shadow.pid, signal.SIGKILL)
        rig.until(lambda: "model_shadow_restarts" in events(rig), 300)
        assert "signal 9" in str(events(rig)["model_shadow_restarts"]["why"])
        before = lane.judged
        rig.until(lambda: lane.judged > before + 10, 300)
        assert Activations(data).of("trial").shadow == "canned-2"
        assert rig.reader.tally().ok == 0
        # A new job comes without its second models: what it judges until they are there is not forgotten.
        ask(rig.runtime, "recipe", 300, lane="top", name="trial")
        rig.until(lambda: shadow.device and lane.judged > before + 20, 300)
        ask(rig.runtime, "pause", 300, lane="top")
        rig.until(lambda: lane.capture.captured == lane.judged + lane.missed, 300)
        since = lane.judged - shadow._began
        assert 0 < since <= lane.judged - before_it
        rig.until(lambda: shadow.figures().compared + shadow.figures().dropped == since, 300)
        figures = shadow.figures()
        assert figures.dropped_away > 0, "while its process was not there"
        assert figures.dropped == figures.dropped_busy + figures.dropped_away + figures.dropped_unseen
        off = ask(rig.runtime, "model_shadow", 300, id="off")["figures"]["top"]
        assert off["compared"] + off["dropped"] == since


def test_a_canary_is_compiled_without_a_lock_and_chosen_again_with_it(tmp_path: Path) -> None:
    """What is told to the lane meanwhile is done at once, and may be a reason against the canary."""
    data = stocked(tmp_path / "data")
    with running(data, virtual(rate_hz=20), CANNED, recipe=RULES) as rig:
        started(rig)
        casting, begun, go_on = rig.station._models.beside._casting, threading.Event(), threading.Event()

        def compile_(*_: object) -> None:
            begun.set()
            go_on.wait(60)

        casting.compile = compile_  # type: ignore[method-assign]
        refused: list[str] = []

        def tell() -> None:
            try:
                ask(rig.runtime, "model_canary", 300, id="canned-2", share=0.5)
            except ControlFailed as error:
                refused.append(str(error))

        teller = threading.Thread(target=tell)
        teller.start()
        try:
            assert begun.wait(60)
            ask(rig.runtime, "model_activate", 60, id="canned-2", expect_change=True)
        finally:
            go_on.set()
            teller.join(60)
        assert len(refused) == 1
        assert "canned-2 is active for recipe trial" in refused[0]
        assert Activations(data).of("trial").canary is None


def test_a_canary_with_which_the_station_died_is_not_taken_up_again(tmp_path: Path) -> None:
    data = stocked(tmp_path / "data")
    digest = read_bundle(data / "models" / "canned-2").digest
    told = {"id": "canned-2", "digest": digest, "share": 1.0, "boot": boot_id(), "ended_well": False}
    (data / "models.json").write_text(json.dumps({"recipes": {"trial": {"canary": told}}}))
    (data / RUNNING).touch()
    with running(data, virtual(rate_hz=20), CANNED, recipe=RULES) as rig:
        started(rig)
        rig.until(lambda: "model_canary_ended" in events(rig))
        rig.turn()
        rig.turn()
        alarms = {a["name"]: a["detail"] for a in ask(rig.runtime, "status")["status"]["alarms"]}
        assert alarms["canary_ended"] == "canned-2: the station died while it judged"
        ask(rig.runtime, "model_canary", 300, id="off")
        rig.turn()
        rig.turn()
        assert "canary_ended" not in {a["name"] for a in ask(rig.runtime, "status")["status"]["alarms"]}
