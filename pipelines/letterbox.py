"""A picture fitted into the model's input, and boxes brought back from there.

Scale, rounding and centring are Ultralytics' own (`LetterBox` and `scale_boxes` of 8.4), because the
model was trained and measured with them.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.boxes import Boxes
from pipelines.values import Pixels

STRIDE_PX = 32
"""Input sides are multiples of this: the coarsest grid of a YOLO detection head."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a picture lies inside the model's input. Made by `fit`."""

    height_px: int
    """Of the picture."""
    width_px: int
    input_height_px: int
    input_width_px: int
    scaled_height_px: int
    """Of the picture inside the input."""
    scaled_width_px: int
    top_px: int
    left_px: int

    @property
    def covers(self) -> bool:
        """The picture fills the input: there is no border."""
        return (self.scaled_height_px, self.scaled_width_px) == (self.input_height_px, self.input_width_px)


def input_size(height_px: int, width_px: int, longest_px: int) -> tuple[int, int]:
    """(height, width) of an input for pictures of this aspect, px, multiples of STRIDE_PX.

    The longer side becomes `longest_px`, the other one what the aspect asks for, rounded up: a 4:3
    camera at 640 gets 480 x 640 and no border.
    """
    ratio = longest_px / max(height_px, width_px)
    return _stride(round(height_px * ratio)), _stride(round(width_px * ratio))


def _stride(side_px: int) -> int:
    return max(STRIDE_PX, -(-side_px // STRIDE_PX) * STRIDE_PX)


def fit(picture: tuple[int, int], size: tuple[int, int]) -> Fit:
    """How a picture of (height, width) lies in an input of (height, width), px."""
    height, width = picture
    if height < 1 or width < 1:
        raise ValueError(f"a picture of {width} x {height} px cannot be fitted: both sides must be at least 1 px")
    ratio = min(size[0] / height, size[1] / width)
    scaled_height, scaled_width = max(round(height * ratio), 1), max(round(width * ratio), 1)
    # -0.1 sends the odd pixel of an uneven border to the bottom and the right, as Ultralytics does.
    top, left = round((size[0] - scaled_height) / 2 - 0.1), round((size[1] - scaled_width) / 2 - 0.1)
    return Fit(height, width, size[0], size[1], scaled_height, scaled_width, top, left)


def place(pixels: Pixels, where: Fit, into: Pixels, pad: int) -> None:
    """Write a picture and the border around it (grey level `pad`) into an input buffer, in place.

    `pixels` is (height, width, 3) and `into` (input height, input width, 3), both as `where` says.
    Every pixel of the buffer is written, so it does not matter who used it before.
    """
    top, left = where.top_px, where.left_px
    bottom, right = top + where.scaled_height_px, left + where.scaled_width_px
    if not where.covers:
        into[:top] = pad
        into[bottom:] = pad
        into[top:bottom, :left] = pad
        into[top:bottom, right:] = pad
    inside = into[top:bottom, left:right]
    if inside.shape == pixels.shape:
        np.copyto(inside, pixels)
        return
    scaled = cv2.resize(pixels, (where.scaled_width_px, where.scaled_height_px), dst=inside)
    if not np.shares_memory(scaled, inside):
        raise AssertionError("cv2.resize did not write into the buffer that it was given")


def to_picture(boxes: Boxes, where: Fit) -> Boxes:
    """Boxes of the input, (n, 4) px, as boxes of the picture, clipped to it."""
    gain_x, gain_y = where.scaled_width_px / where.width_px, where.scaled_height_px / where.height_px
    shift = np.array((where.left_px, where.top_px) * 2, np.float32)
    gain = np.array((gain_x, gain_y) * 2, np.float32)
    most = np.array((where.width_px, where.height_px) * 2, np.float32)
    return np.asarray(np.clip((boxes - shift) / gain, 0, most), np.float32)
