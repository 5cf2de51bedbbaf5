"""A model's way to a lane, whoever names it: by a file, over the socket, on two lanes."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import EngineConfig, LaneConfig
from agent.control import ask
from agent.errors import ControlFailed, EngineFailed, OkngError
from agent.recipes import Recipes
from agent.station.job import Job
from agent.station.jobs import Jobs
from agent.station.models.activations import Activations
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.choice import Proposal
from agent.station.models.gate import FILE as GATES
from agent.station.models.gate import Entry, Gates
from agent.station.models.trial import Result
from agent.station.offline import offline
from agent.station.trials import acquit
from pipelines.recipe import Recipe
from tests.station.canned import (
    BOTH,
    RECIPE,
    WATCH,
    events,
    inside,
    judged_by,
    rename,
    station,
    stocked,
    up,
)
from tests.station.rig import virtual
from tests.station.test_models_killed import bundle

# By a recipe's file ------------------------------------------------------------------------------------


def test_a_model_that_a_recipes_file_names_is_activated_and_watched(tmp_path: Path) -> None:
    with station(stocked(tmp_path, "a", "b"), models=WATCH) as rig:
        up(rig)
        rename(tmp_path, "b")
        revision = ask(rig.runtime, "recipe", 120, lane="top", name="trial")["revision"]
        assert judged_by(rig) == {"top": "canned-b", "side": "canned-b"}, "a recipe's model is one, on all its lanes"
        for lane in rig.station.lanes.values():
            assert lane.job is not None
            assert (lane.job.standing.watched, lane.job.origin.recipe_hash) == (True, revision)
            assert lane.job.standing.before is not None
            assert lane.job.standing.before.origin.model == "canned-a"
        kept = Activations(tmp_path).of("trial")
        assert (kept.active, kept.file_model, [v.id for v in kept.previous]) == ("canned-b", "canned-b", ["canned-a"])
        assert kept.probation is not None
        assert kept.probation.drift
        rig.until(lambda: events(rig, "model_activated") and events(rig, "recipe_changed"))
        rig.turn()
        assert "new: watched for" in ask(rig.runtime, "status")["status"]["lanes"][0]["model_stage"]
        assert "new: watched for" in ask(rig.runtime, "models")["recipes"][0]["window"]
        assert ask(rig.runtime, "model_rollback", 60)["to"] == "canned-a"
        assert judged_by(rig) == {"top": "canned-a", "side": "canned-a"}


def test_no_model_is_reached_by_a_recipe_without_the_gate(tmp_path: Path) -> None:
    """FIELD 12 and 15: neither without a proof, nor with one that fails, nor above its budget."""
    data = stocked(tmp_path, "a", "b", memory_mb=5000)
    for version, expected in (("c", []), ("d", [["open", 0.9, 1, 1, 9, 9]])):
        folder = data / "models" / f"canned-{version}"
        bundle(folder, version)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["golden"][0]["expected"] = expected
        (folder / "manifest.json").write_text(json.dumps(manifest))
    with station(data, virtual()) as rig:
        up(rig)
        job = rig.station.lanes["top"].job
        for model, why in (
            ("b", "models.budget_memory_mb: is 2000 MB, it takes 5000 MB"),
            ("c", "golden"),
            ("d", "the golden pictures fail"),
            (str(data / "models" / "canned-b"), "allowed: NAME-VERSION"),
        ):
            rename(data, model)
            if "/" in model:
                recipe = data / "recipes" / "trial.toml"
                recipe.write_text(recipe.read_text().replace("canned-/", "/"))
            with pytest.raises(ControlFailed, match=why):
                ask(rig.runtime, "recipe", 300, lane="top", name="trial")
            assert rig.station.lanes["top"].job is job
        with pytest.raises(ControlFailed, match=r"models\.budget_memory_mb"):
            ask(rig.runtime, "model_activate", 300, id="canned-b")
        rig.until(lambda: len(events(rig, "recipe_refused")) == 4)
        for verb in ("model_activate", "model_shadow", "model_remove"):
            for path in ("../canned-b", str(data / "models" / "canned-b"), "a" * 300):
                with pytest.raises(ControlFailed, match="allowed: NAME-VERSION"):
                    ask(rig.runtime, verb, 60, id=path)


def test_a_file_that_was_changed_while_the_station_was_down(tmp_path: Path) -> None:
    data = stocked(tmp_path, "a", "b", "c")
    with station(data, virtual()) as rig:
        up(rig)
    with station(data, virtual(), recipe=RECIPE.format(model="b")) as rig:
        up(rig)
        job = rig.station.lanes["top"].job
        assert job is not None
        assert job.standing.before is not None
        assert (job.origin.model, job.standing.before.origin.model) == ("canned-b", "canned-a")
        assert ask(rig.runtime, "models")["recipes"][0]["on_trial"]
    bundle(data / "models" / "canned-d", "d")
    (data / "models" / "canned-d" / "manifest.json").write_text(
        (data / "models" / "canned-d" / "manifest.json").read_text().replace("0.9, 10, 10", "0.9, 40, 40")
    )
    with station(data, virtual(), recipe=RECIPE.format(model="d")) as rig:
        up(rig)
        assert judged_by(rig) == {"top": "canned-b"}, "what did not prove itself does not judge"
        assert "golden pictures fail" in rig.station.lanes["top"].recipe_trouble
        rig.until(lambda: "recipe_refused" in {alarm.name for alarm in rig.station.alarms})


# Two lanes ---------------------------------------------------------------------------------------------


def test_a_model_is_called_good_on_all_lanes_or_on_none(tmp_path: Path) -> None:
    """One lane condemns it in the moment in which it would have been proved."""
    with station(stocked(tmp_path, "a", "b"), models=WATCH) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.station._models.watch.stop()
        rollout, side = inside(rig), rig.station.lanes["side"]
        activation = Activations(tmp_path).of("trial")
        assert side.job is not None
        side.condemn(side.job, "three errors")
        rollout.prove("trial", rollout._activations.of("trial"), 200)
        assert Activations(tmp_path).of("trial").probation is not None
        assert [lane.name for lane, _ in rollout.trials("trial", activation)] == ["top", "side"]
        rollout.back.take_back("trial", activation, "three errors")
        assert judged_by(rig) == {"top": "canned-a", "side": "canned-a"}
        assert Activations(tmp_path).of("trial").active == "canned-a"


def test_acquitted_and_condemned_at_once(tmp_path: Path) -> None:
    """Whoever comes first, both lanes end alike."""
    with station(stocked(tmp_path, "a", "b"), models=WATCH) as rig:
        up(rig)
        rig.station._models.watch.stop()
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        trials = inside(rig).trials("trial", Activations(tmp_path).of("trial"))
        (_, first), (side, job) = trials
        befores = [each.standing.before for _, each in trials]
        for _ in range(200):
            for (lane, each), before in zip(trials, befores, strict=True):
                each.standing.condemned, each.standing.watched, each.standing.before = "", True, before
                lane.take_over(each)
            got: list[bool] = []
            other = threading.Thread(target=lambda said: said.append(acquit(trials)), args=(got,))
            other.start()
            side.condemn(job, "three errors")
            other.join()
            good = got == [True]
            assert (job.standing.condemned == "") is good
            assert all(each.standing.watched is not good for _, each in trials)
            assert (first.standing.before is None) is good
            assert judged_by(rig) == {"top": "canned-b", "side": "canned-b" if good else "canned-a"}


class Picky(Jobs):
    """Cannot make a job for one lane any more."""

    refuses = ""

    def make(self, lane: str, config: LaneConfig, recipe: Recipe) -> Job:
        if lane == self.refuses:
            raise EngineFailed(f"lane {lane}: no device is left")
        return super().make(lane, config, recipe)


def test_a_rollback_is_whole_or_not_at_all(tmp_path: Path) -> None:
    with station(stocked(tmp_path, "a", "b"), models="health_s = 0.1\nhealth_parts = 1\n") as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.until(lambda: Activations(tmp_path).of("trial").probation is None, 120)
        rollout = inside(rig)
        picky = Picky.__new__(Picky)
        picky.__dict__.update(rollout._jobs.__dict__)
        picky.refuses, rollout.back._jobs = "side", picky
        with pytest.raises(ControlFailed, match="lane side: no device is left"):
            ask(rig.runtime, "model_rollback", 60)
        assert judged_by(rig) == {"top": "canned-b", "side": "canned-b"}
        assert all(lane.on_trial is None for lane in rig.station.lanes.values())
        assert all(lane.job.standing.before is None for lane in rig.station.lanes.values() if lane.job)
        assert Activations(tmp_path).of("trial").active == "canned-b"
        picky.refuses = ""
        ask(rig.runtime, "model_rollback", 60)
        assert judged_by(rig) == {"top": "canned-a", "side": "canned-a"}


def test_back_from_a_model_that_came_in_anothers_window_is_to_the_last_proven_one(tmp_path: Path) -> None:
    with station(stocked(tmp_path, "a", "b", "c"), models=WATCH) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        ask(rig.runtime, "model_activate", 120, id="canned-c")
        assert [v.id for v in Activations(tmp_path).of("trial").previous] == ["canned-a"]
        assert ask(rig.runtime, "model_rollback", 60)["to"] == "canned-a"
        assert judged_by(rig) == {"top": "canned-a", "side": "canned-a"}


# What was tried ---------------------------------------------------------------------------------------


def test_what_was_tried_is_what_is_activated(tmp_path: Path) -> None:
    with station(stocked(tmp_path, "a", "b"), virtual()) as rig:
        up(rig)
        choice = inside(rig)._choice

        def another(tried: Bundle) -> Entry:
            return Entry(model=tried.id, digest="0" * 64, device="CPU", precision="", runtime="", p99_ms=1.0)

        with pytest.raises(OkngError, match="has changed since it was tried"):
            choice.propose("canned-b", "trial", False, another)


def test_each_lane_has_its_own_last_good_revision(tmp_path: Path) -> None:
    recipes = Recipes(tmp_path)
    one, other = (Recipe.model_validate({"name": "r", "model": "m-1", "deadline_ms": ms}) for ms in (500, 900))
    recipes.remember(one, "top")
    recipes.remember(other, "side")
    assert recipes.last_good("r", "top") == one
    assert recipes.last_good("r", "side") == other
    assert recipes.last_good("r", "new") == recipes.last_good("r") == other


def test_an_act_says_what_it_is_doing(tmp_path: Path) -> None:
    with station(stocked(tmp_path, "a", "b"), virtual(), models=WATCH) as rig:
        up(rig)
        rollout, said = inside(rig), []
        proposal = rollout._choice.propose("canned-b", "trial", False, rollout._intake.admitted)
        with rig.station._models.preparer.one_at_a_time:
            rollout.take_over(proposal, False, durable=lambda: said.append(rollout.stage))
        assert said == ["preparing canned-b for recipe trial"]
        assert rollout.stage == ""


def test_only_what_was_tried_takes_over_where_the_file_changes_meanwhile(tmp_path: Path) -> None:
    """FIELD 12: the recipe is read, the lock is waited for, and by then the file names another model."""
    with station(stocked(tmp_path, "a", "b"), virtual(), models=WATCH) as rig:
        up(rig)
        changes, looked = rig.station._models.changes, threading.Event()
        by_file = changes._choice.by_file

        def watched(name: str, admit: Callable[[Bundle], Entry]) -> Proposal | None:
            proposal = by_file(name, admit)
            looked.set()
            return proposal

        changes._choice.by_file = watched  # type: ignore[method-assign]
        refused: list[str] = []

        def change() -> None:
            try:
                changes.change("top", "trial")
            except OkngError as error:
                refused.append(str(error))

        with rig.station._models.preparer.one_at_a_time:
            other = threading.Thread(target=change)
            other.start()
            assert looked.wait(60)
            rename(tmp_path, "b")
        other.join(60)
        assert refused == ["recipe changed while it was prepared: nobody has tried model canned-b yet; tell it again"]
        assert judged_by(rig) == {"top": "canned-a"}
        changes.change("top", "trial")
        assert judged_by(rig) == {"top": "canned-b"}


def test_no_way_round_the_budget_without_a_station_or_at_its_start(tmp_path: Path) -> None:
    """FIELD 15: in time for one recipe in use is not in time for each."""
    data = stocked(tmp_path, "a")
    bundle(data / "models" / "canned-b", "b")
    slow = read_bundle(data / "models" / "canned-b")
    book = json.loads((data / GATES).read_text())
    book["entries"].append({**book["entries"][0], "model": slow.id, "digest": slow.digest, "p99_ms": 5000.0})
    (data / GATES).write_text(json.dumps(book))
    (data / "recipes").mkdir()
    fast = data / "recipes" / "fast.toml"
    fast.write_text(RECIPE.format(model="a").replace("60000", "2000"))
    lanes = BOTH.replace('[lanes.side]\nrecipe = "trial"', '[lanes.side]\nrecipe = "fast"')
    with station(data, lanes) as rig:
        up(rig)
        config = rig.station._facts.loaded.config
    why = "canned-b takes 5000 ms a picture on CPU; 1600 ms are allowed"
    with pytest.raises(OkngError, match=why):
        offline(config, "model_activate", {"id": "canned-b", "recipe": "fast"}, print)
    assert offline(config, "model_activate", {"id": "canned-b", "recipe": "trial"}, print)["lanes"] == ["top"]
    fast.write_text(fast.read_text().replace("canned-a", "canned-b"))
    with station(data, lanes) as rig:
        up(rig)
        assert judged_by(rig) == {"top": "canned-b", "side": "canned-a"}
        assert why in rig.station.lanes["side"].recipe_trouble


def test_a_model_judges_by_what_it_showed_here_and_now(tmp_path: Path) -> None:
    """FIELD 13 and 15: on this device, at this precision; another one's figures admit nobody."""
    data = stocked(tmp_path, "a")
    model, clock = read_bundle(data / "models" / "canned-a"), SystemClock()
    config = EngineConfig(kind="canned", precision="f32", devices=("NPU", "CPU"))
    known = Gates(data, config, clock).of(model.digest)
    assert known == Gates(data, config, clock).here(model.digest)
    for other in (
        config.model_copy(update={"precision": "f16"}),
        config.model_copy(update={"devices": ("NPU", "GPU")}),
        config.model_copy(update={"properties": {"CPU": {"TURBO": True}}}),
    ):
        assert Gates(data, other, clock).here(model.digest) == ()
    gates = Gates(data, config, clock)
    gates.measured(model, Result(device="NPU", runtime="canned", p50_ms=1, p99_ms=1))
    assert [entry.device for entry in gates.here(model.digest)] == ["NPU", "CPU"], "by the order, not by when"


def test_a_device_that_nobody_has_measured_does_not_take_over(tmp_path: Path) -> None:
    """FIELD 15: the one that would judge now is not the one that was tried."""
    with station(stocked(tmp_path, "a", "b"), virtual(), models=WATCH) as rig:
        up(rig)
        rollout = inside(rig)
        proposal = rollout._choice.propose("canned-b", "trial", False, rollout._intake.admitted)
        elsewhere = replace(proposal, gate=proposal.gate.model_copy(update={"device": "NPU"}))
        with (
            rig.station._models.preparer.one_at_a_time,
            pytest.raises(OkngError, match="was tried on NPU, and CPU would judge by now: activate it once more"),
        ):
            rollout.take_over(elsewhere, False)
        assert judged_by(rig) == {"top": "canned-a"}
