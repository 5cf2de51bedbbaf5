"""When the n-th picture of a source with a fixed rate is due, by the station's clock."""

import math
import time

from agent.ports import Clock
from pipelines.values import Stamp

NS = 1_000_000_000


def stamp_at(now: Stamp, mono_ns: int) -> Stamp:
    """The stamp of a moment near `now`, given by the monotonic clock of the same boot."""
    return Stamp(utc_us=now.utc_us + (mono_ns - now.mono_ns) // 1000, mono_ns=mono_ns, boot=now.boot)


class Pace:
    """Counts what has passed since the start: number i is due i / rate seconds after it."""

    def __init__(self, clock: Clock, rate_hz: float) -> None:
        self._clock = clock
        self._rate_hz = rate_hz
        self._start_ns: int | None = None

    def start(self) -> None:
        """Begin to count; only the first call does."""
        if self._start_ns is None:
            self._start_ns = self._clock.now().mono_ns

    def _due_ns(self, index: int) -> int:
        return (self._start_ns or 0) + math.ceil(index * NS / self._rate_hz)

    def due_s(self, index: int) -> float:
        """When number `index` is due, in s since the start."""
        return index / self._rate_hz

    def elapsed_s(self) -> float:
        """Since the start; 0 before it."""
        return 0.0 if self._start_ns is None else (self._clock.now().mono_ns - self._start_ns) / NS

    def newest(self) -> int:
        """The highest number that is due by now: due(newest) <= now < due(newest + 1)."""
        now_ns = self._clock.now().mono_ns
        index = max(0, int((now_ns - (self._start_ns or 0)) * self._rate_hz / NS))
        while index > 0 and self._due_ns(index) > now_ns:
            index -= 1
        while self._due_ns(index + 1) <= now_ns:
            index += 1
        return index

    def stamp(self, index: int) -> Stamp:
        """The moment at which number `index` was due."""
        return stamp_at(self._clock.now(), self._due_ns(index))

    def wait(self, index: int, timeout_s: float, ahead_s: float = 0.0) -> bool:
        """Sleep until `ahead_s` before number `index` is due; False when that is later than `timeout_s`."""
        give_up = time.monotonic() + timeout_s
        while True:
            left_s = (self._due_ns(index) - self._clock.now().mono_ns) / NS - ahead_s
            if left_s <= 0:
                return True
            timeout_left_s = give_up - time.monotonic()
            if timeout_left_s <= 0:
                return False
            time.sleep(min(left_s, timeout_left_s))
