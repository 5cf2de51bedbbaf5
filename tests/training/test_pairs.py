"""Training pictures from pairs: what is on the part and what its labels say stay one."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.pairs import (
    Defect,
    Pair,
    Variety,
    channels,
    etched,
    symmetric,
    varied,
    with_defects,
    write,
    write_data_yaml,
    yolo_rows,
    zoomed,
)

HEIGHT, WIDTH = 96, 128
BOXES = st.tuples(st.integers(4, WIDTH - 24), st.integers(4, HEIGHT - 24), st.integers(8, 20), st.integers(8, 20)).map(
    lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))
)
SEEDS = st.integers(0, 2**32 - 1)


def pair_of(boxes: list[tuple[float, float, float, float]]) -> Pair:
    """A reference with a few tracks; each defect turns the middle of its box."""
    reference = np.full((HEIGHT, WIDTH), 255, np.uint8)
    reference[:, 20:32] = 0
    reference[40:52, :] = 0
    part = reference.copy()
    for x1, y1, x2, y2 in boxes:
        inner = np.s_[int(y1) + 2 : int(y2) - 2, int(x1) + 2 : int(x2) - 2]
        part[inner] = 255 - reference[inner]
    return Pair("p", part, reference, tuple(Defect(i % 6, box) for i, box in enumerate(boxes)))


def changed_outside(pair: Pair, margin: int = 0) -> int:
    """Pixels that differ from the reference where no label says so."""
    differs = pair.part != pair.reference
    for d in pair.defects:
        x1, y1, x2, y2 = (int(v) for v in d.box)
        differs[max(0, y1 - margin) : y2 + margin, max(0, x1 - margin) : x2 + margin] = False
    return int(np.count_nonzero(differs))


@settings(deadline=None)
@given(st.lists(BOXES, max_size=6), SEEDS, st.booleans(), st.integers(0, 5))
def test_what_is_left_on_the_part_is_what_is_labelled(
    boxes: list[tuple[float, float, float, float]], seed: int, on_reference: bool, margin: int
) -> None:
    pair = pair_of(boxes)
    chosen = {int(i) for i in np.flatnonzero(np.random.default_rng(seed).random(len(boxes)) < 0.5)}
    made = with_defects(pair, chosen, margin, on_reference)
    assert {pair.defects[i] for i in chosen} <= set(made.defects)
    assert changed_outside(made) == 0
    for d in made.defects:
        x1, y1, x2, y2 = (int(v) for v in d.box)
        assert np.array_equal(made.part[y1:y2, x1:x2], pair.part[y1:y2, x1:x2])


def test_a_defect_far_from_the_others_comes_alone() -> None:
    pair = pair_of([(4, 4, 16, 16), (60, 60, 74, 74), (70, 70, 84, 84)])
    assert len(with_defects(pair, {0}, 4, True).defects) == 1
    assert len(with_defects(pair, {1}, 4, True).defects) == 2, "its neighbour overlaps: both or none"
    assert with_defects(pair, set(), 4, True).defects == ()


@settings(deadline=None)
@given(st.lists(BOXES, max_size=4), st.integers(0, 7))
def test_symmetries_move_boxes_with_the_pixels(boxes: list[tuple[float, float, float, float]], which: int) -> None:
    pair = pair_of(boxes)
    made = symmetric(pair, which)
    assert made.part.shape == ((HEIGHT, WIDTH) if which % 2 == 0 else (WIDTH, HEIGHT))
    assert changed_outside(made) == 0
    assert [d.label for d in made.defects] == [d.label for d in pair.defects]
    for old, new in zip(pair.defects, made.defects, strict=True):
        (x1, y1, x2, y2), (u1, v1, u2, v2) = ((int(v) for v in d.box) for d in (old, new))
        assert np.array_equal(np.sort(made.part[v1:v2, u1:u2], axis=None), np.sort(pair.part[y1:y2, x1:x2], axis=None))


def test_the_eight_symmetries_differ() -> None:
    pair = pair_of([(60.0, 10.0, 76.0, 30.0)])
    assert len({symmetric(pair, which).part.tobytes() for which in range(8)}) == 8


@settings(max_examples=50, deadline=None)
@given(st.lists(BOXES, min_size=1, max_size=5), SEEDS, st.floats(0.7, 1.4))
def test_zooming_leaves_no_change_unlabelled(
    boxes: list[tuple[float, float, float, float]], seed: int, factor: float
) -> None:
    made = zoomed(pair_of(boxes), factor, np.random.default_rng(seed))
    assert made.part.shape == (HEIGHT, WIDTH)
    # Edges of the part are binarised at another level than the reference's: up to 1 px beside every edge.
    differs = cv2.erode((made.part != made.reference).astype(np.uint8), np.ones((4, 4), np.uint8))
    for d in made.defects:
        x1, y1, x2, y2 = d.box
        assert 0 <= x1 < x2 <= WIDTH
        assert 0 <= y1 < y2 <= HEIGHT
        differs[int(max(0, y1 - 2)) : int(y2) + 3, int(max(0, x1 - 2)) : int(x2) + 3] = 0
    assert not differs.any()


@settings(max_examples=60, deadline=None)
@given(st.lists(BOXES, max_size=5), SEEDS)
def test_a_varied_pair_keeps_its_size_and_valid_labels(
    boxes: list[tuple[float, float, float, float]], seed: int
) -> None:
    made = varied(pair_of(boxes), Variety(zoomed=0.3, resampled=0.7), np.random.default_rng(seed))
    assert sorted(made.part.shape) == [HEIGHT, WIDTH]
    assert made.part.shape == made.reference.shape
    height, width = made.part.shape
    rows = [[float(word) for word in row.split()] for row in yolo_rows(made.defects, width, height).splitlines()]
    assert len(rows) == len(made.defects)
    for row in rows:
        assert all(0 <= value <= 1 for value in row[1:])
        assert row[3] > 0
        assert row[4] > 0


@settings(max_examples=30, deadline=None)
@given(st.lists(BOXES, max_size=5), SEEDS)
def test_the_same_seed_gives_the_same_picture(boxes: list[tuple[float, float, float, float]], seed: int) -> None:
    one, two = (varied(pair_of(boxes), Variety(zoomed=0.3), np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one.part, two.part)
    assert one.defects == two.defects


@settings(max_examples=30, deadline=None)
@given(st.lists(BOXES, max_size=5), SEEDS)
def test_etching_moves_edges_by_about_a_pixel_and_nothing_else(
    boxes: list[tuple[float, float, float, float]], seed: int
) -> None:
    part = pair_of(boxes).part
    made = etched(part, Variety(), np.random.default_rng(seed))
    assert set(np.unique(made)) <= {0, 255}
    near_edge = cv2.dilate(cv2.morphologyEx(part, cv2.MORPH_GRADIENT, np.ones((3, 3))), np.ones((3, 3)))
    assert not (made != part)[near_edge == 0].any()


def test_etching_changes_line_widths() -> None:
    part, wide = pair_of([]).part, set()
    for seed in range(30):
        made = etched(part, Variety(), np.random.default_rng(seed))
        wide.add(int(np.count_nonzero(made[4:36, 60:] == 0)) // 1 + int(np.count_nonzero(made[60] == 0)))
    assert len(wide) > 1
    assert min(wide) < int(np.count_nonzero(part[60] == 0)) < max(wide)


def test_boxes_are_clipped_and_none_is_dropped() -> None:
    rows = yolo_rows((Defect(2, (-6.0, 10.0, 10.0, 20.0)), Defect(0, (120.0, 90.0, 140.0, 99.0))), WIDTH, HEIGHT)
    assert rows.splitlines() == ["2 0.039062 0.156250 0.078125 0.104167", "0 0.968750 0.968750 0.062500 0.062500"]


@pytest.mark.parametrize("guided", [True, False])
def test_files_hold_the_channels_the_network_is_to_see(tmp_path: Path, guided: bool) -> None:
    """Ultralytics reads files as BGR and turns them: what it then sees first is the part."""
    pair = pair_of([(60.0, 10.0, 76.0, 30.0)])
    write(tmp_path, "train", "one", pair, guided)
    read = cv2.imread(str(tmp_path / "images/train/one.png"), cv2.IMREAD_COLOR)
    assert read is not None
    seen = read[:, :, ::-1]
    wanted = channels(pair.part, pair.reference) if guided else np.dstack([pair.part] * 3)
    assert np.array_equal(seen, wanted)
    assert (tmp_path / "labels/train/one.txt").read_text() == yolo_rows(pair.defects, WIDTH, HEIGHT)
    assert "0: open\n  1: short\n" in write_data_yaml(tmp_path, ("open", "short")).read_text()
