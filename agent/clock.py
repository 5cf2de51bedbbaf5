"""The real clock and the boot id."""

import os
import time
import uuid
from functools import cache
from pathlib import Path

from pipelines.values import Stamp

EARLIEST_TRUSTED_UTC_US = 1_735_689_600_000_000
"""2025-01-01: a wall clock before this was never set (a box without a battery boots in 1970)."""


@cache
def boot_id() -> str:
    """This boot's id, 36 characters (proc(5), random/boot_id).

    A unit that sees nothing of /proc but its own process (ProcSubset=pid) is told by systemd: BOOT_ID,
    32 hex digits (systemd.unit(5), specifier %b).
    """
    if told := os.environ.get("BOOT_ID"):
        return str(uuid.UUID(told))
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class SystemClock:
    """Reads both clocks of this machine."""

    def now(self) -> Stamp:
        return Stamp(utc_us=time.time_ns() // 1000, mono_ns=time.monotonic_ns(), boot=boot_id())


def ms_between(earlier: Stamp, later: Stamp) -> float:
    """Elapsed ms by the monotonic clock; both stamps are of the same boot."""
    return (later.mono_ns - earlier.mono_ns) / 1e6
