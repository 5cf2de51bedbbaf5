"""Control charts: what a point is, and the rules by which it is a signal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

RUN = 8
"""So many points in a row on one side of the centre are a signal (Western Electric 1956, rule 4; AIAG SPC allows
seven or more). At random it comes up once in 2**7 starts of a run."""
SIGMAS = 3.0


class Kind(StrEnum):
    """Which chart it is."""

    P = "p"
    """Shares of subgroups, limits by the binomial."""
    LANEY = "laney"
    """The same where the share itself moves between subgroups: Laney's p'."""
    G = "g"
    """Parts from one hit to the next, where hits are rare."""
    INDIVIDUALS = "individuals"
    """Means of subgroups, limits by the moving range."""


class Signal(StrEnum):
    """Why a point is to be looked at."""

    BEYOND = "beyond"
    """Outside of a limit."""
    RUN = "run"
    """The eighth, or a later one, in a row on one side of the centre."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Between which a point is expected."""

    centre: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a control chart."""

    start_utc_us: int
    end_utc_us: int
    parts: int
    hits: int
    value: float
    limits: Limits | None
    """None: nothing is known yet to judge it by."""
    growing: bool = False
    """Too few parts yet; it is shown and not judged."""
    signals: tuple[Signal, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Points that are judged by one baseline: of one recipe's revision."""

    name: str
    """What they have in common, as it is shown: the recipe and the first digits of its revision."""
    kind: Kind
    points: tuple[Point, ...]
    frozen: bool
    """The baseline is complete and does not change any more; else its limits are trial limits."""
    baseline_parts: int
    spread: float = 1.0
    """Laney's sigma_z; 1 where the binomial is enough."""

    @property
    def signals(self) -> int:
        """Points that are signals."""
        return sum(bool(point.signals) for point in self.points)


def judged(points: Sequence[Point]) -> tuple[Point, ...]:
    """The same points with their signals. A point that still grows is none and does not count in a run."""
    made: list[Point] = []
    side = length = 0
    for point in points:
        if point.limits is None or point.growing:
            made.append(replace(point, signals=()))
            continue
        at, centre = point.value, point.limits.centre
        here = (at > centre) - (at < centre)
        length = length + 1 if here and here == side else abs(here)
        side = here
        found = []
        if not point.limits.lower <= at <= point.limits.upper:
            found.append(Signal.BEYOND)
        if length >= RUN:
            found.append(Signal.RUN)
        made.append(replace(point, signals=tuple(found)))
    return tuple(made)
