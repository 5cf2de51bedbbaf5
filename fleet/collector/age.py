"""Lets go what is old, now and then, beside the work."""

import logging
import time
from dataclasses import dataclass

from agent.errors import StoreFailed
from agent.ports import Clock
from fleet.config import FleetStoreConfig
from fleet.store.database import Database
from fleet.store.forget import forget_hours, forget_messages

log = logging.getLogger(__name__)

IDLE_S = 0.5
MESSAGES_S = 5.0
"""Between two looks for old windows and events."""
HOURS_S = 3600.0
CHUNKS = 20
"""Of one look, so that the store's work goes on in between."""
DAY_MS = 86_400_000


@dataclass(slots=True)
class Age:
    """One thread's turns. Several collectors may do the same."""

    database: Database
    config: FleetStoreConfig
    clock: Clock
    _messages_s: float = 0.0
    _hours_s: float = 0.0

    def turn(self) -> None:
        """Look when it is time to."""
        now_s, now_ms = time.monotonic(), self.clock.now().utc_us // 1000
        try:
            if now_s >= self._messages_s:
                self._messages_s = now_s + MESSAGES_S
                gone = forget_messages(self.database, round(now_ms - self.config.windows_days * DAY_MS), CHUNKS)
                # Where nothing is old, nothing will be at once: each station has a window a minute.
                self._messages_s += 0.0 if gone == CHUNKS else 60.0
            if now_s >= self._hours_s:
                self._hours_s = now_s + HOURS_S
                forget_hours(self.database, round(now_ms - self.config.hours_days * DAY_MS))
        except StoreFailed as error:
            log.debug("nothing is let go now: %s", error)  # the store's own thread says what is wrong
        time.sleep(IDLE_S)
