"""What the page asks of the database, and counts that are kept up instead of counted anew."""

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import pairwise

from agent.store.line import newest_review, overridden_since
from agent.store.read import Reader
from agent.store.values import Outbox, PartQuery, StoredPart, Tally
from pipelines.values import Outcome

NO_PARTS = Tally(parts=0, ok=0, ng=0, unsure=0, missed=0, first_pass_ok=0, first_pass=0)
SETTLING_US = 120_000_000
"""Rows captured longer ago than this are counted once: later than that nothing is committed."""
RECOUNT_US = 600_000_000
REST = 30.0
"""A count is not made again before this many times as long as it took: one of 0.1 s every 3 s, a short one always."""
TAPE = 60
_NEWEST = 20
_TAKT_PARTS = 5
"""Fewer say nothing about the takt."""


def added(a: Tally, b: Tally) -> Tally:
    return Tally(
        parts=a.parts + b.parts,
        ok=a.ok + b.ok,
        ng=a.ng + b.ng,
        unsure=a.unsure + b.unsure,
        missed=a.missed + b.missed,
        first_pass_ok=a.first_pass_ok + b.first_pass_ok,
        first_pass=a.first_pass + b.first_pass,
    )


@dataclass(slots=True)
class RunningTally:
    """One lane's counts since a moment: what has settled is added up once, the rest is counted anew."""

    lane: str
    since_utc_us: int
    monotonic: Callable[[], float] = time.monotonic
    recount_us: int = 0
    """So often everything is counted anew: a clock that jumped has put parts where all had settled. 0: never."""
    _settled: Tally = NO_PARTS
    _until_utc_us: int = 0
    _began_utc_us: int = 0
    _known: Tally = NO_PARTS
    _again_s: float = 0.0

    def now(self, results: Reader, now_utc_us: int) -> Tally:
        """The counts, as old as they may be (`REST`). Blocks. Raises StoreFailed."""
        begun = self.monotonic()
        if begun >= self._again_s:
            self._known = self._count(results, now_utc_us)
            ended = self.monotonic()
            self._again_s = ended + REST * (ended - begun)
        return self._known

    def _count(self, results: Reader, now_utc_us: int) -> Tally:
        if self.recount_us and not 0 <= now_utc_us - self._began_utc_us <= self.recount_us:
            self._settled, self._until_utc_us, self._began_utc_us = NO_PARTS, 0, now_utc_us
        start = self._until_utc_us or self.since_utc_us
        settled = max(start, now_utc_us - SETTLING_US)
        if settled - start > SETTLING_US:
            self._settled = added(self._settled, results.tally(self.lane, start, settled))
            self._until_utc_us = start = settled
        # Open end: a part whose clock runs a little ahead still counts.
        return added(self._settled, results.tally(self.lane, start, now_utc_us + SETTLING_US))


def midnight_us(utc_us: int, zone: tzinfo) -> int:
    """Start of that moment's day in the plant's zone, as µs UTC."""
    at = datetime.fromtimestamp(utc_us / 1e6, UTC).astimezone(zone)
    return int(at.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1e6)


@dataclass(frozen=True, slots=True)
class LaneResults:
    """What is stored of one lane's day."""

    lane: str
    tally: Tally
    newest: StoredPart | None
    tape: tuple[tuple[int, Outcome], ...]
    """(id, outcome) of the newest parts, the newest last."""
    overridden: int = 0
    """Parts of the day of which a person says something else than the machine."""
    takt_s: float | None = None
    """From part to part; None where too few came."""


def takt_of(parts: Sequence[StoredPart]) -> float | None:
    """The median time between parts, s: a stop of the line between two of them does not count."""
    captured = sorted(part.record.captured.utc_us for part in parts)
    if len(captured) < _TAKT_PARTS:
        return None
    return statistics.median(b - a for a, b in pairwise(captured)) / 1e6


@dataclass(frozen=True, slots=True)
class Day:
    """What is stored of the plant's day."""

    since_utc_us: int
    lanes: tuple[LaneResults, ...]
    bad: tuple[StoredPart, ...]
    """The newest parts that did not pass, of all lanes, the newest first."""
    outbox: Outbox


@dataclass(slots=True)
class Diary:
    """Keeps the day's results up from one look to the next. Thread-safe; a look blocks."""

    results: Reader
    zone: tzinfo
    bad_kept: int = 12
    _tallies: dict[str, RunningTally] = field(default_factory=dict)
    _tapes: dict[str, tuple[tuple[int, Outcome], ...]] = field(default_factory=dict)
    _overridden: dict[str, tuple[tuple[int, int], int]] = field(default_factory=dict)
    """Lane -> ((start of the day, newest review), count): counted anew when either is another."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, lanes: tuple[str, ...], now_utc_us: int) -> Day:
        """The day now. Raises StoreFailed."""
        with self._lock:
            since = midnight_us(now_utc_us, self.zone)
            reviewed = self.results.ask(newest_review)
            shown = tuple(self._lane(lane, since, now_utc_us, reviewed) for lane in lanes)
            return Day(since, shown, self._bad(lanes, since), self.results.outbox())

    def _lane(self, lane: str, since: int, now: int, reviewed: int) -> LaneResults:
        tally = self._tallies.get(lane)
        if tally is None or tally.since_utc_us != since:
            tally = self._tallies[lane] = RunningTally(lane, since, recount_us=RECOUNT_US)
        parts = self._newest(lane)
        known = dict(self._tapes.get(lane, ())) | {p.id: p.record.verdict.outcome for p in parts}
        tape = self._tapes[lane] = tuple(sorted(known.items()))[-TAPE:]
        return LaneResults(
            lane=lane,
            tally=tally.now(self.results, now),
            newest=parts[0] if parts else None,
            tape=tape,
            overridden=self._overruled(lane, since, reviewed),
            takt_s=takt_of(parts[:_NEWEST]),
        )

    def _overruled(self, lane: str, since: int, reviewed: int) -> int:
        known, count = self._overridden.get(lane, ((0, -1), 0))
        if known != (since, reviewed):
            count = self.results.ask(lambda conn: overridden_since(conn, lane, since))
            self._overridden[lane] = (since, reviewed), count
        return count

    def _newest(self, lane: str) -> tuple[StoredPart, ...]:
        """The newest judged parts; as many as the tape holds where a gap to the known ones would be."""
        known = self._tapes.get(lane, ())
        parts: tuple[StoredPart, ...] = ()
        for limit in (_NEWEST, TAPE):
            parts = self.results.parts(PartQuery(lane=lane, purpose="production", limit=limit))
            if len(parts) < limit or (known and parts[-1].id <= known[-1][0]):
                break
        return parts

    def _bad(self, lanes: tuple[str, ...], since: int) -> tuple[StoredPart, ...]:
        found: list[StoredPart] = []
        for lane in lanes:
            for outcome in (Outcome.NG, Outcome.UNSURE):
                query = PartQuery(
                    lane=lane, outcome=outcome, purpose="production", since_utc_us=since, limit=self.bad_kept
                )
                found += self.results.parts(query)
        return tuple(sorted(found, key=lambda p: -p.id)[: self.bad_kept])
