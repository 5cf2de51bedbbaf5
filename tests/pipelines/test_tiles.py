"""Tiles cover the picture, and what lies at their seams comes out once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.boxes import iou
from pipelines.recipe import Tiling
from pipelines.tiles import Tile, cut, merge
from pipelines.yolo import Found

TILING = Tiling(size_px=640, overlap_px=96)
PICTURE = (1500, 2000)


def seen_by(tile: Tile, things, least_px: float = 6.0, score: float = 0.8):
    """What a perfect detector finds on a tile: each thing's visible part, unless it is a sliver."""
    rows = []
    for x1, y1, x2, y2, label in things:
        left, top, right, bottom = tile.box
        box = (max(x1, left), max(y1, top), min(x2, right), min(y2, bottom))
        if box[2] - box[0] >= least_px and box[3] - box[1] >= least_px:
            share = (box[2] - box[0]) * (box[3] - box[1]) / ((x2 - x1) * (y2 - y1))
            rows.append((*box, score * share, label))
    array = np.array(rows, np.float32).reshape(-1, 6)
    return Found(array[:, :4], array[:, 4], array[:, 5].astype(np.intp))


def merged(things, picture=PICTURE, tiling=TILING):
    tiles = cut(*picture, tiling)
    return merge(tiles, tuple(seen_by(tile, things) for tile in tiles), picture, 0.45)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(64, 900), st.integers(0, 400))
def test_tiles_cover_every_pixel_and_nothing_else(height, width, size, overlap) -> None:
    tiling = Tiling(size_px=size, overlap_px=min(overlap, size // 2))
    tiles = cut(height, width, tiling)
    columns, rows = np.zeros(width, bool), np.zeros(height, bool)
    for tile in tiles:
        x1, y1, x2, y2 = tile.box
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        assert (tile.width_px, tile.height_px) == (min(size, width), min(size, height))
        columns[x1:x2], rows[y1:y2] = True, True
    # Tiles are all pairs of a column and a row, so covering both covers the picture.
    assert len(tiles) == len({t.x_px for t in tiles}) * len({t.y_px for t in tiles})
    assert columns.all()
    assert rows.all()


@given(st.integers(0, 1900), st.integers(0, 1400), st.integers(20, 90), st.integers(20, 90))
def test_a_thing_no_larger_than_the_overlap_comes_out_once_with_its_box(x, y, width, height) -> None:
    thing = (x, y, x + width, y + height, 1)
    found = merged([thing])
    np.testing.assert_allclose(found.boxes, [thing[:4]])
    assert found.classes.tolist() == [1]
    assert found.scores[0] == pytest.approx(0.8)


@given(st.integers(0, 1700), st.integers(0, 1200), st.integers(100, 290), st.integers(100, 290))
def test_a_thing_larger_than_the_overlap_comes_out_once_with_its_box(x, y, width, height) -> None:
    found = merged([(x, y, x + width, y + height, 0)])
    np.testing.assert_allclose(found.boxes, [[x, y, x + width, y + height]])


def test_a_thing_that_spans_many_tiles_comes_out_once() -> None:
    found = merged([(300, 700, 1900, 740, 2)])
    np.testing.assert_allclose(found.boxes, [[300, 700, 1900, 740]])


@given(
    st.lists(
        st.tuples(st.integers(0, 18), st.integers(0, 13), st.integers(0, 2)), max_size=30, unique_by=lambda t: t[:2]
    )
)
def test_things_side_by_side_stay_apart(cells) -> None:
    things = [(c * 100 + 20, r * 100 + 20, c * 100 + 85, r * 100 + 85, label) for c, r, label in cells]
    found = merged(things)
    assert len(found.scores) == len(things)
    if things:
        wanted = np.array([t[:4] for t in things], np.float32)
        assert iou(wanted, found.boxes).max(axis=1).min() > 0.99


def test_a_fragment_that_only_one_tile_sees_is_not_lost() -> None:
    tiles = cut(*PICTURE, TILING)
    nothing = seen_by(tiles[0], [])
    fragment = Found(np.array([[600, 100, 640, 140]], np.float32), np.array([0.7], np.float32), np.array([0]))
    found = merge(tiles, (fragment, *[nothing] * (len(tiles) - 1)), PICTURE, 0.45)
    np.testing.assert_array_equal(found.boxes, fragment.boxes)


@pytest.mark.parametrize(("fragment_score", "left"), [(0.6, [1]), (0.9, [2, 1])])
def test_fragment_of_another_class_goes_only_with_a_whole_that_is_as_sure(fragment_score, left) -> None:
    tiles = cut(*PICTURE, TILING)
    empty = seen_by(tiles[0], [])
    answers = [empty] * len(tiles)
    answers[1] = Found(np.array([[600, 100, 670, 140]], np.float32), np.array([0.8], np.float32), np.array([1]))
    answers[0] = Found(
        np.array([[601, 101, 640, 139]], np.float32), np.array([fragment_score], np.float32), np.array([2])
    )
    assert merge(tiles, tuple(answers), PICTURE, 0.45).classes.tolist() == left


def test_nothing_found_anywhere() -> None:
    assert len(merged([]).scores) == 0
