"""A model's way to a lane and back, whoever names it: by a file, over the socket, on two lanes, over a restart."""

import json
import os
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from agent.config import EngineConfig, LaneConfig
from agent.control import ask
from agent.errors import ControlFailed, EngineFailed, OkngError
from agent.recipes import Recipes
from agent.station.job import Job
from agent.station.jobs import Jobs
from agent.station.models.activations import Activations
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.gate import FILE as GATES
from agent.station.models.gate import Entry
from agent.station.models.trial import TAIL_BYTES, Task, _Tail, bound_mb, try_out
from agent.station.offline import offline
from agent.station.rollout import Rollout
from agent.station.trials import acquit
from agent.store.read import Reader
from pipelines.recipe import Recipe
from tests.station.rig import Rig, running, virtual
from tests.station.test_models_killed import ANSWER, bundle

CANNED = f"canned = {json.dumps([ANSWER])}\n"
RECIPE = 'model = "canned-{model}"\nevidence_ok_rate = 0.0\ndeadline_ms = 60000\n[quality]\nmax_age_ms = 60000\n'
BOTH = virtual(rate_hz=50) + virtual(rate_hz=50).replace("lanes.top", "lanes.side")
WATCH = "health_s = 3600\nhealth_parts = 1000\n"


def stocked(data: Path, *versions: str, memory_mb: float = 10.0) -> Path:
    """A data folder with models that were imported, as far as `gates.json` says."""
    entries = []
    for version in versions:
        bundle(data / "models" / f"canned-{version}", version)
        digest = read_bundle(data / "models" / f"canned-{version}").digest
        entry = Entry(
            model=f"canned-{version}", digest=digest, device="CPU", precision="f32", runtime="canned", p99_ms=1.0
        )
        entries.append(entry.model_copy(update={"memory_mb": memory_mb}))
    (data / GATES).write_text(json.dumps({"entries": [entry.model_dump(mode="json") for entry in entries]}))
    return data


def station(
    data: Path, lanes: str = BOTH, models: str = "", recipe: str = RECIPE.format(model="a")
) -> AbstractContextManager[Rig]:
    """A station that judges by canned-a, or as it was left."""
    return running(data, lanes, f'{CANNED}devices = ["CPU"]\n', recipe=recipe, models=models)


def judged_by(rig: Rig) -> dict[str, str]:
    """Lane -> the model that judges there."""
    return {name: lane.job.origin.model if lane.job else "" for name, lane in rig.station.lanes.items()}


def up(rig: Rig) -> None:
    rig.until(lambda: all(lane.job is not None and lane.started for lane in rig.station.lanes.values()), 120)


def rename(data: Path, model: str, more: str = "") -> None:
    """A person writes another model into the recipe's file."""
    (data / "recipes" / "trial.toml").write_text(more + RECIPE.format(model=model))


def events(rig: Rig, name: str) -> list[dict[str, Any]]:
    return [dict(e.detail) for e in rig.reader.events(200) if e.name == name]


def parts(rig: Rig, model: str) -> int:
    """How many parts of each lane together were judged by the jobs that are on trial."""
    trials = [lane.on_trial for lane in rig.station.lanes.values()]
    return sum(job.standing.history.parts for job in trials if job is not None and job.origin.model == model)


def inside(rig: Rig) -> Rollout:
    return rig.station._models.rollout


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


# Condemned ---------------------------------------------------------------------------------------------


def test_a_recipe_verb_does_not_revive_a_condemned_model(tmp_path: Path) -> None:
    with station(stocked(tmp_path, "a", "b"), models=WATCH) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.station._models.watch.stop()  # it sleeps between its turns; here it sleeps longer
        top = rig.station.lanes["top"]
        assert top.job is not None
        top.condemn(top.job, "three errors")
        ask(rig.runtime, "recipe", 120, lane="top", name="trial")
        assert judged_by(rig) == {"top": "canned-a", "side": "canned-a"}
        kept = Activations(tmp_path).of("trial")
        assert (kept.active, kept.probation, list(kept.condemned.values())) == ("canned-a", None, ["three errors"])
        digest = read_bundle(tmp_path / "models" / "canned-b").digest
        for more in ("", f'model_hash = "{digest}"\n'):
            rename(tmp_path, "b", more)
            if more:
                with pytest.raises(ControlFailed, match="was taken back for recipe trial: three errors"):
                    ask(rig.runtime, "recipe", 120, lane="top", name="trial")
        rename(tmp_path, "a")
        with pytest.raises(ControlFailed, match="was taken back for recipe trial: three errors"):
            ask(rig.runtime, "model_activate", 120, id="canned-b")
        ask(rig.runtime, "model_activate", 120, id="canned-b", again=True)
        assert Activations(tmp_path).of("trial").condemned == {}


