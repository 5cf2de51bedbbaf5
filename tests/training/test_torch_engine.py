"""The torch engine keeps the contract of every engine, and reads YOLO's own graph as OpenVINO does."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle
from tests.contracts.engine_contract import SeeingContract, tiny
from tests.engines.onnx_file import node, write
from tests.engines.tiny import picture

pytest.importorskip("torch", reason="needs the extra training")
pytest.importorskip("ultralytics", reason="needs the extra training")

__all__ = ["tiny"]
SIDE = 64


class TestTorch(SeeingContract):
    @pytest.fixture
    def kind(self) -> str:
        return "torch"


@pytest.fixture(scope="module")
def yolo(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small YOLO26 with weights by chance, as the workshop exports it."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    from training.export import export_module
    from training.measure import working_bundle

    torch.manual_seed(7)
    folder = tmp_path_factory.mktemp("yolo")
    model = DetectionModel("yolo26n.yaml", nc=3, verbose=False)
    exported = export_module(model.eval(), folder / "made", SIDE)
    there = folder / "yolo-1"
    there.mkdir()
    for file in (exported.f32, exported.f32.with_suffix(".bin"), exported.onnx):
        shutil.copyfile(file, there / file.name)
    # Weights by chance find nothing that could be golden: it is a bundle to look through, not one to judge by.
    made = working_bundle(there / exported.f32.name, exported.labels, SIDE, "detect")
    return replace(made, manifest=made.manifest.model_copy(update={"variants": {"onnx": exported.onnx.name}}))


def test_yolo_gives_openvinos_numbers(yolo: Bundle, tmp_path: Path) -> None:
    """The same graph and picture: boxes within 0.05 px, scores within 0.001."""
    answers = {}
    seen = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    for kind in ("openvino", "torch"):
        engine = ENGINES[kind](EngineConfig(kind=kind, precision="f32"), tmp_path)
        session = engine.load(yolo, ["CPU"], (SIDE, SIDE)).model.session()
        np.copyto(session.inputs[0], seen)
        answers[kind] = np.array(session.run()[0])
    np.testing.assert_allclose(answers["torch"][:, :4], answers["openvino"][:, :4], atol=0.05)
    np.testing.assert_allclose(answers["torch"][:, 4:], answers["openvino"][:, 4:], atol=1e-3)


def broken(folder: Path, whole: Bundle, *nodes: bytes) -> Bundle:
    """A bundle with another graph in the place of its ONNX file."""
    folder.mkdir()
    weights = {"weights": np.ones((7, 3, 1, 1), np.float32)}
    write(folder / "other.onnx", nodes, weights, ("images", (1, 3, 96, 128)), ("output0", (1, 7, 12)))
    manifest = whole.manifest.model_copy(update={"graph": "other.onnx", "variants": {}})
    return Bundle(folder, manifest, "0" * 64)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([node("Loop", ["images"], ["output0"])], "does not know: Loop"),
        ([node("Relu", ["missing"], ["output0"])], "its input missing is made by nothing before it"),
        ([node("Reshape", ["images", "images"], ["output0"])], "its images depends on the picture"),
        ([node("MatMul", ["images", "weights"], ["output0"])], "MatMul"),
        ([node("Relu", ["weights"], ["output0"])], "does not depend on the picture"),
        ([node("Conv", ["images", "weights"], ["output0"])], "the model's output has shape"),
    ],
)
def test_graph_that_is_not_understood_is_an_error_in_words(
    tiny: Bundle, tmp_path: Path, nodes: list[bytes], said: str
) -> None:
    engine = ENGINES["torch"](EngineConfig(kind="torch"), tmp_path)
    with pytest.raises(EngineFailed, match=said):
        engine.load(broken(tmp_path / "b", tiny, *nodes), ["CPU"], (96, 128))


def test_file_that_is_no_onnx_is_an_error_in_words(tiny: Bundle, tmp_path: Path) -> None:
    folder = broken(tmp_path / "b", tiny, node("Relu", ["images"], ["output0"])).folder
    (folder / "other.onnx").write_bytes(b"\xff" * 100)
    manifest = tiny.manifest.model_copy(update={"graph": "other.onnx", "variants": {}})
    engine = ENGINES["torch"](EngineConfig(kind="torch"), tmp_path)
    with pytest.raises(EngineFailed, match="cannot be read"):
        engine.load(Bundle(folder, manifest, "0" * 64), ["CPU"], (96, 128))


@pytest.mark.parametrize("precision", ["f16", "bf16"])
def test_whole_network_in_fewer_bits(tiny: Bundle, tmp_path: Path, precision: str) -> None:
    engine = ENGINES["torch"](EngineConfig(kind="torch", precision=precision), tmp_path)
    session = engine.load(tiny, ["CPU"], (96, 128)).model.session()
    np.copyto(session.inputs[0], picture((96, 128), ("green", 1, 1)))
    output = session.run()[0]
    assert output.dtype == np.float32
    assert np.isfinite(output).all()
