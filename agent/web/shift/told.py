"""The report in a person's language: rows of words that the page, the PDF and the CSV share."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.quality.pareto import Bar
from agent.store.challenges import StoredRun
from agent.store.values import StoredEvent
from agent.web.shift.report import Report
from agent.web.speech import NOTHING, Speech


@dataclass(frozen=True, slots=True)
class Table:
    """A part of the report."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str
    """What is said where there are no rows."""


def heading(report: Report, speech: Speech) -> str:
    """Which lane, which shift, from when to when."""
    shift = report.shift
    span = f"{speech.clock(shift.start_utc_us)[:5]} – {speech.clock(shift.end_utc_us)[:5]}"
    name = (shift.name,) if report.named else ()
    return " · ".join((report.lane, *name, speech.date(shift.start_utc_us), span))


def tiles(report: Report, speech: Speech) -> tuple[tuple[str, str, str], ...]:
    """(name, value, note) of the figures at the head of the report."""
    tally, figures = report.tally, report.figures
    first = speech.share(tally.first_pass_ok, tally.first_pass, 2)
    return (
        (speech.say("report.parts"), speech.number(tally.parts), ""),
        (speech.say("verdict.OK"), speech.number(tally.ok), ""),
        (speech.say("verdict.NG"), speech.number(tally.ng), ""),
        (speech.say("verdict.UNSURE"), speech.number(tally.unsure), ""),
        (speech.say("report.yield"), speech.share(tally.ok, tally.parts, 2), speech.say("report.first", share=first)),
        (speech.say("report.missed"), speech.number(tally.missed), ""),
        (speech.say("report.overruled"), speech.number(figures.overruled), ""),
    )


def tables(report: Report, speech: Speech) -> tuple[Table, ...]:
    """The parts of the report, in their order."""
    cause = "cause", "count", "share"
    return (
        _table(speech, "defects", cause, _bars(report.defects, "label", speech)),
        _table(speech, "unsure", cause, _bars(report.unsure, "rule", speech)),
        _table(speech, "runs", ("when", "result", "parts", "why", "by"), (_run(run, speech) for run in report.runs)),
        _table(speech, "alarms", ("when", "until", "alarm", "detail"), _alarms(report, speech)),
        _table(speech, "changes", ("when", "what", "detail"), (_change(each, speech) for each in report.changes)),
        _table(
            speech,
            "used",
            ("recipe", "revision", "model", "device"),
            ((recipe, revision[:12], model, device) for recipe, revision, model, device in report.figures.used),
        ),
    )


def _table(speech: Speech, name: str, columns: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Table:
    titles = tuple(speech.say(f"report.column.{column}") for column in columns)
    return Table(name, speech.say(f"report.{name}"), titles, tuple(rows), speech.say(f"report.{name}.none"))


def _bars(bars: Iterable[Bar], kind: str, speech: Speech) -> Iterator[tuple[str, ...]]:
    for bar in bars:
        name = speech.named(kind, bar.name) if bar.name else speech.say("chart.rest")
        yield name, speech.number(bar.count), f"{bar.share * 100:.1f} %"


def _run(run: StoredRun, speech: Speech) -> tuple[str, ...]:
    why: Sequence[str] = [speech.say(f"shift.why.{each}") for each in run.why] or [speech.say("shift.run.wanted")]
    parts = speech.say("shift.run.of", right=run.right, parts=len(run.parts)) if run.parts else NOTHING
    reason = f" · {run.reason}" if run.reason else ""
    result = speech.say(f"shift.ruling.{run.state}")
    return speech.clock(run.started_utc_us), result, parts, ", ".join(why) + reason, run.by


def _alarms(report: Report, speech: Speech) -> Iterator[tuple[str, ...]]:
    for alarm in report.alarms:
        until = speech.clock(alarm.until_utc_us) if alarm.until_utc_us else speech.say("report.stands")
        yield (
            speech.clock(alarm.since_utc_us),
            until,
            speech.named("alarm", alarm.name),
            speech.because(alarm.name, alarm.detail),
        )


def _change(event: StoredEvent, speech: Speech) -> tuple[str, ...]:
    detail = {name: str(value)[:60] for name, value in event.detail.items() if name != "lane" and value != ""}
    said = ", ".join(f"{name} {value}" for name, value in detail.items())
    return speech.clock(event.utc_us), speech.named("report.event", event.name), said
