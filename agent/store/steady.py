"""Tells whether the wall clock has run steadily, so that a wrong one does not make things look old."""

from agent.clock import EARLIEST_TRUSTED_UTC_US
from pipelines.values import Stamp

JUMP_S = 60.0
"""The wall clock and the monotonic one may drift apart by so much between two looks, for retention."""
HOLD_S = 86_400.0
"""After a jump nothing is deleted for its age for so long: time to set the clock right."""
CLOCK_JUMP_S, CLOCK_HOLD_S = 2.0, 60.0
"""The same for the flag on the records; between two turns a time daemon slews the clock by far less."""


class Steady:
    """Watches both clocks. One thread looks; any may ask."""

    def __init__(self, jump_s: float = JUMP_S, hold_s: float = HOLD_S) -> None:
        """A drift above `jump_s` between two looks is a jump; for `hold_s` after it the clock is not trusted."""
        self._jump_us = jump_s * 1e6
        self._hold_ns = hold_s * 1e9
        self._seen: Stamp | None = None
        self._jumped_mono_ns: int | None = None

    def look(self, now: Stamp) -> float:
        """By how many seconds the wall clock has jumped since the last look, forward or (below 0) back; 0: not."""
        drift_us = self._drift_us(now)
        self._seen = now
        if abs(drift_us) <= self._jump_us:
            return 0.0
        self._jumped_mono_ns = now.mono_ns
        return drift_us / 1e6

    def is_trusted(self, now: Stamp) -> bool:
        """Whether the wall clock may be believed now. A jump counts from when it happens, looked at or not."""
        jumped = self._jumped_mono_ns
        held = jumped is not None and now.mono_ns - jumped < self._hold_ns
        return now.utc_us >= EARLIEST_TRUSTED_UTC_US and not held and abs(self._drift_us(now)) <= self._jump_us

    def trusts(self, now: Stamp) -> bool:
        """Look, and say whether ages may be told by the wall clock now."""
        self.look(now)
        return self.is_trusted(now)

    def _drift_us(self, now: Stamp) -> int:
        seen = self._seen
        if seen is None or seen.boot != now.boot:
            return 0
        return (now.utc_us - seen.utc_us) - (now.mono_ns - seen.mono_ns) // 1000
