"""Pictures that an evaluation makes: moved ones with their truth, good ones, wrong references, pitches."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.boxes import iou
from pipelines.values import Pixels
from training.datasets.values import Box
from training.evaluate.eye import Shown
from training.evaluate.perturb import MOST_LIGHT, MOST_SCALE, Move, any_move, mapped, moved, perturbed
from training.evaluate.values import rows
from training.evaluate.wrong import pitch

SIDE = 240


def blob(x: int, y: int, w: int, h: int) -> Pixels:
    """An ellipse just inside its box, white on black."""
    across = (np.arange(SIDE) + 0.5 - x - w / 2) / (w / 2)
    along = (np.arange(SIDE) + 0.5 - y - h / 2) / (h / 2)
    inside = across[None, :] ** 2 + along[:, None] ** 2 <= 1
    return np.repeat(np.where(inside, 255, 0).astype(np.uint8)[:, :, None], 3, axis=2)


moves = st.builds(
    Move,
    right_px=st.floats(-20, 20),
    down_px=st.floats(-20, 20),
    rotation_deg=st.floats(-3, 3),
    scale=st.floats(0.97, 1.03),
    gain=st.just(1.0),
)


@settings(max_examples=60, deadline=None)
@given(moves, st.integers(40, 140), st.integers(40, 140), st.integers(16, 50), st.integers(16, 50))
def test_the_truth_moves_with_the_part(move: Move, x: int, y: int, w: int, h: int) -> None:
    shown = Shown("a", blob(x, y, w, h), truth=(Box("open", x, y, x + w, y + h),))
    there = moved(shown, move)
    grey = there.pixels[:, :, 0]
    columns, lines = np.flatnonzero((grey > 127).any(axis=0)), np.flatnonzero((grey > 127).any(axis=1))
    seen = Box("open", columns[0], lines[0], columns[-1] + 1, lines[-1] + 1)
    assert iou(rows(there.truth), rows((seen,)))[0, 0] > 0.8
    truth = there.truth[0]
    centre = ((truth.x1 + truth.x2) / 2, (truth.y1 + truth.y2) / 2)
    middle = ((seen.x1 + seen.x2) / 2, (seen.y1 + seen.y2) / 2)
    assert math.dist(centre, middle) < 1.1


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_a_shift_alone_keeps_the_box(right: float, down: float) -> None:
    move = Move(right, down, 0.0, 1.0, 1.0)
    box = mapped(Box("open", 50, 60, 80, 75), move.matrix(SIDE, SIDE), move)
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((50 + right, 60 + down, 80 + right, 75 + down), abs=1e-4)


def test_a_move_by_nothing_changes_nothing() -> None:
    shown = Shown("a", blob(50, 60, 30, 20), truth=(Box("open", 50, 60, 80, 80),))
    there = moved(shown, Move(0.0, 0.0, 0.0, 1.0, 1.0))
    assert np.array_equal(there.pixels, shown.pixels)
    assert there.truth == shown.truth


def test_what_leaves_the_picture_is_set_apart() -> None:
    boxes = (Box("open", 0, 50, 10, 60), Box("short", 0, 100, 30, 130), Box("spur", 100, 100, 120, 120))
    there = moved(Shown("a", blob(100, 100, 20, 20), truth=boxes), Move(-19.0, 0.0, 0.0, 1.0, 1.0))
    assert [box.label for box in there.truth] == ["spur"]
    assert [box.label for box in there.beyond] == ["short"]
    assert there.beyond[0].x1 == 0.0


@given(st.integers(0, 2**31))
def test_moves_stay_within_their_limits(seed: int) -> None:
    move = any_move(np.random.default_rng(seed))
    assert max(abs(move.right_px), abs(move.down_px)) <= 20
    assert abs(move.rotation_deg) <= 3
    assert abs(move.scale - 1) <= MOST_SCALE
    assert abs(move.gain - 1) <= MOST_LIGHT


def test_the_same_seed_moves_alike() -> None:
    shown = [Shown(str(i), blob(50, 60, 30, 20)) for i in range(3)]
    first, again, other = (list(perturbed(shown, seed)) for seed in (5, 5, 6))
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, other, strict=True))
    assert not np.array_equal(first[0].pixels, first[1].pixels)


@pytest.mark.parametrize("length", [12, 24, 37, 60])
@pytest.mark.parametrize("right", [True, False])
def test_the_pitch_of_tracks(length: int, right: bool) -> None:
    """Tracks a third of their pitch wide: a track's own width is not taken for its pitch."""
    line = np.where(np.arange(SIDE) % length < length // 3, 255, 0).astype(np.uint8)
    grey = np.tile(line, (SIDE, 1))
    found = pitch(cv2.merge([grey if right else np.ascontiguousarray(grey.T)] * 3))
    assert found is not None
    assert (found.right_px, found.down_px)[:: 1 if right else -1] == (length, 0)
    assert found.likeness > 0.5


def test_nothing_has_no_pitch() -> None:
    assert pitch(np.full((SIDE, SIDE, 3), 255, np.uint8)) is None
