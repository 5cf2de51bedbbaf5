"""A shadow: it sees the same parts, touches no answer, and whatever becomes of it, the lane goes on."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.control import ask
from agent.errors import ControlFailed
from agent.settings import load
from agent.station.beside.shadow import Shadow
from agent.station.models.activations import Activations
from agent.station.models.signing import SigningKey
from agent.station.offline import offline
from agent.store.values import PartQuery
from pipelines.values import Outcome
from tests.station.rig import Rig
from tests.station.squares import Line, every_part, is_bad, judging, key_in, make, network, ready, write_settings

STRENGTHS = {"squares-1": 1.0, "squares-2": 0.98, "squares-3": 0.9}
RED_FROM = "classes.red.threshold = 0.95\n"
"""By this rule squares-3 lets red squares pass, and no other does."""


@dataclass(frozen=True, slots=True)
class Made:
    """Signed and tried models in a data folder that tests copy."""

    data: Path
    key: SigningKey

    def stocked(self, data: Path) -> Path:
        """A data folder with all of them, as imports would leave it."""
        shutil.copytree(self.data / "models", data / "models")
        shutil.copyfile(self.data / "gates.json", data / "gates.json")
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


@contextmanager
def line_with(made: Made, data: Path, line: Line, rule: str = RED_FROM) -> Iterator[Rig]:
    """A station that judges by squares-1, and by this rule."""
    with judging(data, made.key, line) as rig:
        ready(rig)
        recipe = data / "recipes" / "squares.toml"
        recipe.write_text(recipe.read_text().replace("[quality]", f"{rule}[quality]"))
        ask(rig.runtime, "recipe", 300, lane="top", name="squares")
        rig.until(lambda: rig.station.lanes["top"].started, 300)
        yield rig


def shadow_of(rig: Rig) -> Shadow:
    (side,) = rig.station.lanes["top"].job.beside  # type: ignore[union-attr]
    assert isinstance(side, Shadow)
    return side


def status_of(rig: Rig) -> dict[str, object]:
    rig.turn()
    lane: dict[str, object] = ask(rig.runtime, "status")["status"]["lanes"][0]
    return lane


def shown(rig: Rig, line: Line, parts: int) -> None:
    """One part after the other, so that the shadow drops none."""
    lane = rig.station.lanes["top"]
    tally = shadow_of(rig).tally
    for _ in range(parts):
        before = tally.figures().compared
        line.allow(1)
        rig.until(lambda before=before: tally.figures().compared > before, 300)  # type: ignore[misc]
    rig.until(lambda: lane.judged == line.shown, 300)


def test_a_shadow_touches_no_answer_and_its_disagreements_are_kept(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data")
    with line_with(made, data, line) as rig:
        said = ask(rig.runtime, "model_shadow", 300, id="squares-3")
        assert (said["model"], said["lanes"], said["warning"]) == ("squares-3", ["top"], "")
        rig.until(lambda: rig.station.lanes["top"].job.beside)  # type: ignore[union-attr]
        assert nice_of(shadow_of(rig).pid) == 19
        assert shadow_of(rig).task.engine.hang_s == 300, "a busy machine is no error of the model's"
        shown(rig, line, 40)
        figures = shadow_of(rig).tally.figures()
        # Of 40 parts 10 are bad: 8 of them red, which it lets pass, and 2 blue, which it does not.
        assert (figures.compared, figures.agreed, figures.passes_more, figures.rejects_more) == (40, 32, 8, 0)
        assert (figures.differ, figures.errors, figures.dropped) == (8, 0, 0)
        assert 0 < figures.p50_ms <= figures.p99_ms
        rig.until(lambda: rig.reader.tally().parts == 40)
        parts = every_part(rig.reader)
        assert all(p.record.origin.model == "squares-1" for p in parts)
        assert all(p.record.verdict.outcome is (Outcome.NG if is_bad(p.record.sequence) else Outcome.OK) for p in parts)
        digest = shadow_of(rig).task.digest
        rig.until(lambda: sum(rig.beside(digest, "shadow").values()) == 40)
        assert rig.beside(digest, "shadow")[Outcome.NG, Outcome.OK] == 8
        beside = status_of(rig)["shadow"]
        assert isinstance(beside, dict)
        assert (beside["model"], beside["state"], beside["compared"]) == ("squares-3", "judging", 40)
        off = ask(rig.runtime, "model_shadow", 300, id="off")
        assert (off["model"], off["figures"]["top"]["passes_more"]) == ("squares-3", 8)
        assert status_of(rig)["shadow"] is None
        rig.until(lambda: rig.station.lanes["top"].job.beside == ())  # type: ignore[union-attr]
        rig.until(lambda: [e for e in rig.reader.events(50) if e.name == "model_shadow_off"])
        ended = next(e for e in rig.reader.events(50) if e.name == "model_shadow_off")
        assert (ended.detail["compared"], ended.detail["passes_more"]) == (40, 8)


def nice_of(pid: int) -> int:
    """A process's nice value."""
    return os.getpriority(os.PRIO_PROCESS, pid)


