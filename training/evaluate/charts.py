"""Small drawings of an evaluation's page: intervals, and recall against false calls."""

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from training.evaluate.calls import Against, Curve
from training.evaluate.chances import Share

WIDTH, HEIGHT = 1160, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 24, 18, 46
MOST_POINTS = 400
Scale = Callable[[float], float]


def interval(share: Share, low: float, high: float) -> str:
    """A share with its 95 % interval on a scale from `low` to `high`."""
    if not share.n or high <= low:
        return ""
    a, p, b = (100 * min(max((v - low) / (high - low), 0.0), 1.0) for v in (share.low, share.share, share.high))
    return (
        f'<svg class="interval" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" x="0" y="4.5" width="100" height="1"/>'
        f'<rect class="span" x="{a:.2f}" y="3.5" width="{max(b - a, 0.6):.2f}" height="3"/>'
        f'<rect class="dot" x="{min(max(p - 0.7, 0), 98.6):.2f}" y="1" width="1.4" height="8"/></svg>'
    )


def curve(model: Curve, against: Sequence[Against]) -> str:
    """Recall against false calls a picture, every threshold a point; a traditional method is one point."""
    if not model.best.size:
        return ""
    points = _points(model)
    # Of the curve, the part that decides: from a little below what the worse of both reaches.
    reached = [points[-1][1], *(r for a in against for r in (a.traditional_recall, a.recall))]
    least = max(0.0, math.floor(min(0.85, *reached) * 10) / 10)
    left = 1 / max(model.pictures, 1) / 2
    most = max(10.0, *(f for f, _ in points), *(a.traditional_false_calls for a in against))

    def x(false: float) -> float:
        share = (math.log10(max(false, left)) - math.log10(left)) / (math.log10(most) - math.log10(left))
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(recall: float) -> float:
        return TOP + (1 - (recall - least) / (1 - least)) * (HEIGHT - TOP - BOTTOM)

    line = " ".join(f"{x(f):.1f},{y(r):.1f}" for f, r in points if r >= least)
    left_first = sorted(against, key=lambda a: a.traditional_false_calls)
    marks = f'<polyline class="line" points="{line}"/>{"".join(_marks(i, a, x, y) for i, a in enumerate(left_first))}'
    words = "Recall against false calls a picture"
    return (
        f'<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">'
        f"{_grid(left, most, least, x, y)}{marks}</svg>"
    )


def _points(model: Curve) -> list[tuple[float, float]]:
    """(false calls a picture, recall), from the highest threshold to the lowest."""
    thresholds = np.unique(np.concatenate((model.best[model.best > 0], model.false)))[::-1]
    if thresholds.size > MOST_POINTS:
        thresholds = thresholds[np.linspace(0, thresholds.size - 1, MOST_POINTS).astype(int)]
    return [(model.false_calls(float(t)), model.recall(float(t))) for t in thresholds]


def _grid(left: float, most: float, least: float, x: Scale, y: Scale) -> str:
    lines = []
    for power in range(math.ceil(math.log10(left)), math.floor(math.log10(most)) + 1):
        at = x(10.0**power)
        lines.append(f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        lines.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{10.0**power:g}</text>')
    step = 0.1 if least < 0.7 else 0.05 if least < 0.9 else 0.02
    for i in range(round((1 - least) / step) + 1):
        recall = 1 - i * step
        at = y(recall)
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{100 * recall:.0f} %</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    axis = "false calls a picture 每图误报数"
    lines.append(f'<text class="axis" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{axis}</text>')
    return "".join(lines)


def _marks(number: int, against: Against, x: Scale, y: Scale) -> str:
    """The traditional method's point and the model's at its recall; names one below the other, never across."""
    tx, ty = x(against.traditional_false_calls), y(against.traditional_recall)
    mx, my = x(against.false_calls), y(against.recall)
    link = f'<line class="gap" x1="{mx:.1f}" y1="{my:.1f}" x2="{tx:.1f}" y2="{ty:.1f}"/>'
    there = f'<path class="theirs" d="M{tx:.1f} {ty - 7:.1f} l7 7 -7 7 -7 -7z"/>'
    here = f'<circle class="ours" cx="{mx:.1f}" cy="{my:.1f}" r="6"/>'
    below = 26 + 20 * number
    words = escape(f"{against.method}: {against.traditional_false_calls:.2f}, the model: {against.false_calls:.2f}")
    lead = f'<line class="lead" x1="{tx:.1f}" x2="{tx:.1f}" y1="{ty + 8:.1f}" y2="{ty + below - 13:.1f}"/>'
    text = f'<text class="name" x="{tx:.1f}" y="{ty + below:.1f}" text-anchor="end">{words}</text>'
    return link + lead + there + here + text
