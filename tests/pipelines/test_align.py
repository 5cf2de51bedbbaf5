"""Parts laid over their reference: found within the bounds, refused where they do not fit."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pipelines.align import LEAST_PITCH_PX, Aligned, Aligner, aligner_of
from pipelines.edges import Edges
from pipelines.light import Grey
from pipelines.pitch import pitches
from pipelines.recipe import Recipe, Reference
from pipelines.similarity import Move, turned
from pipelines.view import Misfit
from tests.pipelines.boards import board, colour, seen, with_blob

BOUNDS = Reference.model_validate({"picture": "reference.png"})
LAYOUTS = (0, 3, 5, 7)
TELLING = (0, 5, 7)
"""Layout 3 is rings about one point: once its only via has left the picture, nothing tells its turn."""
ALIGNERS = {seed: Aligner(board(seed), BOUNDS) for seed in LAYOUTS}


def striped(side: int = 320, pitch: int = 32) -> Grey:
    """Upright tracks, and one via that breaks the pattern."""
    grey = np.full((side, side), 255, np.uint8)
    for x in range(0, side, pitch):
        grey[:, x : x + pitch // 2] = 0
    grey[100:140, 100:140] = 0
    return grey


@settings(max_examples=25, deadline=None)
@given(
    some.sampled_from(TELLING),
    some.builds(turned, some.floats(0.97, 1.03), some.floats(-3, 3), some.floats(-20, 20), some.floats(-20, 20)),
    some.floats(0.7, 1.3),
    some.floats(-20, 20),
    some.integers(60, 240),
    some.integers(60, 240),
)
def test_a_moved_part_is_found(seed: int, move: Move, gain: float, offset: float, x: int, y: int) -> None:
    """FIELD 7: whatever the light and with a defect on it, to less than half a pixel."""
    part = seen(with_blob(board(seed), x, y, 12), move, gain, offset)
    found = ALIGNERS[seed](part)
    assert isinstance(found, Aligned), found.why
    # One that lies off by less than half a pixel at most of its edges is left as it is.
    within = 1.5 if found.pose.still else 0.3
    for corner in ((40, 40), (280, 40), (40, 280), (160, 160)):
        there = move.matrix(320, 320) @ (*corner, 1)
        assert found.pose.to_reference(*there) == pytest.approx(corner, abs=within)
    middle = found.difference[y + 4 : y + 8, x + 4 : x + 8]
    assert middle.min() > 60, "the defect is no longer a difference"


@pytest.mark.parametrize("seed", LAYOUTS)
def test_a_part_that_lies_still_is_not_touched(seed: int) -> None:
    part = with_blob(board(seed), 100, 120, 20)
    found = ALIGNERS[seed](part)
    assert isinstance(found, Aligned)
    assert found.pose.still
    assert found.grey is part
    assert found.cover == 1.0
    assert ALIGNERS[seed](board(seed)).difference.max() == 0  # type: ignore[union-attr]


def test_a_defect_beside_a_structure_does_not_pull_the_part_along() -> None:
    """It touches the structure at a corner, and its edges go on where the structure's end."""
    part = with_blob(board(3), 0, 0, 15)
    found = ALIGNERS[3](part)
    assert isinstance(found, Aligned)
    assert found.pose.still
    assert found.grey is part


