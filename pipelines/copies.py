"""A part's copies, made when they are asked for: smaller and softer ones, and the one laid over its reference."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.edges import Floats, softened
from pipelines.light import Grey
from pipelines.similarity import Move

Mask = NDArray[np.uint8]
"""(height, width), 255 where it holds, 0 elsewhere."""


class Copies:
    """A part at half the size again and again, and softened: each made when it is asked for."""

    def __init__(self, part: Grey, levels: int) -> None:
        self._greys = halved(part, levels - 1)
        self._soft: dict[int, Floats] = {}

    def grey(self, level: int) -> Grey:
        return self._greys[level]

    def soft(self, level: int) -> Floats:
        if level not in self._soft:
            self._soft[level] = softened(self._greys[level])
        return self._soft[level]


def halved(grey: Grey, times: int) -> list[Grey]:
    copies = [grey]
    for _ in range(times):
        copies.append(shrunk(copies[-1], 1))
    return copies


def shrunk(grey: Grey, times: int) -> Grey:
    for _ in range(times):
        height, width = grey.shape
        size = ((width + 1) // 2, (height + 1) // 2)
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    return grey


def resized_mask(mask: Mask, like: Grey) -> Mask:
    """A mask in another picture's size: a pixel holds where all of it does."""
    small = cv2.resize(mask, (like.shape[1], like.shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.threshold(small, 254, 255, cv2.THRESH_BINARY)[1], np.uint8)


def laid_over(part: Grey, move: Move) -> tuple[Grey, Mask | None]:
    """A part in the reference's frame, and where it is; itself where it lies still."""
    if move == Move():
        return part, None
    size = (part.shape[1], part.shape[0])
    matrix, how = move.matrix(*part.shape), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grey = cv2.warpAffine(part, matrix, size, flags=how)
    covered = cv2.warpAffine(np.full(part.shape, 255, np.uint8), matrix, size, flags=how)
    return np.asarray(grey, np.uint8), np.asarray(cv2.threshold(covered, 254, 255, cv2.THRESH_BINARY)[1], np.uint8)
