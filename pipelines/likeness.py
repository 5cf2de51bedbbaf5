"""How well an aligned part fits its reference: whether the edges of each are where the other's are.

Both ways: what the reference has and the part lacks, and what the part has and the reference lacks.
Edges count by their strength and have to agree in direction. Over the whole picture, border and all: on
a board of parallel tracks most edges agree a pitch off as well, those that are no track do not.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.edges import Floats, slopes
from pipelines.light import Grey

BLUR_PX = 1.0
LEAST_SLOPE = 15.0
"""Grey levels per px from which a pixel is an edge."""
FORGIVEN = 0.35
"""So much contour of full contrast, as a share of the longer side, may be new on a part, or
missing from one direction: defects on a blank board."""
RIM_PX = 3
"""Width of the rim of what the part covers, where its edges are no edges."""


DIRECTIONS = 4
"""Edges are told apart by their normals: along x, along y, and the two between."""
STEEP = 0.4142
"""tan 22.5 degrees"""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Shares of edge, 0..1."""

    shown: tuple[float, ...]
    """Of the reference's edges, of all and by direction: those that the part shows."""
    known: float
    """Of the part's edges: those that the reference knows."""

    @property
    def fit(self) -> float:
        """The least of them: a part that lies off along its tracks has all of these right, and nothing across them."""
        return min(*self.shown, self.known)


class Contours:
    """The edges of a reference. Made once for it. `counts` is 255 where the fit counts."""

    def __init__(self, reference: Grey, counts: NDArray[np.uint8] | None = None) -> None:
        x, y = _slopes(reference)
        square = x * x + y * y
        self._counts = np.full(reference.shape, 255, np.uint8) if counts is None else counts
        self._at = np.flatnonzero((square >= LEAST_SLOPE**2) & (self._counts > 0))
        self._x, self._y, self._square = x.ravel()[self._at], y.ravel()[self._at], square.ravel()[self._at]
        self._strength = np.sqrt(self._square)
        self._direction = _directions(self._x, self._y)
        self._slopes = x, y
        self._forgiven = FORGIVEN * max(reference.shape) * 255

    def compare(self, part: Grey, covered: NDArray[np.uint8] | None = None) -> Likeness:
        """An aligned part of the reference's light. `covered` is 255 where the part is; None: everywhere."""
        x, y = _slopes(part)
        there = self._counts
        if covered is not None:
            rim = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)
            there = np.asarray(cv2.bitwise_and(there, cv2.erode(covered, rim)), np.uint8)
        return Likeness(self._shown(x.ravel(), y.ravel(), there.ravel()), self._known(x, y, there))

    def _shown(self, x: Floats, y: Floats, there: NDArray[np.uint8]) -> tuple[float, ...]:
        both = x[self._at] * self._x + y[self._at] * self._y
        strength = self._strength * (there[self._at] > 0)
        agreed = np.clip(both / self._square, 0, 1) * strength
        has = np.bincount(self._direction, strength, DIRECTIONS)
        shown = np.bincount(self._direction, agreed, DIRECTIONS)
        shares = (shown + self._forgiven / DIRECTIONS) / (has + self._forgiven / DIRECTIONS)
        whole = shown.sum() / has.sum() if has.sum() > 0 else 1.0
        return (float(whole), *shares.tolist())

    def _known(self, x: Floats, y: Floats, there: NDArray[np.uint8]) -> float:
        square = x * x + y * y
        at = np.flatnonzero((square >= LEAST_SLOPE**2) & (there > 0))
        square = square.ravel()[at]
        rx, ry = (slope.ravel()[at] for slope in self._slopes)
        strength = np.sqrt(square)
        agreed = np.clip((x.ravel()[at] * rx + y.ravel()[at] * ry) / square, 0, 1) * strength
        return float((agreed.sum() + self._forgiven) / (strength.sum() + self._forgiven))


def _directions(x: Floats, y: Floats) -> NDArray[np.intp]:
    """0: along x, 1: along y, 2 and 3: between."""
    between = np.where(x * y > 0, 2, 3)
    steep = np.where(np.abs(x) < STEEP * np.abs(y), 1, between)
    return np.where(np.abs(y) < STEEP * np.abs(x), 0, steep).astype(np.intp)


def _slopes(grey: Grey) -> tuple[Floats, Floats]:
    return slopes(np.asarray(cv2.GaussianBlur(grey, (0, 0), BLUR_PX), np.uint8))