def stretched(grey: Grey, share: float) -> Grey:
    """The picture a share higher about its middle: a line scan's whose transport was slow."""
    middle = (grey.shape[0] - 1) / 2
    matrix = np.array([[1, 0, 0], [0, 1 + share, -share * middle]])
    size = (grey.shape[1], grey.shape[0])
    return np.asarray(cv2.warpAffine(grey, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


@pytest.mark.parametrize("share", [0.012, -0.012, -0.014])
def test_a_part_stretched_along_one_axis_is_one_place(share: float) -> None:
    """Two settlings of one place, told apart by the edges by less than any pitch, are no ambiguity."""
    reference = board(5, 640, 640)
    found = Aligner(reference, BOUNDS)(stretched(reference, share))
    assert isinstance(found, Aligned), found.why


def fine_tracks(side: int = 640, width: int = 8) -> Grey:
    """A board of fine tracks along both axes, with two round pads that tell one track from the next."""
    grey = np.full((side, side), 255, np.uint8)
    for x in range(10, 430, 2 * width):
        grey[:, x : x + width] = 0
    for y in range(40, 600, 2 * width):
        grey[y : y + width, 450:620] = 0
    cv2.circle(grey, (530, 320), 60, 0, -1)
    cv2.circle(grey, (200, 320), 70, 255, -1)
    return grey


def test_edges_a_pixel_or_two_off_are_not_what_differs() -> None:
    """Stretched by its line scan, every edge of a fine board is off; that is much of its area, and no other product."""
    reference = fine_tracks()
    part = np.ascontiguousarray(stretched(np.ascontiguousarray(reference.T), 0.012).T)
    apart = cv2.morphologyEx(cv2.absdiff(part, reference), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    assert np.count_nonzero(apart > 64) / apart.size > BOUNDS.max_differing
    found = Aligner(reference, BOUNDS)(part)
    assert isinstance(found, Aligned), found.why
    assert found.pose.still


@pytest.mark.parametrize("side", [160, 300])
def test_an_area_that_differs_is_a_misfit_however_well_the_rest_fits(side: int) -> None:
    """FIELD 7."""
    reference = board(5, 640, 640)
    found = Aligner(reference, BOUNDS)(with_blob(reference, 200, 200, side))
    assert isinstance(found, Misfit)
    assert found.why.startswith("differs over")
    assert found.measured > found.limit == BOUNDS.max_differing


@pytest.mark.parametrize("seed", LAYOUTS)
@pytest.mark.parametrize(
    "move", [Move(60, 0), Move(0, -55), turned(1, 8), turned(1.1, 0), turned(0.88, 0), Move(300, 0)]
)
def test_beyond_the_bounds_is_a_misfit(seed: int, move: Move) -> None:
    assert isinstance(ALIGNERS[seed](seen(board(seed), move)), Misfit)


@pytest.mark.parametrize("seed", LAYOUTS)
def test_another_boards_picture_is_a_misfit(seed: int) -> None:
    """FIELD 7."""
    for other in (1, 2, 4, 6, 8, 9):
        found = ALIGNERS[seed](board(other))
        assert isinstance(found, Misfit), f"{other} fits {seed} by {found.fit}"
        assert found.measured < found.limit


def test_a_few_fingers_tell_two_places_apart() -> None:
    """Most edges agree under a shift along the tracks; those across them count for themselves."""
    grey = np.full((320, 320), 255, np.uint8)
    for y in range(8, 312, 16):
        grey[y : y + 8] = 0
    tracks = Edges(grey)
    grey[240:, :] = 255
    for x in range(40, 120, 16):
        grey[250:290, x : x + 8] = 0
    fingers = Edges(grey)
    along = Move(16, 0)
    assert fingers.off_px(along) < LEAST_PITCH_PX < 14 < fingers.apart_px(along)
    assert tracks.apart_px(along) < 0.1
    assert tracks.apart_px(Move(0, 16)) == pytest.approx(16, abs=0.1)


@pytest.mark.parametrize("shift", [32, -32])
def test_a_part_off_by_a_pitch_is_a_misfit(shift: int) -> None:
    reference = striped()
    assert (16, 0) in pitches(reference[::2, ::2], 20)
    aligner = Aligner(reference, BOUNDS)
    assert isinstance(aligner(np.roll(reference, shift, axis=1)), Misfit)
    assert isinstance(aligner(seen(reference, Move(float(shift), 0))), Misfit)
    assert isinstance(aligner(seen(reference, Move(6, 3))), Aligned)


def test_where_a_pattern_says_nothing_the_nearest_place_is_taken() -> None:
    """Nothing of a striped part may be left out because it fits as well farther off."""
    reference = np.full((320, 320), 255, np.uint8)
    for x, width in ((20, 18), (70, 40), (160, 12), (230, 60)):
        reference[:, x : x + width] = 0
    found = Aligner(reference, BOUNDS)(seen(reference, Move(9.5, 0)))
    assert isinstance(found, Aligned)
    assert found.cover > 0.95
    assert abs(found.pose.x_px + 9.5) < 0.3


def test_a_blank_reference_is_compared_where_it_lies() -> None:
    blank = np.full((320, 320), 255, np.uint8)
    found = Aligner(blank, BOUNDS)(with_blob(blank, 3, 3, 20))
    assert isinstance(found, Aligned)
    assert found.pose.still
    assert found.difference[5, 5] == 255
    assert isinstance(Aligner(blank, BOUNDS)(board(3)), Misfit)
    assert isinstance(Aligner(board(3), BOUNDS)(blank), Misfit)


def test_a_part_that_shows_too_little_is_a_misfit() -> None:
    strict = BOUNDS.model_copy(update={"min_cover": 0.95})
    part = seen(board(3), Move(30, 0))
    assert isinstance(ALIGNERS[3](part), Aligned)
    found = Aligner(board(3), strict)(part)
    assert isinstance(found, Misfit)
    assert "0.9" in found.why
    assert (found.measured, found.limit) == (pytest.approx(290 / 320, abs=0.01), 0.95)


def test_what_the_part_does_not_show_is_the_reference() -> None:
    found = ALIGNERS[5](seen(board(5), Move(25, 0)))
    assert isinstance(found, Aligned)
    assert (found.grey[:, 297:] == board(5)[:, 297:]).all()
    assert found.difference[:, 297:].max() == 0


def test_ignored_regions_have_no_say() -> None:
    """A label that differs from part to part fits nobody's reference."""
    region = {"name": "label", "kind": "ignore", "points": [[0, 0], [1, 0], [1, 0.6], [0, 0.6]]}
    told = {"name": "r", "model": "m-1", "pipeline": "guided", "reference": {"picture": "x.png"}}
    part = board(3).copy()
    part[:190] = board(9)[:190]
    plain = aligner_of(Recipe.model_validate(told), colour(board(3)))
    masked = aligner_of(Recipe.model_validate({**told, "regions": [region]}), colour(board(3)))
    assert isinstance(plain(part), Misfit)
    assert isinstance(masked(part), Aligned)


def test_bounds_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"max_shift_px 40 .* 90 x 64 px"):
        Aligner(board(3, 90, 64), BOUNDS)


@settings(max_examples=20, deadline=None)
@given(some.binary(min_size=16, max_size=64), some.sampled_from(LAYOUTS))
def test_any_picture_is_laid_over_or_refused(noise: bytes, seed: int) -> None:
    part = np.resize(np.frombuffer(noise, np.uint8), (320, 320))
    assert isinstance(ALIGNERS[seed](part), (Aligned, Misfit))
