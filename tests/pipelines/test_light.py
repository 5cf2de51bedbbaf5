"""The part's light matched to its reference's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pipelines.light import Grey, Light, Tones
from pipelines.similarity import Move
from tests.pipelines.boards import board, seen, with_blob


def grey_board(seed: int = 3) -> Grey:
    """Copper 60 on 190, so that light may change by 30 % without being cut."""
    return (board(seed) // 255 * 130 + 60).astype(np.uint8)


@settings(max_examples=30, deadline=None)
@given(some.floats(0.7, 1.3), some.floats(-15, 15))
def test_gain_and_offset_are_undone(gain: float, offset: float) -> None:
    reference = grey_board()
    part = seen(with_blob(reference, 40, 50, 30), Move(), gain, offset)
    matched = Tones(reference).light(part).matched(part)
    left = np.abs(np.median(matched[reference == 60]) - 60), np.abs(np.median(matched[reference == 190]) - 190)
    assert max(left) <= 6


def test_the_same_light_leaves_the_picture_itself() -> None:
    reference = board(4)
    part = with_blob(reference, 10, 10, 60)
    light = Tones(reference).light(part)
    assert light == Light()
    assert light.matched(part) is part


@pytest.mark.parametrize("level", [30, 77, 200])
def test_a_flat_picture_is_shifted_at_most(level: int) -> None:
    flat, other = np.full((64, 64), level, np.uint8), np.full((64, 64), 120, np.uint8)
    light = Tones(flat).light(other)
    assert light.gain == 1
    assert (light.matched(other) == level).all()
    assert Tones(other).light(board(4, 64, 64)).gain == 1
    assert Tones(board(4, 64, 64)).light(other).gain == 1


def test_only_what_the_part_covers_has_a_say() -> None:
    reference = grey_board()
    part = seen(reference, Move(), 0.8, 10)
    part[:100] = 255
    covered = np.full(part.shape, 255, np.uint8)
    covered[:100] = 0
    light = Tones(reference).light(part, covered)
    assert light.gain == pytest.approx(1.25, abs=0.02)
    assert Tones(reference).light(part, np.zeros_like(covered)) == Light()


def test_a_board_under_a_blank_reference_is_not_washed_out() -> None:
    """However far the medians lie apart, what is on the part stays on it."""
    blank, dark = np.full((64, 64), 255, np.uint8), np.zeros((64, 64), np.uint8)
    dark[20:30, 20:30] = 255
    matched = Tones(blank).light(dark).matched(dark)
    assert matched.max() - matched.min() > 100
