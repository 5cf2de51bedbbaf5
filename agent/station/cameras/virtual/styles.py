"""The styles of golden layouts: each fills a sheet the way one group of real boards looks.

What is designed stays apart from what the six defects look like: track ends that face other
copper keep about 28 px off it, holes are round and 20 px wide or more, lone pads are round or
square and 27 px wide or more, tracks from pad to pad are longer than a short, slots are
deeper than a bite.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from agent.station.cameras.virtual.features import (
    Mask,
    Points,
    Size,
    beside,
    blank,
    bundle,
    chamfered,
    disc,
    rounded,
    route,
    square_wave,
    teardrop,
    track,
)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A layout being drawn; its masks fill up as features are added."""

    size: Size
    copper: Mask
    """(height, width), 1 = copper."""
    holes: Mask
    """(height, width), 1 = drilled: taken out of the copper at the end."""
    taken: Mask
    """(height, width), 1 = copper with its clearance: no other feature may come here."""

    def add(self, mask: Mask, clearance: int, holes: Mask | None = None, ends: tuple[Points, ...] = ()) -> bool:
        """Adds copper where it keeps its clearance (px) to all that is there; else adds nothing.

        Round bare `ends` of tracks there is more room, so that they look like no open."""
        wide = mask.copy()
        for end in ends:
            disc(wide, end, 20.0)
        if cv2.countNonZero(cv2.bitwise_and(wide, self.taken)):
            return False
        cv2.bitwise_or(self.copper, mask, self.copper)
        reach = np.ones((2 * clearance + 1, 2 * clearance + 1), np.uint8)
        cv2.bitwise_or(self.taken, cv2.dilate(wide, reach), self.taken)
        if holes is not None:
            cv2.bitwise_or(self.holes, holes, self.holes)
        return True


Style = Callable[[Sheet, np.random.Generator], None]


def _somewhere(sheet: Sheet, rng: np.random.Generator) -> Points:
    return rng.uniform(-0.03, 1.03, 2) * sheet.size


def _pad(rng: np.random.Generator, size: Size, at: Points, radius: float, kind: str) -> tuple[Mask, Mask]:
    """A pad of one kind and its hole (empty for a kind without)."""
    holes, mask = blank(size), blank(size)
    if kind == "ring":
        radius = max(radius, 21.0)
        disc(mask, at, radius)
        disc(holes, at, float(np.clip(radius * rng.uniform(0.45, 0.55), 10, radius - 9)))
    elif kind == "round":
        disc(mask, at, radius)
    else:
        corner = radius * 0.45 if kind == "rounded" else 1.0
        mask = rounded(size, at, (radius, radius * float(rng.uniform(0.8, 1.3))), corner)
    return mask, holes


def wire(sheet: Sheet, rng: np.random.Generator, width: int, pads: tuple[str, ...], clearance: int) -> bool:
    """A track of a few legs with a pad at either end; True where there was room."""
    heading = int(rng.integers(0, 8))
    legs = int(rng.integers(1, 5))
    line = route(rng, _somewhere(sheet, rng), heading, legs, (130, 240) if legs == 1 else (65, 190))
    mask, holes = track(sheet.size, line, width), blank(sheet.size)
    bare: tuple[Points, ...] = ()
    for end, inner in ((line[0], line[1]), (line[-1], line[-2])):
        kind = str(rng.choice(pads))
        if kind == "none":
            bare = (*bare, end)
            continue
        radius = width / 2 + float(rng.uniform(6, 15))
        pad, hole = _pad(rng, sheet.size, end, radius, kind)
        mask |= pad
        holes |= hole
        if kind in ("round", "ring") and rng.random() < 0.6:
            teardrop(mask, end, inner, radius, width)
    return sheet.add(mask, clearance, holes, bare)


