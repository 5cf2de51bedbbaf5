"""What a request asks of a lane's quality: checked, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from agent.errors import Problem
from agent.quality.bins import BIN_US
from agent.quality.study import Asked
from agent.shifts import Calendar
from agent.web.query import MAX_TEXT, QueryRefused, read_query
from agent.web.results import midnight_us

PERIODS = ("shift", "today", "week", "month")
FIELDS = ("lane", "recipe", "range", "since", "until")
MOST_DAYS = 366
_DAY_US = 86_400_000_000
_BACK_DAYS = {"week": 6, "month": 29}


@dataclass(frozen=True, slots=True)
class Spans:
    """Reads requests; knows the lanes, and the plant's days and shifts."""

    lanes: tuple[str, ...]
    calendar: Calendar
    zone: tzinfo

    def read(self, asked: Mapping[str, str], now_utc_us: int) -> Asked:
        """What is asked for. Without a lane it is the first, without a time the last seven days.

        Raises QueryRefused with everything that is wrong.
        """
        given = {name: asked.get(name, "").strip() for name in FIELDS}
        wrong = [Problem(name[:40], f"unknown; known are {', '.join(FIELDS)}") for name in asked if name not in FIELDS]
        wrong += [
            Problem(name, f"{len(value)} characters, at most {MAX_TEXT} are allowed")
            for name, value in given.items()
            if len(value) > MAX_TEXT
        ]
        if given["range"] and given["range"] not in PERIODS:
            wrong.append(Problem("range", f"{given['range'][:40]!r}: allowed are {', '.join(PERIODS)}"))
        lane = given["lane"] or (self.lanes[0] if self.lanes else "")
        if given["lane"] and self.lanes and lane not in self.lanes:
            wrong.append(Problem("lane", f"{lane[:40]!r}: allowed are {', '.join(self.lanes)}"))
        if "\0" in given["recipe"]:
            wrong.append(Problem("recipe", "holds a NUL character"))
        if wrong:
            raise QueryRefused(tuple(wrong))
        since, until = self._span(given, now_utc_us)
        return Asked(lane, given["recipe"], since, until)

    def _span(self, given: Mapping[str, str], now_utc_us: int) -> tuple[int, int]:
        """On whole bins, for that is what is summed."""
        end = now_utc_us - now_utc_us % BIN_US + BIN_US
        if not (given["since"] or given["until"]):
            since, until = self._named(given["range"] or "week", now_utc_us)
            return since, min(until, end)
        typed = {name: given[name] for name in ("since", "until") if given[name]}
        query = read_query(typed, self.zone)
        until = end if query.until_utc_us is None else _up(query.until_utc_us)
        since = until - 7 * _DAY_US if query.since_utc_us is None else max(0, query.since_utc_us // BIN_US * BIN_US)
        if not 0 < until - since <= MOST_DAYS * _DAY_US:
            text = f"{given['until'] or 'now'}: allowed is a time after since, at most {MOST_DAYS} days after it"
            raise QueryRefused((Problem("until", text),))
        return since, until

    def _named(self, name: str, now_utc_us: int) -> tuple[int, int]:
        end = now_utc_us + _DAY_US
        if name == "shift" and (shift := self.calendar.latest(now_utc_us)):
            return shift.start_utc_us // BIN_US * BIN_US, _up(shift.end_utc_us)
        zone = self.zone
        today = midnight_us(now_utc_us, zone)
        day = datetime.fromtimestamp(today / 1e6, zone).date() - timedelta(days=_BACK_DAYS.get(name, 0))
        start = datetime.combine(day, datetime.min.time(), zone)  # by the calendar: a day is not always 24 hours
        return int(start.timestamp() * 1e6), end


def _up(utc_us: int) -> int:
    return -(-utc_us // BIN_US) * BIN_US
