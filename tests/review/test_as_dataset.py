"""The workshop reads what the station exports: the same boxes, groups and verdicts."""

from pathlib import Path

import cv2
import numpy as np

from agent.review.export import Wishes, export
from agent.store.values import PartQuery, ReviewBox, Sampling
from pipelines.values import Outcome
from tests.review.stationed import data_folder, picture
from tests.store.made import START_US
from training.datasets.read import read_dataset


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
