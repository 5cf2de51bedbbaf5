"""A day's yields in a line as small as a word, the same scale for all stations of a page."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby

from markupsafe import Markup

from agent.web.charts.svg import path, tag

WIDTH, HEIGHT = 120, 32
_EDGE = 3.0
LOWEST_TOP = 0.95
"""The scale shows at least the last 5 % of the yield."""


def floor_of(yields: Iterable[float | None]) -> float:
    """Where the scale begins: under all but the worst tenth, on whole 5 %; worse ones lie on the edge."""
    known = sorted(share for share in yields if share is not None)
    if not known:
        return LOWEST_TOP
    low = known[len(known) // 10]
    return max(0.0, min(LOWEST_TOP, math.floor(low * 20 - 1e-9) / 20))


def spark(yields: Sequence[float | None], floor: float, label: str) -> Markup:
    """Yields (0..1) of equal spans, None where there was no part; `label` says it in words."""
    step = WIDTH / max(len(yields), 1)
    places = [
        ((i + 0.5) * step, _height(share, floor)) if share is not None else None for i, share in enumerate(yields)
    ]
    runs = [[at for at in run if at] for there, run in groupby(places, lambda at: at is not None) if there]
    way = "".join(path(run if len(run) > 1 else _dash(run[0], step)) for run in runs)
    drawn = [tag("path", class_="top", d=f"M0 {_EDGE:g}H{WIDTH}"), tag("path", class_="way", d=way)]
    drawn += [
        tag("path", class_="worst", d=f"M{at[0] - step / 2:.1f} {HEIGHT - 1}h{step:.1f}")
        for at, share in zip(places, yields, strict=True)
        if at and share is not None and share < floor
    ]
    return tag("svg", drawn, class_="spark", view_box=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label)


def _dash(at: tuple[float, float], step: float) -> list[tuple[float, float]]:
    """An hour alone between two without parts."""
    return [(at[0] - step / 3, at[1]), (at[0] + step / 3, at[1])]


def _height(share: float, floor: float) -> float:
    return _EDGE + (1 - max(share, floor)) / (1 - floor) * (HEIGHT - 2 * _EDGE)
