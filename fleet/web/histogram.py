"""A histogram whose bounds are not equally wide, as the messages have them: a bar a bucket."""

from collections.abc import Sequence

from markupsafe import Markup

from agent.web.charts.plot import Plot
from agent.web.charts.scale import Words
from agent.web.charts.svg import mark, picture, tag


def bucket_chart(
    counts: Sequence[int], bounds: Sequence[str], tips: Sequence[str], words: Words, label: str, every: int = 1
) -> Markup:
    """`bounds` lie between the bars, each `every`-th is named. Raises ValueError where nothing was counted."""
    if not any(counts):
        raise ValueError("a histogram of nothing")
    plot = Plot(height=220, top=12)
    scale = plot.upward(0, max(counts) * 1.05)
    drawn = plot.lines(scale, lambda value: words.number(value, 0) if value == int(value) else "", 4)
    wide, base = plot.step(len(counts)), scale(0)
    for place, (count, tip) in enumerate(zip(counts, tips, strict=True)):
        if count:
            x, tall = plot.place(place, len(counts)), max(base - scale(count), 1.5)
            hit = tag("rect", class_="hit", x=x - wide / 2, y=plot.top, width=wide, height=base - plot.top)
            bar = tag("rect", class_="bar", x=x - wide / 2 + 1, y=base - tall, width=wide - 2, height=tall)
            drawn.append(mark(tip, [hit, bar]))
    y = plot.height - plot.bottom + 20
    drawn += [
        tag("text", bound, class_="tick middle", x=plot.left + (place + 1) * wide, y=y)
        for place, bound in enumerate(bounds)
        if place % every == every - 1
    ]
    return picture(plot.width, plot.height, label, "buckets", drawn)
