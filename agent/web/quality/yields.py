"""Yields by hour, by shift and by recipe, out of a study's bins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from agent.quality.bins import Bin, by_time
from agent.quality.study import Asked, Study, names_of
from agent.quality.yields import Counts, summed
from agent.shifts import Calendar, Shift
from agent.web.quality.figures import day_of, minute_of
from agent.web.speech import Speech

By = Literal["hour", "shift", "recipe"]
WAYS: tuple[By, ...] = get_args(By)
HOUR_US = 3_600_000_000
_ONE_DAY_US = 26 * HOUR_US
MOST_SHIFTS = 62
MOST_NAMED = 6
"""So many shifts have room for their names beside the day."""

Row = tuple[str, str, Counts]
"""(short name, full name, counts)."""


@dataclass(frozen=True, slots=True)
class Yields:
    """Knows the plant's shifts and the viewer's language."""

    calendar: Calendar
    speech: Speech

    def rows(self, by: By, study: Study) -> tuple[Row, ...]:
        """In the order shown; rows without parts are left out, but for hours of the day between others."""
        if by == "recipe":
            return tuple((revision.name, revision.name, counts) for revision, counts in names_of(study.series))
        return self._by_shift(study) if by == "shift" else self._by_hour(study.asked, study.bins)

    def _by_hour(self, asked: Asked, bins: Sequence[Bin]) -> tuple[Row, ...]:
        """The hours of a day one after the other; of more days the same hour of all of them together."""
        speech = self.speech
        if asked.until_utc_us - asked.since_utc_us <= _ONE_DAY_US:
            return tuple(
                (
                    f"{speech.local(start):%H:%M}",
                    f"{minute_of(speech, start)} – {speech.local(start + HOUR_US):%H:%M}",
                    summed(each.counts for each in some),
                )
                for start, some in by_time(bins, HOUR_US)
            )
        found: dict[int, list[Counts]] = {}
        for each in bins:
            found.setdefault(speech.local(each.start_utc_us).hour, []).append(each.counts)
        hours = range(min(found), max(found) + 1) if found else ()
        return tuple((f"{h:02}", f"{h:02}:00 – {(h + 1) % 24:02}:00", summed(found.get(h, ()))) for h in hours)

    def _by_shift(self, study: Study) -> tuple[Row, ...]:
        shifts = self.calendar.between(study.asked.since_utc_us, study.asked.until_utc_us)
        found: dict[Shift, list[Counts]] = {shift: [] for shift in shifts}
        for each in study.bins:
            shift = next((one for one in shifts if each.start_utc_us in one), None)
            if shift is not None:
                found[shift].append(each.counts)
        with_parts = [(shift, counts) for shift, counts in found.items() if counts][-MOST_SHIFTS:]
        short = self._full if len(with_parts) <= MOST_NAMED else self._day
        return tuple((short(shift), self._full(shift), summed(counts)) for shift, counts in with_parts)

    def _day(self, shift: Shift) -> str:
        return day_of(self.speech, shift.start_utc_us)

    def _full(self, shift: Shift) -> str:
        day = self._day(shift)
        return f"{day} {shift.name}" if self.calendar.configured else day
