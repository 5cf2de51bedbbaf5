"""A thread that makes one turn after the other until it is told to stop."""

import logging
import threading
import traceback
from collections.abc import Callable

log = logging.getLogger(__name__)


class Worker:
    """Runs `turn` again and again in a daemon thread.

    A turn must come back within about a second, so that stopping is quick. An exception ends the
    worker: it is logged and `crash` says what it was; the process's main loop then ends the process,
    and systemd starts it anew.
    """

    def __init__(self, name: str, turn: Callable[[], None]) -> None:
        self.name = name
        self.crash = ""
        """The last line of the traceback, once crashed."""
        self._turn = turn
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)

    def start(self) -> "Worker":
        self._thread.start()
        return self

    def _loop(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        except Exception as error:
            log.error("worker %s crashed:\n%s", self.name, traceback.format_exc())
            self.crash = f"{type(error).__name__}: {error}"

    @property
    def stopping(self) -> threading.Event:
        """Set once `stop` was called; turns that wait, wait on this."""
        return self._stop

    def stop(self, join_s: float = 2.0) -> bool:
        """Ask it to end and wait; False when it is still running (a daemon: the process can leave)."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(join_s)
        return not self._thread.is_alive()
