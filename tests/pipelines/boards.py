"""Drawn boards for the tests of everything that has a reference."""

from functools import cache

import cv2
import numpy as np

from agent.station.cameras.virtual.layout import draw_layout
from pipelines.light import Grey
from pipelines.similarity import Move


@cache
def board(seed: int, width: int = 320, height: int = 320) -> Grey:
    """The golden picture of a layout, (height, width), copper 0 on white 255."""
    return draw_layout(seed, width, height).pixels


def seen(part: Grey, move: Move, gain: float = 1.0, offset: float = 0.0) -> Grey:
    """A part as a camera sees it that lies off and is lit otherwise; the rim is drawn out."""
    size = (part.shape[1], part.shape[0])
    grey = cv2.warpAffine(part, move.matrix(*part.shape), size, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(np.rint(grey * gain + offset), 0, 255).astype(np.uint8)


def colour(grey: Grey) -> Grey:
    """(height, width, 3) BGR of a grey picture."""
    return np.repeat(grey[:, :, None], 3, axis=2)


def with_blob(grey: Grey, x: int, y: int, side: int) -> Grey:
    """The picture with a square turned inside out, its corner at (x, y)."""
    bad = grey.copy()
    bad[y : y + side, x : x + side] = 255 - bad[y : y + side, x : x + side]
    return bad
