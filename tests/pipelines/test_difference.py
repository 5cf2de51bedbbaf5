"""The traditional method: blobs of the difference from the reference."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.station.sized import SizedLook
from pipelines.difference import DifferenceLook, blobs, difference_facts
from pipelines.recipe import DifferenceRule, Recipe
from pipelines.rules import judge
from pipelines.similarity import turned
from pipelines.values import Frame, Outcome, Pixels, Rule, Stamp, Verdict
from tests.pipelines.boards import board, colour, seen, with_blob

FACTS = difference_facts()


def recipe(**told: Any) -> Recipe:
    base = {"name": "r", "pipeline": "difference", "reference": {"picture": "x.png"}}
    return Recipe.model_validate({**base, **told})


def frame(pixels: Pixels, fault: Rule | None = None) -> Frame:
    return Frame("c", 1, pixels, Stamp(0, 0, ""), fault=fault)


LOOK = DifferenceLook(recipe(), colour(board(3)), now_ns=lambda: 0, live=False)


def verdict(pixels: Pixels) -> Verdict:
    return judge(LOOK(frame(pixels)), recipe(), FACTS.limits(recipe()))


@settings(max_examples=40, deadline=None)
@given(some.integers(0, 300), some.integers(0, 300), some.integers(6, 20), some.floats(-2, 2), some.floats(-9, 9))
def test_a_blob_is_found_wherever_it_is(x: int, y: int, side: int, degrees: float, shift: float) -> None:
    bad = with_blob(board(3), x, y, side)
    still = LOOK(frame(colour(bad)))
    near = [d for d in still.detections if d.x1 <= x + side and d.x2 >= x and d.y1 <= y + side and d.y2 >= y]
    assert any(d.x1 < x + side / 2 < d.x2 and d.y1 < y + side / 2 < d.y2 for d in near)
    assert all(FACTS.threshold <= d.score < 1 for d in near)
    assert still.pose is not None
    # A large blob across a structure may look like a structure that lies otherwise, and leave edges beside it.
    assert len(near) == 1 or not still.pose.still
    assert verdict(colour(bad)).outcome is Outcome.NG
    if 60 < x < 240 and 60 < y < 240:
        move = turned(1, degrees, shift, -shift)
        cx, cy = move.matrix(320, 320) @ (x + side / 2 - 0.5, y + side / 2 - 0.5, 1)
        moved = LOOK(frame(colour(seen(bad, move))))
        assert any(d.x1 - 2 < cx < d.x2 + 2 and d.y1 - 2 < cy < d.y2 + 2 for d in moved.detections)


def test_the_reference_itself_is_good() -> None:
    seen_ = LOOK(frame(colour(board(3))))
    assert (seen_.detections, seen_.fault) == ((), None)
    assert verdict(colour(board(3))).outcome is Outcome.OK


def test_every_setting_counts() -> None:
    difference = np.zeros((64, 64), np.uint8)
    difference[10:14, 10:14] = 120
    difference[30:32, 30:60] = 255

    def found(**told: int) -> list[list[float]]:
        return blobs(difference, DifferenceRule.model_validate(told)).boxes.tolist()

    assert found() == [[10, 10, 14, 14]]
    assert sorted(found(opening_px=1)) == [[10, 10, 14, 14], [30, 30, 60, 32]]
    assert found(opening_px=1, contrast=121) == [[30, 30, 60, 32]]
    assert found(opening_px=1, min_area_px=17) == [[30, 30, 60, 32]]
    assert found(opening_px=5) == []


def test_a_larger_and_a_stronger_blob_scores_higher() -> None:
    difference = np.zeros((64, 64), np.uint8)
    difference[2:6, 2:6], difference[20:24, 20:24], difference[40:60, 40:60] = 110, 255, 255
    found = blobs(difference, DifferenceRule.model_validate({}))
    assert found.boxes.tolist() == [[40, 40, 60, 60], [20, 20, 24, 24], [2, 2, 6, 6]]
    assert (np.diff(found.scores) < 0).all()
    assert found.scores.min() >= 0.5
    assert found.scores.max() < 1


def test_another_board_is_unsure_and_says_by_how_much() -> None:
    """FIELD 7: a part that does not fit its reference is UNSURE, never OK."""
    seen_ = LOOK(frame(colour(board(9))))
    assert seen_.fault is Rule.MISALIGNED
    reason = verdict(colour(board(9))).reasons[0]
    assert (reason.rule, reason.limit) == (Rule.MISALIGNED, 0.5)
    assert reason.measured is not None
    assert reason.measured < 0.5


def test_more_blobs_than_are_looked_at_is_a_fault() -> None:
    look = DifferenceLook(recipe(max_detections=2), colour(board(3)), now_ns=lambda: 0)
    bad = with_blob(with_blob(with_blob(board(3), 20, 20, 9), 100, 100, 9), 200, 250, 9)
    found = look(frame(colour(bad)))
    assert (found.fault, len(found.detections)) == (Rule.ERROR, 2)
    assert "max_detections 2" in found.note


def test_regions_lie_on_the_reference() -> None:
    """A defect 5 px inside the region counts as such on a part that lies 15 px off."""
    region = {"name": "left", "kind": "inspect", "points": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
    told = recipe(regions=[region])
    look = DifferenceLook(told, colour(board(3)), now_ns=lambda: 0, live=False)
    for x, wanted in ((145, Outcome.NG), (165, Outcome.OK)):
        part = seen(with_blob(board(3), x, 150, 10), turned(1, 0, 15, 0))
        assert judge(look(frame(colour(part))), told, FACTS.limits(told)).outcome is wanted


@settings(max_examples=30, deadline=None)
@given(some.integers(0, 400), some.integers(0, 400), some.integers(0, 255), some.booleans())
def test_any_picture_gives_an_inspection(height: int, width: int, level: int, exact: bool) -> None:
    size = (320, 320) if exact else (height, width)
    pixels = np.full((*size, 3), level, np.uint8)
    found = LOOK(frame(pixels))
    assert judge(found, recipe(), FACTS.limits(recipe())).outcome is Outcome.UNSURE
    assert found.fault is (Rule.MISALIGNED if size == (320, 320) else Rule.WRONG_SIZE)


def test_a_drivers_fault_is_handed_on() -> None:
    assert LOOK(frame(np.empty((0, 0, 3), np.uint8), Rule.UNREADABLE)).fault is Rule.UNREADABLE


def test_a_sized_look_needs_no_session() -> None:
    look = SizedLook(FACTS, recipe(), None, lambda: 0, False, colour(board(3)))
    assert look(frame(colour(board(3)))).fault is None
    with pytest.raises(ValueError, match='pipeline "difference" needs its reference'):
        SizedLook(FACTS, recipe(), None, lambda: 0, False)
