"""`okng evaluate` of a model that sees the part's reference, and the traditional method beside it."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from agent.station.models.bundle import Bundle, read_bundle
from pipelines.values import Pixels
from training.datasets.values import Box, Dataset, Picture
from training.evaluate.figures import Asked
from training.evaluate.page import page
from training.evaluate.run import evaluate

pytest.importorskip("faster_coco_eval", reason="mAP needs faster-coco-eval (extra measure)")

SIDE, CELL = 320, 32


def graph() -> ov.Model:
    """Each cell of 32 x 32 px is an anchor; its score is the mean of the third channel: of the difference."""
    seen = ops.parameter(ov.PartialShape([1, 3, SIDE, SIDE]), np.float32, name="images")
    cells = ops.avg_pool(seen, [CELL, CELL], [0, 0], [0, 0], [CELL, CELL], True)
    scores = ops.convolution(cells, np.array([[[[0]], [[0]], [[1]]]], np.float32), [1, 1], [0, 0], [0, 0], [1, 1])
    ones = ops.add(ops.multiply(scores, np.float32(0)), np.float32(1))
    x = ops.multiply(ops.subtract(ops.cum_sum(ones, np.int64(3)), np.float32(0.5)), np.float32(CELL))
    y = ops.multiply(ops.subtract(ops.cum_sum(ones, np.int64(2)), np.float32(0.5)), np.float32(CELL))
    side = ops.multiply(ones, np.float32(CELL))
    output = ops.reshape(ops.concat([x, y, side, side, scores], 1), np.array([1, 5, -1]), False)
    return ov.Model([ops.result(output)], [seen], "guided")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("guided-1")
    ov.save_model(graph(), folder / "model.xml", compress_to_fp16=False)
    files = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()}
    manifest = {
        "schema": "okng.bundle/1",
        "name": "guided",
        "version": "1",
        "pipeline": "guided",
        "labels": ["blob"],
        "head": "raw",
        "input": {"width_px": SIDE, "height_px": SIDE},
        "graph": "model.xml",
        "threshold": 0.3,
        "data": "none: its numbers were written down",
        "licence": "Apache-2.0",
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return read_bundle(folder)


def golden(seed: int) -> Pixels:
    """Dark tracks on bright ground, no two alike."""
    rng = np.random.default_rng(seed)
    grey: NDArray[np.uint8] = np.full((SIDE, SIDE), 220, np.uint8)
    for _ in range(14):
        a, b = (tuple(int(v) for v in rng.integers(0, SIDE, 2)) for _ in range(2))
        cv2.line(grey, a, b, 40, int(rng.integers(6, 14)))
    return cv2.merge([grey] * 3)


def part(clean: Pixels, *cells: tuple[int, int]) -> tuple[Pixels, tuple[Box, ...]]:
    """A golden picture with whole cells turned into their opposite."""
    made, boxes = clean.copy(), []
    for column, row in cells:
        place = np.s_[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
        made[place] = 255 - made[place]
        boxes.append(Box("blob", column * CELL, row * CELL, (column + 1) * CELL, (row + 1) * CELL))
    return made, tuple(boxes)


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    pictures = []
    for i in range(6):
        clean = golden(i)
        made, boxes = part(clean, (2 + i % 3, 3), (6, 1 + i))
        names = tmp_path / f"{i}.png", tmp_path / f"{i}_golden.png"
        for name, pixels in zip(names, (made, clean), strict=True):
            cv2.imwrite(str(name), pixels)
        pictures.append(Picture(names[0], boxes, "test", "ab"[i % 2], SIDE, SIDE, names[1]))
    return Dataset(tmp_path.resolve(), "made", ("blob",), tuple(pictures))


def test_a_guided_model_gets_each_part_its_own_reference(bundle: Bundle, data: Dataset) -> None:
    figures = evaluate(bundle, data, Asked(one_defect=True)).figures
    assert figures.bundle["pipeline"] == "guided"
    assert figures.detection is not None
    assert figures.detection.precision.map50 == pytest.approx(1.0)
    assert figures.detection.authors.ap == pytest.approx(1.0)
    assert figures.parts.accuracy.k == 12
    assert figures.repaired is not None
    assert figures.repaired.overkills.k == 0
    assert figures.one_defect is not None
    assert (figures.one_defect.escapes.k, figures.one_defect.escapes.n) == (0, 12)


def test_no_part_is_ok_by_a_wrong_reference(bundle: Bundle, data: Dataset) -> None:
    """FIELD 7: a part that does not lie as its reference does is UNSURE, never OK."""
    figures = evaluate(bundle, data, Asked(wrong_reference=True)).figures
    wrong = figures.wrong_reference
    assert wrong is not None
    assert (wrong.ok, wrong.parts) == (0, 6)
    assert len(wrong.outcomes) == 4
    assert wrong.outcomes["another group's"]["UNSURE"] == 6
    for kind, outcomes in wrong.outcomes.items():
        assert sum(outcomes.values()) + wrong.left_out[kind] == 6


def test_beside_the_traditional_method(bundle: Bundle, data: Dataset) -> None:
    done = evaluate(bundle, data, Asked(against_difference=True, perturb=True))
    bare, aligned = done.figures.against
    assert (bare.method, aligned.method) == ("bare difference", "okng's difference pipeline")
    for one in (bare, aligned):
        assert (one.pictures, one.defects) == (6, 12)
        assert one.traditional_recall == 1.0
        assert one.recall == 1.0
    html = page(done)
    assert html.count('class="theirs"') == 2
    assert "Perturbed" in html


def test_a_reference_that_nothing_can_be_laid_on(bundle: Bundle, data: Dataset) -> None:
    """Its part is UNSURE: a station would not even take the recipe."""
    blank = data.pictures[0].reference
    assert blank is not None
    cv2.imwrite(str(blank), np.full((SIDE, SIDE, 3), 255, np.uint8))
    figures = evaluate(bundle, data, Asked(against_difference=True)).figures
    assert figures.parts.bad["UNSURE"] == 1
    assert figures.parts.escapes.k == 0
    assert figures.against[1].traditional_unsure == 1
