"""Running a command in a session of its own at the lowest priority, so that a station beside it does not notice."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from agent.priority import give_way

_PR_SET_PDEATHSIG = 1
_KINDS = (signal.SIGINT, signal.SIGTERM)


def apart(arguments: Sequence[str]) -> int:
    """Run `okng ARGUMENTS` in a session of its own; its exit code. Ctrl-C and SIGTERM are handed on to it."""
    process = subprocess.Popen([sys.executable, "-m", "agent.cli", *arguments], start_new_session=True)

    def hand_on(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    with handling(hand_on):
        code = process.wait()
    return code if code >= 0 else 128 - code


def stand_back(by: int) -> None:
    """In that session: give way by so much, see `agent.priority`, and end with whoever started it (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    give_way(by)


@contextmanager
def handling(handler: "signal._HANDLER") -> Iterator[None]:
    """Ctrl-C and SIGTERM go to the handler meanwhile."""
    before = {kind: signal.signal(kind, handler) for kind in _KINDS}
    try:
        yield
    finally:
        for kind, old in before.items():
            signal.signal(kind, old)
