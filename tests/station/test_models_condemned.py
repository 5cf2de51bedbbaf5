"""What was condemned stays so; the way back, and who is told."""

import json
from pathlib import Path

import pytest

from agent.cli import main
from agent.control import ask
from agent.errors import ControlFailed
from agent.station.models.activations import Activations
from agent.station.models.bundle import read_bundle
from agent.station.models.choice import FORGOTTEN, MOST_REASONS, _shortened
from agent.station.offline import offline
from agent.store.read import Reader
from tests.station.canned import RECIPE, WATCH, events, inside, judged_by, parts, rename, station, stocked, up
from tests.station.rig import virtual


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
        inside(rig).back.finish_condemned("trial")
        assert judged_by(rig) == {"top": "canned-a"}
        assert lane.trouble == ""


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


def test_one_with_no_good_one_before_it_is_told_and_its_parts_are_to_hold(tmp_path: Path) -> None:
    """Nobody judges any more, as after a restart; the parts are held as after every other rollback."""
    data = stocked(tmp_path, "a", "b")
    digest = read_bundle(data / "models" / "canned-a").digest
    new = {"active": "canned-a", "digest": digest, "since_utc_us": 1, "file_model": "canned-a"}
    told = {"recipes": {"trial": {**new, "probation": {"boot": "another"}}}}
    (data / "models.json").write_text(json.dumps(told))
    with station(data, virtual(), models=WATCH) as rig:
        up(rig)
        lane = rig.station.lanes["top"]
        rig.until(lambda: parts(rig, "canned-a") > 5)
        assert lane.job is not None
        lane.condemn(lane.job, "wrong")
        rig.until(lambda: events(rig, "model_rolled_back"))
        (said,) = events(rig, "model_rolled_back")
        held = rig.reader.ids_judged_by(digest, said["first_id"], said["last_id"])
        assert (said["model"], said["to"], said["why"]) == ("canned-a", "", "wrong")
        assert 5 < len(held) == said["parts"] <= rig.reader.tally().parts  # one more may have found no model: UNSURE
        assert lane.job is None
        rig.until(lambda: {"model_rolled_back", "engine_failed"} <= {a.name for a in rig.station.alarms})
    with station(data, virtual(), models=WATCH) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.trouble)
        assert "canned-a was taken back for recipe trial: wrong" in lane.trouble
        rig.until(lambda: "model_rolled_back" in {a.name for a in rig.station.alarms})
        assert ask(rig.runtime, "model_seen", 60)["parts"] == said["parts"]
        rig.until(lambda: "model_rolled_back" not in {a.name for a in rig.station.alarms})
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        assert judged_by(rig) == {"top": "canned-b"}
        assert Activations(data).of("trial").previous == (), "what was taken back is nobody to go back to"


def test_that_an_older_model_judges_is_told_until_a_person_knows_or_has_it_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = stocked(tmp_path, "a", "b")
    short = "health_s = 0.1\nhealth_parts = 5\n"
    with station(data, virtual(), models=short) as rig:
        up(rig)
        ask(rig.runtime, "model_activate", 120, id="canned-b")
        rig.until(lambda: Activations(data).of("trial").probation is None, 60)
    (data / "models" / "canned-b" / "model.xml").write_text("damaged")
    for verb in ("model_seen", "model_rollback"):
        with station(data, virtual(), models=short) as rig:
            up(rig)
            lane = rig.station.lanes["top"]
            assert judged_by(rig) == {"top": "canned-a"}
            assert "canned-b cannot judge, canned-a does" in lane.model_trouble
            rig.until(lambda: "model_fallback" in {a.name for a in rig.station.alarms})
            if verb == "model_seen":
                assert main(["model", "seen", "--config", str(data / "station.toml")]) == 0
                assert "canned-b cannot judge, canned-a does" in (said := capsys.readouterr().out)
                assert "; canned-a judges; its alarm ends" in said
            else:
                assert ask(rig.runtime, verb, 60)["to"] == "canned-a"
            assert lane.model_trouble == ""
            rig.until(lambda: "model_fallback" not in {a.name for a in rig.station.alarms})
            with pytest.raises(ControlFailed, match=r"no model was taken back|there is no good model"):
                ask(rig.runtime, "model_rollback" if verb == "model_rollback" else "model_seen", 60)
    assert Activations(data).of("trial").active == "canned-a"


def test_a_model_that_was_taken_back_long_ago_is_not_forgotten() -> None:
    """However many there are: only the reasons of the old ones go."""
    kept = _shortened({f"{n:064x}": f"why {n}" for n in range(MOST_REASONS + 5)})
    assert len(kept) == MOST_REASONS + 5
    assert list(kept.values())[4:6] == [FORGOTTEN, "why 5"]
