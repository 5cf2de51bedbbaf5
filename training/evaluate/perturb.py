"""Parts that do not lie as the reference does: seeded shift, rotation, scale and light, the truth mapped along."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.values import Pixels
from training.datasets.values import Box
from training.evaluate.eye import Shown

MOST_SHIFT_PX = 20.0
MOST_ROTATION_DEG = 3.0
MOST_SCALE = 0.03
MOST_LIGHT = 0.3
LEAST_LEFT = 0.5
"""A box of which less is left in the picture does not count."""


@dataclass(frozen=True, slots=True)
class Move:
    """How a part lies and is lit."""

    right_px: float
    down_px: float
    rotation_deg: float
    """Counter-clockwise, about the picture's middle."""
    scale: float
    gain: float

    def matrix(self, height: int, width: int) -> NDArray[np.float64]:
        """(2, 3): box coordinates (edges between pixels) of the part to those of the moved picture."""
        middle = (width / 2, height / 2)
        turned: NDArray[np.float64] = np.asarray(
            cv2.getRotationMatrix2D(middle, self.rotation_deg, self.scale), np.float64
        )
        turned[:, 2] += np.array((self.right_px, self.down_px))
        return turned


def any_move(rng: np.random.Generator) -> Move:
    """Uniform within the limits of this module."""
    right, down = rng.uniform(-MOST_SHIFT_PX, MOST_SHIFT_PX, 2)
    return Move(
        right_px=float(right),
        down_px=float(down),
        rotation_deg=float(rng.uniform(-MOST_ROTATION_DEG, MOST_ROTATION_DEG)),
        scale=float(rng.uniform(1 - MOST_SCALE, 1 + MOST_SCALE)),
        gain=float(rng.uniform(1 - MOST_LIGHT, 1 + MOST_LIGHT)),
    )


def perturbed(pictures: Iterable[Shown], seed: int) -> Iterator[Shown]:
    """Each picture under a move of its own; its reference stays as it is."""
    for number, shown in enumerate(pictures):
        yield moved(shown, any_move(np.random.default_rng((seed, number))))


def moved(shown: Shown, move: Move) -> Shown:
    """One picture under a move."""
    height, width = shown.pixels.shape[:2]
    matrix = move.matrix(height, width)
    place = partial(_place, height=height, width=width)
    boxes = [(box, place(mapped(box, matrix, move))) for box in shown.truth]
    return replace(
        shown,
        pixels=lit(warped(shown.pixels, matrix), move.gain),
        truth=tuple(there for box, there in boxes if _left(there, box, move) >= LEAST_LEFT),
        beyond=tuple(there for box, there in boxes if 0 < _left(there, box, move) < LEAST_LEFT),
        file=None,
    )


def warped(pixels: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """The picture moved, bilinear; what comes in from outside mirrors what is there."""
    shift = matrix.copy()
    # OpenCV counts from the middle of the first pixel, boxes from its edge.
    shift[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    height, width = pixels.shape[:2]
    out = cv2.warpAffine(pixels, shift, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(out, np.uint8)


def lit(pixels: Pixels, gain: float) -> Pixels:
    """The picture in another light; what is too bright is clipped, as a sensor does."""
    return np.asarray(np.clip(np.rint(pixels.astype(np.float32) * gain), 0, 255), np.uint8)


def mapped(box: Box, matrix: NDArray[np.float64], move: Move) -> Box:
    """Where a box comes to lie: upright round the turned ellipse that the box was round.

    Round the turned corners it would grow with every degree, although no defect fills its corners.
    """
    x, y = matrix[:, :2] @ ((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2) + matrix[:, 2]
    c, s = math.cos(math.radians(move.rotation_deg)), math.sin(math.radians(move.rotation_deg))
    w, h = box.x2 - box.x1, box.y2 - box.y1
    half_w, half_h = move.scale * math.hypot(w * c, h * s) / 2, move.scale * math.hypot(h * c, w * s) / 2
    return Box(box.label, float(x - half_w), float(y - half_h), float(x + half_w), float(y + half_h))


def _place(box: Box, height: int, width: int) -> Box:
    x1, x2 = (min(max(x, 0.0), float(width)) for x in (box.x1, box.x2))
    y1, y2 = (min(max(y, 0.0), float(height)) for y in (box.y1, box.y2))
    return Box(box.label, x1, y1, x2, y2)


def _left(there: Box, box: Box, move: Move) -> float:
    """Share of a box's area that is left in the picture."""
    whole = (box.x2 - box.x1) * (box.y2 - box.y1) * move.scale**2
    return (there.x2 - there.x1) * (there.y2 - there.y1) / whole if whole > 0 else 0.0
