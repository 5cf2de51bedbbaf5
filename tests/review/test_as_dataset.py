"""The workshop reads what the station exports: the same boxes, groups and verdicts."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.cli import main
from agent.review.export import Wishes, export
from agent.store.values import PartQuery, ReviewBox, Sampling
from pipelines.values import Outcome
from tests.review.stationed import data_folder, picture
from tests.store.made import START_US
from training.datasets.read import read_dataset
from training.datasets.values import Picture
from training.order import Order
from training.workshop import divided


def test_the_workshop_reads_an_export(tmp_path: Path) -> None:
    data = data_folder(tmp_path / "data")
    found, free, bad = data.part(Outcome.NG), data.part(Outcome.OK, Sampling(0.1, 0.1)), data.part(Outcome.NG)
    data.review(found, "ng", ReviewBox("open", 2.0, 3.0, 30.0, 40.0, "nudged"))
    data.review(bad, "ng")
    export(Wishes(tmp_path / "out", PartQuery()), data.config, START_US, lambda *_: None)
    data.close()
    dataset = read_dataset(tmp_path / "out")
    assert (dataset.kind, dataset.labels) == ("review", ("open",))
    read = {int(p.file.stem.rsplit("-", 1)[1]): p for p in dataset.pictures}
    (box,) = read[found].boxes
    assert (box.label, box.x1, box.y1, box.x2, box.y2) == ("open", 2.0, 3.0, 30.0, 40.0)
    assert read[found].verdict == "ng"
    assert (read[free].verdict, read[free].boxes, read[free].empty_known) == (None, (), False)
    assert (read[bad].empty_known, read[bad].boxes) == (False, ())
    assert len({p.group for p in read.values()}) == 1
    pixels = cv2.imread(str(read[free].file))
    assert np.array_equal(pixels, picture(free))


def test_parts_of_one_day_are_held_out_in_blocks_of_neighbours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = data_folder(tmp_path / "data")
    for n in range(40):
        part = data.part(Outcome.NG)
        data.review(part, "ng" if n % 2 else "ok", *([ReviewBox("open", 2.0, 3.0, 30.0, 40.0)] if n % 2 else []))
    export(Wishes(tmp_path / "out", PartQuery()), data.config, START_US, lambda *_: None)
    data.close()
    dataset = read_dataset(tmp_path / "out")
    assert len({p.group for p in dataset.pictures}) == 1
    done = divided(dataset, Order(tmp_path / "out", tmp_path / "made", "x", "1", from_review=True))
    assert {p.split for p in done.pictures} == {"train", "val"}
    assert (len({p.group for p in done.pictures}), len(done.of("val"))) == (10, 4)
    held = sorted(_number(p) for p in done.of("val"))
    assert held == list(range(held[0], held[0] + 4))
    assert "by 10 blocks of consecutive parts" in str(done.findings[-1])
    assert main(("dataset", str(tmp_path / "out"), "--out", str(tmp_path / "anew"))) == 0
    assert "by 10 blocks of consecutive parts" in capsys.readouterr().out
    assert {p.split for p in read_dataset(tmp_path / "anew").pictures} == {"train", "val", "test"}


def _number(picture: Picture) -> int:
    return int(picture.file.stem.rsplit("-", 1)[1])
