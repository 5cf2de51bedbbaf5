"""Bars and dots: Pareto with its cumulative line, shares with their intervals, histograms of scores."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from agent.quality.heat import SCORE_BINS, Scores
from agent.quality.pareto import Bar
from agent.quality.shares import Interval
from agent.web.charts.plot import TEXT_PX, Plot, every_of
from agent.web.charts.scale import Scale, Words, around, digits_of
from agent.web.charts.svg import mark, path, picture, tag


def pareto_chart(bars: Sequence[Bar], names: Sequence[str], tips: Sequence[str], words: Words, label: str) -> Markup:
    """Bars by falling count and the line of their cumulative share. Raises ValueError for no bars."""
    if not bars:
        raise ValueError("a Pareto chart of no bars")
    plot = Plot(height=290, bottom=50, right=56)
    scale = plot.upward(0, max(sum(bar.count for bar in bars), 1))
    share = plot.upward(0, 1)
    counts = _whole(scale)
    drawn: list[Markup] = []
    for value in counts:
        y = scale(value)
        drawn.append(tag("line", class_="grid", x1=plot.left, x2=plot.width - plot.right, y1=y, y2=y))
        drawn.append(tag("text", words.number(value, 0), class_="tick end", x=plot.left - 8, y=y + 4.5))
    for part in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        said = words.percent(part, 0)
        drawn.append(tag("text", said, class_="tick", x=plot.width - plot.right + 8, y=share(part) + 4.5))
    step, base = plot.step(len(bars)), scale(0)
    wide = min(step * 0.72, 90)
    line = [(plot.place(i, len(bars)), share(bar.cumulative)) for i, bar in enumerate(bars)]
    for i, (bar, name, tip) in enumerate(zip(bars, names, tips, strict=True)):
        x, y = plot.place(i, len(bars)), scale(bar.count)
        area = tag("rect", class_="hit", x=x - step / 2, y=plot.top, width=step, height=base - plot.top)
        shape = tag("rect", class_="bar", x=x - wide / 2, y=y, width=wide, height=max(base - y, 1.0))
        drawn.append(mark(tip, [area, shape]))
        drawn += _wrapped(name, x, plot.height - plot.bottom + 18, step)
    drawn.append(tag("path", class_="cumulative", d=path(line)))
    drawn += [tag("circle", class_="knot", cx=x, cy=y, r=3.5) for x, y in line]
    return picture(plot.width, plot.height, label, "pareto", drawn)


def _whole(scale: Scale) -> tuple[float, ...]:
    return tuple(value for value in scale.ticks(5) if value == int(value))


def _wrapped(name: str, x: float, y: float, room_px: float) -> list[Markup]:
    """A name in at most two lines, cut where it is longer."""
    lines = [""]
    for word in name.split(" ") if " " in name else [name]:
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer) <= room_px or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > 2:
        lines = [lines[0], " ".join(lines[1:])]
    cut = [_cut(line, room_px) for line in lines]
    return [tag("text", line, class_="tick middle", x=x, y=y + 16 * i) for i, line in enumerate(cut)]


def _width(text: str) -> float:
    return sum(TEXT_PX * (1.0 if unicodedata.east_asian_width(c) in "WF" else 0.58) for c in text)


def _cut(text: str, room_px: float) -> str:
    if _width(text) <= room_px:
        return text
    while len(text) > 1 and _width(text) + TEXT_PX > room_px:
        text = text[:-1]
    return f"{text}…"


@dataclass(frozen=True, slots=True)
class Dot:
    """A share with its interval."""

    name: str
    """Below it; empty: none."""
    share: float | None
    """0..1; None: there is none, and its place stays empty."""
    interval: Interval
    tip: str


def dot_chart(dots: Sequence[Dot], words: Words, label: str, most_names: int = 12) -> Markup:
    """Shares as dots with whiskers: a bar from 0 would hide 99.2 % from 99.8 %. Raises ValueError for no dots."""
    known = [dot for dot in dots if dot.share is not None]
    if not known:
        raise ValueError("a chart of no shares")
    plot = Plot(height=220, top=12)
    # A dot that says next to nothing must not flatten the others: its line runs off the edge.
    telling = [dot for dot in known if dot.interval.high - dot.interval.low < 0.3] or known
    low, high = around([bound for dot in telling for bound in (dot.interval.low, dot.interval.high)])
    scale = plot.upward(max(0.0, low), min(1.0, high))
    digits = digits_of(tuple(100 * tick for tick in scale.ticks(4)))
    drawn = plot.lines(scale, lambda share: words.percent(share, digits), 4)
    for i, dot in enumerate(dots):
        if dot.share is None:
            continue
        x, y = plot.place(i, len(dots)), scale(dot.share)
        whisker = tag("line", class_="whisker", x1=x, x2=x, y1=scale(dot.interval.low), y2=scale(dot.interval.high))
        hit = tag("rect", class_="hit", x=x - 11, y=plot.top, width=22, height=plot.height - plot.bottom - plot.top)
        drawn.append(mark(dot.tip, [hit, whisker, tag("circle", class_="dot", cx=x, cy=y, r=4.5)]))
    drawn += plot.names([dot.name for dot in dots], every_of(len(dots), most_names))
    return picture(plot.width, plot.height, label, "dots", drawn)


def score_chart(scores: Scores, tips: Sequence[str], words: Words, label: str) -> Markup:
    """How often a class was found with which score; what makes a part NG is filled, what does not is outlined."""
    plot = Plot(width=360, height=150, left=44, top=10, bottom=26, right=12)
    scale = plot.upward(0, max(*scores.counts, 1) * 1.05)
    across = Scale(0.0, 1.0, *plot.ends)
    drawn = plot.lines(scale, lambda value: words.number(value, 0) if value == int(value) else "", 3)
    wide = across(1 / SCORE_BINS) - across(0)
    for i, (count, tip) in enumerate(zip(scores.counts, tips, strict=True)):
        if not count:
            continue
        middle = (i + 0.5) / SCORE_BINS
        counted = scores.threshold is not None and middle >= scores.threshold
        x, y = across(i / SCORE_BINS), scale(count)
        tall = max(scale(0) - y, 1.5)
        bar = tag(
            "rect", class_="bar bad" if counted else "bar", x=x + 0.5, y=scale(0) - tall, width=wide - 1, height=tall
        )
        drawn.append(mark(tip, [bar]))
    if scores.threshold is not None:
        x = across(scores.threshold)
        drawn.append(tag("line", class_="threshold", x1=x, x2=x, y1=plot.top - 6, y2=scale(0)))
    y = plot.height - plot.bottom + 19
    drawn += [
        tag("text", words.number(v, 1), class_="tick middle", x=across(v), y=y) for v in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    return picture(plot.width, plot.height, label, "scores", drawn)
