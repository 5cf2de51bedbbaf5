"""Chances that a difference between two runs of parts is nothing but chance. Pure.

Shares are compared by Fisher's exact test (R. A. Fisher, Statistical Methods for Research Workers, 1934,
21.02), a share with a fixed one by the binomial distribution's tail, mixes of classes by Pearson's chi-square
with its degrees of freedom in the Wilson-Hilferty approximation (PNAS 17, 1931).
"""

import math
from collections.abc import Mapping


def more(here: int, of: int, there: int, of_there: int) -> float:
    """Chance of `here` or more out of `of`, if both shares were one (Fisher's exact test, one-sided)."""
    together, everything = here + there, of + of_there
    all_ways = _log_choose(everything, together)
    tail = range(here, min(of, together) + 1)
    return min(1.0, sum(math.exp(_log_choose(of, k) + _log_choose(of_there, together - k) - all_ways) for k in tail))


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


LEAST_EXPECTED = 5.0
"""Below this many expected of a class in either mix, chi-square's tail is not to be trusted (Cochran 1954)."""


def chi_square(before: Mapping[str, int], now: Mapping[str, int], names: list[str]) -> float:
    """Chance that two mixes of classes differ as much as these or more, if they were one.

    Rare classes count as one, so that the approximation holds with many labels too.
    """
    here, there = sum(now.values()), sum(before.values())
    rare = LEAST_EXPECTED * (here + there) / min(here, there)
    rows: list[tuple[int, int]] = []
    rest_now = rest_before = 0
    for name in names:
        row = (now.get(name, 0), before.get(name, 0))
        if sum(row) >= rare:
            rows.append(row)
        else:
            rest_now, rest_before = rest_now + row[0], rest_before + row[1]
    if rest_now + rest_before >= rare:
        rows.append((rest_now, rest_before))
    elif rows and rest_now + rest_before:
        least = min(rows, key=sum)
        rows[rows.index(least)] = (least[0] + rest_now, least[1] + rest_before)
    free = len(rows) - 1
    if free < 1:
        return 1.0
    statistic = 0.0
    for row in rows:
        for got, size in zip(row, (here, there), strict=True):
            expected = sum(row) * size / (here + there)
            statistic += (got - expected) ** 2 / expected
    spread = 2 / (9 * free)
    return 0.5 * math.erfc((((statistic / free) ** (1 / 3)) - (1 - spread)) / math.sqrt(2 * spread))


def at_least(here: int, of: int, share: float) -> float:
    """Chance of `here` or more out of `of`, if each came with this chance (0 < share < 1)."""
    own, other = math.log(share), math.log1p(-share)
    tail = range(here, of + 1)
    return min(1.0, sum(math.exp(_log_choose(of, k) + k * own + (of - k) * other) for k in tail))
