"""The pitches of a pattern: the shifts under which a picture's edges look like themselves.

A part whose best place is a pitch off may have been laid a period wrong, or may be a period wrong itself:
its picture cannot tell.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.edges import slopes
from pipelines.light import Grey

LEAST_LIKENESS = 0.12
"""Share of the edges that meet edges of the same direction, from which a shift is a pitch."""
ROUND_PX = 1
"""A shift this close to a pitch is that pitch."""


class Pitches:
    """The pitches of one picture, up to `most_px` along each side. Made once for it."""

    def __init__(self, grey: Grey, most_px: float) -> None:
        most = min(math.ceil(most_px) + ROUND_PX, min(grey.shape) // 2)
        likeness = _autocorrelation(grey, most)
        alike = np.asarray(likeness >= LEAST_LIKENESS).astype(np.uint8)
        # What hangs together with no shift at all is the width of the edges, or a shift along a track.
        _, names = cv2.connectedComponents(alike, connectivity=8)
        names = np.asarray(names, np.int32)
        likeness = np.where(names != names[most, most], likeness * alike, 0).astype(np.float32)
        self._most, self._likeness, self._peaks = most, likeness, _peaks(likeness)
        around = np.ones((2 * ROUND_PX + 1, 2 * ROUND_PX + 1), np.uint8)
        self._near = np.asarray(cv2.dilate(self._peaks.astype(np.uint8), around)) > 0

    def __contains__(self, shift: tuple[float, float]) -> bool:
        """Whether a shift (x, y) px is a pitch."""
        column, row = round(shift[0]) + self._most, round(shift[1]) + self._most
        inside = 0 <= row < self._near.shape[0] and 0 <= column < self._near.shape[1]
        return inside and bool(self._near[row, column])

    @property
    def likeness(self) -> float:
        """Of the strongest pitch, 0..1; 0 where there is none."""
        return float(self._likeness.max())

    @property
    def strongest(self) -> tuple[tuple[int, int], ...]:
        """The shifts (x, y) in whole px at the peaks, strongest first; both directions of each."""
        peaks = np.argwhere(self._peaks)
        order = np.argsort(-self._likeness[peaks[:, 0], peaks[:, 1]], kind="stable")
        return tuple((int(column) - self._most, int(row) - self._most) for row, column in peaks[order])


def _peaks(likeness: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where it is highest around, and where it is along one axis alone: tracks along the other are alike for long."""
    most = likeness.shape[0] // 2
    peaks = np.asarray((likeness > 0) & (likeness >= cv2.dilate(likeness, np.ones((5, 5), np.uint8))))
    for axis in (np.s_[most, :], np.s_[:, most]):
        line = likeness[axis]
        peaks[axis] |= (line > 0) & (line >= cv2.dilate(line[None], np.ones((1, 5), np.uint8))[0])
    return peaks


def pitches(grey: Grey, most_px: float) -> tuple[tuple[int, int], ...]:
    """The pitches (x, y) of a picture in whole px, by at most `most_px` along each side, strongest first."""
    return tuple(s for s in Pitches(grey, most_px).strongest if max(abs(s[0]), abs(s[1])) <= most_px)


def _autocorrelation(grey: Grey, most: int) -> NDArray[np.float32]:
    """(2 most + 1, 2 most + 1) likeness of the picture's slopes with themselves by shift, the middle being none: 1.

    Over what two copies have in common, and cut at 0: edges of opposite direction are not alike.
    """
    height, width = grey.shape
    size = (cv2.getOptimalDFTSize(height + most), cv2.getOptimalDFTSize(width + most))
    x, y = slopes(np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.uint8))

    def with_itself(a: NDArray[np.float32]) -> NDArray[np.float64]:
        spectrum = np.fft.rfft2(a, size)
        whole = np.fft.irfft2(np.abs(spectrum) ** 2, size)
        return np.roll(whole, (most, most), (0, 1))[: 2 * most + 1, : 2 * most + 1]

    both, common = with_itself(x) + with_itself(y), with_itself(np.ones(grey.shape, np.float32))
    share = both / np.maximum(common, 1.0)
    return np.clip(share / max(float(share[most, most]), 1e-6), 0, None).astype(np.float32)
