"""A control chart, drawn: points by their order, limits that step, signals by shape and not by colour alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from agent.quality.control import Kind, Limits, Point, Signal, Stretch
from agent.web.charts.plot import Plot, moments
from agent.web.charts.scale import Scale, Words, around, digits_of
from agent.web.charts.svg import mark, path, picture, tag

_MANY = 60
"""With more points than this the plain ones are drawn small."""


@dataclass(frozen=True, slots=True)
class ControlText:
    """What a control chart says."""

    label: str
    """The whole chart in a sentence."""
    axis: Callable[[float, int], str]
    """A value on the axis with so many digits."""
    factor: float
    """What the axis says is so many times the value: 100 for shares in per cent."""
    tip: Callable[[Stretch, Point], str]
    """One point with its exact figures."""


def control_chart(stretches: Sequence[Stretch], words: Words, text: ControlText, plot: Plot | None = None) -> Markup:
    """The chart of stretches that follow each other. Raises ValueError where there is no point at all."""
    plot = plot or Plot()
    points = [point for stretch in stretches for point in stretch.points]
    if not points:
        raise ValueError("a control chart of no points")
    log = any(stretch.kind is Kind.G for stretch in stretches)
    scale = plot.upward(*_ends(points, log), log=log)
    digits = 0 if log else digits_of(tuple(tick * text.factor for tick in scale.ticks()))
    drawn = plot.lines(scale, lambda value: text.axis(value, digits))
    first = 0
    for stretch in stretches:
        at = [plot.place(first + i, len(points)) for i in range(len(stretch.points))]
        drawn += _stretch(stretch, at, scale, plot, len(points))
        drawn += [
            _mark(stretch, p, x, scale(p.value), text, len(points)) for p, x in zip(stretch.points, at, strict=True)
        ]
        if len(stretches) > 1 and stretch.points:
            drawn += _head(stretch, at, plot, plot.step(len(points)), first > 0)
        first += len(stretch.points)
    drawn += plot.names(moments([point.start_utc_us for point in points], words))
    return picture(plot.width, plot.height, text.label, "control", drawn)


def _ends(points: Sequence[Point], log: bool) -> tuple[float, float]:
    # What is too small to be judged may be far off, and is drawn at the edge.
    some = [point for point in points if not point.growing] or list(points)
    values = [point.value for point in some]
    values += [bound for point in some if point.limits for bound in (point.limits.lower, point.limits.upper)]
    if not log:
        return around(values)
    low = min(max(value, 0.8) for value in values)
    return low * 0.8, max(*values, low * 10) * 1.3


def _stretch(stretch: Stretch, at: Sequence[float], scale: Scale, plot: Plot, count: int) -> Iterator[Markup]:
    """Band, limits, centre and the line through the values."""
    half = plot.step(count) / 2
    trial = "" if stretch.frozen else " trial"
    limited = [(x, p.limits) for x, p in zip(at, stretch.points, strict=True) if p.limits]
    if limited:
        lower, upper = (
            _steps(limited, half, lambda limits: scale(limits.lower)),
            _steps(limited, half, lambda limits: scale(limits.upper)),
        )
        yield tag("path", class_=f"band{trial}", d=path([*upper, *reversed(lower)]) + "Z")
        yield tag("path", class_=f"limit{trial}", d=path(upper))
        yield tag("path", class_=f"limit{trial}", d=path(lower))
        yield tag("path", class_=f"centre{trial}", d=path(_steps(limited, half, lambda limits: scale(limits.centre))))
    yield tag("path", class_="line", d=path((x, scale(p.value)) for x, p in zip(at, stretch.points, strict=True)))


def _steps(
    limited: Sequence[tuple[float, Limits]], half: float, y: Callable[[Limits], float]
) -> list[tuple[float, float]]:
    return [corner for x, limits in limited for corner in ((x - half, y(limits)), (x + half, y(limits)))]


def _mark(stretch: Stretch, point: Point, x: float, y: float, text: ControlText, count: int) -> Markup:
    size = 2.5 if count > _MANY else 3.5
    if Signal.BEYOND in point.signals:
        shape = tag("path", class_="beyond", d=f"M{x:.1f} {y - 7:.1f}l7 7 -7 7 -7 -7z")
    elif Signal.RUN in point.signals:
        shape = tag("rect", class_="run", x=x - 4.5, y=y - 4.5, width=9, height=9)
    else:
        shape = tag("circle", class_="growing" if point.growing else "dot", cx=x, cy=y, r=size)
    return mark(text.tip(stretch, point), [tag("circle", class_="hit", cx=x, cy=y, r=11), shape])


def _head(stretch: Stretch, at: Sequence[float], plot: Plot, step: float, line: bool) -> Iterator[Markup]:
    """Where another revision begins, with its name as far as there is room for it."""
    x = at[0] - step / 2
    if line:
        yield tag("line", class_="change", x1=x, x2=x, y1=plot.top - 16, y2=plot.height - plot.bottom)
    if len(stretch.name) * 7 < at[-1] - at[0] + step:
        yield tag("text", stretch.name, class_="tick", x=x + 6, y=plot.top - 8)
