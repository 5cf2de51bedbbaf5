"""Which time a page shows: named, or from and to; always whole hours, for that is what is summed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from agent.errors import Problem
from agent.web.query import QueryRefused, Reading

PERIODS = ("hours", "today", "day", "week", "month")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOURS_MS = 8 * HOUR_MS
MOST_DAYS = 366
_BACK_DAYS = {"today": 0, "week": 6, "month": 29}


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open span of time."""

    since_ms: int
    until_ms: int
    name: str
    """One of PERIODS, or "custom"."""

    @property
    def span_us(self) -> int:
        return (self.until_ms - self.since_ms) * 1000


def period_of(asked: Mapping[str, str], zone: tzinfo, now_ms: int, usual: str = "day") -> Period:
    """What `range`, `since` and `until` ask for. Raises QueryRefused."""
    reading = Reading(asked, zone, [])
    name = reading.one_of("range", PERIODS) or usual
    since_us, until_us = reading.moment("since"), reading.moment("until")
    reading.refuse()
    end = (now_ms // HOUR_MS + 1) * HOUR_MS
    if since_us is None and until_us is None:
        return Period(_begin(name, zone, now_ms, end), end, name)
    until = end if until_us is None else -(-until_us // (HOUR_MS * 1000)) * HOUR_MS
    since = until - 7 * DAY_MS if since_us is None else max(0, since_us // (HOUR_MS * 1000) * HOUR_MS)
    if not 0 < until - since <= MOST_DAYS * DAY_MS:
        text = f"{asked.get('until') or 'now'}: allowed is a time after since, at most {MOST_DAYS} days after it"
        raise QueryRefused((Problem("until", text),))
    return Period(since, until, "custom")


def _begin(name: str, zone: tzinfo, now_ms: int, end_ms: int) -> int:
    if name in ("hours", "day"):
        return end_ms - (HOURS_MS if name == "hours" else DAY_MS)
    today = datetime.fromtimestamp(now_ms / 1e3, UTC).astimezone(zone).date()
    day = today - timedelta(days=_BACK_DAYS[name])
    start = datetime.combine(day, datetime.min.time(), zone)  # by the calendar: a day is not always 24 hours
    return int(start.timestamp() * 1e3) // HOUR_MS * HOUR_MS
