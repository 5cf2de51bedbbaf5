"""`okng evaluate` from end to end, with a tiny detector whose answers are known beforehand."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import OkngError
from agent.station.models.bundle import Bundle
from pipelines.recipe import Recipe
from pipelines.values import Pixels
from tests.engines import tiny
from training.datasets.values import Box, Dataset, Picture
from training.evaluate.command import as_json
from training.evaluate.figures import Asked
from training.evaluate.page import page
from training.evaluate.run import evaluate

pytest.importorskip("faster_coco_eval", reason="mAP needs faster-coco-eval (extra measure)")

SIZE = (96, 128)
CELL = tiny.CELL


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny.bundle(tmp_path_factory.mktemp("tiny"))


def square(label: str, column: int, row: int) -> Box:
    return Box(label, column * CELL, row * CELL, (column + 1) * CELL, (row + 1) * CELL)


def golden(seed: int) -> Pixels:
    """A grey picture with structure, on which the detector finds nothing."""
    grey = np.random.default_rng(seed).integers(0, 2, (12, 16), np.uint8) * 120
    return cv2.merge([cv2.resize(grey, (SIZE[1], SIZE[0]), interpolation=cv2.INTER_NEAREST)] * 3)


def on(background: Pixels, *squares: tuple[str, int, int]) -> Pixels:
    drawn = tiny.picture(SIZE, *squares)
    return np.where(drawn.any(axis=2, keepdims=True), drawn, background).astype(np.uint8)


def write(folder: Path, name: str, pixels: Pixels, boxes: tuple[Box, ...], reference: Pixels | None = None) -> Picture:
    cv2.imwrite(str(folder / f"{name}.png"), pixels)
    if reference is not None:
        cv2.imwrite(str(folder / f"{name}_golden.png"), reference)
    return Picture(
        file=folder / f"{name}.png",
        boxes=boxes,
        split="test",
        group=name[0],
        width_px=SIZE[1],
        height_px=SIZE[0],
        reference=folder / f"{name}_golden.png" if reference is not None else None,
        empty_known=not boxes,
    )


def four(folder: Path) -> Dataset:
    """Two squares found; one that is not there: a miss; one that nobody labelled: a false call; nothing at all."""
    two = (square("red", 0, 0), square("green", 2, 1))
    pictures = (
        write(folder, "a", tiny.picture(SIZE, ("red", 0, 0), ("green", 2, 1)), two),
        write(folder, "b", tiny.picture(SIZE), (square("blue", 1, 1),)),
        write(folder, "c", tiny.picture(SIZE, ("red", 3, 2)), ()),
        write(folder, "d", tiny.picture(SIZE), ()),
    )  # fmt: skip
    return Dataset(folder.resolve(), "made", tiny.LABELS, pictures)


def paired(folder: Path, count: int = 6) -> Dataset:
    """Parts with two squares on their golden picture."""
    pictures = []
    for i in range(count):
        clean = golden(i)
        label = tiny.LABELS[i % 3]
        boxes = (square(label, i % 4, 0), square("red", (i + 1) % 4, 2))
        part = on(clean, (label, i % 4, 0), ("red", (i + 1) % 4, 2))
        pictures.append(write(folder, f"{i % 2}_{i}", part, boxes, clean))
    return Dataset(folder.resolve(), "made", tiny.LABELS, tuple(pictures))


def test_figures_as_counted_by_hand(bundle: Bundle, tmp_path: Path) -> None:
    """FIELD 14: what is measured is what the station does: its engine, its look, the bundle's thresholds."""
    done = evaluate(bundle, four(tmp_path), Asked())
    figures = done.figures
    assert figures.detection is not None
    assert figures.detection.defects == 3
    # red: its one defect found, as sure as the false call; green found; blue missed.
    assert figures.detection.precision.by_class["green"]["map50"] == pytest.approx(1.0)
    assert figures.detection.precision.by_class["blue"]["map50"] == 0.0
    classes = figures.detection.classes
    assert (classes["red"].precision.k, classes["red"].precision.n) == (1, 2)
    assert (classes["blue"].recall.k, classes["blue"].recall.n) == (0, 1)
    assert {label: c.threshold for label, c in classes.items()} == dict.fromkeys(tiny.LABELS, 0.6)
    assert (figures.parts.escapes.k, figures.parts.escapes.n) == (1, 2)
    assert (figures.parts.overkills.k, figures.parts.overkills.n) == (1, 2)
    assert figures.detection.authors.recall == pytest.approx(2 / 3)
    assert figures.detection.authors.precision == pytest.approx(2 / 3)
    assert [m.box.label for m in done.defects.misses] == ["blue"]
    assert [f.detection.label for f in done.defects.false_calls] == ["red"]
    assert done.defects.named["blue"] == {"": 1}
    assert done.defects.named[""] == {"red": 1}
    assert [one.name for one in done.escapes] == ["b.png"]
    assert [one.name for one in done.overkills] == ["c.png"]
    assert figures.repaired is figures.one_defect is figures.perturbed is None
    assert figures.against == ()


