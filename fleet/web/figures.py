"""What is known of a place in a period, as figures in the viewer's language."""

from collections.abc import Sequence
from itertools import pairwise

from agent.quality.pareto import pareto
from agent.web.charts.figure import Column, Figure
from agent.web.quality.figures import control_figure, pareto_figure, words_of, yield_figure
from agent.web.speech import Speech
from fleet.store.values import Found, Kind, Sums
from fleet.store.values import Group as Summed
from fleet.web.histogram import bucket_chart
from fleet.web.hours import Hit, stretches, yield_rows
from fleet.web.period import Period
from pipelines.summary import LATENCY_BOUNDS_MS, SCORE_BOUNDS, quantile

MOST_BARS = 10


def yields(speech: Speech, groups: Sequence[Summed], period: Period) -> Figure:
    """By hour, or by day where the period is long."""
    title = speech.say("fleet.yields")
    rows = yield_rows(groups, period, speech)
    if not rows:
        return nothing(speech, "yields", title)
    return yield_figure(speech, "yields", title, rows, speech.say("quality.yield.caption"))


def control(
    speech: Speech,
    shown: Sequence[Summed],
    before: Sequence[Summed],
    hit: Hit,
    period: Period,
    place: str,
    lane: str = "",
) -> Figure:
    """The share that did not pass at the first attempt, or that could not be judged; `lane` names one of several."""
    title, name = speech.say(f"fleet.control.{hit}"), f"control-{hit}"
    if lane:
        title, name = f"{title} · {speech.say('lane.title', lane=lane)}", f"{name}-{lane}"
    found = stretches(shown, before, hit, period, place)
    return control_figure(speech, name, title, found) if found else nothing(speech, name, title)


def causes(speech: Speech, found: Sequence[Found], kind: Kind, name: str = "") -> Figure:
    """Pareto of what was found, of one kind; `name` makes it one of several on a page."""
    title = name or speech.say(f"fleet.causes.{kind}")
    counted = {each.name if kind != "unsure" else each.slug: each.n for each in found if each.kind == kind}
    bars = pareto(counted, most=MOST_BARS)
    place = f"causes-{kind}"
    if not bars:
        return nothing(speech, place, title, f"fleet.causes.{kind}.none")
    named = "rule" if kind == "unsure" else "label"
    caption = speech.say(f"fleet.causes.{kind}.caption", n=speech.number(sum(counted.values())))
    return pareto_figure(speech, place, title, bars, caption, lambda each: speech.named(named, each))


def latency(speech: Speech, sums: Sums) -> Figure:
    """How long parts took from picture to verdict, all lanes' histograms added up."""
    counts = sums.latency_buckets()
    ends = [f"{bound:g}" for bound in LATENCY_BOUNDS_MS]
    title = speech.say("fleet.latency")
    if not any(counts):
        return nothing(speech, "latency", title)
    p50, p99 = (speech.number(quantile(counts, LATENCY_BOUNDS_MS, q), 1) for q in (0.5, 0.99))
    caption = speech.say("fleet.latency.caption", p50=p50, p99=p99, most=speech.number(sums.latency_max_ms, 1))
    return _buckets(speech, "latency", title, counts, ends, caption, "fleet.parts", 1)


def scores(speech: Speech, sums: Sums) -> Figure:
    """How surely the models found what they found, over all classes."""
    counts = sums.score_buckets()
    ends = [f"{bound:.2f}" for bound in SCORE_BOUNDS]
    title = speech.say("fleet.scores")
    if not any(counts):
        return nothing(speech, "scores", title)
    return _buckets(speech, "scores", title, counts, ends, speech.say("fleet.scores.caption"), "fleet.detections", 4)


def _buckets(
    speech: Speech, name: str, title: str, counts: Sequence[int], ends: Sequence[str], caption: str, of: str, every: int
) -> Figure:
    """`of`: what was counted; `every`: each how many-th bound is named."""
    spans = [f"≤ {ends[0]}", *(f"{a} – {b}" for a, b in pairwise(ends)), f"> {ends[-1]}"]
    tips = [f"{span}\n{speech.say(of, n=speech.number(n))}" for span, n in zip(spans, counts, strict=True)]
    label = f"{title}: {caption}"
    whole = sum(counts)
    columns = (
        Column(speech.say("fleet.span"), False),
        Column(speech.say("column.count")),
        Column(speech.say("column.share")),
    )
    rows = tuple(
        (span, speech.number(n), speech.share(n, whole, 2)) for span, n in zip(spans, counts, strict=True) if n
    )
    drawing = bucket_chart(counts, ends, tips, words_of(speech), label, every)
    return Figure(name, title, drawing, caption, columns=columns, rows=rows)


def nothing(speech: Speech, name: str, title: str, why: str = "quality.none") -> Figure:
    """In the place of a figure for which there is nothing."""
    return Figure(name, title, None, speech.say(why))
