"""Work on a thread of its own, so that a device that hangs costs its caller no more than a time-out."""

import threading
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue

from agent.errors import EngineFailed

Work = Callable[[], str]
"""Does something; says what went wrong, "" when nothing did. It raises nothing."""


class Aside:
    """Does one piece of work after the other on a daemon thread; used by one thread at a time.

    The thread ends when this object is let go of, or with its work if that still runs then.
    """

    def __init__(self, name: str, hang_s: float) -> None:
        self._name, self._hang_s = name, hang_s
        self._given: SimpleQueue[Work | None] = SimpleQueue()
        self._done: SimpleQueue[str] = SimpleQueue()
        self._busy = False
        # The thread knows the queues only: what holds this object would keep it alive for ever.
        self._thread = threading.Thread(target=_turns, args=(self._given, self._done), name=f"{name} run", daemon=True)
        self._thread.start()
        weakref.finalize(self, self._given.put, None)

    def run(self, work: Work, given_up: Callable[[], None] = lambda: None) -> None:
        """Do it and wait. Raises EngineFailed with what it said, or that it has not ended after `hang_s`.

        Work that has not ended goes on; `given_up` may ask it to stop. Until it has, nothing else is begun.
        """
        if self._busy and self._still_busy():
            raise EngineFailed(f"{self._name} has still not answered")
        self._busy = True
        self._given.put(work)
        try:
            wrong = self._done.get(timeout=self._hang_s)
        except Empty:
            given_up()
            raise EngineFailed(f"{self._name} has not answered for {self._hang_s:g} s") from None
        self._busy = False
        if wrong:
            raise EngineFailed(f"{self._name}: {wrong}")

    def _still_busy(self) -> bool:
        try:
            self._done.get_nowait()
        except Empty:
            return True
        return False


def _turns(given: "SimpleQueue[Work | None]", done: "SimpleQueue[str]") -> None:
    while (work := given.get()) is not None:
        said = "the thread that runs it broke"
        try:
            said = work()
        finally:
            done.put(said)
        del work  # nothing of a session is held while the next work is waited for
