"""Exact statements about k of n: tails of the binomial distribution, without any approximation to it."""

import math
from itertools import count


def at_most(k: int, n: int, p: float) -> float:
    """P(X <= k) of X ~ Binomial(n, p). Raises ValueError for n < 0 or p outside 0..1."""
    if n < 0 or not 0 <= p <= 1:
        raise ValueError(f"binomial of n {n}, p {p}: n must be 0 or more, p within 0..1")
    if k < 0:
        return 0.0
    if k >= n or p == 0:
        return 1.0
    if p == 1:
        return 0.0
    if k > n * p:  # the shorter tail, whose terms fall from its first one on
        return 1.0 - at_most(n - k - 1, n, 1 - p)
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    term = math.exp(choose + k * math.log(p) + (n - k) * math.log1p(-p))
    total, odds = term, (1 - p) / p
    for i in range(k, 0, -1):
        term *= odds * i / (n - i + 1)
        total += term
        if term < total * 1e-17:
            break
    return min(1.0, total)


def upper(k: int, n: int, confidence: float = 0.95) -> float:
    """One-sided exact upper bound of a share (Clopper and Pearson 1934, Biometrika 26, 404); 1 for n = 0."""
    if k >= n:
        return 1.0
    if k == 0:
        return -math.expm1(math.log1p(-confidence) / n)
    low, high = k / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(k, n, middle) > 1 - confidence else (low, middle)
    return high


def interval(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval of a share (Clopper and Pearson); (0, 1) for n = 0."""
    if n == 0:
        return 0.0, 1.0
    each = (1 + confidence) / 2
    return 1 - upper(n - k, n, each), upper(k, n, each)


def needed(limit: float, confidence: float, failures: int = 0) -> int:
    """How many must be tried so that `failures` of them show a rate under `limit` with `confidence`.

    The smallest n with P(X <= failures) <= 1 - confidence at a rate of `limit`; without failures that
    is ln(1 - confidence) / ln(1 - limit): 299 for 1 % at 95 %.
    """
    risk = 1 - confidence
    least = math.ceil(math.log(risk) / math.log1p(-limit) - 1e-9)
    if failures == 0:
        return max(1, least)
    low, high = least, next(n for n in (least << i for i in count(1)) if at_most(failures, n, limit) <= risk)
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if at_most(failures, middle, limit) <= risk else (middle, high)
    return high
