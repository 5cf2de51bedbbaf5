"""When the virtual line misbehaves, and how: by schedule and on command."""

import math
import threading
from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.config import VirtualFault

Kind = Literal["freeze", "dark", "blur", "tear", "drop", "vanish"]
KINDS: tuple[str, ...] = get_args(Kind)

_DARKER = 8
"""Grey levels are divided by this: white 255 becomes 31, as with a lamp that failed."""
_BLUR_SIGMA_PX = 5.0
_SHIFT = 6
"""A torn picture's lower half is moved sideways by 1 / this of its width: the belt went on."""

Grey = NDArray[np.uint8]


class Misbehaviour:
    """What goes wrong at which moment, in s since the line's start. Thread-safe."""

    def __init__(self, schedule: Sequence[VirtualFault]) -> None:
        self._schedule = tuple(schedule)
        self._lock = threading.Lock()
        self._commanded: dict[str, tuple[float, float]] = {}

    def command(self, kind: str, from_s: float, for_s: float) -> None:
        """Let `kind` go wrong from now on for so long; 0 ends what an earlier command began."""
        if kind not in KINDS:
            raise ValueError(f"misbehaviour {kind!r}: known are {', '.join(KINDS)}")
        with self._lock:
            self._commanded[kind] = (from_s, from_s + for_s)

    def active(self, kind: Kind, at_s: float) -> bool:
        """Whether `kind` goes wrong at this moment."""
        with self._lock:
            start_s, end_s = self._commanded.get(kind, (0.0, 0.0))
        return start_s <= at_s < end_s or any(_falls_into(f, at_s) for f in self._schedule if f.kind == kind)


def _falls_into(fault: VirtualFault, at_s: float) -> bool:
    since_s = at_s - fault.at_s
    if since_s < 0:
        return False
    if fault.every_s > 0:
        since_s = math.fmod(since_s, fault.every_s)
    return since_s < fault.for_s


def darkened(pixels: Grey) -> Grey:
    """As with the light almost gone."""
    return pixels // np.uint8(_DARKER)


def blurred(pixels: Grey) -> Grey:
    """As out of focus."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), _BLUR_SIGMA_PX), np.uint8)


def torn(pixels: Grey, other: Grey) -> Grey:
    """The upper half of one picture, the lower half of another, moved on with the belt."""
    half = pixels.shape[0] // 2
    lower = np.roll(other[half:], pixels.shape[1] // _SHIFT, axis=1)
    return np.vstack([pixels[:half], lower])
