"""Tells whether the wall clock has run steadily, so that a wrong one does not make things look old."""

from agent.clock import EARLIEST_TRUSTED_UTC_US
from pipelines.values import Stamp

JUMP_S = 60.0
"""The wall clock and the monotonic one may drift apart by so much between two looks."""
HOLD_S = 86_400.0
"""After a jump nothing is deleted for its age for so long: time to set the clock right."""


class Steady:
    """Watches both clocks. Used by one thread."""

    def __init__(self) -> None:
        self._seen: Stamp | None = None
        self._jumped_mono_ns: int | None = None

    def trusts(self, now: Stamp) -> bool:
        """Whether ages may be told by the wall clock now."""
        seen, self._seen = self._seen, now
        if seen is not None and seen.boot == now.boot:
            drift_us = (now.utc_us - seen.utc_us) - (now.mono_ns - seen.mono_ns) // 1000
            if abs(drift_us) > JUMP_S * 1e6:
                self._jumped_mono_ns = now.mono_ns
        jumped = self._jumped_mono_ns
        held = jumped is not None and now.mono_ns - jumped < HOLD_S * 1e9
        return now.utc_us >= EARLIEST_TRUSTED_UTC_US and not held
