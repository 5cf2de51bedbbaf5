"""Room for the pictures on which two models disagree: one for all second models, over restarts.

It is counted by what lies on the disk for that reason, as the database says: a restart, another candidate or
another lane gets no new room, and a picture that goes leaves its own behind.
"""

import logging
import threading
from collections.abc import Callable

from agent.clock import ms_between
from agent.errors import StoreFailed
from agent.ports import Clock
from pipelines.values import Stamp

log = logging.getLogger(__name__)

LOOK_S = 300.0
"""The database is asked so often; what is spent between counts by the pixels, which a PNG hardly ever exceeds."""


class Purse:
    """Bytes that may still be spent. `look` belongs to one thread, the rest to any; these never wait."""

    def __init__(self, most_bytes: float, stored: Callable[[], int], clock: Clock) -> None:
        """`stored`: bytes that lie there now. Raises StoreFailed. Until it was asked, nothing may be spent."""
        self._most = most_bytes
        self._stored = stored
        self._clock = clock
        self._lock = threading.Lock()
        self._looked: Stamp | None = None
        self._lies = most_bytes
        self._spent, self._before = 0, 0

    def look(self) -> None:
        """See what lies there, if that was not done a moment ago."""
        now = self._clock.now()
        if self._looked is not None and ms_between(self._looked, now) < LOOK_S * 1e3:
            return
        try:
            lies = self._stored()
        except StoreFailed as error:  # a full disk may have no database yet
            log.debug("pictures of disagreements wait: %s", error)
            return
        with self._lock:
            # What was spent just now may not be in the database yet: it counts once more.
            self._looked, self._lies = now, lies
            self._before, self._spent = self._spent, 0

    def take(self, size: int) -> bool:
        """Spend so many bytes, if they are there."""
        with self._lock:
            if self._lies + self._before + self._spent + size > self._most:
                return False
            self._spent += size
            return True

    def give_back(self, size: int) -> None:
        """They were not needed after all."""
        with self._lock:
            self._spent -= size
