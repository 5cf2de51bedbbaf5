"""Export and INT8 of every family of detectors, and the search for what must stay in floating point."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from agent.errors import OkngError
from agent.station.models import contents
from agent.station.models.export import read_export
from training.export import Exported, export, export_module
from training.inputs import network_inputs
from training.measure import Score, bytes_of, working_bundle
from training.pictures import pictures_of
from training.quantise import KEEPS, Allowed, Keep, Tried, quantise, search, unquantised

SIDE_PX = 96
LABELS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")


@pytest.fixture(scope="module")
def exported(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(fresh, tmp_path_factory.mktemp("exported"), SIDE_PX)


@pytest.fixture(scope="module")
def given(drawn: Path) -> list[Any]:
    return list(network_inputs(pictures_of(drawn / "data.yaml")[:4], SIDE_PX))


def answers(graph: Path, given: list[Any], precision: str = "f32") -> list[Any]:
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return [np.array(compiled(one)[0]) for one in given]


def test_the_raw_head_is_exported_whole_in_three_formats(exported: Exported, given: list[Any]) -> None:
    for folder in (exported.f32.parent, exported.f16.parent):
        read = read_export(folder)
        assert (read.head, read.labels, read.image_size) == ("raw", LABELS, (SIDE_PX, SIDE_PX))
    exact, half = answers(exported.f32, given), answers(exported.f16, given)
    assert exact[0].shape == (1, 10, SIDE_PX**2 // 64 + SIDE_PX**2 // 256 + SIDE_PX**2 // 1024)
    assert max(np.abs(a - b).max() for a, b in zip(exact, half, strict=True)) < 1.0
    onnx = answers(exported.onnx, given)
    assert max(np.abs(a - b).max() for a, b in zip(exact, onnx, strict=True)) < 0.01
    assert bytes_of(exported.f16) < 0.6 * bytes_of(exported.f32)


@pytest.mark.parametrize("network", ["yolo26n", "yolo11n", "yolov8n"])
def test_every_family_keeps_its_box_branch_in_floating_point(network: str, tmp_path: Path, given: list[Any]) -> None:
    from ultralytics.nn.tasks import DetectionModel

    model = DetectionModel(f"{network}.yaml", nc=len(LABELS), verbose=False)
    model.names = dict(enumerate(LABELS))
    made = export_module(model, tmp_path, SIDE_PX)
    graph = ov.Core().read_model(made.f32)
    kept = [unquantised(graph, keep.groups) for keep in KEEPS]
    assert all(set(less) < set(more) for less, more in pairwise(kept)), "each keeps more"
    boxes = [name for name in kept[0] if ".cv2." in name and "Convolution" in name]
    assert len(boxes) == 9, "three convolutions on each of three levels"
    assert not [name for name in kept[0] if ".cv3." in name]
    int8 = quantise(made.f32, tmp_path / "int8/model.xml", given[:2])
    kinds = [op.get_type_name() for op in ov.Core().read_model(int8.graph).get_ops()]
    assert kinds.count("FakeQuantize") > 40
    assert bytes_of(int8.graph) < 0.31 * bytes_of(made.f32)


def test_int8_answers_as_the_exact_graph_does_and_a_station_may_read_it(
    exported: Exported, given: list[Any], tmp_path: Path
) -> None:
    made = quantise(exported.f32, tmp_path / "model.xml", given)
    exact, int8 = answers(exported.f32, given), answers(made.graph, given)
    apart = max(float(np.abs(a - b)[:, :4].mean()) for a, b in zip(exact, int8, strict=True))
    assert apart < 1.0, "boxes, px"
    bundle = working_bundle(made.graph, LABELS, SIDE_PX, "detect")
    assert contents.problems(bundle.folder, bundle.manifest) == []
    assert made.settings()["calibration_pictures"] == 4


def test_a_graph_without_a_head_is_refused() -> None:
    from openvino import opset13 as ops

    given = ops.parameter([1, 3, 8, 8], dtype=np.float32)
    with pytest.raises(OkngError, match="no score branch"):
        unquantised(ov.Model([ops.relu(given)], [given], "none"))


def score(map50: float, map50_95: float) -> Score:
    return Score(map50, map50_95, 1.0, 0.5, 1, 1)


def measuring(*scores: Score) -> Callable[[Path], Score]:
    left = list(scores)
    return lambda _: left.pop(0)


def test_the_search_ends_with_the_first_that_loses_little(exported: Exported, given: list[Any], tmp_path: Path) -> None:
    exact, lines = score(0.95, 0.70), list[str]()
    bad, good = score(0.90, 0.60), score(0.948, 0.695)
    keeps = (KEEPS[0], KEEPS[2])
    tried: list[Tried] = search(
        exported, tmp_path, SIDE_PX, given[:2], exact, measuring(bad, good), Allowed(), lines.append, keeps
    )
    assert [t.fits for t in tried] == [False, True]
    assert [t.quantised.keep.name for t in tried] == ["boxes", "head"]
    assert "too much" in lines[0]
    assert "too much" not in lines[1]
    assert bytes_of(tried[0].quantised.graph) < bytes_of(tried[1].quantised.graph)


def test_none_that_fits_is_said(exported: Exported, given: list[Any], tmp_path: Path) -> None:
    keeps: tuple[Keep, ...] = KEEPS[:1]
    tried = search(
        exported, tmp_path, SIDE_PX, given[:2], score(0.95, 0.7), measuring(score(0.5, 0.4)), keeps=keeps, say=str
    )
    assert [t.fits for t in tried] == [False]
    assert Allowed().exceeded(tried[0].score, score(0.95, 0.7)) > 0.29
