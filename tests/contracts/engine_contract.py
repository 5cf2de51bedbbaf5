"""What every engine keeps to: the contracts of `Engine`, `Model` and `Session`.

A class without fixtures for its engine: each place that has an engine takes it from here and says which.
"""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.station.engines.engine import Engine
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle
from agent.station.models.golden import Prover, load_proven
from pipelines.look import Look, plan
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Stamp
from pipelines.yolo import check_shape
from tests.engines.tiny import picture
from tests.engines.tiny_onnx import bundle

SIZE = (96, 128)
CANNED = (("green", 1.0, 32.0, 32.0, 64.0, 64.0),)
"""What the tiny model sees on `SEEN`."""
SEEN = picture(SIZE, ("green", 1, 1))
ABSENT = {"openvino": "NPU", "canned": "MISSING", "onnxruntime": "QNN", "torch": "CUDA.99"}


def look(engine: Engine, tiny: Bundle) -> Inspection:
    loaded = engine.load(tiny, ["CPU"], SIZE)
    recipe = Recipe.model_validate({"name": "r", "model": tiny.id})
    there = plan(tiny.facts, recipe, *SIZE)
    seeing = Look(tiny.facts, recipe, there, loaded.model.session(), now_ns=time.monotonic_ns)
    return seeing(Frame("c", 1, SEEN, Stamp(0, time.monotonic_ns(), "")))


@pytest.fixture(scope="module", params=["raw", "nmsfree"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("tiny"), head=request.param, size=SIZE)


class EngineContract:
    """Wants the fixtures `kind`, the engine's name in the table, and `tiny`, this module's."""

    @pytest.fixture
    def engine(self, kind: str, tmp_path: Path) -> Engine:
        return ENGINES[kind](EngineConfig(kind=kind, canned=CANNED, precision="f32"), tmp_path / "cache")

    def test_model_names_its_device_and_size(self, engine: Engine, tiny: Bundle) -> None:
        loaded = engine.load(tiny, ["CPU"], SIZE)
        assert (loaded.device, loaded.model.size, loaded.fallback) == ("CPU", SIZE, "")
        assert loaded.runtime

    def test_session_has_a_writable_buffer_a_slot(self, engine: Engine, tiny: Bundle) -> None:
        session = engine.load(tiny, ["CPU"], SIZE, slots=3).model.session(3)
        assert [buffer.shape for buffer in session.inputs] == [(*SIZE, 3)] * 3
        assert all(buffer.dtype == np.uint8 and buffer.flags.writeable for buffer in session.inputs)
        before = [id(buffer) for buffer in session.inputs]
        session.run(3)
        assert [id(buffer) for buffer in session.inputs] == before

    def test_run_gives_one_output_a_slot_in_the_heads_shape(self, engine: Engine, tiny: Bundle) -> None:
        session = engine.load(tiny, ["CPU"], SIZE, slots=3).model.session(3)
        for count in (1, 3, 2):
            outputs = session.run(count)
            assert len(outputs) == count
            for output in outputs:
                assert output.dtype == np.float32
                check_shape(output.shape, tiny.manifest.head, len(tiny.manifest.labels))

    def test_what_is_there_is_seen(self, engine: Engine, tiny: Bundle) -> None:
        (found,) = look(engine, tiny).detections
        assert found.label == "green"
        assert found.score == pytest.approx(1.0, abs=0.01)
        assert (found.x1, found.y1, found.x2, found.y2) == pytest.approx((32, 32, 64, 64), abs=0.5)

    def test_missing_device_is_passed_over_and_named(self, engine: Engine, kind: str, tiny: Bundle) -> None:
        loaded = engine.load(tiny, [ABSENT[kind], "CPU"], SIZE)
        assert loaded.device == "CPU"
        assert ABSENT[kind] in loaded.fallback
        assert "no such device" in loaded.fallback

    @pytest.mark.parametrize("devices", [[], ["absent"]])
    def test_no_device_left_is_an_error_that_says_why(
        self, engine: Engine, kind: str, tiny: Bundle, devices: list[str]
    ) -> None:
        with pytest.raises(EngineFailed, match="tiny-1"):
            engine.load(tiny, [ABSENT[kind] for _ in devices], SIZE)

    def test_sessions_of_several_threads_do_not_disturb_each_other(self, engine: Engine, tiny: Bundle) -> None:
        model = engine.load(tiny, ["CPU"], SIZE, lanes=3).model
        expected = np.array(model.session().run()[0])
        wrong: list[str] = []

        def lane() -> None:
            session = model.session()
            for _ in range(20):
                if not np.array_equal(session.run()[0], expected):
                    wrong.append(threading.current_thread().name)

        lanes = [threading.Thread(target=lane) for _ in range(3)]
        for thread in lanes:
            thread.start()
        for thread in lanes:
            thread.join(30)
        assert not wrong


class SeeingContract(EngineContract):
    """Of engines that look at the pictures: all but the canned one."""

    def test_golden_pictures_of_openvino_pass(self, engine: Engine, tiny: Bundle) -> None:
        """FIELD 13: every engine proves itself by the same golden pictures."""
        proven = load_proven(engine, tiny, ["CPU"], SIZE)
        assert Prover(tiny, proven.golden.session(), SystemClock()).all() == ""

    def test_each_slot_has_its_own_picture_and_answer(self, engine: Engine, tiny: Bundle) -> None:
        session = engine.load(tiny, ["CPU"], SIZE, slots=3).model.session(3)
        places = [("red", 0, 0), ("green", 1, 1), ("blue", 3, 2)]
        for place, buffer in zip(places, session.inputs, strict=True):
            np.copyto(buffer, picture(SIZE, place))
        together = [np.array(output) for output in session.run(3)]
        for place, output in zip(places, together, strict=True):
            np.copyto(session.inputs[0], picture(SIZE, place))
            np.testing.assert_array_equal(session.run()[0], output)

    def test_each_run_answers_what_is_there_now(self, engine: Engine, tiny: Bundle) -> None:
        session = engine.load(tiny, ["CPU"], SIZE).model.session()
        np.copyto(session.inputs[0], SEEN)
        first = np.array(session.run()[0])
        session.inputs[0][:] = 0
        blank = np.array(session.run()[0])
        np.copyto(session.inputs[0], SEEN)
        np.testing.assert_array_equal(session.run()[0], first)
        assert not np.array_equal(first, blank)
        assert np.isfinite(first).all()

    def test_dynamic_model_takes_another_size(self, engine: Engine, tmp_path: Path) -> None:
        dynamic = bundle(tmp_path / "d", size=(128, 128), dynamic=True)
        model = engine.load(dynamic, ["CPU"], SIZE).model
        assert model.size == SIZE
        session = model.session()
        np.copyto(session.inputs[0], SEEN)
        assert session.run()[0].shape == (1, 7, 12)

    def test_fixed_model_is_refused_at_another_size(self, engine: Engine, tiny: Bundle) -> None:
        with pytest.raises(EngineFailed, match="fixed input"):
            engine.load(tiny, ["CPU"], (128, 128))

    def test_output_that_fits_no_head_is_refused(self, engine: Engine, tiny: Bundle) -> None:
        other = {"raw": "nmsfree", "nmsfree": "raw"}[tiny.manifest.head]
        manifest = tiny.manifest.model_copy(update={"head": other})
        with pytest.raises(EngineFailed, match="the model's output has shape"):
            engine.load(Bundle(tiny.folder, manifest, "0" * 64), ["CPU"], SIZE)
