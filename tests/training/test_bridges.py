"""Drawn wide shorts: each joins two conductors, lies in its box, and leaves the rest as it was."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.bridges import INTO_COPPER_PX, WIDTH_PX, bridged
from training.pairs import Defect, Pair

SHORT = 1
SIDE = 200


def tracks(upright: bool, defects: tuple[Defect, ...] = ()) -> Pair:
    """Four tracks 10 px wide, 30 px apart."""
    reference = np.full((SIDE, SIDE), 255, np.uint8)
    for at in (20, 60, 100, 140):
        reference[at : at + 10] = 0
    reference = np.ascontiguousarray(reference.T) if upright else reference
    return Pair("tracks", reference.copy(), reference, defects)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_a_bridge_joins_two_tracks_and_is_labelled(seed: int, upright: bool) -> None:
    pair = tracks(upright)
    made = bridged(pair, SHORT, np.random.default_rng(seed))
    assert made.part is not pair.part
    assert (pair.part == pair.reference).all(), "the pair itself stays"
    (short,) = made.defects
    assert short.label == SHORT
    x1, y1, x2, y2 = (int(v) for v in short.box)
    differs = made.part != made.reference
    inside = differs[y1:y2, x1:x2].sum()
    assert inside == differs.sum() > 0
    pieces = [cv2.connectedComponents((grey == 0).astype(np.uint8))[0] for grey in (made.reference, made.part)]
    assert pieces == [5, 4], "two of the four tracks are one"


def test_bridges_are_wide_and_narrow() -> None:
    rng = np.random.default_rng(7)
    across = []
    for _ in range(40):
        made = bridged(tracks(upright=False), SHORT, rng)
        across.append(int((made.part != made.reference).any(axis=0).sum()))
    assert min(across) < 15
    assert 30 < max(across) <= WIDTH_PX[1]


def test_a_bridge_keeps_off_what_is_labelled_already() -> None:
    whole = Defect(0, (0.0, 0.0, float(SIDE), float(SIDE)))
    pair = tracks(upright=False, defects=(whole,))
    assert bridged(pair, SHORT, np.random.default_rng(1)) is pair


@pytest.mark.parametrize("level", [0, 255])
def test_where_there_is_no_gap_the_pair_stays_as_it_was(level: int) -> None:
    plain = np.full((SIDE, SIDE), level, np.uint8)
    pair = Pair("plain", plain, plain.copy(), ())
    assert bridged(pair, SHORT, np.random.default_rng(1)) is pair


def test_copper_in_a_hole_is_no_short() -> None:
    pad = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(pad, (100, 100), 25, 255, -1)
    pair = Pair("pad", pad, pad.copy(), ())
    assert bridged(pair, SHORT, np.random.default_rng(1)) is pair


def test_a_bridge_reaches_a_part_whose_edges_lie_a_little_off() -> None:
    pair = tracks(upright=False)
    lean = np.where(cv2.dilate(pair.reference, np.ones((2 * INTO_COPPER_PX - 1,) * 2, np.uint8)) > 0, 255, 0)
    made = bridged(Pair("lean", lean.astype(np.uint8), pair.reference, ()), SHORT, np.random.default_rng(3))
    assert cv2.connectedComponents((made.part == 0).astype(np.uint8))[0] == 4