def test_the_same_again_gives_the_same(bundle: Bundle, tmp_path: Path) -> None:
    data = paired(tmp_path)
    asked = Asked(one_defect=True, perturb=True, seed=3)
    first, again = (as_json(evaluate(bundle, data, asked).figures) for _ in range(2))
    for changing in ("utc", "cost", "machine"):
        assert first.pop(changing)
        assert again.pop(changing)
    assert first == again


def test_parts_made_out_of_pairs(bundle: Bundle, tmp_path: Path) -> None:
    """Two defects a part: twice as many one-defect parts; repaired and golden parts are good."""
    figures = evaluate(bundle, paired(tmp_path), Asked(one_defect=True, perturb=True)).figures
    assert figures.one_defect is not None
    assert figures.one_defect.escapes.n == 12
    assert figures.one_defect.escapes.k == 0
    assert {label: s.n for label, s in figures.one_defect.escapes_by_class.items()} == {"red": 8, "green": 2, "blue": 2}
    assert figures.repaired is not None
    assert (figures.repaired.overkills.k, figures.repaired.overkills.n) == (0, 6)
    assert (figures.parts.overkills.k, figures.parts.overkills.n) == (0, 6)
    assert figures.parts.accuracy.share == 1.0
    assert figures.perturbed is not None
    assert figures.perturbed.lost_map50 is not None
    assert figures.perturbed.lost_map50 >= 0


def test_a_recipe_judges_where_one_is_given(bundle: Bundle, tmp_path: Path) -> None:
    recipe = Recipe.model_validate(
        {
            "name": "strict",
            "model": bundle.id,
            "classes": {"red": {"threshold": 0.999}},
            "quality": {"min_brightness": 0},
        }
    )
    figures = evaluate(bundle, four(tmp_path), Asked(recipe=recipe)).figures
    assert figures.bundle["thresholds"] == {"red": 0.999, "green": 0.6, "blue": 0.6}
    gated = recipe.model_copy(update={"quality": recipe.quality.model_copy(update={"min_brightness": 250.0})})
    figures = evaluate(bundle, four(tmp_path), Asked(recipe=gated)).figures
    assert figures.parts.bad == {"OK": 0, "NG": 0, "UNSURE": 2}
    assert figures.parts.why_unsure == {"too_dark": 4}


def test_parts_that_are_known_as_a_whole_only(bundle: Bundle, tmp_path: Path) -> None:
    data = four(tmp_path)
    whole = tuple(
        replace(p, boxes=(), empty_known=False, verdict="ng" if p.boxes else "ok", group="") for p in data.pictures
    )
    figures = evaluate(bundle, replace(data, pictures=whole), Asked()).figures
    assert figures.detection is None
    assert (figures.parts.escapes.k, figures.parts.escapes.n) == (1, 2)
    assert (figures.parts.overkills.k, figures.parts.overkills.n) == (1, 2)


