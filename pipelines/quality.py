"""How good a picture is to judge by, cheaply, and whether two pictures are the same one."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.values import Pixels

FULL_PX = 1_500_000
"""Pictures up to this size are measured whole; larger ones on evenly spaced bands of rows."""
BAND_PX = 64
"""Rows of a band. The Laplacian needs whole neighbourhoods, so rows are not taken singly."""
SAMPLE_PX = 61
"""Step of the first, cheap comparison of two pictures; a prime, so that it walks over regular patterns."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the picture itself says; `Quality` adds its age and its repeats."""

    sharpness: float
    """Variance of the Laplacian, 8-bit grey levels squared."""
    brightness: float
    """Mean grey level, 0..255."""
    saturated: float
    """Share of pixels at 255, 0..1."""


class Gauge:
    """Measures pictures of one size. Keeps its scratch buffers, so it belongs to one thread.

    `inside` restricts it to a rectangle (x1, y1, x2, y2) px, the bounding box of the inspected regions.
    """

    def __init__(self, height_px: int, width_px: int, inside: tuple[int, int, int, int] | None = None) -> None:
        x1, y1, x2, y2 = inside or (0, 0, width_px, height_px)
        self._bands = tuple((slice(a, b), slice(x1, x2)) for a, b in _bands(y1, y2, x2 - x1))
        rows = max(band[0].stop - band[0].start for band in self._bands)
        self._grey = np.empty((rows, x2 - x1), np.uint8)
        self._edges = np.empty((rows, x2 - x1), np.int16)

    def measure(self, pixels: Pixels) -> Measured:
        """Measure a (height, width, 3) BGR picture on its luminance (ITU-R BT.601, as OpenCV has it).

        The Laplacian is taken in 16 bits and its variance from sum and sum of squares: exact, and a
        tenth of the time of the usual 64-bit one.
        """
        square = edge = light = 0.0
        white = size = 0
        for rows, columns in self._bands:
            height = rows.stop - rows.start
            grey, edges = self._grey[:height], self._edges[:height]
            cv2.cvtColor(pixels[rows, columns], cv2.COLOR_BGR2GRAY, dst=grey)
            cv2.Laplacian(grey, cv2.CV_16S, dst=edges)
            square += cv2.norm(edges, cv2.NORM_L2SQR)
            edge += cv2.sumElems(edges)[0]
            light += cv2.sumElems(grey)[0]
            white += int(np.count_nonzero(grey == 255))
            size += grey.size
        return Measured(max(square / size - (edge / size) ** 2, 0.0), light / size, white / size)


def _bands(top: int, bottom: int, width_px: int) -> tuple[tuple[int, int], ...]:
    height = bottom - top
    if height * width_px <= FULL_PX:
        return ((top, bottom),)
    count = max(1, FULL_PX // (width_px * BAND_PX))
    starts = np.linspace(top, max(top, bottom - BAND_PX), count).round().astype(int)
    return tuple((int(start), min(int(start) + BAND_PX, bottom)) for start in starts)


def same_pixels(a: Pixels, b: Pixels) -> bool:
    """Whether two pictures are equal, pixel for pixel. Different ones are nearly always told apart early."""
    if a.shape != b.shape:
        return False
    if a is b or a.size == 0:
        return True
    if not np.array_equal(a[::SAMPLE_PX, ::SAMPLE_PX], b[::SAMPLE_PX, ::SAMPLE_PX]):
        return False
    return bool(cv2.norm(a, b, cv2.NORM_INF) == 0)


class Repeats:
    """Counts how many pictures just before the newest one were the same. Belongs to one thread."""

    def __init__(self) -> None:
        self._last: Pixels | None = None
        self._count = 0

    def count(self, pixels: Pixels) -> int:
        """How many pictures in a row, just before this one, had exactly its pixels."""
        self._count = self._count + 1 if self._last is not None and same_pixels(self._last, pixels) else 0
        self._last = pixels
        return self._count
