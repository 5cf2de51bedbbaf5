"""2,000 parts with 20 activations among them; what a restart and a person's word do to who judges."""

import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from agent.control import ask
from agent.errors import ControlFailed
from agent.settings import load
from agent.station.models.activations import FILE, Activations
from agent.station.models.bundle import read_bundle
from agent.station.models.signing import SigningKey
from agent.station.offline import offline
from pipelines.values import Outcome
from tests.station.squares import (
    Line,
    edit,
    every_part,
    is_bad,
    judging,
    key_in,
    make,
    network,
    ready,
    write_settings,
)

PARTS, ACTIVATIONS = 2000, 20
STRENGTHS = {"squares-1": 1.0, "squares-2": 0.98, "squares-3": 0.96}
"""Each model's own score, so that a record's numbers say which one judged."""


@dataclass(frozen=True, slots=True)
class Made:
    """Three models, signed and tried, in a data folder that tests copy."""

    data: Path
    key: SigningKey

    def stocked(self, data: Path, *models: str) -> Path:
        """A data folder with some of them, as imports would leave it."""
        data.mkdir()
        shutil.copyfile(self.data / "gates.json", data / "gates.json")
        for model in models:
            shutil.copytree(self.data / "models" / model, data / "models" / model)
        return data


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    key = key_in(folder / "key")
    config = load(write_settings(folder / "data", folder / "run", key), environment={}).config
    for name, strength in STRENGTHS.items():
        model = make(folder, name.removeprefix("squares-"), network(strength), key)
        offline(config, "model_import", {"file": str(model)}, print)
    return Made(folder / "data", key)


