"""Pareto: the few causes that make most of it."""

from collections.abc import Mapping
from dataclasses import dataclass

REST = ""
"""The name of the bar that stands for all the others; it is the last, however long."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One cause."""

    name: str
    count: int
    share: float
    """Of all counts, 0..1."""
    cumulative: float
    """Share of this bar and those before it."""


def pareto(counts: Mapping[str, int], most: int = 12) -> tuple[Bar, ...]:
    """Bars by falling count, equal ones by name; beyond `most` bars the smallest stand together in one.

    Raises ValueError for a negative count.
    """
    if any(count < 0 for count in counts.values()):
        raise ValueError(f"counts {dict(counts)}: none may be negative")
    ranked = sorted(((name, n) for name, n in counts.items() if n), key=lambda each: (-each[1], each[0]))
    if len(ranked) > most:
        ranked = [*ranked[: most - 1], (REST, sum(n for _, n in ranked[most - 1 :]))]
    whole, so_far, bars = sum(n for _, n in ranked), 0, []
    for name, count in ranked:
        so_far += count
        bars.append(Bar(name, count, count / whole, so_far / whole))
    return tuple(bars)
