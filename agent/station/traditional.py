"""Proves the traditional method on a lane: the reference itself shows nothing, and a blob on it is seen."""

import math

import cv2
import numpy as np

from agent.ports import Clock
from pipelines.difference import DifferenceLook
from pipelines.recipe import DifferenceRule, Recipe
from pipelines.regions import counting_mask
from pipelines.values import Frame, Pixels

MODEL = "difference"
"""Stands where a model's name would in a record; its hash is the reference picture's."""


class DifferenceProof:
    """What golden pictures are to a model. Belongs to one thread.

    Raises ValueError where a part cannot be aligned to the reference, (height, width, 3) BGR.
    """

    def __init__(self, recipe: Recipe, reference: Pixels, clock: Clock) -> None:
        self._clock = clock
        self._look = DifferenceLook(recipe, reference, now_ns=self._now_ns, live=False)
        self._pictures = (reference, with_blob(recipe, reference))
        self._next = 0

    def one(self) -> str:
        """What was wrong with the answer to the next picture in turn; empty: it is as it must be."""
        blob = self._next % 2 == 1
        seen = self._look(Frame("golden", 1, self._pictures[blob], self._clock.now()))
        self._next += 1
        if seen.fault is not None:
            return f"the reference picture is {seen.fault.value}: {seen.note}"
        if blob and not seen.detections:
            return "a blob on the reference picture is not seen: [difference] lets none through"
        if seen.detections and not blob:
            return f"{len(seen.detections)} differences on the reference picture itself"
        return ""

    def all(self) -> str:
        """What is wrong with the answers to both pictures, in words; empty: nothing."""
        return "; ".join(filter(None, (self.one(), self.one())))

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns


def with_blob(recipe: Recipe, reference: Pixels) -> Pixels:
    """The reference with a dark or bright square, as large as the rule needs, where most room is for it."""
    height, width = reference.shape[:2]
    rule = recipe.difference or DifferenceRule.model_validate({})
    side = 2 * rule.opening_px + math.ceil(math.sqrt(rule.min_area_px))
    room = cv2.distanceTransform(np.pad(counting_mask(recipe, height, width), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(room.argmax()), room.shape)
    top, left = max(int(row) - side // 2, 0), max(int(column) - side // 2, 0)
    picture = reference.copy()
    there = picture[top : top + side, left : left + side]
    there[:] = 255 if there.mean() < 128 else 0
    return picture
