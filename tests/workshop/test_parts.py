"""One-defect parts: the reference with one defect's box from the part, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sets import HEIGHT, WIDTH, deeppcb, picture, save

from agent.station.cameras.decode import read_picture
from training.datasets.read import read_dataset
from training.datasets.values import Box, DatasetRefused
from training.parts import MARGIN_PX, one_defect_parts, paste

DEEPPCB = Path(__file__).resolve().parents[3] / "shared" / "data" / "deeppcb"


@settings(deadline=None, max_examples=100)
@given(st.floats(-30, 130), st.floats(-30, 90), st.floats(0.5, 60), st.floats(0.5, 60), st.integers(0, 6))
def test_only_the_box_and_its_margin_come_from_the_part(x: float, y: float, w: float, h: float, margin: int) -> None:
    good, bad = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    box = Box("dent", x, y, x + w, y + h)
    pasted = paste(good, bad, box, margin)
    seen = (max(0, x), max(0, y), min(WIDTH, x + w), min(HEIGHT, y + h))
    if pasted is None:
        assert seen[0] >= seen[2] or seen[1] >= seen[3] or margin == 0
        return
    assert not good.any()
    rows, columns = np.nonzero(pasted[..., 0])
    assert columns.min() <= max(0, seen[0])
    assert columns.max() >= min(WIDTH, seen[2]) - 1
    assert columns.min() >= max(0, np.floor(x) - margin)
    assert columns.max() <= np.ceil(x + w) + margin
    assert rows.min() >= max(0, np.floor(y) - margin)
    assert rows.max() <= np.ceil(y + h) + margin


def test_one_part_for_each_defect(tmp_path: Path) -> None:
    dataset = read_dataset(deeppcb(tmp_path))
    parts = list(one_defect_parts(dataset, "train"))
    assert [part.name for part in parts[:3]] == ["00041000_test-0", "00041000_test-1", "00041001_test-0"]
    assert len(parts) == 4
    for part in parts:
        assert part.origin.reference is not None
        assert np.array_equal(part.reference, read_picture(part.origin.reference).pixels)
        rows, columns = np.nonzero((part.pixels != part.reference).any(axis=2))
        assert part.truth.x1 - MARGIN_PX <= columns.min() <= columns.max() < part.truth.x2 + MARGIN_PX
        assert part.truth.y1 - MARGIN_PX <= rows.min() <= rows.max() < part.truth.y2 + MARGIN_PX


def test_a_reference_of_another_size_is_refused(tmp_path: Path) -> None:
    dataset = read_dataset(deeppcb(tmp_path))
    reference = dataset.pictures[0].reference
    assert reference is not None
    save(reference, picture("x")[:-1])
    with pytest.raises(DatasetRefused, match=r"00041000_test\.jpg: not of its reference's size"):
        list(one_defect_parts(dataset, "train"))
    reference.write_bytes(b"nothing")
    with pytest.raises(DatasetRefused, match=r"00041000_temp\.jpg: "):
        list(one_defect_parts(dataset, "train"))


@pytest.mark.skipif(not DEEPPCB.is_dir(), reason=f"{DEEPPCB} is not there")
def test_deeppcb_gives_3140_of_its_test_split() -> None:
    dataset = read_dataset(DEEPPCB)
    assert sum(len(p.boxes) for p in dataset.of("test") if p.reference is not None) == 3140
    part = next(one_defect_parts(dataset, "train"))
    assert part.pixels.shape == part.reference.shape == (640, 640, 3)
