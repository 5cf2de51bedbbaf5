"""Statistics as figures in the viewer's language: a drawing, a sentence, a table. Knows neither store nor station."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.quality.control import Kind, Limits, Point, Signal, Stretch
from agent.quality.pareto import REST, Bar
from agent.quality.shares import wilson
from agent.quality.yields import Counts, summed
from agent.web.charts.bars import Dot, dot_chart, pareto_chart
from agent.web.charts.control import ControlText, control_chart
from agent.web.charts.figure import Column, Figure
from agent.web.charts.scale import Words
from agent.web.speech import NOTHING, Speech


def words_of(speech: Speech) -> Words:
    """How this language says a chart's figures."""
    return Words(speech.zone, speech.number, lambda at: f"{speech.local(at):%H:%M}", lambda at: day_of(speech, at))


def day_of(speech: Speech, utc_us: int) -> str:
    """Day and month of a moment."""
    at = speech.local(utc_us)
    return f"{at.month}月{at.day}日" if speech.language == "zh" else speech.date(utc_us).rpartition(" ")[0]


def minute_of(speech: Speech, utc_us: int) -> str:
    """A moment to the minute."""
    return f"{day_of(speech, utc_us)} {speech.local(utc_us):%H:%M}"


@dataclass(frozen=True, slots=True)
class _Said:
    """How one control chart's values read."""

    speech: Speech
    kind: Kind
    digits: int

    def value(self, value: float) -> str:
        return self.axis(value, self.digits)

    def axis(self, value: float, digits: int) -> str:
        return f"{self.speech.number(value * self.factor, digits)}{' %' if self.factor > 1 else ''}"

    @property
    def factor(self) -> float:
        return 100.0 if self.kind in (Kind.P, Kind.LANEY) else 1.0

    def limits(self, limits: Limits | None) -> tuple[str, str, str]:
        if limits is None:
            return NOTHING, NOTHING, NOTHING
        return self.value(limits.lower), self.value(limits.centre), self.value(limits.upper)

    def signals(self, point: Point) -> str:
        found = [self.speech.say(f"signal.{signal}") for signal in point.signals]
        return "; ".join([*found, *([self.speech.say("chart.growing")] if point.growing else [])])

    def measured(self, point: Point) -> str:
        speech, parts = self.speech, self.speech.number(point.parts)
        if self.kind is Kind.G:
            return speech.say("chart.gap" if point.hits else "chart.gap.open", parts=parts)
        if self.kind is Kind.INDIVIDUALS:
            return speech.say("chart.mean", value=self.value(point.value), parts=parts)
        hits = speech.say("chart.of", hits=speech.number(point.hits), parts=parts)
        return f"{self.value(point.value)} ({hits})"

    def tip(self, stretch: Stretch, point: Point) -> str:
        speech = self.speech
        lower, centre, upper = self.limits(point.limits)
        limits = speech.say("chart.limits", lower=lower, centre=centre, upper=upper)
        lines = (
            f"{minute_of(speech, point.start_utc_us)} – {minute_of(speech, point.end_utc_us)}",
            self.measured(point),
            limits if point.limits else speech.say("chart.no_limits"),
            self.signals(point),
            stretch.name,
        )
        return "\n".join(line for line in lines if line)

    def row(self, stretch: Stretch, point: Point) -> tuple[str, ...]:
        speech = self.speech
        counted = (speech.number(point.hits),) if self.kind in (Kind.P, Kind.LANEY) else ()
        value = () if self.kind is Kind.G else (self.value(point.value),)
        when = minute_of(speech, point.start_utc_us), minute_of(speech, point.end_utc_us)
        parts = speech.number(point.parts)
        return (*when, stretch.name, parts, *counted, *value, *self.limits(point.limits), self.signals(point))


def control_figure(speech: Speech, name: str, title: str, stretches: Sequence[Stretch], csv: str = "") -> Figure:
    """A control chart of stretches that have at least one point between them."""
    points = [point for stretch in stretches for point in stretch.points]
    kind = next(s.kind for s in reversed(stretches) if s.points)
    said = _Said(speech, kind, _digits(kind, points))
    newest = said.measured(points[-1])
    signals = sum(stretch.signals for stretch in stretches)
    label = speech.say("chart.newest", title=title, points=len(points), value=newest, signals=signals)
    return Figure(
        name=name,
        title=title,
        drawing=control_chart(stretches, words_of(speech), ControlText(label, said.axis, said.factor, said.tip)),
        caption=speech.say(f"how.{kind}"),
        notes=tuple(note for stretch in stretches if stretch.points for note in notes_of(speech, stretch)),
        columns=_columns(speech, kind),
        rows=tuple(said.row(stretch, point) for stretch in stretches for point in stretch.points),
        csv=csv,
        key=_key(speech, stretches),
    )


def _digits(kind: Kind, points: Sequence[Point]) -> int:
    """So many that neighbouring values differ, and not more than can be read."""
    if kind is Kind.G:
        return 0
    spans = [p.limits.upper - p.limits.lower for p in points if p.limits]
    span = min(spans) if spans else max((p.value for p in points), default=1.0)
    scale = 100 if kind in (Kind.P, Kind.LANEY) else 1
    return next((digits for digits in range(4) if span * scale * 10**digits >= 20), 3)


