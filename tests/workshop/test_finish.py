"""The last steps of a run are made for one division of one set of pictures, and made anew for any other."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import openvino as ov

from tests.engines.tiny import CELL, LABELS, graph, picture
from training.datasets.values import Box, Dataset, Picture
from training.finish import _thresholds
from training.halves import halves
from training.learn import measured
from training.order import Order
from training.shop import VAL, Shop, splits_digest
from training.work import Done, Work

SIDE = 128


def squares(folder: Path) -> Dataset:
    """Pictures with a red square, and without."""
    pictures = []
    for n in range(12):
        bad = n % 2 == 0
        file = folder / f"{n}.bmp"
        cv2.imwrite(str(file), picture((SIDE, SIDE), *([("red", n % 4, 1)] if bad else [])))
        box = Box("red", (n % 4) * CELL, CELL, (n % 4 + 1) * CELL, 2 * CELL)
        split = "train" if n < 4 else VAL
        pictures.append(Picture(file, (box,) if bad else (), split, f"g{n}", SIDE, SIDE, empty_known=not bad))
    return Dataset(folder, "made", LABELS, tuple(pictures))


def shop_of(dataset: Dataset, folder: Path, **asked: object) -> Shop:
    order = Order(dataset.root, folder / "out", "x", "1", side_px=SIDE, limit=0.5, confidence=0.5)
    order = replace(order, **asked)  # type: ignore[arg-type]
    held_out = halves(dataset, VAL, order.limit, order.confidence, order.seed)
    work = Work(folder / "work", silent, resume=True)
    return Shop(order, work, dataset, held_out, splits_digest(dataset), silent)


def silent(_: str) -> None:
    """Nobody listens."""


def made(shops: Sequence[Shop], xml: Path) -> list[bool]:
    """Whether each run made its thresholds, or found those of the run before."""
    digests = [""]
    for shop in shops:
        digests.append(_thresholds(shop, xml).digest)
    return [digests[n] != digests[n - 1] for n in range(1, len(digests))]


def test_thresholds_and_measures_of_another_split_are_never_taken(tmp_path: Path) -> None:
    dataset = squares(tmp_path)
    xml = tmp_path / "graph" / "model.xml"
    ov.save_model(graph("raw", (SIDE, SIDE)), xml, compress_to_fp16=False)
    first, *rest = dataset.pictures
    moved = replace(dataset, pictures=(replace(first, split=VAL), *rest))
    shops = [shop_of(d, tmp_path) for d in (dataset, dataset, moved, dataset)]
    assert made(shops, xml) == [True, False, True, True]
    before = Done("export", {}, 0.0, "same")
    for shop in shops[1:3]:
        measured(shop, "f32", xml, before)
        kept = json.loads((tmp_path / "work/steps/f32-measured.json").read_text())
        assert kept["key"]["splits"] == shop.splits
    assert shops[1].splits != shops[2].splits
    assert made([shop_of(dataset, tmp_path), shop_of(dataset, tmp_path, seed=1)], xml) == [True, True]


def test_a_picture_of_the_same_size_and_name_is_another_picture(tmp_path: Path) -> None:
    dataset = squares(tmp_path)
    xml = tmp_path / "graph" / "model.xml"
    ov.save_model(graph("raw", (SIDE, SIDE)), xml, compress_to_fp16=False)
    assert made([shop_of(dataset, tmp_path)], xml) == [True]
    file = dataset.of(VAL)[0].file
    size = file.stat().st_size
    cv2.imwrite(str(file), picture((SIDE, SIDE), ("green", 0, 0)))
    assert file.stat().st_size == size
    before, after = _thresholds(shop_of(dataset, tmp_path), xml), _thresholds(shop_of(dataset, tmp_path), xml)
    assert before.digest == after.digest
    assert (tmp_path / "work/steps/thresholds.json").read_text().count(splits_digest(dataset)) == 1