def lone_pads(
    sheet: Sheet, rng: np.random.Generator, count: int, kinds: tuple[str, ...], radius: tuple[float, float]
) -> None:
    """Pads by themselves, singly or in rows and grids."""
    for _ in range(count):
        kind, r = str(rng.choice(kinds)), float(rng.uniform(*radius))
        at, pitch = _somewhere(sheet, rng), np.array([r * 2, r * 2.6]) + rng.uniform(26, 48, 2)
        columns, rows = (1, 1) if rng.random() < 0.5 else (int(rng.integers(1, 5)), int(rng.integers(1, 4)))
        for i in range(columns * rows):
            pad, hole = _pad(rng, sheet.size, at + pitch * (i % columns, i // columns), r, kind)
            sheet.add(pad, 14, hole)


def comb(sheet: Sheet, rng: np.random.Generator) -> None:
    """A row of long narrow pads, as under an integrated circuit, some with tracks going on."""
    at, width, pitch = _somewhere(sheet, rng), int(rng.integers(9, 14)), int(rng.integers(24, 34))
    length = int(rng.integers(50, 90))
    mask, bare = blank(sheet.size), []
    for i in range(int(rng.integers(5, 11))):
        top = at + np.array([i * pitch, 0.0])
        line = np.array([top, top + np.array([0.0, length])])
        if rng.random() < 0.4:
            line = np.vstack([line, top + np.array([0.0, length + float(rng.integers(30, 160))])])
        mask |= track(sheet.size, line, width)
        bare += [line[0], line[-1]]
    sheet.add(mask, 10, ends=tuple(bare))


def plane(sheet: Sheet, rng: np.random.Generator, sides: tuple[int, int], clearance: int) -> None:
    """A plane with chamfered corners; whole, or with a slot, a window round a pad, or drilled holes."""
    wh = (int(rng.integers(*sides)), int(rng.integers(*sides)))
    corner = _somewhere(sheet, rng) - np.array(wh) * 0.5
    mask, holes = chamfered(sheet.size, corner, wh, int(rng.integers(0, min(wh) // 3))), blank(sheet.size)
    what, middle = rng.random(), corner + rng.uniform(0.4, 0.6, 2) * wh
    if what < 0.25 and min(wh) > 110:
        way = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))[int(rng.integers(4))]
        mask &= 1 - track(sheet.size, np.array([middle, middle + np.array(way) * 900]), int(rng.integers(11, 19)))
    elif what < 0.5 and min(wh) > 150:
        radius = float(rng.uniform(18, 28))
        disc(mask, middle, radius + float(rng.uniform(11, 17)), 0)
        disc(mask, middle, radius)
    elif what < 0.8:
        for i in range(int(rng.integers(1, 4))):
            at = corner + np.array([wh[0] * (i + 0.5) / 3, wh[1] * rng.uniform(0.3, 0.7)])
            disc(holes, at, min(float(rng.uniform(11, 18)), wh[0] / 6 - 8))
        if min(wh) < 120:
            holes[:] = 0
    sheet.add(mask, clearance, holes)


def sparse(sheet: Sheet, rng: np.random.Generator) -> None:
    """Thin tracks with round ends, grids of dots, combs (as group20085)."""
    for _ in range(int(rng.integers(1, 4))):
        comb(sheet, rng)
    lone_pads(sheet, rng, int(rng.integers(2, 5)), ("round",), (17, 40))
    width = int(rng.integers(8, 13))
    for _ in range(48):
        wire(sheet, rng, width + int(rng.integers(0, 4)), ("round", "round", "none"), 12)
    lone_pads(sheet, rng, 6, ("round", "square"), (17, 22))


def bundles(sheet: Sheet, rng: np.random.Generator) -> None:
    """Bundles of parallel tracks beside planes and pads with holes (as group13000)."""
    for _ in range(int(rng.integers(1, 4))):
        width = int(rng.integers(8, 18))
        mask = bundle(rng, sheet.size, int(rng.integers(3, 11)), width, int(rng.integers(9, 9 + width)))
        sheet.add(mask, 12)
    for _ in range(6):
        plane(sheet, rng, (90, 300), 12)
    lone_pads(sheet, rng, 5, ("ring", "square", "square"), (18, 34))
    for _ in range(34):
        wire(sheet, rng, int(rng.integers(9, 20)), ("ring", "square", "none"), 11)


def islands(sheet: Sheet, rng: np.random.Generator) -> None:
    """Large planes, oblong pads, wide tracks to pads with holes (as group00041)."""
    for _ in range(int(rng.integers(1, 5))):
        plane(sheet, rng, (140, 420), 14)
    for _ in range(32):
        width = int(rng.choice((9, 10, 22, 28, 34)))
        wire(sheet, rng, width, ("ring", "ring", "square", "rounded"), 12)
    for _ in range(14):
        half = (float(rng.uniform(18, 55)), float(rng.uniform(14, 26)))
        sheet.add(rounded(sheet.size, _somewhere(sheet, rng), half, float(rng.uniform(1, 9))), 11)


def arcs(sheet: Sheet, rng: np.random.Generator) -> None:
    """Discs and rings larger than the picture, with slots (as group77000)."""
    for _ in range(5):
        at, radius = rng.uniform(-0.2, 1.2, 2) * sheet.size, float(rng.uniform(150, 380))
        mask = blank(sheet.size)
        disc(mask, at, radius)
        if rng.random() < 0.7:
            disc(mask, at + rng.uniform(-0.3, 0.3, 2) * radius, radius * float(rng.uniform(0.2, 0.42)), 0)
        for _ in range(int(rng.integers(0, 3))):
            turn = float(rng.uniform(0, 2 * np.pi))
            line = np.array([at, at + 2 * radius * np.array([np.cos(turn), np.sin(turn)])])
            mask &= 1 - track(sheet.size, line, int(rng.integers(10, 22)))
        sheet.add(mask, int(rng.integers(14, 60)))
    for _ in range(12):
        wire(sheet, rng, int(rng.integers(8, 14)), ("round", "round", "ring"), 14)
    lone_pads(sheet, rng, 4, ("round",), (17, 34))


def bars(sheet: Sheet, rng: np.random.Generator) -> None:
    """Upright bars of many widths, some broken off, some stepping aside (as group92000)."""
    x = -float(rng.integers(0, 40))
    while x < sheet.size[0] + 20:
        width, tall = int(rng.integers(16, 64)), sheet.size[1]
        middle = x + width / 2
        line = np.array([[middle, -40.0], [middle, tall + 40.0]])
        if rng.random() < 0.4:
            cut, gap = float(rng.uniform(0.1, 0.9)) * tall, float(rng.integers(40, 90))
            for ends in ((-40.0, cut - gap / 2), (cut + gap / 2, tall + 40.0)):
                half = (width / 2, (ends[1] - ends[0]) / 2)
                if half[1] > 15:
                    sheet.add(rounded(sheet.size, np.array([middle, sum(ends) / 2]), half, 3), 10)
        elif rng.random() < 0.35:
            at, step = float(rng.uniform(0.2, 0.8)) * tall, float(rng.integers(18, 50))
            line = np.array([[middle, -40.0], [middle, at], [middle + step, at + step], [middle + step, tall + 40.0]])
            sheet.add(track(sheet.size, line, width), 12)
            x += step
        else:
            sheet.add(track(sheet.size, line, width), 10)
        x += width + int(rng.integers(14, 46))
    lone_pads(sheet, rng, 10, ("square", "round", "ring"), (17, 24))


def meander(sheet: Sheet, rng: np.random.Generator) -> None:
    """Copper everywhere, parted by thin lines and meanders (as group50600)."""
    mask, y = blank(sheet.size) + np.uint8(1), float(rng.integers(-30, 40))
    while y < sheet.size[1] + 40:
        line = np.array([[-20.0, y], [sheet.size[0] + 20.0, y]])
        mask &= 1 - track(sheet.size, line, int(rng.integers(9, 24)))
        band = float(rng.choice((18, 24, 32, 110, 140)))
        if band > 100:
            height, period = int(rng.integers(44, 60)), int(rng.integers(60, 150))
            wave = square_wave(rng, sheet.size, int(y + band / 2 + 8), height, period)
            mask &= 1 - track(sheet.size, wave, int(rng.integers(9, 14)))
        y += band + 14
    sheet.add(mask, 1)


def angled(sheet: Sheet, rng: np.random.Generator) -> None:
    """Rounded pads, some turned, and evenly wide tracks that follow each other (as group44000)."""
    width, tilt = int(rng.integers(10, 16)), float(rng.uniform(-0.5, 0.5))
    for _ in range(3):
        line = route(rng, _somewhere(sheet, rng), int(rng.integers(0, 8)), 4, (80, 220))
        for i in range(int(rng.integers(1, 4))):
            side = beside(line, i * (width + 18.0))
            sheet.add(track(sheet.size, side, width), 11, ends=(side[0], side[-1]))
    for _ in range(10):
        half = (float(rng.uniform(16, 40)), float(rng.uniform(16, 62)))
        sheet.add(rounded(sheet.size, _somewhere(sheet, rng), half, 9, float(rng.choice((0.0, 0.0, tilt)))), 12)
    for _ in range(3):
        plane(sheet, rng, (80, 240), 13)
    for _ in range(36):
        wire(sheet, rng, width, ("rounded", "rounded", "none"), 12)


STYLES: tuple[Style, ...] = (sparse, bundles, islands, arcs, bars, meander, angled)
"""A layout's seed picks its style: neighbouring seeds look different."""
