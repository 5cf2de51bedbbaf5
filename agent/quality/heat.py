"""Where on the part defects lie, and how scores are spread: counts in bins."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

COLUMNS = 32
"""Cells of a heat map along the picture's longer side."""
SCORE_BINS = 50


@dataclass(frozen=True, slots=True)
class Heat:
    """Middles of defects' boxes in the cells of a grid over the picture."""

    columns: int
    rows: int
    cells: Mapping[tuple[int, int], int]
    """(column, row) -> defects; cells without any are left out."""
    width_px: int
    height_px: int
    """Of the picture that the grid lies over."""
    parts: int
    """NG parts that were looked at, the newest; more than `total` where reasons have no place."""
    all_looked_at: bool
    """There are no older ones in the span."""

    @property
    def most(self) -> int:
        """Of any cell."""
        return max(self.cells.values(), default=0)

    @property
    def total(self) -> int:
        return sum(self.cells.values())


def grid(width_px: int, height_px: int) -> tuple[int, int]:
    """(columns, rows) of nearly square cells. Raises ValueError for a picture without an area."""
    if width_px < 1 or height_px < 1:
        raise ValueError(f"a picture of {width_px} x {height_px} px has no area")
    side = max(width_px, height_px) / COLUMNS
    return max(1, round(width_px / side)), max(1, round(height_px / side))


def strength(count: int, most: int) -> float:
    """How strongly a cell is drawn, 0..1: by the square root, so that single defects beside a heap are seen."""
    return math.sqrt(count / most) if most else 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of one class's detections, each bin 1 / SCORE_BINS wide."""

    label: str
    counts: tuple[int, ...]
    """SCORE_BINS of them, from score 0 up; a score on a border is in the bin above it, 1 is in the last."""
    threshold: float | None
    """From which a detection makes the part NG, as it was last applied; None: not known."""

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def near(self) -> int:
        """Detections within 0.05 of the threshold: parts that might as well have been judged otherwise."""
        if self.threshold is None:
            return 0
        low, high = self.threshold - 0.05, self.threshold + 0.05
        return sum(n for i, n in enumerate(self.counts) if low <= (i + 0.5) / SCORE_BINS <= high)


def scores(label: str, found: Iterable[tuple[int, int]], threshold: float | None) -> Scores:
    """Of (bin, detections)."""
    counts = [0] * SCORE_BINS
    for place, n in found:
        counts[min(SCORE_BINS - 1, max(0, place))] += n
    return Scores(label, tuple(counts), threshold)
