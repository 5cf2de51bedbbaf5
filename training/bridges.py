"""Wide shorts: copper between two conductors of a pair, as wide as a defect can be and not only as a hair.

Real shorts are mostly thin: of DeepPCB's training split 95 % leave a blob of at most 45 px on its shorter side, and
half of them fill less than 43 % of it. A detector that has hardly seen a wide one takes it for the board's own copper.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.pairs import Defect, Grey, Pair, is_close

COPPER_BELOW = 128
"""Grey levels: what is darker is copper, as on a binarised board."""
GAP_PX = (5, 70)
"""Between the two conductors."""
WIDTH_PX = (8.0, 50.0)
"""Across the bridge; narrow ones are more frequent (evenly spread over the logarithm)."""
LEAST_FULL = 0.75
"""Share of the bridge's rows that must reach copper on both sides."""
MOST_LONGER = 1.5
"""A row of the bridge may be so much longer than its middle one."""
BOX_MARGIN_PX = 8
"""Round the copper, as real boxes have it (median 12, the least 4)."""
KEEP_OFF_PX = 12
"""From boxes that are there already."""
LEAST_GROUND_PX = 8000
"""Area of a piece of ground that ends within the picture; smaller ones are holes in a pad or a letter, where copper
is no short."""
INTO_COPPER_PX = 4
"""How far a bridge reaches into either conductor: the part's edges lie a little off the reference's."""
TRIES = 60


def bridged(pair: Pair, label: int, rng: np.random.Generator) -> Pair:
    """The pair with one more short on its part, labelled `label`; as it was where no gap was found for one."""
    open_ground = _open_ground(pair.reference)
    for _ in range(TRIES):
        upright = bool(rng.random() < 0.5)
        part, reference = (pair.part.T, pair.reference.T) if upright else (pair.part, pair.reference)
        found = _bridge(np.asarray(reference), rng)
        if found is None or not (open_ground.T if upright else open_ground)[found].all():
            continue
        mask = _into_copper(found) & (part >= COPPER_BELOW)
        mask = mask.T if upright else mask
        box = _box(mask)
        if box is None or any(is_close(d.box, box, KEEP_OFF_PX) for d in pair.defects):
            continue
        drawn = pair.part.copy()
        drawn[mask] = 0
        return Pair(pair.name, drawn, pair.reference, (*pair.defects, Defect(label, box)))
    return pair


def _open_ground(reference: Grey) -> NDArray[np.bool_]:
    """(height, width): ground that goes on beyond the picture, or of `LEAST_GROUND_PX` and more."""
    _, pieces, stats, _ = cv2.connectedComponentsWithStats((reference >= COPPER_BELOW).astype(np.uint8))
    counts = stats[:, cv2.CC_STAT_AREA] >= LEAST_GROUND_PX
    counts[np.concatenate((pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]))] = True
    counts[0] = False
    return np.asarray(counts[pieces])


def _into_copper(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The bridge made longer at both ends."""
    brush = np.ones((1, 2 * INTO_COPPER_PX + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), brush).astype(bool)


def _bridge(reference: Grey, rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """(height, width): a bridge along a random row, from copper to copper; None where this row has no gap for it."""
    height = reference.shape[0]
    width = round(float(np.exp(rng.uniform(*np.log(WIDTH_PX)))))
    row = int(rng.integers(width, max(width + 1, height - width)))
    gaps = _gaps(reference[row] < COPPER_BELOW) if row < height else []
    if not gaps:
        return None
    left, right = gaps[int(rng.integers(len(gaps)))]
    mask, full = np.zeros(reference.shape, bool), 0
    rows = range(max(0, row - width // 2), min(height, row - width // 2 + width))
    for y in rows:
        copper = reference[y] < COPPER_BELOW
        ends = _reach(copper, (left + right) // 2, int(MOST_LONGER * (right - left)) + 6)
        if ends is not None:
            mask[y, ends[0] : ends[1]] = True
            full += 1
    return _ragged(mask, rng) if full >= LEAST_FULL * len(rows) else None


def _gaps(copper: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of ground between two runs of copper, begin and end (outside), of a width that a short may have."""
    edges = np.flatnonzero(np.diff(copper.astype(np.int8)))
    begins, ends = (edges[copper[edges]] + 1), (edges[~copper[edges]] + 1)
    pairs = [(int(b), int(ends[ends > b][0])) for b in begins if (ends > b).any()]
    return [(b, e) for b, e in pairs if GAP_PX[0] <= e - b <= GAP_PX[1]]


def _reach(copper: NDArray[np.bool_], middle: int, most: int) -> tuple[int, int] | None:
    """The ground round `middle` between two pieces of copper, not longer than `most`; None where it is not so."""
    if copper[middle]:
        return None
    left, right = np.flatnonzero(copper[:middle]), np.flatnonzero(copper[middle:])
    if not len(left) or not len(right):
        return None
    begin, end = int(left[-1]) + 1, middle + int(right[0])
    return (begin, end) if end - begin <= most else None


def _ragged(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """The bridge with its two long sides wavy and, now and then, waisted as melted copper is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, first, last = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    along = np.linspace(0, 1, last - first + 1)
    deep = float(rng.uniform(-0.1, 0.2)) * (bottom - top)
    cut = mask.copy()
    ys = np.arange(mask.shape[0])[:, None]
    for upper in (True, False):
        wave = np.interp(along, np.linspace(0, 1, 6), rng.uniform(0, 2.5, 6)) + deep * np.sin(np.pi * along)
        wave = np.clip(wave, 0, None)
        gone = ys < top + wave if upper else ys > bottom - wave
        cut[:, first : last + 1] &= ~gone
    return cut


def _box(mask: NDArray[np.bool_]) -> tuple[float, float, float, float] | None:
    """Round what is drawn, with its margin, within the picture; None where nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) < 3 or len(columns) < 3:
        return None
    height, width = mask.shape
    x1, y1 = max(0, columns[0] - BOX_MARGIN_PX), max(0, rows[0] - BOX_MARGIN_PX)
    x2, y2 = min(width, columns[-1] + 1 + BOX_MARGIN_PX), min(height, rows[-1] + 1 + BOX_MARGIN_PX)
    return float(x1), float(y1), float(x2), float(y2)
