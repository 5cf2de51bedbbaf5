"""Giving way to others on the same processors.

nice(2) alone does little: the kernel shares the processors out by session first (autogroup, sched(7)) and by
priority only within one, so that a process needs a session of its own, and that session's own priority.
"""

import os
from contextlib import suppress
from pathlib import Path

LOWEST = 19


def give_way(by: int) -> None:
    """Lower this process and its session by so much, `LOWEST` at the most. A sandbox may forbid it: then not."""
    with suppress(OSError):
        os.nice(by)
    with suppress(OSError):  # also a kernel without autogroups
        Path("/proc/self/autogroup").write_text(f"{by}\n")
