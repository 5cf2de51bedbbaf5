"""Similarities of the plane: shift, turn and scale, as a picture moves before a camera.

`Move` takes the reference's points to the part's, both measured from their pictures' middles, so that
the same move holds on a smaller copy of both pictures with the shift divided by the scale. `Pose` (in
`pipelines.values`) is the way back, in the pictures' own px.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.boxes import Boxes
from pipelines.values import Pose

Matrix = NDArray[np.float64]
"""(2, 3)."""


@dataclass(frozen=True, slots=True)
class Move:
    """A point (x, y) of the reference lies at (a x - b y + x_px, b x + a y + y_px) on the part."""

    x_px: float = 0.0
    y_px: float = 0.0
    a: float = 1.0
    b: float = 0.0

    @property
    def scale(self) -> float:
        return math.hypot(self.a, self.b)

    @property
    def turn_deg(self) -> float:
        """Clockwise as seen: y points down."""
        return math.degrees(math.atan2(self.b, self.a))

    def resized(self, factor: float) -> "Move":
        """The same move on pictures that are `factor` times as large."""
        return Move(self.x_px * factor, self.y_px * factor, self.a, self.b)

    def after_undoing(self, x_px: float, y_px: float, a: float, b: float) -> "Move":
        """This move after the inverse of another one."""
        square = a * a + b * b
        ia, ib = a / square, -b / square
        ix, iy = -(ia * x_px - ib * y_px), -(ib * x_px + ia * y_px)
        return Move(
            self.a * ix - self.b * iy + self.x_px,
            self.b * ix + self.a * iy + self.y_px,
            self.a * ia - self.b * ib,
            self.b * ia + self.a * ib,
        )

    def matrix(self, height_px: int, width_px: int) -> Matrix:
        """As a matrix on px of pictures of this size, a pixel's middle having whole coordinates."""
        x, y = (width_px - 1) / 2, (height_px - 1) / 2
        return np.array(
            [
                [self.a, -self.b, x + self.x_px - self.a * x + self.b * y],
                [self.b, self.a, y + self.y_px - self.b * x - self.a * y],
            ]
        )

    def pose(self, height_px: int, width_px: int) -> Pose:
        """The way back: the part's points to the reference's, for pictures of this size."""
        back = Move().after_undoing(self.x_px, self.y_px, self.a, self.b).matrix(height_px, width_px)
        return Pose(float(back[0, 0]), float(back[1, 0]), float(back[0, 2]), float(back[1, 2]), width_px, height_px)


def turned(scale: float, turn_deg: float, x_px: float = 0.0, y_px: float = 0.0) -> Move:
    """A move by its scale, turn (clockwise as seen) and shift of the middle."""
    angle = math.radians(turn_deg)
    return Move(x_px, y_px, scale * math.cos(angle), scale * math.sin(angle))


def to_frame(boxes: Boxes, pose: Pose) -> Boxes:
    """Boxes of the reference's frame, (n, 4) px, as upright boxes of the part's frame.

    The middle is moved exactly. The sides are those of an ellipse that fills the box, turned: at small
    angles nearly the box's own, where the bound of the turned corners would grow by side * sin(angle)
    though what is inside seldom fills the corners.
    """
    square = pose.a * pose.a + pose.b * pose.b
    a, b = pose.a / square, -pose.b / square  # the inverse's
    # Edges lie half a px outside of the middles that the pose speaks of.
    x = (boxes[:, 0] + boxes[:, 2]) / 2 - 0.5 - pose.x_px
    y = (boxes[:, 1] + boxes[:, 3]) / 2 - 0.5 - pose.y_px
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    middle = np.stack((a * x - b * y, b * x + a * y), axis=1) + 0.5
    half = np.stack((np.hypot(a * width, b * height), np.hypot(b * width, a * height)), axis=1) / 2
    return np.concatenate((middle - half, middle + half), axis=1).astype(np.float32)
