"""Ragged shapes of the six defects, as masks on a small window of a board.

All take the window's shape (height, width), a place and directions in it (px, rad) and give a
(height, width) mask, 1 = inside the shape. They know nothing of the board; `defects.py` cuts
them to the copper or the gap and checks what became of it.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]
Place = tuple[float, float]
"""x, y in px."""


def _along(at: Place, turn: float, far: float) -> Place:
    return at[0] + far * float(np.cos(turn)), at[1] + far * float(np.sin(turn))


def _whole(points: Sequence[Place]) -> NDArray[np.int32]:
    corners: NDArray[np.int32] = np.rint(np.array(points)).astype(np.int32)
    return corners


def _ellipse(mask: Mask, at: Place, long: float, short: float, turn: float) -> None:
    x, y = (int(v) for v in _whole([at])[0])
    axes = (max(1, round(long / 2)), max(1, round(short / 2)))
    cv2.ellipse(mask, (x, y), axes, float(np.degrees(turn)), 0, 360, 1, -1)


def _line(mask: Mask, points: Sequence[Place], width: float) -> None:
    cv2.polylines(mask, [_whole(points)], False, 1, max(2, round(width)))


def ragged(core: Mask, rng: np.random.Generator) -> Mask:
    """The same shape with the torn edge of a binarised picture."""
    height, width = core.shape
    rough = float(rng.uniform(0.12, 0.28))
    noise = rng.standard_normal((height // 2, width // 2), np.float32) * rough
    soft = cv2.GaussianBlur(core.astype(np.float32), (0, 0), 1.3)
    torn = soft + cv2.resize(noise, (width, height)).clip(-0.35, 0.35)
    mask: Mask = (torn > 0.5).astype(np.uint8)
    return mask


def blob(shape: tuple[int, int], at: Place, long: float, short: float, rng: np.random.Generator) -> Mask:
    """A spot of about long x short px in any direction: oval, double, or a bent streak."""
    mask: Mask = np.zeros(shape, np.uint8)
    turn, what = float(rng.uniform(0, np.pi)), rng.random()
    if what < 0.5:
        _ellipse(mask, at, long, short, turn)
    elif what < 0.75:
        _ellipse(mask, _along(at, turn, long * 0.15), long * 0.7, short, turn)
        side = turn + float(rng.uniform(-0.8, 0.8))
        _ellipse(mask, _along(at, side, -long * 0.25), long * 0.5, short * float(rng.uniform(0.6, 1.0)), side)
    else:
        width = max(5.0, short * 0.6)
        bend = _along(at, turn + np.pi / 2, float(rng.uniform(-0.5, 0.5)) * short)
        _line(mask, [_along(at, turn, -(long - width) / 2), bend, _along(at, turn, (long - width) / 2)], width)
    return ragged(mask, rng)


def bite(shape: tuple[int, int], at: Place, inward: float, depth: float, rng: np.random.Generator) -> Mask:
    """A notch of about `depth` px from an edge point into the material."""
    mask: Mask = np.zeros(shape, np.uint8)
    if rng.random() < 0.65:
        wide = float(rng.uniform(max(6.0, depth * 0.7), max(9.0, min(24.0, depth * 2.2))))
        _ellipse(mask, at, 2 * depth, wide, inward)
    else:
        slant = inward + float(rng.uniform(-0.9, 0.9))
        width = float(rng.uniform(4.5, 7.0))
        tip = _along(at, slant, depth / max(0.6, float(np.cos(slant - inward))) - width / 2)
        _line(mask, [_along(at, slant, -4), tip], width)
        if rng.random() < 0.5:
            _line(mask, [tip, _along(tip, slant + float(rng.choice((-1.2, 1.2))), 6)], width)
    return ragged(mask, rng)


def spur(shape: tuple[int, int], at: Place, outward: float, length: float, rng: np.random.Generator) -> Mask:
    """A bump or a whisker of about `length` px from an edge point outwards."""
    mask: Mask = np.zeros(shape, np.uint8)
    if rng.random() < 0.35:
        _ellipse(mask, at, 2 * length, float(rng.uniform(8, 18)), outward + float(rng.uniform(-0.4, 0.4)))
        return ragged(mask, rng)
    slant, width = outward + float(rng.uniform(-0.8, 0.8)), float(rng.uniform(4.5, 9.0))
    tip = _along(at, slant, length - width / 2)
    _line(mask, [_along(at, slant, -3), tip], width)
    if rng.random() < 0.35:
        _line(mask, [tip, _along(tip, slant + float(rng.choice((-1.3, 1.3))), float(rng.uniform(4, 10)))], width)
    elif rng.random() < 0.4:
        _ellipse(mask, _along(at, slant, 1.0), width * 2.2, width * 1.8, slant)
    return ragged(mask, rng)


def gap(shape: tuple[int, int], at: Place, across: float, width: float, rng: np.random.Generator) -> Mask:
    """A break right over a track of `width` px that runs square to `across`: a gap or a crack."""
    mask: Mask = np.zeros(shape, np.uint8)
    half, along = width / 2 + 3.0, across + np.pi / 2
    if width >= 13 and rng.random() < 0.4:
        skew, thick = float(rng.uniform(-9, 9)), float(rng.uniform(4.5, 7.0))
        ends = [_along(_along(at, across, side * (half + 1)), along, side * skew) for side in (-1, 1)]
        middle = _along(at, along, float(rng.uniform(-4, 4)))
        _line(mask, [ends[0], middle, ends[1]], thick)
        return ragged(mask, rng)
    long = float(rng.uniform(12, 24)) if width < 12 else float(rng.uniform(6, 22))
    corners = []
    for side, end in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        corner = _along(_along(at, across, side * half), along, end * long / 2 + float(rng.uniform(-2.5, 2.5)))
        corners.append(corner)
    cv2.fillPoly(mask, [_whole(corners)], 1)
    return ragged(mask, rng)


def bridge(shape: tuple[int, int], at: Place, across: float, width: float, rng: np.random.Generator) -> Mask:
    """Copper right over a gap of `width` px: a bar, slanted or waisted, thick where the gap is narrow."""
    mask: Mask = np.zeros(shape, np.uint8)
    half, along = width / 2 + 3.0, across + np.pi / 2
    thick = float(rng.uniform(15, 24)) if width < 15 else float(rng.uniform(5, 15))
    skew = float(rng.uniform(-0.35, 0.35)) * min(width, 20)
    ends = [_along(_along(at, across, side * half), along, side * skew) for side in (-1, 1)]
    middle = _along(at, along, float(rng.uniform(-0.2, 0.2)) * thick)
    waist = thick * float(rng.uniform(0.6, 1.0)) if thick > 8 else thick
    _line(mask, [ends[0], middle, ends[1]], waist)
    for end in ends:
        _ellipse(mask, end, thick * 1.2, thick, along)
    return ragged(mask, rng)
