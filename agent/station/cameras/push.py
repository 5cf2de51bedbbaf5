"""Pictures that others hand in: the page's REST call, `okng judge PICTURE...`.

[lanes.desk.camera]
kind = "push"
"""

import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from agent.config import PushConfig
from agent.errors import EndOfPictures, OkngError
from agent.ports import CameraInfo, Clock, Shot
from pipelines.values import Pixels, Purpose, Rule

QUEUE = 64
"""Most pictures that may wait to be read."""
FAULTS = (Rule.UNREADABLE, Rule.INCOMPLETE)
"""What may be wrong with a picture before anybody has seen it."""
PLENTY = 2
"""Most pixels that may wait, as a multiple of the largest picture taken."""


class PushRefused(OkngError):
    """A picture was not taken; it will not be judged."""


class Push:
    """Driver `push`: `put` from any thread, `read` gives the pictures in the order of their coming.

    What was put before `open` or between `close` and `open` is kept.
    """

    def __init__(self, config: PushConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._shots: deque[Shot] = deque()
        self._waiting_px = 0
        self._finished = False
        self._changed = threading.Condition()

    def put(
        self,
        pixels: Pixels,
        part_id: str = "",
        source: str = "",
        purpose: Purpose = Purpose.API,
        committed: Callable[[int], None] | None = None,
        fault: Rule | None = None,
        note: str = "",
    ) -> None:
        """Hand in one picture, (height, width, 3) BGR, which the caller writes no more.

        `committed` is called with the record's id once its row is durable. A picture that could not be
        read is handed in as well, with its `fault` (UNREADABLE or INCOMPLETE) and why in `note`, and
        with no pixels, (0, 0, 3): its part is UNSURE, with a row like any other. Raises PushRefused.
        """
        self._check(pixels, fault)
        area_px = pixels.shape[0] * pixels.shape[1]
        with self._changed:
            if self._finished:
                raise PushRefused("no more pictures are taken: the source was finished")
            if len(self._shots) >= QUEUE or self._waiting_px + area_px > PLENTY * self._config.max_px:
                raise PushRefused(f"{len(self._shots)} pictures of {self._waiting_px} px wait already, try again")
            shot = Shot(pixels, self._clock.now(), 0, source, part_id, fault, note, purpose, committed)
            self._shots.append(shot)
            self._waiting_px += area_px
            self._changed.notify_all()

    def _check(self, pixels: Pixels, fault: Rule | None) -> None:
        if fault is not None:
            if fault not in FAULTS or pixels.shape != (0, 0, 3):
                allowed = f"{' and '.join(FAULTS)} with pixels (0, 0, 3)"
                raise PushRefused(f"a picture with the fault {fault} and pixels {pixels.shape}, allowed: {allowed}")
            return
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
            raise PushRefused(f"pixels of {pixels.dtype} {pixels.shape}, needed are uint8 (height, width, 3)")
        if pixels.shape[0] * pixels.shape[1] > self._config.max_px:
            size = f"{pixels.shape[1]} x {pixels.shape[0]}"
            raise PushRefused(f"a picture of {size} px, at most {self._config.max_px} px are taken (max_px)")

    def finish(self) -> None:
        """No more pictures will come: once all are read, `read` raises EndOfPictures."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def open(self) -> CameraInfo:
        return CameraInfo(serial="push", width_px=0, height_px=0)

    def read(self, timeout_s: float) -> Shot | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._shots) or self._finished, timeout_s)
            if not self._shots:
                if self._finished:
                    raise EndOfPictures("every picture handed in was read")
                return None
            shot = self._shots.popleft()
            self._waiting_px -= shot.pixels.shape[0] * shot.pixels.shape[1]
            return shot

    def close(self) -> None:
        pass
