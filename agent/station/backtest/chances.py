"""From a sample to all parts, and whether two models differ: estimates with what they are worth.

Sources: Horvitz and Thompson 1952 (JASA 47, 663); Hájek 1971 (in: Foundations of Statistical Inference);
Korn and Graubard 1998 (Survey Methodology 24, 193) for exact limits with the effective sample size of
Kish; McNemar 1947 (Psychometrika 12, 153), here by the exact binomial test.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
FEWEST_DISCORDANT = 6
"""With fewer pairs on which the models differ no outcome of the test has a p below 0.05: 2 / 2^5 is 0.0625."""
_BISECTIONS = 60
_TERMS = 500


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many of all parts, from those that were drawn."""

    known: int
    """Parts in all: counted, not estimated."""
    drawn: int
    """Parts of the sample."""
    seen: int
    """Those of the sample for which it holds."""
    total: float
    """Of all parts, by the weights' share of what is known: never above `known`."""
    low: float
    high: float
    """Limits of `total` at CONFIDENCE."""
    horvitz_thompson: float
    """The sum of the weights of those for which it holds: unbiased, whatever is known."""
    weights: float
    """The sum of all weights: near `known` where nothing of the sample was lost."""


def estimate(holds: Sequence[bool], shares: Sequence[float], known: int) -> Estimate:
    """From parts drawn each with its own probability (`shares`, above 0) to all `known` parts.

    Where no part was drawn nothing is known: the limits are 0 and `known`. The limits take the weights'
    spread into account, and that a sample which is everything leaves nothing open.
    """
    weights = [1 / share for share in shares]
    sum_all = math.fsum(weights)
    sum_held = math.fsum(w for w, held in zip(weights, holds, strict=True) if held)
    drawn, seen = len(weights), sum(holds)
    known = max(known, drawn)
    if not drawn:
        return Estimate(known, 0, 0, 0.0, 0.0, float(known), 0.0, 0.0)
    share = min(1.0, sum_held / sum_all)
    low, high = _limits(share, sum_all**2 / math.fsum(w * w for w in weights), drawn, known)
    return Estimate(
        known, drawn, seen, share * known, low * known, high * known, horvitz_thompson=sum_held, weights=sum_all
    )


def _limits(share: float, effective: float, drawn: int, known: int) -> tuple[float, float]:
    if drawn >= known:
        return share, share
    # Drawn without putting back: the part of all that was seen is no longer open.
    n = effective * (known - 1) / (known - drawn)
    return beta_limits(share * n, n)


def beta_limits(k: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Two-sided exact limits of a share of k in n (Clopper and Pearson 1934), also for numbers that are not whole."""
    tail = (1 - confidence) / 2
    low = 0.0 if k <= 0 else _quantile(tail, k, n - k + 1)
    high = 1.0 if k >= n else _quantile(1 - tail, k + 1, n - k)
    return low, high


def _quantile(p: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if incomplete_beta(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b): by its continued fraction (DLMF 8.17.22), Lentz's way."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # there the fraction is slow; by symmetry it is not
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    ) / a  # fmt: skip
    tiny = 1e-300
    d = 1 / (1 - (a + b) * x / (a + 1) or tiny)
    c, fraction = 1.0, d
    for m in range(1, _TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + term * d) or tiny)
            c = (1 + term / c) or tiny
            fraction *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * fraction


@dataclass(frozen=True, slots=True)
class McNemar:
    """Two models on the same parts, of which a person said what they are."""

    parts: int
    only_active_right: int
    only_candidate_right: int
    p: float | None
    """Chance of a difference at least as large if the models are equally good; None: it cannot be said."""
    why: str
    """Why there is no p, with the number that is needed; empty where there is one."""


def mcnemar(active_right: Sequence[bool], candidate_right: Sequence[bool], untested: str = "") -> McNemar:
    """The exact test on pairs; only those on which the models differ say anything.

    The pairs must have been drawn whatever the models say: among parts that one of them rejected the other one is
    right more often for that alone. `untested`: why they were not; they are counted then, and there is no p.
    """
    pairs = list(zip(active_right, candidate_right, strict=True))
    active, candidate = pairs.count((True, False)), pairs.count((False, True))
    n = active + candidate
    if untested:
        return McNemar(len(pairs), active, candidate, None, untested)
    if n < FEWEST_DISCORDANT:
        why = (
            f"on {n} of {len(pairs)} reviewed parts exactly one of the models is right; "
            f"at least {FEWEST_DISCORDANT} such parts are needed"
        )
        return McNemar(len(pairs), active, candidate, None, why)
    tail = math.fsum(math.comb(n, i) for i in range(min(active, candidate) + 1)) / 2**n
    return McNemar(len(pairs), active, candidate, min(1.0, 2 * tail), "")
