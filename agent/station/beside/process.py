"""The process of one shadow: gives way to everybody, then judges what it is given. See `agent.station.beside.wire`.

`python -m agent.station.beside.process STATION_PID`. A process and not a thread: at low priority a thread that
holds the interpreter's lock would keep the lanes waiting for it, and a model that breaks its engine would take
them along.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from agent.priority import LOWEST, give_way

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """End when the station's thread that started it ends (prctl(2)), however that came and whatever this one does."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it was faster
        os._exit(1)


def stand_back() -> None:
    """Give way to everybody: priority, scheduling class and memory. A sandbox may forbid some of it."""
    give_way(LOWEST)
    for act in (
        lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
        lambda: Path("/proc/self/oom_score_adj").write_text("1000"),
    ):
        with suppress(OSError):
            act()


def main() -> int:
    """Whatever a library prints goes to stderr."""
    end_with(int(sys.argv[1]))
    stand_back()
    answer = os.dup(1)
    os.dup2(2, 1)
    # Only now: loading the libraries takes a second of a processor, which the lanes may need.
    from agent.station.beside.bench import serve

    with os.fdopen(answer, "wb") as said, suppress(BrokenPipeError):
        serve(sys.stdin.buffer, said)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
