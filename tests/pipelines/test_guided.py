"""The reference-guided look over the canned engine's session."""

from typing import Any

import numpy as np
import pytest

from agent.config import EngineConfig
from agent.station.engines.canned import CannedModel, CannedSession, encode
from agent.station.sized import SizedLook
from pipelines.look import ModelFacts
from pipelines.recipe import Recipe
from pipelines.rules import judge
from pipelines.similarity import Move, turned
from pipelines.values import Frame, Outcome, Pixels, Rule, Stamp
from tests.pipelines.boards import board, colour, seen, with_blob

FACTS = ModelFacts(("open",), "raw", 320, 320, False, 114, 0.5, pipeline="guided")
RECIPE = {"name": "r", "model": "m-1", "pipeline": "guided", "reference": {"picture": "x.png"}}


def look_for(reference: Pixels, *answers: Any, size: int = 320, **told: Any) -> "tuple[SizedLook, CannedSession]":
    output = encode(answers, FACTS.labels, "raw")
    session = CannedModel(EngineConfig(), "CPU", (size, size), output).session(1)
    recipe = Recipe.model_validate({**RECIPE, **told})
    return SizedLook(FACTS, recipe, session, lambda: 0, False, reference), session


def frame(pixels: Pixels) -> Frame:
    return Frame("c", 1, pixels, Stamp(0, 0, ""))


def test_the_channels_are_difference_reference_and_part() -> None:
    """The engine turns BGR into RGB: the network sees part, reference, difference."""
    look, session = look_for(colour(board(3)))
    part = with_blob(board(3), 100, 100, 30)
    assert look(frame(colour(part))).fault is None
    buffer = session.inputs[0]
    assert (buffer[..., 2] == part).all()
    assert (buffer[..., 1] == board(3)).all()
    assert (buffer[..., 0] == np.abs(part.astype(int) - board(3))).all()


def test_boxes_come_back_in_the_pictures_pixels() -> None:
    move = turned(1.02, 2, 8, -5)
    look, _ = look_for(colour(board(3)), ("open", 0.9, 190, 90, 210, 110))
    found = look(frame(colour(seen(board(3), move))))
    assert found.pose is not None
    (box,) = found.detections
    middle = move.matrix(320, 320) @ (199.5, 99.5, 1) + 0.5
    assert ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2) == pytest.approx(tuple(middle), abs=0.5)
    assert (box.width, box.height) == pytest.approx((20.4, 20.4), abs=0.5)


def test_a_part_that_lies_still_has_its_boxes_as_they_are() -> None:
    look, _ = look_for(colour(board(3)), ("open", 0.9, 190, 90, 210, 110))
    (box,) = look(frame(colour(board(3)))).detections
    assert (box.x1, box.y1, box.x2, box.y2) == (190, 90, 210, 110)


def test_any_products_size_is_letterboxed() -> None:
    reference = board(5, 480, 320)
    look, session = look_for(colour(reference), ("open", 0.9, 160, 160, 180, 180))
    (box,) = look(frame(colour(reference))).detections
    assert (box.x1, box.y1) == pytest.approx((240, 160), abs=1)
    assert (session.inputs[0][:50] == 114).all()
    tall = look_for(colour(board(5, 320, 480)))[0]
    assert tall(frame(colour(board(5, 320, 480)))).fault is None


@pytest.mark.parametrize("part", [board(9), seen(board(3), Move(70, 0)), np.zeros((320, 320), np.uint8)])
def test_what_does_not_fit_is_never_a_pass(part: Pixels) -> None:
    """FIELD 7: the model is not even asked."""
    look, _ = look_for(colour(board(3)))
    found = look(frame(colour(part)))
    assert (found.fault, found.detections) == (Rule.MISALIGNED, ())
    assert judge(found, Recipe.model_validate(RECIPE), {"open": 0.5}).outcome is Outcome.UNSURE


def test_another_size_than_the_references_is_a_fault() -> None:
    look, _ = look_for(colour(board(3)))
    found = look(frame(np.zeros((240, 320, 3), np.uint8)))
    assert (found.fault, found.note) == (Rule.WRONG_SIZE, "the picture has 320 x 240 px, wanted 320 x 320")


def test_a_guided_recipe_needs_session_and_reference() -> None:
    recipe = Recipe.model_validate(RECIPE)
    with pytest.raises(ValueError, match="session"):
        SizedLook(FACTS, recipe, None, lambda: 0, False, colour(board(3)))
    with pytest.raises(ValueError, match="reference"):
        look_for(None)  # type: ignore[arg-type]
