"""What a lane's parts add up to, five minutes by five minutes: charts, yields and drift are all made of these sums."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from agent.quality.groups import Group, Measured
from agent.quality.yields import Counts, summed

BIN_US = 300_000_000
"""Five minutes: shifts and hours of every time zone are whole numbers of them."""
Hit = Literal["ng", "unsure", "not_ok"]
"""not_ok: either of the two."""
Level = Literal["brightness", "sharpness"]


@dataclass(frozen=True, slots=True)
class Revision:
    """A recipe as it was at a time: another model in it is another revision."""

    recipe: str
    hash: str
    """sha256, hex."""

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{self.recipe} {self.hash[:8]}".strip()


@dataclass(frozen=True, slots=True)
class Bin:
    """Sums over the production parts captured in a span of time."""

    start_utc_us: int
    counts: Counts
    first_ng: int
    """Of `counts.first` those that were NG."""
    first_unsure: int
    measured: int
    """Parts whose picture was measured."""
    brightness: float
    """Sum over them, grey levels."""
    sharpness: float
    """Sum over them."""

    def __add__(self, other: "Bin") -> "Bin":
        """Of two that begin at the same time."""
        return Bin(
            self.start_utc_us,
            summed((self.counts, other.counts)),
            self.first_ng + other.first_ng,
            self.first_unsure + other.first_unsure,
            self.measured + other.measured,
            self.brightness + other.brightness,
            self.sharpness + other.sharpness,
        )


@dataclass(frozen=True, slots=True)
class FirstHours:
    """A revision's first parts on a lane, see `agent.quality.baseline`."""

    bins: tuple[Bin, ...]
    frozen: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One revision's parts on one lane within a span of time."""

    revision: Revision
    bins: tuple[Bin, ...]
    """By time; those without parts are left out."""
    baseline: FirstHours


def by_time(bins: Iterable[Bin], width_us: int) -> list[tuple[int, list[Bin]]]:
    """(start, bins) of each span of `width_us` that has any. Spans lie on whole multiples of it in UTC."""
    ordered = sorted(bins, key=lambda each: each.start_utc_us)
    return [
        (place * width_us, list(some)) for place, some in groupby(ordered, lambda each: each.start_utc_us // width_us)
    ]


def shares(bins: Iterable[Bin], hit: Hit, width_us: int) -> tuple[Group, ...]:
    """Subgroups of first attempts: a part that is tried again counts once."""
    return tuple(
        Group(start, start + width_us, sum(b.counts.first for b in some), sum(hits_of(b, hit) for b in some))
        for start, some in by_time(bins, width_us)
    )


def hits_of(one: Bin, hit: Hit) -> int:
    return {"ng": one.first_ng, "unsure": one.first_unsure, "not_ok": one.first_ng + one.first_unsure}[hit]


FEWEST_PICTURES = 5
"""A mean of fewer pictures scatters for other reasons than those of its neighbours."""


def levels(bins: Iterable[Bin], level: Level, width_us: int) -> tuple[Measured, ...]:
    """Means of subgroups, of every attempt: each is a picture. Subgroups of few pictures go into the next one."""
    made: list[Measured] = []
    begin, parts, whole = -1, 0, 0.0
    for start, some in by_time(bins, width_us):
        begin = start if begin < 0 else begin
        parts += sum(each.measured for each in some)
        whole += sum(each.brightness if level == "brightness" else each.sharpness for each in some)
        if parts >= FEWEST_PICTURES:
            made.append(Measured(begin, start + width_us, parts, whole / parts))
            begin, parts, whole = -1, 0, 0.0
    return tuple(made)


WIDTHS_US = tuple(minutes * 60_000_000 for minutes in (5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 10080))
MOST_POINTS = 60


def width_of(span_us: int, most: int = MOST_POINTS) -> int:
    """The narrowest subgroups of which so many at most are in a span of time."""
    return next((width for width in WIDTHS_US if span_us <= width * most), WIDTHS_US[-1])
