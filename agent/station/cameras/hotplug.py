"""Wakes the lanes that wait for a camera when one is plugged in.

One thread a process listens to udev. A camera brings several devices and udev names each of them
when its links are made: the news is gathered for a moment, then the lanes are woken once.
"""

import logging
from collections.abc import Callable
from types import TracebackType

from agent.udev import UdevMissing, VideoNews
from agent.worker import Worker

log = logging.getLogger(__name__)

_POLL_S = 0.5
_DEBOUNCE_S = 0.2


class Hotplug:
    """Calls `wake` from its own thread when a camera has come. Without udev it never does, and says so."""

    def __init__(self, wake: Callable[[], None], debounce_s: float = _DEBOUNCE_S) -> None:
        self.trouble = ""
        """Why it does not work; lanes then find their camera at their next try."""
        self._wake = wake
        self._debounce_s = debounce_s
        self._worker = Worker("hotplug", self._turn)
        self._news: VideoNews | None = None

    def __enter__(self) -> "Hotplug":
        try:
            self._news = VideoNews()
        except UdevMissing as error:
            self.trouble = str(error)
            log.warning("%s: a camera plugged in is found at its lane's next try, not at once", error)
        else:
            self._worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.stop()

    def _turn(self) -> None:
        if self._news is None or (first := self._news.wait(_POLL_S)) is None:
            return
        self._worker.stopping.wait(self._debounce_s)
        added = sorted({node for action, node in (first, *self._news.drain()) if action == "add"})
        if added:
            log.info("video devices have come: %s", ", ".join(added))
            self._wake()
