"""What takes the station minutes: one at a time, done beside the page, so that no browser has to wait for it.

An import, an activation, a second model that begins: the page shows that it runs and how it ended, whoever looks.
"""

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agent.errors import ControlFailed, StoreFailed
from agent.web.acts import Acts
from agent.web.who import Person

log = logging.getLogger(__name__)

Act = Literal["import", "activate", "rollback", "shadow", "canary"]
TURN_S = 0.05


@dataclass(frozen=True, slots=True)
class Errand:
    """One of them: the one that runs, or the last."""

    id: int
    act: Act
    subject: str
    """The model, or the file."""
    begun_utc_us: int
    asked: Mapping[str, str] = field(default_factory=dict)
    """What was asked, to ask it again with more."""
    state: Literal["running", "done", "refused"] = "running"
    answer: Mapping[str, Any] = field(default_factory=dict)
    """What the station said."""
    why: str = ""
    """Why it was refused, in the station's words."""


class Busy(ControlFailed):
    """Another one runs."""


class Errands:
    """From any thread; each runs on a thread of its own."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._now: Errand | None = None

    @property
    def now(self) -> Errand | None:
        """The one that runs, else the last one since the page was started."""
        return self._now

    def begin(
        self, act: Act, subject: str, who: Person, work: Callable[[], Mapping[str, Any]], asked: Mapping[str, str]
    ) -> Errand:
        """`work` asks the station; raises ControlFailed where it refuses. Raises Busy."""
        with self._lock:
            if self._now is not None and self._now.state == "running":
                raise Busy(f"{self._now.act} {self._now.subject} is still running: one at a time")
            errand = self._now = Errand(next(self._ids), act, subject, time.time_ns() // 1000, asked)
        threading.Thread(target=self._do, args=(errand, who, work), name="errand", daemon=True).start()
        return errand

    def _do(self, errand: Errand, who: Person, work: Callable[[], Mapping[str, Any]]) -> None:
        try:
            answer = work()
            self._acts.note(who, f"models.{errand.act}", errand.subject, None, dict(errand.asked))
            self._now = replace(errand, state="done", answer=answer)
        except (ControlFailed, StoreFailed, OSError, ValueError) as error:
            log.warning("%s %s: %s", errand.act, errand.subject, error)
            self._now = replace(errand, state="refused", why=str(error))

    async def wait(self, errand: Errand, within_s: float) -> Errand:
        """As it is when it has ended, or after so long."""
        end = time.monotonic() + within_s
        while (now := self._now) is not None and now.id == errand.id:
            if now.state != "running" or time.monotonic() > end:
                return now
            await asyncio.sleep(TURN_S)
        return errand
