"""The health window of a new model: it goes on over restarts, and waits for every lane."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.control import ask
from agent.recipes import Recipes
from agent.station.models.activations import Activations
from agent.station.models.running import FILE as RUNNING
from agent.station.wayback import DIED
from tests.station.canned import (
    RECIPE,
    WATCH,
    events,
    judged_by,
    parts,
    station,
    stocked,
    up,
)
from tests.station.rig import virtual


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


@contextmanager
def unwritable(file: Path) -> Iterator[None]:
    """What is told to it is lost, as on a full disk; afterwards it stands as before."""
    aside = file.with_name("aside")
    file.rename(aside)
    file.mkdir()  # nothing can take its place by a rename
    try:
        yield
    finally:
        file.rmdir()
        aside.rename(file)


def test_a_stop_on_a_full_disk_condemns_nobody_and_a_death_does(tmp_path: Path) -> None:
    """FIELD 18: that the station was stopped cannot be written down then, and is known all the same."""
    data = stocked(tmp_path, "a", "b")
    with ExitStack() as full, station(data, virtual(), models=WATCH) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        full.enter_context(unwritable(data / "models.json"))
    kept = Activations(data).of("trial").probation
    assert kept is not None
    assert not kept.ended_well
    with ExitStack() as full:
        with station(data, virtual(), models=WATCH) as rig:
            up(rig)
            assert judged_by(rig) == {"top": "canned-b"}
            assert (data / RUNNING).exists()
            full.enter_context(unwritable(data / "models.json"))
        assert not (data / RUNNING).exists()
    (data / RUNNING).touch()
    with station(data, virtual(), models=WATCH) as rig:
        up(rig)
        assert judged_by(rig) == {"top": "canned-a"}
        rig.until(lambda: events(rig, "model_rolled_back"))
        assert events(rig, "model_rolled_back")[0]["why"] == DIED
