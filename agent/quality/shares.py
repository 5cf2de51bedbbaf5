"""What a share of so many parts says: intervals, and how many more parts it takes to say more."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from agent.quality.binomial import interval, needed, upper

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which bounds a share lies, with the confidence that was asked for; both 0..1."""

    low: float
    high: float


def wilson(hits: int, parts: int, confidence: float = CONFIDENCE) -> Interval:
    """Two-sided score interval of a share (Wilson 1927, JASA 22, 209); (0, 1) of no parts.

    For what is shown: its mean coverage is the confidence (Brown, Cai and DasGupta 2001, Statist. Sci. 16, 101),
    while the exact interval's is more than that.
    """
    _check(hits, parts)
    if parts == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = hits / parts, z * z / parts
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / parts + weight / (4 * parts)) / (1 + weight)
    # At the ends the formula's own value is 0 or 1, which rounding would miss.
    return Interval(0.0 if hits == 0 else max(0.0, middle - half), 1.0 if hits == parts else min(1.0, middle + half))


def exact(hits: int, parts: int, confidence: float = CONFIDENCE) -> Interval:
    """Two-sided interval that holds at least that often (Clopper and Pearson 1934); for what is promised."""
    _check(hits, parts)
    return Interval(*interval(hits, parts, confidence))


def at_most(hits: int, parts: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact upper bound of a share: what escapes are promised by. 1 of no parts."""
    _check(hits, parts)
    return upper(hits, parts, confidence)


def at_least(hits: int, parts: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact lower bound of a share; 0 of no parts."""
    _check(hits, parts)
    return 1.0 - upper(parts - hits, parts, confidence)


def still_needed(hits: int, parts: int, limit: float, confidence: float = CONFIDENCE) -> int:
    """How many more parts must be looked at, all of them without a hit, to show a share under `limit`.

    0 where it is shown already. Raises ValueError for a limit or a confidence outside of 0..1, ends left out.
    """
    _check(hits, parts)
    for name, value in (("limit", limit), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name} {value}: allowed is more than 0 and less than 1")
    return max(0, needed(limit, confidence, hits) - parts)


def _check(hits: int, parts: int) -> None:
    if not 0 <= hits <= parts:
        raise ValueError(f"{hits} of {parts} parts: allowed are 0 to {parts}")
