"""What every engine keeps to: the contracts of `Engine`, `Model` and `Session`."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.station.engines.engine import Engine
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle
from pipelines.look import Look, plan
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Stamp
from pipelines.yolo import check_shape
from tests.engines.tiny import bundle, picture

SIZE = (96, 128)
CANNED = (("green", 1.0, 32.0, 32.0, 64.0, 64.0),)
"""What the tiny model sees on `SEEN`."""
SEEN = picture(SIZE, ("green", 1, 1))
ABSENT = {"openvino": "NPU", "canned": "MISSING"}


@pytest.fixture(scope="module", params=["raw", "nmsfree"])
def tiny(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("tiny"), head=request.param, size=SIZE)


@pytest.fixture(params=sorted(ENGINES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(kind: str, tmp_path: Path) -> Engine:
    return ENGINES[kind](EngineConfig(kind=kind, canned=CANNED, precision="f32"), tmp_path / "cache")


def look(engine: Engine, tiny: Bundle) -> Inspection:
    loaded = engine.load(tiny, ["CPU"], SIZE)
    recipe = Recipe.model_validate({"name": "r", "model": tiny.id})
    there = plan(tiny.facts, recipe, *SIZE)
    seeing = Look(tiny.facts, recipe, there, loaded.model.session(), now_ns=time.monotonic_ns)
    return seeing(Frame("c", 1, SEEN, Stamp(0, time.monotonic_ns(), "")))


def test_model_names_its_device_and_size(engine: Engine, tiny: Bundle) -> None:
    loaded = engine.load(tiny, ["CPU"], SIZE)
    assert (loaded.device, loaded.model.size, loaded.fallback) == ("CPU", SIZE, "")
    assert loaded.runtime


def test_session_has_a_writable_buffer_a_slot(engine: Engine, tiny: Bundle) -> None:
    session = engine.load(tiny, ["CPU"], SIZE, slots=3).model.session(3)
    assert [buffer.shape for buffer in session.inputs] == [(*SIZE, 3)] * 3
    assert all(buffer.dtype == np.uint8 and buffer.flags.writeable for buffer in session.inputs)
    before = [id(buffer) for buffer in session.inputs]
    session.run(3)
    assert [id(buffer) for buffer in session.inputs] == before


def test_run_gives_one_output_a_slot_in_the_heads_shape(engine: Engine, tiny: Bundle) -> None:
    session = engine.load(tiny, ["CPU"], SIZE, slots=3).model.session(3)
    for count in (1, 3, 2):
        outputs = session.run(count)
        assert len(outputs) == count
        for output in outputs:
            assert output.dtype == np.float32
            check_shape(output.shape, tiny.manifest.head, len(tiny.manifest.labels))


def test_what_is_there_is_seen(engine: Engine, tiny: Bundle) -> None:
    (found,) = look(engine, tiny).detections
    assert found.label == "green"
    assert found.score == pytest.approx(1.0, abs=0.01)
    assert (found.x1, found.y1, found.x2, found.y2) == pytest.approx((32, 32, 64, 64), abs=0.5)


def test_missing_device_is_passed_over_and_named(engine: Engine, kind: str, tiny: Bundle) -> None:
    loaded = engine.load(tiny, [ABSENT[kind], "CPU"], SIZE)
    assert loaded.device == "CPU"
    assert ABSENT[kind] in loaded.fallback
    assert "no such device" in loaded.fallback


@pytest.mark.parametrize("devices", [[], ["absent"]])
def test_no_device_left_is_an_error_that_says_why(engine: Engine, kind: str, tiny: Bundle, devices: list[str]) -> None:
    with pytest.raises(EngineFailed, match="tiny-1"):
        engine.load(tiny, [ABSENT[kind] for _ in devices], SIZE)


def test_sessions_of_several_threads_do_not_disturb_each_other(engine: Engine, tiny: Bundle) -> None:
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
