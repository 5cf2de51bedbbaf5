"""The frame of a chart: room for axes, lines at the ticks, names below."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from agent.web.charts.scale import Scale, Words
from agent.web.charts.svg import tag

WIDTH, HEIGHT = 720, 264
"""Of a drawing, in its own px; the page makes it as wide as its place."""
TEXT_PX = 13


@dataclass(frozen=True, slots=True)
class Plot:
    """Where the values go."""

    width: int = WIDTH
    height: int = HEIGHT
    left: int = 56
    right: int = 14
    top: int = 22
    bottom: int = 30

    @property
    def ends(self) -> tuple[float, float]:
        """Left and right end of the values' room."""
        return self.left, self.width - self.right

    def upward(self, low: float, high: float, log: bool = False) -> Scale:
        """The scale of the vertical axis."""
        return Scale(low, high, self.height - self.bottom, self.top, log)

    def place(self, index: int, count: int) -> float:
        """Middle of the index-th of `count` equally wide places."""
        return self.left + (index + 0.5) * self.step(count)

    def step(self, count: int) -> float:
        return (self.width - self.left - self.right) / max(count, 1)

    def lines(self, scale: Scale, said: Callable[[float], str], most: int = 5) -> list[Markup]:
        """A line and its value at each tick of the vertical axis."""
        drawn = []
        for value in scale.ticks(most):
            y = scale(value)
            drawn.append(tag("line", class_="grid", x1=self.left, x2=self.width - self.right, y1=y, y2=y))
            drawn.append(tag("text", said(value), class_="tick end", x=self.left - 8, y=y + 4.5))
        return drawn

    def names(self, named: Sequence[str], every: int = 1) -> list[Markup]:
        """Names below the places, each `every`-th of them, as far as they are not empty."""
        y = self.height - self.bottom + 20
        return [
            tag("text", name, class_="tick middle", x=self.place(i, len(named)), y=y)
            for i, name in enumerate(named)
            if name and i % every == 0
        ]


def every_of(count: int, most: int) -> int:
    """Each how many-th of `count` names is shown, so that there are at most `most`."""
    return max(1, -(-count // most))


def moments(starts: Sequence[int], words: Words, most: int = 8) -> tuple[str, ...]:
    """A name for some of these moments (µs UTC): the hour, and the day where it is another than before."""
    every = every_of(len(starts), most)
    days = [words.local(start).date() for start in starts]
    one_a_day = len(starts) > 1 and len(set(days)) == len(starts)
    named, before = [], None
    for place, start in enumerate(starts):
        if place % every:
            named.append("")
            continue
        new_day = days[place] != before
        before = days[place]
        named.append(words.day(start) if one_a_day or (new_day and place) else words.clock(start))
    return tuple(named)
