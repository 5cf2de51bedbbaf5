"""How the page hears of the station: asked over the control socket, not more often than needed."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from agent.control import ask
from agent.errors import ControlFailed
from agent.status import Status

ASK_TIMEOUT_S = 1.2
FRESH_S = 0.4
OLD_S = 2.0
"""The station renews its state twice a second; an older one is nobody's state any more."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the station last said."""

    link: Literal["up", "starting", "silent", "off"]
    """starting: it answers, but has no state yet; silent: the process is there and does not answer, or
    answers with an old state; off: there is none."""
    status: Status | None
    """None unless the link is up: nothing old is handed on."""
    why: str
    """Why there is no status; empty when there is one."""


def ask_status(runtime: Path) -> Heard:
    """Ask once; blocks for at most ASK_TIMEOUT_S."""
    try:
        answer = ask(runtime, "status", timeout_s=ASK_TIMEOUT_S)
        status = Status.model_validate(answer["status"])
    except ControlFailed as error:
        return Heard(_missing(error.__cause__), None, str(error))
    except KeyError:
        return Heard("silent", None, "the station answers without a status")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return Heard("silent", None, f"the station speaks another version: {where}: {first['msg']}")
    except ValueError as error:
        return Heard("silent", None, f"the station's answer is not JSON: {error}")
    age_s = time.time() - status.now_utc_us / 1e6
    if age_s > OLD_S:
        return Heard("silent", None, f"the station's state is {age_s:.0f} s old")
    return Heard("up", status, "")


def _missing(cause: BaseException | None) -> Literal["starting", "silent", "off"]:
    """Without a cause the station itself refused: it has no state yet."""
    if cause is None:
        return "starting"
    return "off" if isinstance(cause, FileNotFoundError | ConnectionRefusedError) else "silent"


class Link:
    """Asks for all viewers at once: one question at a time, one answer for everybody within FRESH_S."""

    def __init__(self, runtime: Path) -> None:
        self.runtime = runtime
        self._lock = asyncio.Lock()
        self._heard: Heard | None = None
        self._at = 0.0

    async def heard(self) -> Heard:
        """The station's state, at most FRESH_S old."""
        async with self._lock:
            if self._heard is None or time.monotonic() - self._at > FRESH_S:
                self._heard = await asyncio.to_thread(ask_status, self.runtime)
                self._at = time.monotonic()
            return self._heard

    def forget(self) -> None:
        """What was just changed is to be seen by the next who asks."""
        self._heard = None

    async def watch(self) -> None:
        """Renew the lease of the live pictures; a station that is away draws none anyway."""
        try:
            await asyncio.to_thread(ask, self.runtime, "watch", ASK_TIMEOUT_S)
        except (ControlFailed, ValueError):
            return
