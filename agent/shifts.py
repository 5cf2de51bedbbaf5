"""The plant's shifts: which one a moment belongs to, and when it begins and ends.

Shifts are said in the plant's wall-clock time. On the night when the clock is put forward or back a night
shift is an hour shorter or longer; a time that does not exist that night is the moment of the change, and
of one that comes twice the first counts. Without any shift configured, a day from midnight is one.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agent.config import DAYS, ShiftConfig

log = logging.getLogger(__name__)

WHOLE_DAY = ShiftConfig(name="day", start="00:00")
"""The shift of a plant that has none."""
_ONE = timedelta(days=1)
_DAY_MIN = 24 * 60
_WEEK_MIN = 7 * _DAY_MIN
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift of one day."""

    name: str
    day: date
    """The day on which it begins, in the plant's zone: a night shift's is the evening's."""
    start_utc_us: int
    end_utc_us: int
    """The first moment that is not in it."""

    def __contains__(self, utc_us: int) -> bool:
        return self.start_utc_us <= utc_us < self.end_utc_us

    @property
    def key(self) -> str:
        """Names it among all: "2026-11-30/night"."""
        return f"{self.day.isoformat()}/{self.name}"


class Calendar:
    """The shifts of all days. Immutable; at most one shift is on at a time."""

    def __init__(self, shifts: Sequence[ShiftConfig], zone: tzinfo) -> None:
        """`shifts` without `clashes`."""
        self._spans = tuple(_spans(shifts or (WHOLE_DAY,)))
        self._zone = zone
        self.names = tuple(dict.fromkeys(shift.name for shift in shifts or (WHOLE_DAY,)))
        """In the order in which they are configured."""
        self.configured = bool(shifts)

    def at(self, utc_us: int) -> Shift | None:
        """The shift that is on at a moment; None between shifts."""
        return next((shift for shift in self._around(utc_us) if utc_us in shift), None)

    def latest(self, utc_us: int) -> Shift | None:
        """The shift that is on, or else the last one that was on; None where a week has none before."""
        begun = [shift for shift in self._around(utc_us, back=8) if shift.start_utc_us <= utc_us]
        return begun[-1] if begun else None

    def on(self, day: date) -> tuple[Shift, ...]:
        """The shifts that begin on a day, in their order."""
        found = (self._shift(span, day) for span in self._spans if span.weekday == day.weekday())
        return tuple(shift for shift in found if shift.start_utc_us < shift.end_utc_us)

    def of(self, day: date, name: str) -> Shift | None:
        """The shift of that name that begins on a day; None where there is none."""
        return next((shift for shift in self.on(day) if shift.name == name), None)

    def named(self, key: str) -> Shift | None:
        """The shift that `Shift.key` names; None where there is none."""
        day, _, name = key.partition("/")
        try:
            return self.of(date.fromisoformat(day), name)
        except (ValueError, OverflowError):
            return None

    def between(self, since_utc_us: int, until_utc_us: int) -> tuple[Shift, ...]:
        """The shifts that have a moment in [since, until), in their order; of at most ten years."""
        first, last = self._day(since_utc_us) - 2 * _ONE, self._day(until_utc_us)
        days = (first + n * _ONE for n in range(min((last - first).days + 1, _MOST_DAYS)))
        every = (shift for day in days for shift in self.on(day))
        return tuple(s for s in every if s.start_utc_us < until_utc_us and s.end_utc_us > since_utc_us)

    def _around(self, utc_us: int, back: int = 2) -> Iterator[Shift]:
        today = self._day(utc_us)
        for n in range(-back, 2):
            yield from self.on(today + n * _ONE)

    def _day(self, utc_us: int) -> date:
        # Kept away from the ends of what a date can say: a clock in the year 1 is no reason to fail.
        moment = _EPOCH + timedelta(microseconds=min(max(utc_us, 0), 250_000_000_000_000_000))
        return moment.astimezone(self._zone).date()

    def _shift(self, span: "_Span", day: date) -> Shift:
        return Shift(span.name, day, self._utc_us(day, span.start_min), self._utc_us(day, span.end_min))

    def _utc_us(self, day: date, minutes: int) -> int:
        """The moment at which the plant's clocks show so many minutes after a day's midnight."""
        days, rest = divmod(minutes, _DAY_MIN)
        wall = datetime.combine(day + days * _ONE, time(rest // 60, rest % 60), self._zone)
        first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
        if second < first:  # the clocks never show it: they jump over it
            first = self._jump(second, first)
        return (first - _EPOCH) // timedelta(microseconds=1)

    def _jump(self, before: datetime, after: datetime) -> datetime:
        """When the clocks are put forward, between two moments, to the second."""
        offset = before.astimezone(self._zone).utcoffset()
        while (half := (after - before) // 2) >= timedelta(milliseconds=500):
            middle = before + half
            before, after = (middle, after) if middle.astimezone(self._zone).utcoffset() == offset else (before, middle)
        return (after + timedelta(milliseconds=500)).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class _Span:
    """A shift of one weekday, in minutes of wall-clock time after that day's midnight."""

    index: int
    """Of the configured shift."""
    name: str
    weekday: int
    start_min: int
    end_min: int
    """May lie on the next day: above 1440."""

    @property
    def of_week(self) -> int:
        return self.weekday * _DAY_MIN + self.start_min


def _spans(shifts: Sequence[ShiftConfig]) -> list[_Span]:
    """All spans of a week, by their starts. One without an end lasts until the next begins, at most 24 h."""
    starts = sorted((DAYS.index(d) * _DAY_MIN + _minutes(s.start), i) for i, s in enumerate(shifts) for d in s.days)
    found = []
    for n, (start, index) in enumerate(starts):
        shift, begin = shifts[index], start % _DAY_MIN
        following = starts[(n + 1) % len(starts)][0]
        until = _minutes(shift.end) - begin if shift.end else following - start
        longest = _DAY_MIN if shift.end else _WEEK_MIN
        lasts = min(until % longest or longest, _DAY_MIN)
        found.append(_Span(index, shift.name, start // _DAY_MIN, begin, begin + lasts))
    return found


def clashes(shifts: Sequence[ShiftConfig]) -> Iterator[tuple[int, str]]:
    """(index of a shift, what is wrong with it beside the others)."""
    told: set[int] = set()
    seen: set[tuple[str, int]] = set()
    spans = _spans(shifts)
    for n, span in enumerate(spans):
        following = spans[(n + 1) % len(spans)]
        wrap_min = _WEEK_MIN if n + 1 == len(spans) else 0
        day = DAYS[span.weekday]
        wrong = ""
        if (span.name, span.weekday) in seen:
            wrong = f"is a second shift {span.name!r} on {day}; a name is allowed once a day"
        elif len(spans) > 1 and span.of_week == following.of_week + wrap_min:
            wrong = f"begins on {day} together with shift {following.name!r}"
        elif len(spans) > 1 and span.of_week + span.end_min - span.start_min > following.of_week + wrap_min:
            wrong = f"is still on when shift {following.name!r} begins on {DAYS[following.weekday]}"
        seen.add((span.name, span.weekday))
        if wrong and span.index not in told:
            told.add(span.index)
            yield span.index, wrong


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def zone_of(name: str) -> tzinfo:
    """The plant's zone; UTC, with a message, where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        log.warning("station.timezone %r is not known on this machine: times are shown in UTC", name)
        return UTC
