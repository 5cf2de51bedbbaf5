"""Parts that come from one board are alike: as how many independent ones they count.

The variance of a share over parts that come in clusters is that of independent parts times the design effect: L. Kish
1965, "Survey Sampling", chapter 5; for shares near 0 with exact limits E. L. Korn, B. I. Graubard 1998, "Confidence
intervals for proportions with small expected number of positive counts", Survey Methodology 24, 193. It is never
taken below 1.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

FEWEST_BOARDS = 20
"""With fewer nothing is known of how alike their parts are: each board counts as one part."""
FEWEST_MISSES = 20
"""At thresholds where fewer parts are missed the effect says more about chance than about boards."""


def design_effect(boards: Sequence[str], passing_from: Sequence[int] | NDArray[np.intp]) -> float:
    """By which factor parts count as fewer ones, 1 and above.

    `boards` names what each part comes from; "" is a board of its own. `passing_from` is the step of a path of
    rising thresholds from which the part is missed. How alike boards' parts are is looked at where 20, 40, 80, ...
    of them are missed, at most half, for at the lowest thresholds too few are; the largest effect counts.
    """
    if not any(boards):
        return 1.0
    sizes, place = _sizes(boards)
    parts, steps = len(place), np.asarray(passing_from)
    most = float((sizes**2).sum() / max(parts, 1))  # as if each board's parts were all missed or none
    if most <= 1:
        return 1.0
    ranked = np.sort(steps)
    levels = list(_levels(parts))
    if len(sizes) < FEWEST_BOARDS or not levels:
        return most
    effects = [_effect(sizes, place, steps <= ranked[level - 1]) for level in levels]
    return min(most, max(1.0, *effects))


def boards_of(boards: Sequence[str]) -> int:
    """How many there are; each "" is one."""
    return len({board for board in boards if board}) + sum(not board for board in boards)


def _sizes(boards: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """(parts of each board, board of each part)"""
    names = [board or f"\0{i}" for i, board in enumerate(boards)]
    _, place, sizes = np.unique(np.array(names, np.str_), return_inverse=True, return_counts=True)
    return sizes.astype(np.float64), place.astype(np.intp)


def _levels(parts: int) -> Iterator[int]:
    level = FEWEST_MISSES
    while level <= parts // 2:
        yield level
        level *= 2


def _effect(sizes: NDArray[np.float64], place: NDArray[np.intp], missed: NDArray[np.bool_]) -> float:
    """The variance of the share of missed parts by boards, over that of as many independent ones."""
    share = float(missed.mean())
    if not 0 < share < 1:
        return 1.0
    lost = np.bincount(place, missed.astype(np.float64), len(sizes))
    boards = len(sizes)
    between = float(((lost - share * sizes) ** 2).sum()) * boards / (boards - 1)
    return between / (len(missed) * share * (1 - share))
