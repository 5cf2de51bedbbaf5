"""What must hold of a frame before anything looks at it: a picture, of the right size, and how good it is."""

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.quality import Gauge, Repeats
from pipelines.values import Frame, Inspection, Pixels, Quality, Rule, Stages


@dataclass(frozen=True, slots=True)
class Admitted:
    """A frame that can be looked at."""

    quality: Quality
    spent: Stages
    """`wait_ms` and `quality_ms`."""
    since_ns: int
    """When the look itself began."""


class Admission:
    """Admits the frames of one camera and size. Belongs to one thread.

    `size` is (height, width) px, `inside` the box (x1, y1, x2, y2) px that quality is measured in, None:
    everywhere. `live` is False for pictures that may be old and may repeat (files, pushed ones): they
    have no age, and equal ones in a row are not counted.
    """

    def __init__(
        self,
        size: tuple[int, int],
        inside: tuple[int, int, int, int] | None,
        *,
        now_ns: Callable[[], int],
        live: bool,
    ) -> None:
        self._size, self._now_ns = size, now_ns
        self._gauge = Gauge(*size, inside)
        self._repeats = Repeats() if live else None

    def __call__(self, frame: Frame) -> Admitted | Inspection:
        """The frame's quality; or, where it cannot be looked at, the inspection with the fault."""
        begun = self._now_ns()
        wait_ms = (begun - frame.at.mono_ns) / 1e6
        height, width = frame.pixels.shape[:2]
        if frame.fault is not None:
            return failed(frame.fault, "", (height, width), Stages(wait_ms=wait_ms))
        if (height, width) != self._size:
            wanted = f"wanted {self._size[1]} x {self._size[0]}"
            note = f"the picture has {width} x {height} px, {wanted}"
            return failed(Rule.WRONG_SIZE, note, (height, width), Stages(wait_ms=wait_ms))
        quality = self._measure(frame.pixels, wait_ms)
        measured = self._now_ns()
        return Admitted(quality, Stages(wait_ms=wait_ms, quality_ms=(measured - begun) / 1e6), measured)

    def _measure(self, pixels: Pixels, age_ms: float) -> Quality:
        seen = self._gauge.measure(pixels)
        if self._repeats is None:
            return Quality(seen.sharpness, seen.brightness, seen.saturated, age_ms=0.0, identical=0)
        return Quality(seen.sharpness, seen.brightness, seen.saturated, age_ms, self._repeats.count(pixels))


def failed(fault: Rule, note: str, size: tuple[int, int], stages: Stages, quality: Quality | None = None) -> Inspection:
    """An inspection that saw nothing, and why. `size` is the picture's (height, width)."""
    return Inspection((), quality, size[1], size[0], stages, fault, note)
