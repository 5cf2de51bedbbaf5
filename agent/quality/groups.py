"""Parts put together by time: what the points of a control chart are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LEAST_EXPECTED = 5.0
"""So many hits are to be expected in a subgroup, for limits of three sigma to mean what they say (Montgomery,
Introduction to Statistical Quality Control, 7th ed., 7.2.1: large enough for the normal to stand for the binomial)."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parts of a span of time, and how many of them were hit: NG, or UNSURE."""

    start_utc_us: int
    end_utc_us: int
    """Half open."""
    parts: int
    hits: int

    @property
    def share(self) -> float:
        """0..1; 0 of no parts."""
        return self.hits / self.parts if self.parts else 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Parts of a span of time, and the mean of what was measured on their pictures."""

    start_utc_us: int
    end_utc_us: int
    parts: int
    mean: float


def joined(groups: Sequence[Group]) -> Group:
    """One group of several that follow each other; at least one."""
    return Group(
        groups[0].start_utc_us,
        groups[-1].end_utc_us,
        sum(group.parts for group in groups),
        sum(group.hits for group in groups),
    )


def grown(groups: Iterable[Group], share: float, least: float = LEAST_EXPECTED) -> tuple[tuple[Group, ...], bool]:
    """(groups joined, in their order, until each expects `least` hits at this share; the last is still too small).

    Groups without parts fall away. At a share of 0 nothing is ever expected: one group that is too small.
    """
    made: list[Group] = []
    waiting: list[Group] = []
    for group in groups:
        if group.parts == 0:
            continue
        waiting.append(group)
        whole = joined(waiting)
        if whole.parts * share >= least:
            made.append(whole)
            waiting = []
    if not waiting:
        return tuple(made), False
    return (*made, joined(waiting)), True
