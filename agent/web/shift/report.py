"""The end of shift report as values: what a lane did in one shift, in no language yet."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.quality.bins import BIN_US
from agent.quality.control import Stretch
from agent.quality.pareto import Bar, pareto
from agent.quality.study import Asked
from agent.shifts import Shift
from agent.store.challenges import RunQuery, StoredRun, runs
from agent.store.shift import ShiftFigures, shift_figures
from agent.store.study import not_ok
from agent.store.values import StoredEvent, Tally
from agent.web.shift.desk import ShiftDesk

MOST_RUNS = 100
CHANGES = ("recipe_changed", "model_activated", "model_rolled_back", "paused", "resumed", "clock_jumped")
"""Events that say that something else judged from then on, or nothing."""


@dataclass(frozen=True, slots=True)
class AlarmSpan:
    """An alarm that stood in the shift."""

    name: str
    detail: str
    since_utc_us: int
    until_utc_us: int | None
    """None: it still stood at the end."""


@dataclass(frozen=True, slots=True)
class Report:
    """One lane in one shift."""

    lane: str
    shift: Shift
    named: bool
    """The plant has shifts; else the day is one, and has no name."""
    over: bool
    """The shift has ended; else this is how it stands."""
    made_utc_us: int
    tally: Tally
    figures: ShiftFigures
    defects: tuple[Bar, ...]
    unsure: tuple[Bar, ...]
    chart: tuple[Stretch, ...]
    """Shares of first attempts that were not OK, each recipe revision's against its own baseline, as the quality
    page draws it; empty: there were no parts."""
    runs: tuple[StoredRun, ...]
    alarms: tuple[AlarmSpan, ...]
    changes: tuple[StoredEvent, ...]
    unclosed: bool
    """The closing run that was due was not made."""

    @property
    def overrides(self) -> tuple[StoredRun, ...]:
        return tuple(run for run in self.runs if run.state == "overridden")


def report_named(desk: ShiftDesk, lane: str, key: str) -> Report | None:
    """The report of a lane ("": the first) in the shift of this key ("": the newest); None where one is not known.

    Raises StoreFailed while the database cannot be read.
    """
    lanes = tuple(desk.desk.config.lanes)
    lane = lane or (lanes[0] if lanes else "")
    shift = desk.calendar.named(key) if key else desk.latest()
    return report_of(desk, lane, shift) if shift is not None and lane in lanes else None


def report_of(desk: ShiftDesk, lane: str, shift: Shift) -> Report:
    """Raises StoreFailed while the database cannot be read."""
    results = desk.desk.results
    since, until = shift.start_utc_us, shift.end_utc_us
    tally = results.tally(lane, since, until)
    figures = results.ask(lambda conn: shift_figures(conn, lane, since, until))
    query = RunQuery(lane=lane, since_utc_us=since, until_utc_us=until, limit=MOST_RUNS)
    found = results.ask(lambda conn: runs(conn, query))
    now_us = desk.now_us()
    return Report(
        lane=lane,
        shift=shift,
        named=desk.calendar.configured,
        over=now_us >= until,
        made_utc_us=now_us,
        tally=tally,
        figures=figures,
        defects=pareto(figures.defects),
        unsure=pareto(figures.unsure),
        chart=_chart(desk, lane, shift),
        runs=tuple(reversed(found)),
        alarms=alarm_spans(figures.events),
        changes=tuple(event for event in figures.events if event.name in CHANGES),
        unclosed=figures.unclosed,
    )


def _chart(desk: ShiftDesk, lane: str, shift: Shift) -> tuple[Stretch, ...]:
    """Of the whole five minutes that the shift touches: sums are kept no finer."""
    since = shift.start_utc_us // BIN_US * BIN_US
    until = -(-shift.end_utc_us // BIN_US) * BIN_US
    return desk.desk.results.ask(not_ok(Asked(lane, "", since, until)))


def alarm_spans(events: Iterable[StoredEvent]) -> tuple[AlarmSpan, ...]:
    """When each alarm stood, out of the events of a shift. One that is raised anew without an end stood all along."""
    spans: list[AlarmSpan] = []
    open_ones: dict[tuple[str, str], int] = {}
    for event in events:
        key = str(event.detail.get("alarm", "")), str(event.detail.get("lane", ""))
        if event.name == "alarm" and key not in open_ones:
            open_ones[key] = len(spans)
            spans.append(AlarmSpan(key[0], str(event.detail.get("detail", "")), event.utc_us, None))
        elif event.name == "alarm_end" and key in open_ones:
            n = open_ones.pop(key)
            was = spans[n]
            spans[n] = AlarmSpan(was.name, was.detail, was.since_utc_us, event.utc_us)
    return tuple(spans)
