"""One golden layout of the virtual line, drawn from a seed in the manner of the DeepPCB boards.

Seeds below 1,000 are for recipes (the demo, tests); seeds from 100,000 on are for training:
no layout that a shipped model learnt from is ever judged in a demo.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.station.cameras.virtual.defects import Sites, find_sites
from agent.station.cameras.virtual.features import blank
from agent.station.cameras.virtual.styles import STYLES, Sheet

RIPPLE_SPARE_PX = 128
"""How much larger than the board the ripple is: each board cuts its own piece out of it."""
_LEAST_COPPER_PX, _LEAST_GAP_PX = 500, 200


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What every board of one product is meant to look like."""

    seed: int
    pixels: NDArray[np.uint8]
    """(height, width), copper 0 on white 255."""
    soft: NDArray[np.uint8]
    """(height, width), the same with soft edges: a threshold on it plus ripple gives ragged ones."""
    ripple: NDArray[np.uint8]
    """(height + spare, width + spare), noise round 128 that makes edges ragged."""
    sites: Sites
    """Where each kind of defect can be drawn."""


def draw_layout(seed: int, width: int = 640, height: int = 640) -> Layout:
    """Draws the layout of `seed`; the same seed and size give the same layout."""
    rng = np.random.default_rng(seed)
    turned = bool(rng.random() < 0.5)
    size = (height, width) if turned else (width, height)
    sheet = Sheet(size, blank(size), blank(size), blank(size))
    STYLES[seed % len(STYLES)](sheet, rng)
    copper = sheet.copper & (1 - sheet.holes)
    if turned:
        copper = np.ascontiguousarray(copper.T)
    copper = _clean(copper[:: int(rng.choice((-1, 1))), :: int(rng.choice((-1, 1)))])
    pixels = ((1 - copper) * 255).astype(np.uint8)
    soft = cv2.GaussianBlur(pixels, (0, 0), 1.5).astype(np.uint8)
    return Layout(seed, pixels, soft, _ripple(rng, width, height), find_sites(copper, rng))


def _clean(copper: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Removes slivers that only a defect may look like: thin necks, small islands, small holes."""
    round_7 = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    framed = cv2.copyMakeBorder(np.ascontiguousarray(copper), 16, 16, 16, 16, cv2.BORDER_REPLICATE)
    for _ in range(2):
        framed = cv2.morphologyEx(framed, cv2.MORPH_OPEN, round_7)
        framed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, round_7)
    framed = _without_small(framed.astype(np.uint8), _LEAST_COPPER_PX)
    framed = 1 - _without_small(1 - framed, _LEAST_GAP_PX)
    return np.ascontiguousarray(framed[16:-16, 16:-16])


def _without_small(mask: NDArray[np.uint8], least_px: int) -> NDArray[np.uint8]:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    keep = stats[:, cv2.CC_STAT_AREA] >= least_px
    keep[0] = False
    return keep[labels].astype(np.uint8) if count > 1 else mask


def _ripple(rng: np.random.Generator, width: int, height: int) -> NDArray[np.uint8]:
    """Smooth noise with streaks along the scan, as a line-scan camera's edges show."""
    shape = (height + RIPPLE_SPARE_PX, width + RIPPLE_SPARE_PX)
    noise = rng.standard_normal(shape, np.float32)
    streaks = rng.standard_normal(shape, np.float32)
    fine = cv2.GaussianBlur(noise, (0, 0), 0.8)
    long = cv2.GaussianBlur(streaks, (0, 0), sigmaX=0.6, sigmaY=2.2)
    both = fine / fine.std() * 22 + long / long.std() * 22
    ripple: NDArray[np.uint8] = np.clip(128 + both, 58, 198).astype(np.uint8)
    return ripple