def test_2000_parts_with_20_activations(made: Made, tmp_path: Path) -> None:
    """None missed, none judged twice, each by the model that its record names; FIELD 22: no restart."""
    line, data = Line(), made.stocked(tmp_path / "data", *STRENGTHS)
    with judging(data, made.key, line, "health_s = 0.1\nhealth_parts = 20\n") as rig:
        ready(rig)
        lane = rig.station.lanes["top"]
        order = [f"squares-{(n + 1) % 3 + 1}" for n in range(ACTIVATIONS)]
        for model in order:
            line.allow(PARTS // (ACTIVATIONS + 1))
            done = ask(rig.runtime, "model_activate", 300, id=model)
            assert (done["model"], done["lanes"]) == (model, ["top"])
        line.allow(PARTS - line.allowed)
        rig.until(lambda: lane.judged == PARTS, 120)
        rig.until(lambda: rig.reader.tally().parts == PARTS, 60)
        parts = every_part(rig.reader)
        assert [p.record.sequence for p in parts] == list(range(1, PARTS + 1)), "missed, or judged twice"
        assert sum(p.record.missed for p in parts) == 0
        for p in parts:
            said = p.record.origin.model
            assert max(d.score for d in p.record.inspection.detections) == pytest.approx(STRENGTHS[said], abs=0.005)
            assert p.record.verdict.outcome is (Outcome.NG if is_bad(p.record.sequence) else Outcome.OK)
        judges = [p.record.origin.model for p in parts]
        changes = [after for before, after in pairwise(judges) if before != after]
        assert 1 < len(changes) <= ACTIVATIONS
        assert judges[-1] == order[-1]
        hashes = {p.record.origin.model: p.record.origin.model_hash for p in parts}
        revisions = {(p.record.origin.model, p.record.origin.recipe_hash) for p in parts}
        assert len(revisions) == len(hashes) == 3, "a model is a revision of the recipe"
        longest = max(p.record.inspection.stages.total_ms for p in parts)
        rate = PARTS * 1e6 / (parts[-1].record.decided_utc_us - parts[0].record.decided_utc_us)
        print(
            f"{PARTS} parts at {rate:.0f}/s, {ACTIVATIONS} activations ({len(changes)} seen): 0 missed, 0 twice, ",
            end="",
        )
        print(f"every record's model right; longest part {longest:.1f} ms")
        names = [e.name for e in rig.reader.events(200)]
        assert (names.count("model_activated"), names.count("model_rolled_back")) == (ACTIVATIONS, 0)


def test_activation_survives_a_restart_and_the_file_can_take_it_back(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data", *STRENGTHS)
    with judging(data, made.key, line) as rig:
        ready(rig)
        ask(rig.runtime, "model_activate", 300, id="squares-2")
        assert Activations(data).of("squares").probation is not None
    with judging(data, made.key, line) as rig:
        ready(rig)
        job = rig.station.lanes["top"].job
        assert job is not None
        assert job.origin.model == "squares-2"
        assert job.standing.before is not None, "the window is still open, and the good model stands by"
        rig.turn()
        assert "watched for 0 of 200" in ask(rig.runtime, "status")["status"]["lanes"][0]["model_stage"]
    recipe = data / "recipes" / "squares.toml"
    text = recipe.read_text()
    with judging(data, made.key, Line()) as rig:
        recipe.write_text(text.replace("squares-1", "squares-3"))  # a person names another one
        ready(rig)
        ask(rig.runtime, "recipe", 60, lane="top", name="squares")
        job = rig.station.lanes["top"].job
        assert job is not None
        assert job.origin.model == "squares-3"


def test_rollback_by_a_person_lists_the_parts_to_hold(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data", *STRENGTHS)
    with judging(data, made.key, line, "health_s = 0.1\nhealth_parts = 20\n") as rig:
        ready(rig)
        lane = rig.station.lanes["top"]
        line.allow(40)
        rig.until(lambda: lane.judged == 40, 60)
        with pytest.raises(ControlFailed, match="no good model to go back to"):
            ask(rig.runtime, "model_rollback", 60)
        ask(rig.runtime, "model_activate", 300, id="squares-2")
        line.allow(40)
        rig.until(lambda: lane.on_trial is None, 60)
        rig.until(lambda: lane.judged == 80, 60)
        back = ask(rig.runtime, "model_rollback", 60)
        assert (back["model"], back["to"]) == ("squares-2", "squares-1")
        assert (back["first_id"], back["last_id"], back["parts"], back["passed"]) == (41, 80, 40, 30)
        line.allow(20)
        rig.until(lambda: lane.judged == 100, 60)
        rig.until(lambda: rig.reader.tally().parts == 100)
        assert {p.record.origin.model for p in every_part(rig.reader)[80:]} == {"squares-1"}
        assert ask(rig.runtime, "models")["recipes"][0]["active"] == "squares-1"


def test_back_to_the_good_model_by_its_name_is_no_trial(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data", *STRENGTHS)
    with judging(data, made.key, line) as rig:
        ready(rig)
        ask(rig.runtime, "model_activate", 300, id="squares-2")
        with pytest.raises(ControlFailed, match="squares-2 is active for recipe squares"):
            ask(rig.runtime, "model_activate", 300, id="squares-2")
        ask(rig.runtime, "model_activate", 300, id="squares-1")
        job, kept = rig.station.lanes["top"].job, Activations(data).of("squares")
        assert job is not None
        assert (job.origin.model, job.standing.before) == ("squares-1", None)
        assert (kept.active, kept.previous, kept.probation) == ("squares-1", (), None)
        with pytest.raises(ControlFailed, match="no good model to go back to"):
            ask(rig.runtime, "model_rollback", 60)


def test_what_cannot_judge_is_not_activated_and_the_old_one_stays(made: Made, tmp_path: Path) -> None:
    line, data, key = Line(), made.stocked(tmp_path / "data", *STRENGTHS), made.key
    (data / "models" / "squares-3" / "manifest.sig").unlink()
    strange = Path(shutil.copytree(made.data / "models" / "squares-2", data / "models" / "squares-9"))
    edit(strange, key, lambda manifest: manifest.update(version="9", labels=["red", "green", "violet"], golden=[]))
    with judging(data, key, line) as rig:
        ready(rig)
        job = rig.station.lanes["top"].job
        for model, why in (
            ("squares-7", "there is no such bundle; known: .*squares-1"),
            ("squares-3", "nobody signed it"),
            ("squares-9", "golden: there are none"),
            ("squares-1", "is active for recipe squares"),
        ):
            with pytest.raises(ControlFailed, match=why):
                ask(rig.runtime, "model_activate", 300, id=model)
        with pytest.raises(ControlFailed, match=r"there is no .*nowhere\.toml"):
            ask(rig.runtime, "model_activate", 300, id="squares-2", recipe="nowhere")
        assert rig.station.lanes["top"].job is job
        rig.until(lambda: [e.name for e in rig.reader.events(50)].count("model_refused") == 5)
    assert not (data / FILE).exists()


def test_a_recipe_that_pins_its_model_takes_no_other(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data", *STRENGTHS)
    with judging(data, made.key, line) as rig:
        ready(rig)
        recipe = data / "recipes" / "squares.toml"
        digest = read_bundle(data / "models" / "squares-1").digest
        recipe.write_text(f'model_hash = "{digest}"\n' + recipe.read_text())
        with pytest.raises(ControlFailed, match=r"model_hash: is .*: another one"):
            ask(rig.runtime, "model_activate", 300, id="squares-2")


def test_a_model_that_a_new_driver_breaks_gives_way_to_the_one_before(made: Made, tmp_path: Path) -> None:
    """FIELD 12: golden pictures are judged at every start; an older good model judges meanwhile, with an alarm."""
    line, data, key = Line(), made.stocked(tmp_path / "data", "squares-1", "squares-2"), made.key
    with judging(data, key, line, "health_s = 0.1\nhealth_parts = 1\n") as rig:
        ready(rig)
        ask(rig.runtime, "model_activate", 300, id="squares-2")
        line.allow(30)
        rig.until(lambda: rig.station.lanes["top"].on_trial is None, 60)
    book = data / "gates.json"
    book.write_text(book.read_text().replace("OpenVINO 20", "OpenVINO 10"))
    with judging(data, key, Line()) as rig:
        ready(rig)
        rig.until(lambda: "model_gate_again" in {e.name for e in rig.reader.events(50)})
        rig.until(lambda: [e for e in rig.reader.events(50) if e.name == "model_gate_again"])
        again = next(e for e in rig.reader.events(50) if e.name == "model_gate_again")
        assert again.detail["passed"] == 1
        assert "OpenVINO 10" in str(again.detail["because"])
    damaged = data / "models" / "squares-2" / "model.bin"
    damaged.write_bytes(damaged.read_bytes()[:-4] + b"\x00\x00\x00\x00")
    with judging(data, key, Line()) as rig:
        ready(rig)
        job = rig.station.lanes["top"].job
        assert job is not None
        assert job.origin.model == "squares-1"
        rig.turn()
        rig.turn()
        alarms = {a["name"]: a["detail"] for a in ask(rig.runtime, "status")["status"]["alarms"]}
        assert "squares-2 cannot judge, squares-1 does" in alarms["model_fallback"]
        assert "cut, edited or swapped" in alarms["model_fallback"]
