"""Cutting the windows: each lane's rows since its last summary are folded into the next one.

A summary covers a contiguous range of record ids, all lanes' ids, and counts its own lane's records
in it. Time only chooses the cut, so a clock that jumps can neither lose a part nor count it twice.
A range ends before the lane's lowest open row: what is not yet judged is counted later, by the window
that is cut after it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from agent.store import outbox, sums
from agent.store.records import lanes_of, last_id
from agent.store.rows import PARTS, added, stored_parts, summary_of
from agent.store.schema import OPEN, inspections, summaries
from agent.store.values import Encoder, Totals
from pipelines.summary import Summary, Window, summarise

Temperature = Callable[[str], float | None]
"""Of the device that answers on a lane, in degrees Celsius; None where it has no sensor. Must be quick."""
MOST_EMPTY = 10
"""More windows than this that passed at once were not lived through: the clock jumped, or the box slept."""


def aligned(utc_us: int, length_us: int) -> int:
    """Start of the window that a moment lies in."""
    return utc_us - utc_us % length_us


def passed(start_us: int, now_us: int, length_us: int) -> tuple[tuple[int, ...], int]:
    """(starts of the windows that are over, start of the window that runs now).

    A window that got no turn, because the disk was slow, follows as an empty one, up to MOST_EMPTY. A
    clock set back by more than a window ends the running window at once; set back by less, it waits.
    """
    current = aligned(now_us, length_us)
    if current < start_us:
        return ((start_us,), current) if now_us < start_us - length_us else ((), start_us)
    over = (current - start_us) // length_us
    if over > MOST_EMPTY:
        return (start_us,), current
    return tuple(range(start_us, current, length_us)), current


@dataclass(frozen=True, slots=True)
class Span:
    """A window's time."""

    start_us: int
    length_us: int


@dataclass(frozen=True, slots=True)
class Last:
    """Where a lane's summaries stand."""

    end_utc_us: int
    last_id: int
    totals: Totals
    camera: str


def last_of(conn: Connection, lane: str) -> Last:
    """The lane's newest summary; zeros where it has none."""
    newest = select(summaries).where(summaries.c.lane == lane).order_by(summaries.c.id.desc()).limit(1)
    row = conn.execute(newest).mappings().one_or_none()
    if row is None:
        return Last(0, 0, Totals(), lane)
    summary, totals = summary_of(row)
    return Last(summary.window.end_utc_us, summary.window.last_id, totals, summary.camera)


def fold(conn: Connection, lane: str, span: Span) -> tuple[Summary, Totals]:
    """This window's summary of the lane's rows since its last summary, and the lane's totals after it."""
    last = last_of(conn, lane)
    first = last.last_id + 1
    upto = max(last.last_id, _judged_up_to(conn, lane))
    here = inspections.c.lane == lane, inspections.c.id.between(first, upto)
    rows = conn.execute(PARTS.where(*here).order_by(inspections.c.id)).mappings().all()
    records = tuple(part.record for part in stored_parts(conn, rows))
    camera = records[-1].origin.camera if records else last.camera
    window = Window(span.start_us, span.start_us + span.length_us, first, upto)
    summary = summarise(lane, camera, window, records)
    return summary, added(last.totals, [summary])


def _judged_up_to(conn: Connection, lane: str) -> int:
    lowest = conn.scalar(select(func.min(inspections.c.id)).where(inspections.c.lane == lane, OPEN))
    return last_id(conn) if lowest is None else int(lowest) - 1


class Windows:
    """Which window runs on each lane. Used by the write thread only."""

    def __init__(self, lanes: Sequence[str], length_s: float, encoder: Encoder, temperature_c: Temperature) -> None:
        self._lanes = tuple(lanes)
        self._length_us = round(length_s * 1e6)
        self._encoder = encoder
        self._temperature_c = temperature_c
        self._starts: dict[str, int] = {}

    def begin(self, conn: Connection, now_us: int) -> None:
        """At a start: cut what an earlier run left uncut, but for a window that still runs.

        Time in which the station was off gets no windows.
        """
        current = aligned(now_us, self._length_us)
        for lane in sorted({*self._lanes, *lanes_of(conn)}):
            last = last_of(conn, lane)
            here = inspections.c.lane == lane, inspections.c.id > last.last_id
            oldest = conn.scalar(select(func.min(inspections.c.captured_utc_us)).where(*here))
            start = current if oldest is None else max(last.end_utc_us, aligned(oldest, self._length_us))
            if oldest is not None and (start != current or lane not in self._lanes):
                self._cut(conn, lane, start, now_us)
            if lane in self._lanes:
                waits = current < last.end_utc_us <= now_us + self._length_us
                self._starts[lane] = last.end_utc_us if waits else current

    def due(self, now_us: int) -> bool:
        """Whether a window has ended."""
        return any(passed(start, now_us, self._length_us)[0] for start in self._starts.values())

    def turn(self, conn: Connection, now_us: int) -> dict[str, int]:
        """Cut every window that has ended; the windows that run now, for `commit` once that is durable."""
        starts: dict[str, int] = {}
        for lane, start in self._starts.items():
            over, starts[lane] = passed(start, now_us, self._length_us)
            for one in over:
                self._cut(conn, lane, one, now_us)
        return starts

    def _cut(self, conn: Connection, lane: str, start_us: int, now_us: int) -> None:
        summary, totals = fold(conn, lane, Span(start_us, self._length_us))
        summary = replace(summary, temperature_c=self._temperature_c(lane))
        outbox.add_summary(conn, self._encoder, summary, totals, now_us)
        sums.add(conn, lane, summary.window.first_id, summary.window.last_id)

    def commit(self, starts: dict[str, int]) -> None:
        self._starts = starts
