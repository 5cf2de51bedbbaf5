"""Shares with what is known of them: k of n, with 95 % intervals."""

import math
from dataclasses import dataclass

from agent.quality.binomial import upper

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Share:
    """k of n, and where the true share may lie."""

    k: int
    n: int
    share: float
    """k / n; 0 where n is 0."""
    low: float
    """Two-sided 95 % interval (Wilson)."""
    high: float
    at_most: float
    """One-sided 95 % bound (exact): what escapes are to be held against."""

    def __str__(self) -> str:
        if not self.n:
            return "none of 0"
        return f"{self.k} of {self.n} = {_percent(self.share)} % ({_percent(self.low)} to {_percent(self.high)} %)"


def share(k: int, n: int) -> Share:
    """`k` of `n` with its intervals. Raises ValueError where that cannot be."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    low, high = wilson(k, n)
    return Share(k, n, k / n if n else 0.0, low, high, upper(k, n))


def wilson(k: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22, 209); (0, 1) for n = 0."""
    if n == 0:
        return 0.0, 1.0
    p, zz = k / n, z * z
    middle, half = p + zz / (2 * n), z * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    # At the ends the formula gives 0 and 1 but for rounding.
    low = 0.0 if k == 0 else (middle - half) / (1 + zz / n)
    return low, 1.0 if k == n else (middle + half) / (1 + zz / n)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
