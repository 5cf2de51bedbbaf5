"""The parity gate: what passes, what does not, and what it says."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.errors import BundleRefused, EngineFailed
from agent.station.engines.canned import CannedEngine
from agent.station.engines.engine import Engine
from agent.station.engines.openvino import OpenVinoEngine
from agent.station.models.bundle import Bundle
from agent.station.models.golden import Prover, load_proven
from tests.engines.tiny import bundle

SIZE = (96, 128)
THREE = (("red", 1.0, 0, 0, 32, 32), ("green", 1.0, 32, 32, 64, 64), ("blue", 1.0, 96, 64, 128, 96))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("tiny"), size=SIZE)


@pytest.fixture(scope="module")
def three(tiny: Bundle) -> Bundle:
    """Only the golden picture with three squares: what the canned engine can answer rightly."""
    return replace(tiny, manifest=tiny.manifest.model_copy(update={"golden": tiny.manifest.golden[:1]}))


def prover(bundle: Bundle, engine: Engine) -> Prover:
    return Prover(bundle, engine.load(bundle, ["CPU"], SIZE).model.session(), SystemClock())


def canned(*answers: tuple[str, float, float, float, float, float], **more: object) -> CannedEngine:
    return CannedEngine(EngineConfig(kind="canned", canned=answers, **more))


def test_expected_answers_were_written_down(tiny: Bundle) -> None:
    one, two = tiny.manifest.golden
    assert [row[0] for row in one.expected] == ["red", "green", "blue"]
    assert two.expected == ()


@pytest.mark.parametrize("precision", ["auto", "f32", "bf16"])
def test_openvino_proves_itself(tiny: Bundle, tmp_path: Path, precision: str) -> None:
    engine = OpenVinoEngine(EngineConfig(precision=precision), tmp_path)
    assert prover(tiny, engine).all() == ""


def test_right_answers_pass(three: Bundle) -> None:
    proof = prover(three, canned(*THREE))
    assert proof.problems() == ()
    assert [proof.one() for _ in range(3)] == [""] * 3


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (THREE[:2], "blue at (96, 64, 128, 96) was not found: nothing was there"),
        ((*THREE[:2], ("blue", 0.5, 96, 64, 128, 96)), "it has 0.50, below the threshold"),
        ((*THREE[:2], ("blue", 0.85, 96, 64, 128, 96)), "has score 0.85, expected 1.00"),
        ((*THREE[:2], ("blue", 1.0, 96, 64, 128, 80)), "blue at (96, 64, 128, 96) was not found"),
        ((*THREE[:2], ("red", 1.0, 96, 64, 128, 96)), "red at (96, 64, 128, 96) was found, expected nothing there"),
        ((*THREE, ("red", 0.9, 64, 0, 96, 32)), "red at (64, 0, 96, 32) was found, expected nothing there"),
    ],
)
def test_wrong_answers_are_named(three: Bundle, answers: tuple, said: str) -> None:
    """FIELD 13: wrong results without any error are caught by the golden pictures."""
    problems = prover(three, canned(*answers)).problems()
    assert any(said in p.what and p.where == "golden-1.png" for p in problems), problems


def test_small_differences_between_devices_pass(three: Bundle) -> None:
    shifted = [(label, score - 0.09, x1 + 1, y1 - 1, x2 + 1, y2 - 1) for label, score, x1, y1, x2, y2 in THREE]
    assert prover(three, canned(*shifted)).all() == ""


def test_failing_engine_is_a_problem_not_an_exception(three: Bundle) -> None:
    assert "canned: run 2 fails" in prover(three, canned(*THREE, canned_fail_after=1)).one()


def test_bundle_without_golden_pictures_proves_that_it_runs(tiny: Bundle) -> None:
    none = replace(tiny, manifest=tiny.manifest.model_copy(update={"golden": ()}))
    assert prover(none, canned()).all() == ""
    assert prover(none, canned(canned_fail_after=1)).one()


@pytest.mark.parametrize("golden", ["none", "empty"])
def test_a_bundle_that_proves_nothing_is_not_loaded(tiny: Bundle, tmp_path: Path, golden: str) -> None:
    """FIELD 13: however its name came to the station. Only canned answers have nothing to prove."""
    left = () if golden == "none" else tiny.manifest.golden[1:]
    idle = replace(tiny, manifest=tiny.manifest.model_copy(update={"golden": left}))
    with pytest.raises(BundleRefused, match=r"golden: (there are none|none expects anything)"):
        load_proven(OpenVinoEngine(EngineConfig(), tmp_path / "cache"), idle, ["CPU"], SIZE)
    assert load_proven(canned(), idle, ["CPU"], SIZE).loaded.canned


class ByDevice:
    """An engine whose first device sees nothing: the canned ones, one a device."""

    def load(self, bundle: Bundle, devices, size, lanes=1, slots=1):
        engine = canned() if devices[0] == "NPU" else canned(*THREE)
        return engine.load(bundle, devices, size, lanes, slots)


def test_device_that_fails_the_golden_pictures_is_passed_over(three: Bundle) -> None:
    """FIELD 12 and 13: a device that is wrong without an error does not decide."""
    proven = load_proven(ByDevice(), three, ["NPU", "CPU"], SIZE)
    assert proven.loaded.device == "CPU"
    assert "NPU: the golden pictures fail: golden-1.png: red" in proven.loaded.fallback


def test_no_device_left_names_them_all(three: Bundle) -> None:
    with pytest.raises(EngineFailed, match=r"MISSING1: there is no such device.*A: the golden.*B: the golden"):
        load_proven(canned(), three, ["MISSING1", "A", "B"], SIZE)


def test_model_of_another_size_is_proven_at_the_golden_size(tmp_path: Path) -> None:
    dynamic = bundle(tmp_path / "dynamic", size=(128, 128), dynamic=True)
    proven = load_proven(OpenVinoEngine(EngineConfig(), tmp_path / "cache"), dynamic, ["CPU"], (64, 128))
    assert proven.loaded.model.size == (64, 128)
    assert proven.golden.size == (128, 128)