def notes_of(speech: Speech, stretch: Stretch) -> list[str]:
    notes = []
    if not any(point.limits for point in stretch.points):
        return [speech.say("note.no_baseline", name=stretch.name)]
    if not stretch.frozen:
        notes.append(speech.say("note.trial", name=stretch.name, parts=speech.number(stretch.baseline_parts)))
    if stretch.spread > 1:
        notes.append(speech.say("note.spread", name=stretch.name, spread=speech.number(stretch.spread, 1)))
    return notes


def _key(speech: Speech, stretches: Sequence[Stretch]) -> tuple[tuple[str, str], ...]:
    points = [point for stretch in stretches for point in stretch.points]
    limited = [stretch for stretch in stretches if any(point.limits for point in stretch.points)]
    found = {signal for point in points for signal in point.signals}
    shapes = [
        ("centre", bool(limited)),
        ("limit", any(stretch.frozen for stretch in limited)),
        ("trial", any(not stretch.frozen for stretch in limited)),
        ("growing", any(point.growing for point in points)),
    ]
    key = [(shape, speech.say(f"key.{shape}")) for shape, there in shapes if there]
    return (*key, *((str(s), speech.say(f"signal.{s}")) for s in Signal if s in found))


def _columns(speech: Speech, kind: Kind) -> tuple[Column, ...]:
    shares = kind in (Kind.P, Kind.LANEY)
    value = {Kind.G: ()}.get(kind, ("share" if shares else "value",))
    names = (
        "from",
        "to",
        "recipe",
        "parts",
        *(("hits",) if shares else ()),
        *value,
        "lower",
        "centre",
        "upper",
        "signal",
    )
    return tuple(Column(speech.say(f"column.{name}"), name not in ("from", "to", "recipe", "signal")) for name in names)


def pareto_figure(
    speech: Speech,
    name: str,
    title: str,
    bars: Sequence[Bar],
    caption: str,
    named: Callable[[str], str],
    csv: str = "",
) -> Figure:
    """A Pareto chart of at least one bar; `named` says a bar's name in the viewer's language."""
    names = [named(bar.name) if bar.name != REST else speech.say("chart.rest") for bar in bars]
    words = words_of(speech)
    rows = tuple(
        (name, speech.number(bar.count), words.percent(bar.share), words.percent(bar.cumulative))
        for name, bar in zip(names, bars, strict=True)
    )
    tips = [
        f"{name}\n{speech.say('pareto.tip', count=count, share=share, cumulative=cumulative)}"
        for name, count, share, cumulative in rows
    ]
    label = speech.say("pareto.label", title=title, names=len(bars), first=names[0], share=rows[0][2])
    columns = tuple(Column(speech.say(f"column.{n}"), n != "cause") for n in ("cause", "count", "share", "cumulative"))
    return Figure(
        name, title, pareto_chart(bars, names, tips, words, label), caption, columns=columns, rows=rows, csv=csv
    )


def yield_figure(
    speech: Speech, name: str, title: str, rows: Sequence[tuple[str, str, Counts]], caption: str, csv: str = ""
) -> Figure:
    """Yields with their intervals, of rows (short name below the dot, full name, counts) with parts in some of them."""
    whole = summed(counts for _, _, counts in rows)
    dots, table = [], []
    for short, full, counts in rows:
        share, first = share_of(speech, counts.ok, counts.parts), share_of(speech, counts.first_ok, counts.first)
        at = wilson(counts.ok, counts.parts)
        low, high = (f"{speech.number(bound * 100, 2)} %" for bound in (at.low, at.high))
        verdicts = " · ".join(
            f"{speech.say(f'verdict.{o}')} {speech.number(n)}"
            for o, n in (("OK", counts.ok), ("NG", counts.ng), ("UNSURE", counts.unsure))
        )
        tip = f"{full}\n{speech.say('yield.tip', share=share, low=low, high=high)}\n{verdicts}"
        dots.append(Dot(short, counts.passed, at, tip))
        numbers = (counts.parts, counts.ok, counts.ng, counts.unsure)
        interval = f"{low} – {high}" if counts.parts else NOTHING
        table.append((full, *(speech.number(n) for n in numbers), share, interval, first))
    label = speech.say(
        "yield.label", title=title, parts=speech.number(whole.parts), share=share_of(speech, whole.ok, whole.parts)
    )
    names = ("what", "parts", "ok", "ng", "unsure", "yield", "interval", "first")
    columns = tuple(Column(speech.say(f"column.{n}"), n != "what") for n in names)
    drawing = dot_chart(dots, words_of(speech), label)
    return Figure(name, title, drawing, caption, columns=columns, rows=tuple(table), csv=csv)


def share_of(speech: Speech, part: int, whole: int) -> str:
    """A percentage to two digits; cut, so that what is not all never reads as all."""
    return speech.share(part, whole, 2)
