"""The part's light matched to its reference's by one gain and one offset.

Tukey's resistant line (Exploratory Data Analysis, 1977) with two groups: where the reference is dark
and where it is bright, the medians of both pictures give two points and so a line. Defects, edges that
lie off by a little and pixels that are white through and through do not move a median.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.values import Pixels

Grey = NDArray[np.uint8]
"""(height, width)."""

LEAST_CONTRAST = 16.0
"""Grey levels between the dark and the bright group below which there is one level only."""
LEAST_SHARE = 0.01
"""Of the pixels that a group must have."""
GAINS = (0.4, 2.5)
MOST_SHIFT = 100.0
"""Grey levels by which a picture of one level is made brighter or darker: more would wash out what is on it."""
STILL_GAIN = 0.03
"""A gain this close to 1, with levels this close, is no other light: the picture stays as it is."""
STILL_LEVELS = 6.0


def grey_of(pixels: Pixels) -> Grey:
    """(height, width) grey levels of a (height, width, 3) BGR picture (ITU-R BT.601, as OpenCV has it)."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)


@dataclass(frozen=True, slots=True)
class Light:
    """reference = gain * part + offset."""

    gain: float = 1.0
    offset: float = 0.0

    @property
    def same(self) -> bool:
        return self == Light()

    def matched(self, part: Grey) -> Grey:
        """The part under the reference's light; the very same array where there is nothing to match."""
        if self.same:
            return part
        levels = np.clip(np.rint(np.arange(256) * self.gain + self.offset), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(part, levels), np.uint8)


class Tones:
    """The dark and the bright pixels of a reference. Made once for it."""

    def __init__(self, reference: Grey) -> None:
        low, high = np.quantile(reference, (0.01, 0.99))
        self._reference = reference
        self._dark = np.asarray(reference <= (low + high) / 2).astype(np.uint8)
        self._bright = np.asarray(1 - self._dark, np.uint8)

    def light(self, part: Grey, covered: NDArray[np.uint8] | None = None) -> Light:
        """How the light of an aligned part differs. `covered` is 255 where the part is, None: everywhere."""
        dark, bright = (self._dark, self._bright) if covered is None else (self._dark & covered, self._bright & covered)
        n_dark, n_bright = cv2.countNonZero(dark), cv2.countNonZero(bright)
        least = LEAST_SHARE * (n_dark + n_bright)
        if min(n_dark, n_bright) < max(least, 1):
            return self._shift(part, dark if n_dark > n_bright else bright)
        part_dark, part_bright = _median(part, dark), _median(part, bright)
        true_dark, true_bright = _median(self._reference, dark), _median(self._reference, bright)
        if true_bright - true_dark < LEAST_CONTRAST or part_bright - part_dark < LEAST_CONTRAST:
            return self._shift(part, dark | bright)
        gain = float(np.clip((true_bright - true_dark) / (part_bright - part_dark), *GAINS))
        apart = max(abs(part_dark - true_dark), abs(part_bright - true_bright))
        if abs(gain - 1) <= STILL_GAIN and apart <= STILL_LEVELS:
            return Light()
        return Light(gain, (true_dark + true_bright) / 2 - gain * (part_dark + part_bright) / 2)

    def _shift(self, part: Grey, where: NDArray[np.uint8]) -> Light:
        if cv2.countNonZero(where) == 0:
            return Light()
        offset = float(np.clip(_median(self._reference, where) - _median(part, where), -MOST_SHIFT, MOST_SHIFT))
        return Light() if abs(offset) <= STILL_LEVELS else Light(1.0, offset)


def _median(grey: Grey, where: NDArray[np.uint8]) -> float:
    counts = cv2.calcHist([grey], [0], where, [256], [0, 256]).ravel().cumsum()
    return float(np.searchsorted(counts, counts[-1] / 2))
