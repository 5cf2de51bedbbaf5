"""Copper features that golden layouts are put together from: tracks, bundles, pads, planes.

Every function draws on blank paper of one size and gives masks, (height, width) uint8 with
1 = copper (or 1 = hole). Lengths are px of the picture; directions are in eighths of a turn.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Points = NDArray[np.float64]
Size = tuple[int, int]
"""(width, height) in px."""

TURN = np.pi / 4
"""Tracks run straight or at 45 degrees."""


def blank(size: Size) -> Mask:
    """An empty mask, (height, width)."""
    return np.zeros((size[1], size[0]), np.uint8)


def _whole(points: Points) -> NDArray[np.int32]:
    return np.rint(points).astype(np.int32)


def route(rng: np.random.Generator, start: Points, heading: int, legs: int, leg_px: tuple[int, int]) -> Points:
    """Corners of a track of `legs` straight pieces that turn by 45 degrees, (legs + 1, 2)."""
    points = [start]
    for _ in range(legs):
        step = np.array([np.cos(heading * TURN), np.sin(heading * TURN)])
        points.append(points[-1] + step * rng.integers(leg_px[0], leg_px[1] + 1))
        heading += int(rng.choice((-1, 1)))
    return np.array(points)


def beside(points: Points, offset: float) -> Points:
    """The parallel of a route at `offset` px to its right, with mitred corners, (n, 2)."""
    legs = np.diff(points, axis=0)
    legs /= np.linalg.norm(legs, axis=1, keepdims=True)
    normals = np.stack([-legs[:, 1], legs[:, 0]], axis=1)
    before, after = np.vstack([normals[:1], normals]), np.vstack([normals, normals[-1:]])
    mitre = (before + after) / (1.0 + np.sum(before * after, axis=1, keepdims=True))
    moved: Points = points + mitre * offset
    return moved


def track(size: Size, points: Points, width: int) -> Mask:
    """One track with round ends."""
    mask = blank(size)
    cv2.polylines(mask, [_whole(points)], False, 1, width)
    return mask


def bundle(rng: np.random.Generator, size: Size, count: int, width: int, gap: int) -> Mask:
    """`count` parallel tracks that cross the picture and turn together."""
    heading = int(rng.integers(0, 8))
    away = np.array([np.cos(heading * TURN), np.sin(heading * TURN)])
    middle = rng.uniform(0.15, 0.85, 2) * size
    first = np.vstack([middle - away * 1.5 * max(size), middle])
    bend = route(rng, middle, heading + int(rng.choice((-1, 0, 1))), int(rng.integers(1, 4)), (90, 240))
    last = bend[-1] + (bend[-1] - bend[-2]) * 8
    line = np.vstack([first, bend[1:], last[None]])
    mask = blank(size)
    for i in range(count):
        cv2.polylines(mask, [_whole(beside(line, (i - count / 2) * (width + gap)))], False, 1, width)
    return mask


def rounded(size: Size, middle: Points, half: tuple[float, float], radius: float, angle: float = 0.0) -> Mask:
    """A rectangle with rounded corners; half width and half height, `angle` in radians."""
    mask = blank(size)
    radius = min(radius, *half)
    ax = np.array([np.cos(angle), np.sin(angle)])
    ay = np.array([-ax[1], ax[0]])
    for dx, dy in ((half[0], half[1] - radius), (half[0] - radius, half[1])):
        corners = [middle + sx * dx * ax + sy * dy * ay for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        cv2.fillPoly(mask, [_whole(np.array(corners))], 1)
    for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        at = middle + sx * (half[0] - radius) * ax + sy * (half[1] - radius) * ay
        disc(mask, at, radius)
    return mask


def disc(mask: Mask, middle: Points, radius: float, value: int = 1) -> None:
    """Fills a circle in `mask`."""
    x, y = _whole(middle)
    cv2.circle(mask, (int(x), int(y)), round(radius), value, -1)


def chamfered(size: Size, corner: Points, sides: tuple[int, int], cut: int) -> Mask:
    """A plane: a rectangle from its upper left corner, with corners cut at 45 degrees."""
    (x, y), (w, h) = corner, sides
    around = [
        (x + cut, y), (x + w - cut, y), (x + w, y + cut), (x + w, y + h - cut),
        (x + w - cut, y + h), (x + cut, y + h), (x, y + h - cut), (x, y + cut),
    ]  # fmt: skip
    mask = blank(size)
    cv2.fillPoly(mask, [_whole(np.array(around))], 1)
    return mask


def teardrop(mask: Mask, pad: Points, towards: Points, radius: float, width: int) -> None:
    """Widens a track towards its pad: a cone from the pad's sides to the track."""
    way = towards - pad
    length = float(np.linalg.norm(way))
    if length < 1.0:
        return
    way /= length
    side = np.array([-way[1], way[0]])
    tip = pad + way * min(length, 2.2 * radius)
    cone = [pad + side * radius * 0.95, tip + side * width / 2, tip - side * width / 2, pad - side * radius * 0.95]
    cv2.fillPoly(mask, [_whole(np.array(cone))], 1)


def square_wave(rng: np.random.Generator, size: Size, y: int, height: int, period: int) -> Points:
    """A meander from left to right round the line `y`: its corners, (n, 2)."""
    points: list[tuple[float, float]] = []
    x, up = -float(rng.integers(0, period)), False
    while x < size[0] + period:
        level = y - height / 2 if up else y + height / 2
        points += [(x, level), (x + period * rng.uniform(0.5, 1.1), level)]
        x, up = points[-1][0], not up
    return np.array(points)
