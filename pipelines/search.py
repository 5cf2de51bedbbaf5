"""The first guess of an alignment: every turn and scale at every shift, on small copies, at once.

The reference is turned and scaled beforehand, so that a part's windows at all shifts meet all of these
in one matrix product: normalised cross-correlation (Lewis, "Fast Normalized Cross-Correlation", 1995),
exhaustive within the bounds, so that there is no basin to miss.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.edges import Floats
from pipelines.light import Grey
from pipelines.similarity import Move, turned

STEP_PX = 1.0
"""How far the corner moves between two turns or scales that are tried, px of the small copy."""
SOFT_PX = 0.7
BAND = 1 / 12
"""Sigma of what is taken away as slow change of light, share of the longer side."""
LEAST_WINDOW_PX = 16
NOTHING = 1e-6
FAR = 0.03
"""What the likeness at the farthest shift is lowered by: where a pattern says nothing of a shift along itself,
the nearest one is taken, for it leaves the least of the part out."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One of the best moves, in px of the small copies."""

    likeness: float
    """Normalised correlation, -1..1."""
    move: Move


class Search:
    """All turns and scales of a small copy of the reference. Made once for it.

    `shift_px` in px of the small copy, `turn_deg` and `scale` (share) are the bounds. Raises ValueError
    when the shift leaves too little of the reference to compare.
    """

    def __init__(self, reference: Grey, shift_px: float, turn_deg: float, scale: float) -> None:
        self._most = math.ceil(shift_px)
        height, width = reference.shape
        self._window = (height - 2 * self._most, width - 2 * self._most)
        if min(self._window) < LEAST_WINDOW_PX:
            raise ValueError("the shift leaves too little of the reference to compare")
        radius = math.hypot(height, width) / 2
        turns = _steps(turn_deg, math.radians(turn_deg) * radius)
        scales = _steps(scale, scale * radius)
        self._tried = tuple(turned(1 + share, turn) for turn in turns for share in scales)
        away = np.abs(np.arange(-self._most, self._most + 1)) / max(self._most, 1)
        self._far = (FAR / 2 * (away[:, None] ** 2 + away[None, :] ** 2)).astype(np.float32)
        banded = _banded(reference)
        self._templates = np.stack([self._template(banded, move) for move in self._tried])

    def best(self, part: Grey, count: int) -> list[Guess]:
        """The best move of each of the best shifts, by falling likeness."""
        windows = np.lib.stride_tricks.sliding_window_view(_banded(part), self._window)
        side = windows.shape[0]
        flat = windows.reshape(side * side, -1)
        flat = flat - flat.mean(axis=1, keepdims=True)
        sizes = np.sqrt(np.einsum("ij,ij->i", flat, flat))
        likeness = (self._templates @ flat.T) / np.maximum(sizes, NOTHING)
        best, which = likeness.max(axis=0).reshape(side, side) - self._far, likeness.argmax(axis=0)
        peaks = np.flatnonzero(best >= cv2.dilate(best, np.ones((3, 3), np.uint8)))
        order = np.argsort(-best.ravel()[peaks], kind="stable")[:count]
        return [self._guess(int(peak), float(best.ravel()[peak]), int(which[peak])) for peak in peaks[order]]

    def _guess(self, at: int, likeness: float, which: int) -> Guess:
        row, column = divmod(at, 2 * self._most + 1)
        tried = self._tried[which]
        return Guess(likeness, Move(float(column - self._most), float(row - self._most), tried.a, tried.b))

    def _template(self, banded: Floats, move: Move) -> Floats:
        """The middle of the reference as the part would show it, with mean 0 and length 1."""
        height, width = banded.shape
        seen = cv2.warpAffine(
            banded, move.matrix(height, width), (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        middle = seen[self._most : height - self._most, self._most : width - self._most].ravel()
        middle = middle - middle.mean()
        return np.asarray(middle / max(float(np.linalg.norm(middle)), NOTHING), np.float32)


def _banded(grey: Grey) -> Floats:
    soft = cv2.GaussianBlur(grey, (0, 0), SOFT_PX).astype(np.float32)
    return np.asarray(soft - cv2.GaussianBlur(soft, (0, 0), max(grey.shape) * BAND), np.float32)


def _steps(bound: float, travel_px: float) -> list[float]:
    return [float(v) for v in np.linspace(-bound, bound, 2 * max(1, math.ceil(travel_px / STEP_PX)) + 1)]
