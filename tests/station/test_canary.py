"""A canary and a shadow on a running station with canned answers, and the rules of two verdicts."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock, boot_id
from agent.config import EngineConfig
from agent.control import ask
from agent.errors import ControlFailed
from agent.station.beside.canary import Canary, Terms, drawn
from agent.station.beside.compare import SEVERITY, compared, stricter
from agent.station.beside.keep import Candidate, Keeper
from agent.station.beside.shadow import Shadow
from agent.station.job import Job, look_and_judge
from agent.station.models.activations import Activations
from agent.station.models.bundle import read_bundle, sha256_of
from agent.station.models.gate import Gates
from agent.station.models.trial import Result
from agent.store.values import PartQuery
from pipelines.recipe import Recipe
from pipelines.values import (
    Detection,
    Frame,
    Inspection,
    Origin,
    Outcome,
    Quality,
    Reason,
    Rule,
    Stamp,
    Verdict,
)
from tests.station.rig import RECIPE, Rig, canned_bundle, running, virtual

CANNED = """
devices = ["CPU"]
canned = [["open", 0.9, 8, 8, 24, 24], ["short", 0.98, 40, 40, 56, 56]]
"""
RULES = RECIPE.format(model='"canned-1"').replace("[quality]", "classes.short.allowed = 1\n[quality]")
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
    rig.until(lambda: lane.started and lane.judged > 0, 120)
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
            ask(rig.runtime, "model_canary", 60, id="canned-1", share=2)
        with pytest.raises(ControlFailed, match="is the active one of recipe trial"):
            ask(rig.runtime, "model_canary", 60, id="canned-2", share=0.5, again=True)
        said = ask(rig.runtime, "model_canary", 60, id="canned-1", share=0.5, expect_change=True)
        assert (said["model"], said["lanes"]) == ("canned-1", ["top"])
        rig.until(
            lambda: (side := rig.station._models.company.canary("top")) and side.tally.figures().compared >= 30, 60
        )
        rig.turn()
        status = ask(rig.runtime, "status")["status"]["lanes"][0]["canary"]
        assert (status["model"], status["share"], status["passes_more"]) == ("canned-1", 0.5, 0)
        assert status["rejects_more"] == status["compared"]
        off = ask(rig.runtime, "model_canary", 60, id="off")
        wanted = off["figures"]["top"]["compared"]
        digest, key = read_bundle(data / "models" / "canned-1").digest, rig.reader.draw_key()
        rig.until(lambda: sum(rig.reader.agreement(digest, "canary").values()) == wanted)
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


def test_a_shadow_in_its_process_touches_no_answer(tmp_path: Path) -> None:
    """And ends alone when it dies."""
    data = stocked(tmp_path / "data")
    with running(data, virtual(rate_hz=20), CANNED, recipe=RULES) as rig:
        started(rig)
        lane, company = rig.station.lanes["top"], rig.station._models.company
        assert ask(rig.runtime, "model_shadow", 120, id="canned-2")["lanes"] == ["top"]
        shadow = company.shadow("top")
        assert isinstance(shadow, Shadow)
        rig.until(lambda: shadow.tally.figures().compared >= 5, 120)
        figures = shadow.tally.figures()
        assert figures.passes_more == figures.differ == figures.compared
        assert os.getpriority(os.PRIO_PROCESS, shadow.pid) == 19
        rig.until(lambda: sum(rig.reader.agreement(shadow.task.digest, "shadow").values()) >= 5)
        assert set(rig.reader.agreement(shadow.task.digest, "shadow")) == {(Outcome.NG, Outcome.OK)}
        assert Activations(data).of("trial").shadow == "canned-2"
        os.kill(shadow.pid, signal.SIGKILL)
        rig.until(lambda: "model_shadow_ended" in events(rig), 60)
        assert "signal 9" in str(events(rig)["model_shadow_ended"]["why"])
        before = lane.judged
        rig.until(lambda: lane.judged > before + 10, 60)
        assert Activations(data).of("trial").shadow is None
        assert rig.reader.tally().ok == 0


def test_a_canary_with_which_the_station_died_is_not_taken_up_again(tmp_path: Path) -> None:
    data = stocked(tmp_path / "data")
    digest = read_bundle(data / "models" / "canned-2").digest
    told = {"id": "canned-2", "digest": digest, "share": 1.0, "boot": boot_id(), "ended_well": False}
    (data / "models.json").write_text(json.dumps({"recipes": {"trial": {"canary": told}}}))
    with running(data, virtual(rate_hz=20), CANNED, recipe=RULES) as rig:
        started(rig)
        rig.until(lambda: "model_canary_ended" in events(rig))
        rig.turn()
        rig.turn()
        alarms = {a["name"]: a["detail"] for a in ask(rig.runtime, "status")["status"]["alarms"]}
        assert alarms["canary_ended"] == "canned-2: the station died while it judged"
        ask(rig.runtime, "model_canary", 60, id="off")
        rig.turn()
        rig.turn()
        assert "canary_ended" not in {a["name"] for a in ask(rig.runtime, "status")["status"]["alarms"]}


# One part ----------------------------------------------------------------------------------------------

CLOCK = SystemClock()
GOOD = Quality(100.0, 120.0, 0.0, 0.0, 0)


def job(look: object, deadline_ms: float = 5000) -> Job:
    recipe = Recipe.model_validate({"name": "trial", "model": "m-1", "deadline_ms": deadline_ms})
    origin = Origin("top", "virtual", "", "trial", "r", "m-1", "h", "CPU", "0")
    return Job(recipe, {"open": 0.5}, origin, look, lambda: "", "", 100.0)  # type: ignore[arg-type]


def canary(look: object, trouble: int = 3, deadline_ms: float = 5000) -> Canary:
    keeper = Keeper(Candidate("m-2", "h2", "canary"), lambda _: None, lambda *_: None, CLOCK)
    return Canary(job(look, deadline_ms), Terms(1.0, b"k", trouble), keeper, CLOCK)


def frame(number: int = 1) -> Frame:
    return Frame("top", number, np.full((8, 8, 3), 120, np.uint8), CLOCK.now())


def clean(_: Frame) -> Inspection:
    return Inspection((), GOOD, 8, 8)


def broken(_: Frame) -> Inspection:
    raise ValueError("it broke")


def test_a_canary_that_fails_ends_by_itself_and_the_active_model_is_not_blamed() -> None:
    side = canary(broken)
    active = replace(job(clean), beside=(side,))
    outcomes = [look_and_judge(active, frame(n), "", CLOCK) for n in range(1, 6)]
    assert [j.verdict.outcome for j in outcomes] == [Outcome.UNSURE] * 3 + [Outcome.OK] * 2
    assert all(j.own.outcome is Outcome.OK for j in outcomes)
    assert all(r.rule is Rule.ERROR for j in outcomes[:3] for r in j.verdict.reasons)
    assert "3 parts could not be judged for an error: ValueError: it broke" in side.trouble


def test_a_canary_that_makes_parts_late_ends_by_itself() -> None:
    def slow(given_: Frame) -> Inspection:
        end = CLOCK.now().mono_ns + 60_000_000
        while CLOCK.now().mono_ns < end:
            pass
        return clean(given_)

    side = canary(slow, trouble=1, deadline_ms=50)
    side.weigh(frame(), clean(frame()), Verdict(Outcome.OK))
    assert "1 parts were late because of it" in side.trouble


VERDICTS = st.builds(
    lambda outcome, labels: Verdict(
        outcome,
        ()
        if outcome is Outcome.OK
        else tuple(Reason(Rule.DEFECT if outcome is Outcome.NG else Rule.ERROR, label=n) for n in labels),
    ),
    st.sampled_from(list(Outcome)),
    st.lists(st.sampled_from(["open", "short", "spur"]), min_size=1, max_size=3, unique=True),
)


@given(VERDICTS, VERDICTS)
def test_the_stricter_verdict_is_never_better_than_either(one: Verdict, two: Verdict) -> None:
    both = stricter(one, two)
    assert SEVERITY[both.outcome] == max(SEVERITY[one.outcome], SEVERITY[two.outcome])
    assert (both.outcome is Outcome.OK) == (one.outcome is two.outcome is Outcome.OK)
    assert (both.outcome is Outcome.OK) == (not both.reasons)
    nothing = Inspection((), GOOD, 8, 8)
    assert not compared(nothing, one, (), one).differs
    assert compared(nothing, one, (), two).differs == compared(nothing, two, (), one).differs


def test_a_defect_elsewhere_is_a_disagreement_and_one_in_the_same_place_is_none() -> None:
    here, near, there = (Detection("open", 0.9, x, 0, x + 10, 10) for x in (0, 1, 30))
    verdict = Verdict(Outcome.NG, (Reason(Rule.DEFECT, label="open", detection=0),))
    seen = Inspection((here,), GOOD, 40, 40)
    assert not compared(seen, verdict, (near,), verdict).differs
    assert compared(seen, verdict, (there,), verdict).differs


def test_the_draw_is_fair_and_hangs_on_the_key() -> None:
    pixels, boot = np.zeros((1, 1, 3), np.uint8), boot_id()
    frames = [Frame("top", n, pixels, Stamp(n * 100_000, n, boot)) for n in range(4000)]
    first, second = ([drawn(f, 0.25, key) for f in frames] for key in (b"one", b"two"))
    assert 850 < sum(first) < 1150
    assert 150 < sum(a and b for a, b in zip(first, second, strict=True)) < 350, "another key draws others"