def test_pictures_of_passed_parts_that_it_would_reject_are_kept_lossless(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data")
    with line_with(made, data, line) as rig:
        ask(rig.runtime, "model_activate", 300, id="squares-3")
        ask(rig.runtime, "model_shadow", 300, id="squares-1")
        rig.until(lambda: rig.station.lanes["top"].job.beside)  # type: ignore[union-attr]
        shown(rig, line, 8)
        assert shadow_of(rig).tally.figures().rejects_more == 2
        rig.until(lambda: shadow_of(rig).tally.figures().pictures == 2)
        rig.until(lambda: len([p for p in rig.reader.parts(PartQuery(limit=50)) if p.evidence]) == 2)
        kept = [p for p in every_part(rig.reader) if p.evidence is not None]
        assert rig.reader.beside_bytes() == sum(p.evidence.bytes for p in kept if p.evidence) > 0
        assert [p.record.sequence for p in kept] == [4, 8]
        assert all(p.record.verdict.outcome is Outcome.OK for p in kept)
        assert all(p.evidence is not None and p.evidence.file.endswith(".png") for p in kept)


def test_a_shadow_survives_a_restart_a_recipe_and_an_activation(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data")
    with line_with(made, data, line) as rig:
        ask(rig.runtime, "model_shadow", 300, id="squares-3")
        with pytest.raises(ControlFailed, match="it is the shadow of recipe squares"):
            ask(rig.runtime, "model_remove", 300, id="squares-3")
    assert Activations(data).of("squares").shadow == "squares-3"
    with line_with(made, data, line) as rig:
        rig.until(lambda: shadow_in(rig) and shadow_of(rig).device, 300)
        shown(rig, line, 4)
        assert shadow_of(rig).tally.figures().passes_more == 1, "by the recipe as it has become"
        ask(rig.runtime, "model_activate", 300, id="squares-2")
        rig.until(lambda: shadow_in(rig), 300)
        shown(rig, line, 4)
        assert shadow_of(rig).tally.figures().compared == 8
        ask(rig.runtime, "model_activate", 300, id="squares-3")
        rig.until(lambda: "model_shadow_ended" in {e.name for e in rig.reader.events(50)}, 300)
        assert Activations(data).of("squares").shadow is None


def shadow_in(rig: Rig) -> bool:
    job = rig.station.lanes["top"].job
    return job is not None and bool(job.beside)


def test_a_shadow_that_dies_comes_back_and_the_lane_never_notices(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data")
    with line_with(made, data, line) as rig:
        ask(rig.runtime, "model_shadow", 300, id="squares-2")
        rig.until(lambda: shadow_in(rig), 300)
        shown(rig, line, 4)
        os.kill(shadow_of(rig).pid, signal.SIGKILL)
        line.allow(200)
        rig.until(lambda: rig.station.lanes["top"].judged == 204, 300)
        rig.until(lambda: "model_shadow_restarts" in {e.name for e in rig.reader.events(50)}, 300)
        rig.until(lambda: [e for e in rig.reader.events(50) if e.name == "model_shadow_restarts"])
        again = next(e for e in rig.reader.events(50) if e.name == "model_shadow_restarts")
        assert (again.detail["model"], again.detail["lane"]) == ("squares-2", "top")
        assert "signal 9" in str(again.detail["why"])
        rig.until(lambda: shadow_of(rig).device, 300)
        shown(rig, line, 4)
        tally = shadow_of(rig).tally
        rig.until(lambda: tally.figures().compared + tally.figures().dropped == 208, 300)
        beside = status_of(rig)["shadow"]
        assert isinstance(beside, dict)
        assert (beside["restarts"], beside["trouble"], beside["state"]) == (1, "", "judging")
        parts = every_part(rig.reader)
        assert all(p.record.verdict.outcome is (Outcome.NG if is_bad(p.record.sequence) else Outcome.OK) for p in parts)
        assert sum(p.record.missed for p in parts) == 0
        assert Activations(data).of("squares").shadow == "squares-2"


def test_a_shadow_that_is_too_slow_drops_and_counts(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data")
    with line_with(made, data, line) as rig:
        ask(rig.runtime, "model_shadow", 300, id="squares-2")
        rig.until(lambda: shadow_in(rig), 300)
        os.kill(shadow_of(rig).pid, signal.SIGSTOP)
        line.allow(100)
        rig.until(lambda: rig.station.lanes["top"].judged == 100, 300)
        assert shadow_of(rig).tally.figures().dropped >= 98
        os.kill(shadow_of(rig).pid, signal.SIGCONT)
        tally = shadow_of(rig).tally
        rig.until(lambda: tally.figures().compared + tally.figures().dropped == 100, 300)


def test_what_cannot_judge_beside_is_refused(made: Made, tmp_path: Path) -> None:
    line, data = Line(), made.stocked(tmp_path / "data")
    with line_with(made, data, line) as rig:
        for model, why in (
            ("squares-1", "is the active one of recipe squares"),
            ("squares-7", "there is no such bundle"),
        ):
            with pytest.raises(ControlFailed, match=why):
                ask(rig.runtime, "model_shadow", 300, id=model)
        assert ask(rig.runtime, "model_shadow", 300, id="off")["model"] == ""
        for verb in ("model_shadow", "model_canary"):
            with pytest.raises(ControlFailed, match="recipe sqares is not in use; in use: squares"):
                ask(rig.runtime, verb, 300, id="off", recipe="sqares")
        assert set(Activations(data).all()) <= {"squares"}
        assert not shadow_in(rig)