def test_a_job_that_takes_over_in_the_window_goes_on_with_it(tmp_path: Path) -> None:
    """What was condemned in this very moment, before the new job came, stays condemned."""
    with station(stocked(tmp_path, "a", "b"), virtual(), models=WATCH) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.station._models.watch.stop()
        lane, preparer = rig.station.lanes["top"], rig.station._models.preparer
        rig.until(lambda: parts(rig, "canned-b") > 5)
        assert lane.job is not None
        first = lane.job
        again = preparer.job(lane, first.recipe)
        lane.take_over(again)
        assert again.standing.history is first.standing.history
        third = preparer.job(lane, first.recipe)
        lane.condemn(again, "wrong")
        lane.take_over(third)
        assert third.standing.condemned == "wrong"
        assert judged_by(rig) == {"top": "canned-a"}


def test_a_lane_where_none_can_stand_by_is_watched_and_stops(tmp_path: Path) -> None:
    """Rather nobody than a model that was found wrong; a good one that can judge again is brought back."""
    with station(stocked(tmp_path, "a", "b"), virtual(), models=WATCH) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        lane = rig.station.lanes["top"]
        rig.station._models.watch.stop()
        assert lane.job is not None
        lane.job.standing.before = None
        lane.condemn(lane.job, "wrong")
        assert lane.job is None
        assert "canned-b was taken back, and no other can judge: wrong" in lane.trouble
        inside(rig).finish_condemned("trial")
        assert judged_by(rig) == {"top": "canned-a"}
        assert lane.trouble == ""


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
        rollout.take_back("trial", activation, "three errors")
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
        picky.refuses, rollout._jobs = "side", picky
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


# The window --------------------------------------------------------------------------------------------


def test_a_window_goes_on_after_a_restart(tmp_path: Path) -> None:
    data = stocked(tmp_path, "a", "b")
    with station(data, virtual(rate_hz=100), models=WATCH) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.until(lambda: parts(rig, "canned-b") >= 30, 60)
    kept = Activations(data).of("trial").probation
    assert kept is not None
    assert kept.so_far is not None
    assert kept.so_far.judged == kept.lanes["top"] >= 30
    assert (kept.ended_well, kept.watched_s > 0) == (True, True)
    with station(data, virtual(rate_hz=100), models=WATCH) as rig:
        up(rig)
        rig.until(lambda: parts(rig, "canned-b") >= 1, 60)
        said = ask(rig.runtime, "models")["recipes"][0]["window"]
        assert int(said.split()[3]) > kept.so_far.judged, said
        again = Activations(data).of("trial").probation
        assert again is not None
        assert not again.ended_well, "if the station dies now, this model is what it died with"


def test_a_lane_without_parts_keeps_the_window_open(tmp_path: Path) -> None:
    window = "health_s = 0.1\nhealth_parts = 40\n"
    with station(stocked(tmp_path, "a", "b"), models=window) as rig:
        up(rig)
        ask(rig.runtime, "pause", 60, lane="side")
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.until(lambda: parts(rig, "canned-b") >= 60, 60)
        for _ in range(20):
            rig.turn()
            time.sleep(0.02)
        assert Activations(tmp_path).of("trial").probation is not None
        assert "of 20 a lane at least: side" in ask(rig.runtime, "models")["recipes"][0]["window"]
        ask(rig.runtime, "resume", 60, lane="side")
        rig.until(lambda: Activations(tmp_path).of("trial").probation is None, 60)
        assert Recipes(tmp_path).last_good("trial", "side") is not None


def test_a_model_that_no_lane_judges_by_yet_is_watched_once_one_does(tmp_path: Path) -> None:
    """And then it is what the station dies with, if it dies."""
    data = stocked(tmp_path, "a", "b")
    with station(data, virtual(), models=WATCH) as rig:
        up(rig)
        (data / "recipes" / "other.toml").write_text(RECIPE.format(model="a"))
        ask(rig.runtime, "model_activate", 120, id="canned-b", recipe="other")
        waiting = Activations(data).of("other").probation
        assert waiting is not None
        assert waiting.ended_well
        assert "no lane judges by it now" in rig.station._models.watch.window("other")
        ask(rig.runtime, "recipe", 120, lane="top", name="other")
        job, now = rig.station.lanes["top"].job, Activations(data).of("other").probation
        assert job is not None
        assert (job.origin.model, job.standing.watched) == ("canned-b", True)
        assert now is not None
        assert not now.ended_well


