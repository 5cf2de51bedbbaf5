"""From values to places on the drawing, and the ticks that people read without thinking."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo


@dataclass(frozen=True, slots=True)
class Words:
    """How the viewer's language says figures."""

    zone: tzinfo
    """The plant's."""
    number: Callable[[float, int], str]
    """(value, digits after the point)."""
    clock: Callable[[int], str]
    """Hour and minute of a moment in µs UTC."""
    day: Callable[[int], str]
    """Day and month of a moment."""

    def local(self, utc_us: int) -> datetime:
        return datetime.fromtimestamp(utc_us / 1e6, UTC).astimezone(self.zone)

    def percent(self, share: float, digits: int = 1) -> str:
        return f"{self.number(share * 100, digits)} %"


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight scale, or a logarithmic one."""

    low: float
    high: float
    """Above `low`."""
    start_px: float
    """Where `low` lies."""
    end_px: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Place of a value, px; values beyond the ends lie at them."""
        value = min(max(value, self.low), self.high)
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start_px + (value - low) / (high - low) * (self.end_px - self.start_px)

    def ticks(self, most: int = 5) -> tuple[float, ...]:
        return decades(self.low, self.high) if self.log else nice(self.low, self.high, most)


def nice(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """At most `most` + 1 multiples of 1, 2 or 5 times a power of ten, within [low, high]."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return (low,) if math.isfinite(low) else ()
    step = step_of((high - low) / most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(n * step, 12) for n in range(first, last + 1))


def step_of(least: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not under `least`, which is above 0."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((m * power for m in (1, 2, 5) if m * power >= least * (1 - 1e-9)), 10 * power)


def digits_of(ticks: tuple[float, ...]) -> int:
    """Digits after the point that tell neighbouring ticks apart."""
    gap = min((b - a for a, b in itertools.pairwise(ticks)), default=1.0)
    return max(0, -math.floor(math.log10(gap) + 1e-9)) if gap > 0 else 0


def decades(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten within [low, high], which are above 0."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return tuple(10.0**n for n in range(first, last + 1))


def around(values: list[float], room: float = 0.08) -> tuple[float, float]:
    """(low, high) of a straight scale that holds these values: from 0 where that costs little room."""
    some = [value for value in values if math.isfinite(value)]
    if not some:
        return 0.0, 1.0
    low, high = min(some), max(some)
    if 0 <= low < 0.4 * high:
        low = 0.0
    span = (high - low) or abs(high) * 0.2 or 1.0
    return (0.0 if low == 0 else low - span * room), high + span * room
