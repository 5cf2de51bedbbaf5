"""Boards of one product passing on the virtual line: good ones and bad ones, with their truth."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.station.cameras.virtual.defects import LABELS, TrueDefect, draw_defect
from agent.station.cameras.virtual.layout import RIPPLE_SPARE_PX, Layout

_COUNTS, _COUNT_SHARES = (1, 2, 3), (0.6, 0.25, 0.15)
"""How many defects a bad board has: mostly one, the hard question."""


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """One board as the camera sees it."""

    pixels: NDArray[np.uint8]
    """(height, width), grey, copper 0 on white 255, read-only."""
    truth: tuple[TrueDefect, ...]
    """What is wrong with it; empty for a good board."""


def draw_board(layout: Layout, rng: np.random.Generator, bad: bool) -> Board:
    """A board of this layout as production varies it; a bad one has 1 to 3 defects.

    Where the layout has no room for a drawn label, another label is tried.
    """
    pixels = _speckled(_as_scanned(layout, rng), rng)
    truth: tuple[TrueDefect, ...] = ()
    wanted = int(rng.choice(_COUNTS, p=_COUNT_SHARES)) if bad else 0
    for _ in range(wanted):
        for label in rng.permutation(np.array(LABELS)):
            done = draw_defect(pixels, layout.sites, str(label), rng, tuple(t.box for t in truth))
            if done is not None:
                pixels, truth = done[0], (*truth, done[1])
                break
    pixels.setflags(write=False)
    return Board(pixels, truth)


def _as_scanned(layout: Layout, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The golden, moved by up to 2 px and binarised anew with ragged edges."""
    height, width = layout.pixels.shape
    move = np.array([[1, 0, rng.uniform(-2, 2)], [0, 1, rng.uniform(-2, 2)]], np.float32)
    moved = cv2.warpAffine(layout.soft, move, (width, height), borderMode=cv2.BORDER_REPLICATE)
    left, top = (int(v) for v in rng.integers(0, RIPPLE_SPARE_PX, 2))
    ripple = layout.ripple[top : top + height, left : left + width]
    rough = float(rng.uniform(0.35, 0.8))
    level = 128.0 * rough + float(rng.uniform(-12, 12))
    grey = cv2.addWeighted(moved, 1.0, ripple, rough, -level)
    return cv2.threshold(grey, 127, 255, cv2.THRESH_BINARY)[1].astype(np.uint8)


def _speckled(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turns a few single spots of 1 to 2 px: dust, far below any defect."""
    height, width = pixels.shape
    for _ in range(int(rng.integers(0, 7))):
        x, y = int(rng.integers(2, width - 4)), int(rng.integers(2, height - 4))
        w, h = (int(v) for v in rng.integers(1, 3, 2))
        pixels[y : y + h, x : x + w] = 255 - pixels[y, x]
    return pixels
