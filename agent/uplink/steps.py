"""The steps of an update, told to the station as events, and through its outbox to the centre."""

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from agent.control import ask
from agent.errors import ControlFailed, StationRefused
from agent.uplink.incoming import Job

log = logging.getLogger(__name__)

TELL_S = 5.0
AWAY_S = 1.0
"""A station that is away or busy is asked again after so long, s."""
Value = str | int | float


@dataclass(frozen=True, slots=True)
class Steps:
    """Tells them. One thread calls it; `ending` ends what waits."""

    runtime: Path
    ending: threading.Event

    def tell(self, name: str, job: Job, **detail: Value) -> bool:
        """Tell the station until it has it; False when that was ended before."""
        while not self.say(name, job, **detail):
            if self.ending.wait(AWAY_S):
                return False
        return True

    def say(self, name: str, job: Job, **detail: Value) -> bool:
        """Tell it once; False when it does not answer."""
        said = {"command": job.command, **{k: v[:800] if isinstance(v, str) else v for k, v in detail.items()}}
        try:
            ask(self.runtime, "update", TELL_S, event=name, detail=said)
        except StationRefused as refused:  # an older station: it goes on without its events
            log.warning("%s: %s", name, refused)
        except ControlFailed as error:
            log.debug("%s: %s", name, error)
            return False
        log.info("%s: %s", name, said)
        return True


@dataclass(slots=True)
class Tries:
    """How the attempts go, of this process."""

    broken: int = 0
    """In a row, without a byte between them."""
    why: str = ""
    quarter: int = 0
    """Of the size, told last."""
    began: float = field(default_factory=time.monotonic)
