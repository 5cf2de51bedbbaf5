"""The onnxruntime engine's own promises, beyond the contract."""

import gc
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from agent import paths
from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.station.engines.engine import Loaded, onnx_of
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.golden import Prover, golden_size
from tests.engines import tiny as only_ir
from tests.engines.onnx_file import node, write
from tests.engines.tiny import picture
from tests.engines.tiny_onnx import bundle

ort = pytest.importorskip("onnxruntime", reason="needs the extra onnxruntime")
SIZE = (96, 128)

LOAD = """
import sys
from pathlib import Path
from agent.config import EngineConfig
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import read_bundle
engine = ENGINES["onnxruntime"](EngineConfig(kind="onnxruntime"), Path("nowhere"))
session = engine.load(read_bundle(Path(sys.argv[1])), ["CPU"], (96, 128)).model.session()
session.run()
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("tiny"), size=SIZE)


def load(tiny: Bundle, devices: list[str], **config: object) -> Loaded:
    told = EngineConfig.model_validate({"kind": "onnxruntime", **config})
    return ENGINES["onnxruntime"](told, Path("nowhere")).load(tiny, devices, SIZE)


def test_it_reports_to_nobody(tiny: Bundle, tmp_path: Path) -> None:
    """FIELD 24: no cloud. onnxruntime would keep an id in the home folder, and report each start with it."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(tiny.folder)],
        env={"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*")) == []


def test_answers_are_openvinos(tiny: Bundle, tmp_path: Path) -> None:
    answers = []
    for kind in ("openvino", "onnxruntime"):
        engine = ENGINES[kind](EngineConfig(kind=kind, precision="f32"), tmp_path)
        session = engine.load(tiny, ["CPU"], SIZE).model.session()
        np.copyto(session.inputs[0], np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8))
        answers.append(np.array(session.run()[0]))
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-4)


def test_runtime_names_version_provider_and_graph(tiny: Bundle) -> None:
    """FIELD 12: with another of them the golden pictures are judged anew."""
    runtime = load(tiny, ["CPU"]).runtime
    assert f"onnxruntime {ort.__version__}, CPUExecutionProvider" in runtime
    assert runtime.endswith("model.onnx")


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("TENSORRT", "not TensorrtExecutionProvider"),
        ("CUDA.1", "not CUDAExecutionProvider"),
        ("MIGRAPHX", "not MIGraphXExecutionProvider"),
        ("VITISAI", "not VitisAIExecutionProvider"),
        ("GPU", "onnxruntime's are CPU, CUDA"),
        ("CPU.1", "no such device"),
    ],
)
def test_provider_that_is_not_in_the_build_is_passed_over_and_named(tiny: Bundle, device: str, why: str) -> None:
    loaded = load(tiny, [device, "CPU"])
    assert loaded.device == "CPU"
    assert loaded.fallback.startswith(f"{device}: there is no such device")
    assert why in loaded.fallback


def test_precision_that_the_cpu_has_not_is_refused(tiny: Bundle) -> None:
    with pytest.raises(EngineFailed, match="runs no graph in f16"):
        load(tiny, ["CPU"], precision="f16")


def test_bundle_without_an_onnx_graph_is_refused_and_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match=r"no ONNX graph: its graph is model\.xml, its variants are none"):
        load(only_ir.bundle(tmp_path / "ir", size=SIZE), ["CPU"])


def test_the_onnx_graph_itself_may_be_the_one_that_judges(tiny: Bundle) -> None:
    assert onnx_of(tiny.variant("onnx")) == onnx_of(tiny) == tiny.folder / "model.onnx"


@pytest.mark.parametrize("harm", ["cut", "empty", "text"])
def test_broken_graph_is_an_error_in_words(tiny: Bundle, tmp_path: Path, harm: str) -> None:
    body = onnx_of(tiny).read_bytes()
    (tmp_path / "model.onnx").write_bytes({"cut": body[:-40], "empty": b"", "text": b"no graph at all"}[harm])
    with pytest.raises(EngineFailed, match="CPU: "):
        load(Bundle(tmp_path, tiny.manifest, "0" * 64), ["CPU"])


def test_graph_in_half_precision_is_refused(tiny: Bundle, tmp_path: Path) -> None:
    nodes, sizes = [node("Relu", ["images"], ["output0"])], (1, 3, *SIZE)
    write(tmp_path / "model.onnx", nodes, {}, ("images", sizes), ("output0", sizes), kind="float16")
    with pytest.raises(EngineFailed, match=r"wanted tensor\(float\)"):
        load(Bundle(tmp_path, tiny.manifest, "0" * 64), ["CPU"])


def test_own_options_of_the_device_are_handed_on_and_openvinos_are_not(tiny: Bundle) -> None:
    own = {"CPU": {"session.intra_op.allow_spinning": "0", "SCHEDULING_CORE_TYPE": "PCORE_ONLY"}}
    assert load(tiny, ["CPU"], properties=own, threads=1).device == "CPU"


def test_sessions_that_are_let_go_of_leave_no_thread(tiny: Bundle) -> None:
    model = load(tiny, ["CPU"]).model
    gc.collect()
    before = set(threading.enumerate())
    session = model.session()
    np.copyto(session.inputs[0], picture(SIZE, ("red", 0, 0)))
    session.run()
    (own,) = set(threading.enumerate()) - before
    del session
    gc.collect()
    own.join(30)
    assert not own.is_alive()


@pytest.mark.parametrize("folder", sorted(paths.bundled_models().glob("*-*")), ids=lambda folder: folder.name)
def test_bundled_models_pass_their_golden_pictures(folder: Path) -> None:
    """FIELD 13: on this engine too, where they have a graph for it."""
    model = read_bundle(folder)
    if not any(name.endswith(".onnx") for name in model.manifest.files):
        pytest.skip(f"{model.id} has no ONNX graph")
    engine = ENGINES["onnxruntime"](EngineConfig(kind="onnxruntime"), Path("nowhere"))
    session = engine.load(model, ["CPU"], golden_size(model)).model.session()
    assert Prover(model, session, SystemClock()).all() == ""
