"""Pieces of pictures as data: addresses, with boxes drawn over them as SVG."""

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np

from pipelines.values import Detection, Pixels
from training.datasets.values import Box
from training.evaluate.eye import pixels_of

LEAST_SIDE_PX = 112
ROUND = 2.4
"""A piece is so many times as large as what it shows."""
MOST_SIDE_PX = 360
"""A larger piece is made smaller, so that a page of many pictures stays small."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square piece of a picture, px."""

    x: int
    y: int
    side: int


def window(box: Box | Detection, height: int, width: int) -> Window:
    """The piece round a box, within the picture as far as the picture allows."""
    side = round(max(LEAST_SIDE_PX, ROUND * max(box.x2 - box.x1, box.y2 - box.y1)))
    side = min(side, height, width)
    x, y = round((box.x1 + box.x2 - side) / 2), round((box.y1 + box.y2 - side) / 2)
    return Window(max(0, min(x, width - side)), max(0, min(y, height - side)), side)


def piece(pixels: Pixels, of: Window) -> str:
    """A data: address of that piece (PNG)."""
    cut = pixels[of.y : of.y + of.side, of.x : of.x + of.side]
    if of.side > MOST_SIDE_PX:
        factor = MOST_SIDE_PX / of.side
        cut = np.asarray(cv2.resize(cut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    grey = bool(np.ptp(cut, axis=2).max(initial=0) == 0)
    done, encoded = cv2.imencode(".png", cut[:, :, 0] if grey else cut, (cv2.IMWRITE_PNG_COMPRESSION, 9))
    if not done:
        raise ValueError(f"a piece of {cut.shape} cannot be written as PNG")
    return f"data:image/png;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def figure(file: Path, of: Window, boxes: list[tuple[str, Box | Detection]], words: str) -> str:
    """An SVG of the piece of a picture with boxes drawn over it; each of a kind that the style knows."""
    drawn = "".join(_drawn(kind, box, of) for kind, box in boxes)
    return (
        f'<svg viewBox="0 0 {of.side} {of.side}" role="img" aria-label="{escape(words)}">'
        f'<image href="{piece(pixels_of(file), of)}" width="{of.side}" height="{of.side}"/>{drawn}</svg>'
    )


def _drawn(kind: str, box: Box | Detection, of: Window) -> str:
    # A little outside of the box: a line on the edge of a defect hides it.
    x, y = box.x1 - of.x - 1.5, box.y1 - of.y - 1.5
    w, h = box.x2 - box.x1 + 3, box.y2 - box.y1 + 3
    at = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"'
    return f'<rect class="halo" {at}/><rect class="{kind}" {at}/>'
