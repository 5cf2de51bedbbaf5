"""What a recipe's revision did at its beginning: limits come from there, and never from what is shown.

A baseline is the revision's first parts on a lane: whole hours in which it ran, until there are HOURS of them with
PARTS parts in all. From then on it is frozen. Until then its limits are trial limits (Montgomery, 6.2: phase I).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.quality.groups import Group, Measured, grown, joined

HOURS = 25
"""Subgroups of a baseline (Montgomery, 6.2.2; AIAG SPC: 20 to 25 and more)."""
PARTS = 2000
HOUR_US = 3_600_000_000
FEWEST = 8
"""Points from which a moving range says something about sigma."""
D2 = 1.128
"""Mean range of two, in sigmas (Montgomery, appendix VI)."""
UNLIKELY_Z = 2.326
"""The standard normal's 99 % quantile."""


def is_complete(hours: int, parts: int) -> bool:
    """Whether so many hours in which the revision ran, with so many parts in all, are enough."""
    return hours >= HOURS and parts >= PARTS


@dataclass(frozen=True, slots=True)
class ShareBaseline:
    """A share's baseline."""

    parts: int
    hits: int
    frozen: bool
    spread: float
    """Laney's sigma_z where the subgroups scatter more than the binomial allows; else 1, never less."""

    @property
    def share(self) -> float:
        """p-bar. Of no hits or hits only, Jeffreys' (hits + 1/2) / (parts + 1): limits without width judge nothing."""
        if self.parts == 0:
            return 0.0
        return self.hits / self.parts if 0 < self.hits < self.parts else (self.hits + 0.5) / (self.parts + 1)


def share_baseline(groups: Sequence[Group], frozen: bool) -> ShareBaseline:
    """The baseline of these subgroups, which are as wide as those that it is to judge."""
    if not groups:
        return ShareBaseline(0, 0, frozen, 1.0)
    whole = joined(groups)
    large, last_is_small = grown(groups, min(whole.share, 1 - whole.share))
    return ShareBaseline(whole.parts, whole.hits, frozen, spread(large[:-1] if last_is_small else large, whole.share))


def spread(groups: Sequence[Group], share: float) -> float:
    """Laney's sigma_z: the sigma of the subgroups' z values, by their moving range (Laney 2002, Quality
    Engineering 14, 531). 1 where they scatter no more than chance lets binomial shares scatter.

    Chance is asked by the sum of z squared against the 99 % quantile of chi squared (Wilson and Hilferty 1931).
    """
    if len(groups) < FEWEST or not 0 < share < 1:
        return 1.0
    z = [(group.share - share) / (share * (1 - share) / group.parts) ** 0.5 for group in groups]
    freedom = len(z) - 1
    limit = freedom * (1 - 2 / (9 * freedom) + UNLIKELY_Z * (2 / (9 * freedom)) ** 0.5) ** 3
    return max(1.0, moving_sigma(z)) if sum(each * each for each in z) > limit else 1.0


@dataclass(frozen=True, slots=True)
class LevelBaseline:
    """Of a measured value: the mean and the sigma of its subgroups' means."""

    parts: int
    mean: float
    sigma: float
    frozen: bool


def level_baseline(groups: Sequence[Measured], frozen: bool) -> LevelBaseline | None:
    """The baseline of these subgroups; None where they are too few to tell how much they scatter."""
    some = [group for group in groups if group.parts]
    if len(some) < FEWEST:
        return None
    means = [group.mean for group in some]
    return LevelBaseline(sum(group.parts for group in some), sum(means) / len(means), moving_sigma(means), frozen)


def moving_sigma(values: Sequence[float]) -> float:
    """Sigma by the mean moving range of two that follow each other (Montgomery, 6.4); 0 of fewer than two."""
    steps = [abs(b - a) for a, b in pairwise(values)]
    return sum(steps) / len(steps) / D2 if steps else 0.0
