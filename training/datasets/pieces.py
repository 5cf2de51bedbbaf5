"""A mask picture to the boxes round its connected pieces."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.errors import OkngError
from agent.station.cameras.decode import MAX_FILE_BYTES
from training.datasets.headers import size_px

MOST_VALUES = 64
"""A mask with more values than that has none that mean a class: grey edges, or a lossy format."""
_LOSSY = frozenset({".jpg", ".jpeg", ".jpe"})


class MaskWrong(OkngError):
    """The mask cannot be used; `size`: for its size."""

    def __init__(self, what: str, size: bool = False) -> None:
        super().__init__(what)
        self.size = size


@dataclass(frozen=True, slots=True)
class Piece:
    """Pixels of one value that touch (corners too)."""

    value: int | None
    """0xrrggbb; of a grey mask all three are the grey value. None where values mean nothing."""
    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 px."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a mask shows."""

    pieces: tuple[Piece, ...]
    """By value, then from top to bottom as OpenCV numbers them."""
    specks: int
    """How many pieces were too small."""
    soft: bool
    """It was cut at half of its highest value."""


def pieces(mask: Path, size: tuple[int, int], least_px: int, *, one_class: bool) -> Pieces:
    """The pieces of a mask for a picture of (width, height) `size`, of at least `least_px` pixels each.

    `one_class`: whatever is not 0 is one class. Raises MaskWrong.
    """
    values = _values(mask, size)
    known = np.unique(values)
    soft = mask.suffix.lower() in _LOSSY or known.size > MOST_VALUES
    if soft:
        values = np.where(_grey(values) * 2 > int(_grey(known).max(initial=0)), 0xFFFFFF, 0)
        known = np.unique(values)
    elif one_class:
        values = np.where(values > 0, 1, 0)
        known = np.unique(values)
    found, specks = [], 0
    for value in known[known > 0].tolist():
        _, _, stats, _ = cv2.connectedComponentsWithStats((values == value).astype(np.uint8), connectivity=8)
        for x, y, width, height, area in stats[1:].tolist():
            if area < least_px:
                specks += 1
            else:
                box = (float(x), float(y), float(x + width), float(y + height))
                found.append(Piece(None if one_class else int(value), box))
    return Pieces(tuple(found), specks, soft)


def _grey(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The brightest of the three channels."""
    return np.asarray(np.maximum(np.maximum(values >> 16, values >> 8 & 255), values & 255), np.int64)


def _values(mask: Path, size: tuple[int, int]) -> NDArray[np.int64]:
    """(height, width) 0xrrggbb; a 16-bit mask's values above 255 are taken as they are if there are few."""
    width, height, why = size_px(mask)
    if why:
        raise MaskWrong(why)
    if (width, height) != size:
        raise MaskWrong(f"has {width} x {height} px, its picture {size[0]} x {size[1]}", size=True)
    try:
        if mask.stat().st_size > MAX_FILE_BYTES:
            raise MaskWrong(f"more than {MAX_FILE_BYTES} bytes")
        data = np.frombuffer(mask.read_bytes(), np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    except (OSError, cv2.error) as error:
        raise MaskWrong(f"cannot be read: {error}") from error
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16):
        raise MaskWrong("cannot be decoded")
    wide: NDArray[np.int64] = np.asarray(pixels, np.int64)
    if pixels.dtype == np.uint16:
        wide = wide >> 8 if int(wide.max(initial=0)) == 0xFFFF else wide
        if int(wide.max(initial=0)) > 255:
            raise MaskWrong(f"16-bit value {int(wide.max())}: classes are at most 255")
    three = np.repeat(wide[..., None], 3, axis=2) if wide.ndim == 2 else wide
    return np.asarray(three[..., 2] << 16 | three[..., 1] << 8 | three[..., 0], np.int64)
