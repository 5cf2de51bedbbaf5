"""Where the labels of boxes stand in a picture: none covers another one. Pure functions."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.values import Detection

LABELLED = 16
"""So many boxes have a label at most: more would hide the picture."""
_HEIGHT = 1.35
_GAP = 0.1
"""Of the font's size: the height of a plate, and what stays free around it."""


@dataclass(frozen=True, slots=True)
class Plate:
    """A label's plate, px of the picture."""

    left: float
    top: float
    width: float
    height: float
    text: str

    def meets(self, x1: float, y1: float, x2: float, y2: float) -> bool:
        return self.left < x2 and x1 < self.left + self.width and self.top < y2 and y1 < self.top + self.height


def placed(
    boxes: Sequence[tuple[Detection, str]], size: float, width_px: float, height_px: float
) -> tuple[Plate | None, ...]:
    """A plate for each box's text, in the order in which they may choose; None where there is no room.

    `size` is the font's, px. Each takes the first place inside the picture where it covers no plate before
    it and, if there is one, no other box; with a shorter text where the whole one does not fit.
    """
    found: list[Plate | None] = []
    for box, text in boxes[:LABELLED]:
        standing = [plate for plate in found if plate is not None]
        free = [
            plate
            for short in _shorter(text)
            for plate in _places(box, short, size, width_px, height_px)
            if _inside(plate, width_px, height_px) and not any(_touch(plate, other, size) for other in standing)
        ]
        others = [other for other, _ in boxes[:LABELLED] if other is not box]
        clear = (p for p in free if not any(p.meets(o.x1, o.y1, o.x2, o.y2) for o in others))
        found.append(next(clear, free[0] if free else None))
    return (*found, *(None for _ in boxes[LABELLED:]))


def text_width(text: str) -> float:
    """About how wide a text is, of its font's size: a Chinese character is as wide as it is tall."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WF" else 0.6 for c in text)


def _shorter(text: str) -> tuple[str, ...]:
    """The text, and without its score."""
    name, _, score = text.rpartition(" ")
    return (text, name) if name and score else (text,)


def _places(box: Detection, text: str, size: float, width_px: float, height_px: float) -> Iterator[Plate]:
    """Above, below, inside, beside; each from the left edge, then from the right one."""
    wide, tall = (text_width(text) + 0.8) * size, _HEIGHT * size
    gap = _GAP * size
    lefts = [max(0.0, min(x, width_px - wide)) for x in (box.x1, box.x2 - wide)]
    inside = (max(0.0, min(y, height_px - tall)) for y in (box.y1 + gap, box.y2 - gap - tall))
    for top in (box.y1 - gap - tall, box.y2 + gap, *inside):
        yield from (Plate(left, top, wide, tall, text) for left in lefts)
    for left in (box.x2 + gap, box.x1 - gap - wide):
        yield from (Plate(left, top, wide, tall, text) for top in (box.y1, box.y2 - tall))


def _inside(plate: Plate, width_px: float, height_px: float) -> bool:
    across = plate.left >= 0 and plate.left + plate.width <= width_px
    return across and plate.top >= 0 and plate.top + plate.height <= height_px


def _touch(plate: Plate, other: Plate, size: float) -> bool:
    gap = _GAP * size
    return plate.meets(
        other.left - gap, other.top - gap, other.left + other.width + gap, other.top + other.height + gap
    )