def test_fewer_pictures_come_evenly(bundle: Bundle, tmp_path: Path) -> None:
    figures = evaluate(bundle, paired(tmp_path), Asked(limit=3)).figures
    assert (figures.dataset["pictures"], figures.dataset["of"]) == (3, 6)
    assert figures.dataset["groups"] == ["0"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(split="val"), r"split 'val' holds no picture; --split may be: 'test'"),
        (Asked(one_defect=True), r"one-defect: needs a reference for each picture, 4 have none, first a.png"),
        (Asked(against_difference=True), r"against-difference: needs a reference"),
        (Asked(precision="f16"), r"no f16, has: none"),
        (Asked(precision="int4"), r"'int4': allowed are int8, f16, f32"),
        (Asked(device="NPU"), r"NPU"),
    ],
)
def test_what_cannot_be_measured_is_refused(bundle: Bundle, tmp_path: Path, asked: Asked, words: str) -> None:
    with pytest.raises(OkngError, match=words):
        evaluate(bundle, four(tmp_path), asked)


def test_labels_that_the_model_does_not_have(bundle: Bundle, tmp_path: Path) -> None:
    picture = write(tmp_path, "a", tiny.picture(SIZE), (square("redd", 0, 0),))
    data = Dataset(tmp_path.resolve(), "made", ("redd",), (picture,))
    with pytest.raises(OkngError, match=r"no label 'redd' \(near 'red'\).*it has red, green, blue"):
        evaluate(bundle, data, Asked())


def test_wrong_references_are_for_guided_models(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(OkngError, match="does not look at references"):
        evaluate(bundle, paired(tmp_path), Asked(wrong_reference=True))


def test_nothing_is_known(bundle: Bundle, tmp_path: Path) -> None:
    data = four(tmp_path)
    unknown = tuple(replace(p, boxes=(), empty_known=False) for p in data.pictures)
    with pytest.raises(OkngError, match="nothing is known of any picture"):
        evaluate(bundle, replace(data, pictures=unknown), Asked())


def test_the_page_stands_by_itself(bundle: Bundle, tmp_path: Path) -> None:
    data = paired(tmp_path)
    odd = write(tmp_path, "2_<b>&", golden(9), (square("blue", 1, 1),), golden(9))
    html = page(evaluate(bundle, replace(data, pictures=(*data.pictures, odd)), Asked(one_defect=True, perturb=True)))
    assert "<script" not in html
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", html)
    assert "url(" not in html
    assert "2_&lt;b&gt;&amp;.png" in html
    assert "<b>&" not in html
    assert html.count('lang="zh-Hans"') > 10
    assert html.count("data:image/png;base64,") == 2
    assert "prefers-color-scheme: dark" in html


def test_the_command_writes_figures_and_page(bundle: Bundle, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for kind in ("images", "labels"):
        (folder / kind / "val").mkdir(parents=True)
    cv2.imwrite(str(folder / "images/val/a.png"), tiny.picture(SIZE, ("red", 0, 0)))
    cv2.imwrite(str(folder / "images/val/b.png"), tiny.picture(SIZE))
    (folder / "labels/val/a.txt").write_text(f"0 {16 / 128} {16 / 96} {32 / 128} {32 / 96}\n")
    (folder / "labels/val/b.txt").write_text("")
    (folder / "data.yaml").write_text("val: images/val\ntrain: images/val\nnames: {0: red, 1: green, 2: blue}\n")
    out, html = tmp_path / "out.json", tmp_path / "out.html"
    command = [sys.executable, "-m", "agent.cli", "evaluate", str(bundle.folder), str(folder), "--split", "val"]
    ran = subprocess.run(
        [*command, "--json", str(out), "--page", str(html)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    figures = json.loads(out.read_text())
    assert figures["schema"] == "okng.evaluation/1"
    assert figures["detection"]["precision"]["map50"] == pytest.approx(1.0)
    assert figures["parts"]["accuracy"] == {**figures["parts"]["accuracy"], "k": 2, "n": 2}
    assert "mAP50 1.0000" in ran.stdout
    assert html.read_text().startswith("<!doctype html>")
    missing = subprocess.run(
        [*command, "--json", str(tmp_path / "no" / "x.json")], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 1
    assert "there is no folder" in missing.stderr
