"""Moves and the boxes that follow them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pipelines.boxes import iou
from pipelines.similarity import Move, to_frame, turned
from pipelines.values import Pose

moves = some.builds(
    turned, some.floats(0.9, 1.1), some.floats(-8, 8), some.floats(-60, 60), some.floats(-60, 60)
)  # scale, degrees, px, px
sides = some.integers(64, 2000)


@given(moves, moves)
def test_a_move_undone_is_none(one: Move, other: Move) -> None:
    back = one.after_undoing(one.x_px, one.y_px, one.a, one.b)
    assert (back.x_px, back.y_px, back.a, back.b) == pytest.approx((0, 0, 1, 0), abs=1e-9)
    twice = other.after_undoing(one.x_px, one.y_px, one.a, one.b)
    middle = other.matrix(101, 101) @ (33, 71, 1)
    assert twice.matrix(101, 101) @ (*(one.matrix(101, 101) @ (33, 71, 1)), 1) == pytest.approx(middle)


@given(moves, sides, sides, some.floats(0, 1), some.floats(0, 1))
def test_a_pose_is_the_way_back(move: Move, height: int, width: int, across: float, down: float) -> None:
    x, y = across * width, down * height
    there = move.matrix(height, width) @ (x, y, 1)
    assert move.pose(height, width).to_reference(*there) == pytest.approx((x, y), abs=1e-6)


@given(moves, sides)
def test_a_move_holds_on_a_smaller_copy(move: Move, half: int) -> None:
    """A point at share (x, y) of the picture goes to the same share on a copy of half the size."""
    large, small = move.matrix(2 * half, 2 * half), move.resized(0.5).matrix(half, half)
    x, y = 0.3 * half, 0.8 * half
    assert large @ (2 * x + 0.5, 2 * y + 0.5, 1) == pytest.approx(2 * (small @ (x, y, 1)) + 0.5)


@given(moves, some.floats(2, 60), some.floats(2, 60), some.floats(100, 500), some.floats(100, 500))
def test_boxes_go_there_and_back(move: Move, width: float, height: float, x: float, y: float) -> None:
    """The middle comes back exactly; the box, but for what a turn does to a long and narrow one."""
    box = np.array([[x, y, x + width, y + height]], np.float32)
    pose = move.pose(640, 640)
    square = pose.a**2 + pose.b**2
    a, b = pose.a / square, -pose.b / square
    undone = Pose(a, b, b * pose.y_px - a * pose.x_px, -b * pose.x_px - a * pose.y_px, 640, 640)
    back = to_frame(to_frame(box, pose), undone)
    middle = (back[0, :2] + back[0, 2:]) / 2
    assert middle == pytest.approx((x + width / 2, y + height / 2), abs=1e-2)
    if max(width, height) < 2 * min(width, height):
        assert iou(box, back)[0, 0] > 0.85


def test_a_box_that_is_only_shifted_keeps_its_sides() -> None:
    box = np.array([[10, 20, 40, 90]], np.float32)
    assert to_frame(box, Move(5, -3).pose(100, 200)).tolist() == [[15, 17, 45, 87]]