def test_a_lane_that_judges_another_product_for_a_while_goes_on_with_the_window(tmp_path: Path) -> None:
    data = stocked(tmp_path, "a", "b")
    with station(data, virtual(), models=WATCH) as rig:
        up(rig)
        (data / "recipes" / "other.toml").write_text(RECIPE.format(model="a"))
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.until(lambda: parts(rig, "canned-b") >= 10, 60)
        ask(rig.runtime, "recipe", 120, lane="top", name="other")
        kept = Activations(data).of("trial").probation
        assert kept is not None
        assert kept.ended_well
        assert kept.lanes["top"] >= 10
        assert "no lane judges by it now" in rig.station._models.watch.window("trial")
        ask(rig.runtime, "recipe", 120, lane="top", name="trial")
        rig.until(lambda: parts(rig, "canned-b") >= 1, 60)
        assert judged_by(rig) == {"top": "canned-b"}
        assert int(rig.station._models.watch.window("trial").split()[3]) > kept.lanes["top"]
        again = Activations(data).of("trial").probation
        assert again is not None
        assert not again.ended_well


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


# The trial's process -----------------------------------------------------------------------------------


def trial_of(folder: Path, memory_mb: float, side_px: int) -> Task:
    bundle(folder, "a")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["input"] = {"width_px": side_px, "height_px": side_px}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    engine = EngineConfig(kind="canned", canned=(tuple(ANSWER),))  # type: ignore[arg-type]
    return Task(bundle=folder, cache=folder.parent, engine=engine, devices=("CPU",), memory_mb=memory_mb)


def test_a_trial_that_eats_memory_ends_alone(tmp_path: Path) -> None:
    """FIELD 10: its process is bound, whatever the machine has; the reason names the bound."""
    (result,) = try_out(trial_of(tmp_path / "canned-a", 100, 8192), 300)
    assert "it takes more than 100 MB" in result.why


def test_the_bound_leaves_room_to_find_that_a_budget_is_broken() -> None:
    assert bound_mb(1) >= 500
    assert bound_mb(2000) <= 8000


def test_a_trial_that_talks_without_end_fills_no_memory() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb") as out:
        tail = _Tail(stream, TAIL_BYTES)
        for _ in range(100):
            out.write(b"x" * TAIL_BYTES)
        out.write(b"the last words")
        out.close()
        kept = tail.text()
    assert len(kept) == TAIL_BYTES
    assert kept.endswith(b"the last words")


def test_an_act_says_what_it_is_doing(tmp_path: Path) -> None:
    with station(stocked(tmp_path, "a", "b"), virtual(), models=WATCH) as rig:
        up(rig)
        rollout, said = inside(rig), []
        proposal = rollout._choice.propose("canned-b", "trial", False, rollout._intake.admitted)
        with rig.station._models.preparer.one_at_a_time:
            rollout.take_over(proposal, False, durable=lambda: said.append(rollout.stage))
        assert said == ["preparing canned-b for recipe trial"]
        assert rollout.stage == ""


def test_a_persons_rollback_outlives_an_edited_file_and_a_restart(tmp_path: Path) -> None:
    """The file names the model that judged when somebody went back: that is no wish to have it again."""
    data = stocked(tmp_path, "a", "b")
    short = "health_s = 0.1\nhealth_parts = 5\n"
    with station(data, virtual(rate_hz=50), models=short) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.until(lambda: Activations(data).of("trial").probation is None, 60)
        rename(data, "b")
        assert ask(rig.runtime, "model_rollback", 60)["to"] == "canned-a"
    with station(data, virtual(rate_hz=50), models=short, recipe=RECIPE.format(model="b")) as rig:
        up(rig)
        assert set(judged_by(rig).values()) == {"canned-a"}


def test_a_rollback_without_a_station_lists_what_to_hold(tmp_path: Path) -> None:
    data = stocked(tmp_path, "a", "b")
    with station(data, virtual(rate_hz=50), models=WATCH) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.until(lambda: parts(rig, "canned-b") > 10, 60)
        config = rig.station._facts.loaded.config
    offline(config, "model_rollback", {}, print)
    back, reader = Activations(data).of("trial").rolled_back, Reader(data / "results.db")
    assert back is not None
    assert back.parts == len(reader.ids_judged_by(back.digest, back.first_id, back.last_id)) > 10
