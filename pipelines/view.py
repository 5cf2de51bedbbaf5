"""What a look is given to see: the picture as it is, or laid over its reference; and the way back."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipelines.similarity import to_frame
from pipelines.values import Inspection, Pixels, Pose, Quality, Rule, Stages
from pipelines.yolo import Found


@dataclass(frozen=True, slots=True)
class Misfit:
    """A part that does not fit its reference, and so cannot be compared with it."""

    why: str
    measured: float
    limit: float
    """What `measured` had to keep to."""


@dataclass(frozen=True, slots=True, eq=False)
class Viewed:
    """What the model sees."""

    pixels: Pixels
    """(height, width, 3), px of the picture or, with a pose, of the reference."""
    pose: Pose | None = None


class View(Protocol):
    """Makes of a frame's pixels, (height, width, 3) BGR, what the model sees."""

    def __call__(self, pixels: Pixels, /) -> Viewed | Misfit: ...


def as_it_is(pixels: Pixels) -> Viewed:
    """The picture itself."""
    return Viewed(pixels)


def in_frame(found: Found, pose: Pose) -> Found:
    """Boxes of the reference's frame as boxes of the picture's, clipped to it."""
    if pose.still:
        return found
    most = np.array((pose.width_px, pose.height_px) * 2, np.float32)
    boxes = np.clip(to_frame(found.boxes, pose), 0, most).astype(np.float32)
    return Found(boxes, found.scores, found.classes, found.left_out)


def misaligned(misfit: Misfit, size: tuple[int, int], spent: Stages, quality: Quality) -> Inspection:
    """The inspection of a part that does not fit. `size` is the picture's (height, width)."""
    return Inspection(
        (),
        quality,
        size[1],
        size[0],
        spent,
        Rule.MISALIGNED,
        misfit.why,
        misfit.measured,
        misfit.limit,
    )
