"""Spans of time that people name instead of typing them: worked out when they are asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from agent.errors import Problem
from agent.shifts import Calendar
from agent.web.query import QueryRefused
from agent.web.results import midnight_us

RANGES = ("hour", "shift", "today", "yesterday", "week")
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Ranges:
    """Knows the plant's days and shifts."""

    calendar: Calendar
    zone: tzinfo

    def resolved(self, asked: Mapping[str, str], now_utc_us: int) -> dict[str, str]:
        """The same search with `range` written out as `since` and `until`; a time that was typed wins.

        Raises QueryRefused for a range that there is not.
        """
        given = {name: value for name, value in asked.items() if name != "range"}
        name = asked.get("range", "")
        if not name:
            return given
        if name not in RANGES:
            raise QueryRefused((Problem("range", f"{name[:40]!r}: allowed are {', '.join(RANGES)}"),))
        if given.get("since") or given.get("until"):
            return given
        since, until = self._span(name, now_utc_us)
        given["since"] = self.typed(since)
        if until is not None:
            given["until"] = self.typed(until)
        return given

    def typed(self, utc_us: int) -> str:
        """A moment as a person types it: the plant's time, to the second."""
        at = datetime.fromtimestamp(utc_us / 1e6, UTC).astimezone(self.zone)
        return at.replace(tzinfo=None).isoformat(timespec="seconds")

    def _span(self, name: str, now_utc_us: int) -> tuple[int, int | None]:
        today = midnight_us(now_utc_us, self.zone)
        if name == "hour":
            return now_utc_us - _HOUR_US, None
        if name == "shift":
            shift = self.calendar.latest(now_utc_us)
            return (shift.start_utc_us, shift.end_utc_us) if shift else (today, None)
        if name == "yesterday":
            return self._midnight(now_utc_us, 1), today
        return (self._midnight(now_utc_us, 6), None) if name == "week" else (today, None)

    def _midnight(self, now_utc_us: int, days_ago: int) -> int:
        """By the calendar: a day is not always 24 hours."""
        at = datetime.fromtimestamp(now_utc_us / 1e6, UTC).astimezone(self.zone)
        day = datetime.combine(at.date() - timedelta(days=days_ago), datetime.min.time(), self.zone)
        return int(day.timestamp() * 1e6)
