"""Models over the air: takes the file that a command names, and hands it to the station.

The uplink believes nothing of it but its size and hash; whether the model is signed, sound and fast enough
is the station's to judge (`model_import`). Each step is an event, told to the station and through its outbox
to the centre; an event is told before the next step is written down, so after a kill it may be told twice.

Until the station has been asked to take the file in, an update can be cancelled. After that only where it is
certain that the station has not begun: what is cancelled is never installed.
"""

import logging
import random
import time
from contextlib import closing
from typing import Any

from agent.clock import SystemClock
from agent.config import Config
from agent.control import ask
from agent.errors import ControlFailed, StationRefused
from agent.ports import Clock
from agent.uplink.commands import Order
from agent.uplink.fetch import Fetch, FetchBroken, FetchRefused, address_of
from agent.uplink.incoming import Growing, Incoming, Job
from agent.uplink.link import backoff_s
from agent.uplink.orders import Orders, job_of
from agent.uplink.steps import AWAY_S, Steps, Tries, Value

log = logging.getLogger(__name__)

IMPORT_S = 1800.0
"""Longest wait for an import: it tries the model on every device, s."""
TIDY_S = 3600.0
MOST_OFFERS = 3
"""A station that broke off in the middle of so many imports is not asked again."""


class Updates:
    """One update at a time. `turn` belongs to a thread of its own; `orders` and `stop` are for others."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._incoming = Incoming(config.station.data / "incoming")
        self._fetch = Fetch(config.uplink.update)
        self.orders = Orders(self._fetch)
        self._ending = self.orders.ending
        self._steps = Steps(config.station.runtime, self._ending)
        self._job: Job | None = None
        self._tries = Tries()
        self._found = False
        self._doubtful = False
        """The station may have taken it in, although it has not said so."""
        self._tidy_at = 0.0

    def stop(self) -> None:
        """End what waits; what was loaded is taken up at the next start."""
        self.orders.stop()

    def turn(self) -> None:
        """Take a command, or go on with the one that was taken."""
        if not self._found:
            self._find()
        if self._job is None:
            self._look()
        elif self.orders.cancelled() is not None:
            self._give_up(self._job)
        elif self._job.stage == "cancelled":
            self._end("update_cancelled")
        elif self._job.stage == "new":
            self._start(self._job)
        elif self._job.stage == "loading":
            self._load(self._job)
        else:
            self._hand_over(self._job)

    def _find(self) -> None:
        """Go on with what the last process left."""
        job = self._incoming.job()
        self._found = True
        if job is None:
            return
        self._job = job
        self._doubtful = job.stage == "offered"
        self.orders.taken_up(job.command, _too_late(job) if self._doubtful else "")
        if job.stage in ("loading", "loaded", "offered"):
            self._tries.quarter = 4 * job.safe_bytes // job.bytes
            self._steps.tell("update_resumed", job, stage=job.stage, held_bytes=job.safe_bytes)

    def _look(self) -> None:
        if time.monotonic() >= self._tidy_at:
            self._incoming.tidy(None)
            self._tidy_at = time.monotonic() + TIDY_S
        order = self.orders.take(timeout_s=0.2)
        if order is None:
            return
        try:
            self._job = self._accepted(order)
        except FetchRefused as refused:
            why = str(refused)
        except OSError as error:
            why = f"{self._incoming.folder} cannot be written to: {error.strerror}"
        else:
            self._tries, self._doubtful = Tries(), False
            self.orders.answer(order, {"accepted": 1, "bytes": self._job.bytes})
            return
        self.orders.answer(order, {}, why)
        self.orders.free()

    def _accepted(self, order: Order) -> Job:
        """The job that a command asks for, written down. Raises FetchRefused, OSError."""
        job = job_of(order, self._config, self._clock.now().utc_us)
        self._incoming.folder.mkdir(mode=0o750, exist_ok=True)
        if why := self._incoming.room_for(job.needs_bytes(0), self._reserve):
            raise FetchRefused(why)
        self._incoming.keep(job)
        return job

    @property
    def _reserve(self) -> int:
        return self._config.evidence.reserve_mb * 1_000_000

    def _start(self, job: Job) -> None:
        try:
            url = address_of(job.url, self._config.uplink.update.hosts).shown
        except FetchRefused as refused:
            self._end("update_refused", why=str(refused))
            return
        if self._steps.tell("update_started", job, url=url, bytes=job.bytes, activate=int(job.activate)):
            self._write(job, stage="loading")

    # The file --------------------------------------------------------------------------------------

    def _load(self, job: Job) -> None:
        """One attempt, and what follows from it."""
        try:
            self._attempt(job)
        except FetchRefused as refused:
            self._end("update_refused", why=str(refused))
            return
        except FetchBroken as broken:
            self._broken(str(broken))
            return
        except OSError as error:
            self._broken(f"{self._incoming.folder}: {error.strerror or error}")
            return
        self._verify()

    def _attempt(self, job: Job) -> None:
        with closing(Growing(self._incoming, job, self._grown_safely, self._grown)) as file:
            held = file.size
            if why := self._incoming.room_for(job.needs_bytes(held), self._reserve):
                raise FetchBroken(why)
            try:
                if held < job.bytes:
                    self._fetch.attempt(job.url, job.bytes, file)
            finally:
                if file.size != held:
                    self._tries.broken = 0
                file.sync()

    def _grown_safely(self, job: Job) -> None:
        self._incoming.keep(job)
        self._job = job

    def _grown(self, size: int) -> None:
        assert self._job is not None
        if why := self._incoming.room_for(0, self._reserve):  # others write to this disk as well
            raise FetchBroken(why)
        quarter = 4 * size // self._job.bytes
        if quarter > self._tries.quarter and quarter < 4:
            self._tries.quarter = quarter
            # Once: the file does not wait for a station that is away.
            self._steps.say("update_progress", self._job, percent=25 * quarter, held_bytes=size)

    def _broken(self, why: str) -> None:
        """It may go better later, for a while."""
        assert self._job is not None
        if self._ending.is_set():
            return
        log.warning("update %s: %s", self._job.command, why)
        config = self._config.uplink.update
        age_s = (self._clock.now().utc_us - self._job.accepted_utc_us) / 1e6
        if age_s > config.patience_s:
            self._end("update_refused", why=f"given up after {age_s:.0f} s (uplink.update.patience_s): {why}")
            return
        if why != self._tries.why:
            self._tries.why = why
            self._steps.say("update_waiting", self._job, why=why, held_bytes=self._job.safe_bytes)
        longest_s, retry_s = self._config.uplink.retry_max_s, self._config.uplink.retry_min_s
        self._ending.wait(backoff_s(self._tries.broken, retry_s, longest_s, random.uniform(0.5, 1.0)))
        self._tries.broken += 1

    def _verify(self) -> None:
        """All bytes are there: are they the ones that were meant?"""
        job = self._job
        assert job is not None
        try:
            found = self._incoming.sha256(job)
            if found == job.sha256:
                self._loaded(job)
            elif job.patched and not job.afresh:
                log.warning("update %s: put together it is not what was meant; once more from the start", job.command)
                self._incoming.part(job).unlink()
                self._tries.quarter = 0
                self._write(job, safe_bytes=0, validator="", patched=False, afresh=True)
            else:
                self._end("update_refused", why=f"sha256 of what was loaded is {found}, announced was {job.sha256}")
        except OSError as error:
            self._broken(f"{self._incoming.folder}: {error.strerror or error}")

    def _loaded(self, job: Job) -> None:
        took_s = round(time.monotonic() - self._tries.began, 1)
        if self._steps.tell("update_downloaded", job, bytes=job.bytes, took_s=took_s):
            self._write(job, stage="loaded")

    def _hand_over(self, job: Job) -> None:
        if not self.orders.close_unless_cancelled(_too_late(job)):
            return
        if job.stage != "offered" and not self._write(job, stage="offered"):
            self.orders.open()
            return
        job = job.model_copy(update={"stage": "offered"})
        try:
            file = self._incoming.offer(job)
            said = ask(
                self._config.station.runtime,
                "model_import",
                IMPORT_S,
                file=file,
                activate=job.activate,
                recipe=job.recipe,
            )
        except FileNotFoundError:
            self._end("update_refused", why=f"{self._incoming.part(job)} is gone")
        except StationRefused as refused:
            if str(refused).startswith("busy"):
                self._ending.wait(AWAY_S)
            else:
                self._end("update_refused", why=str(refused))
        except ControlFailed as error:
            self._broke_off(job, error)
        except OSError as error:
            self._broken(f"{self._incoming.folder}: {error.strerror or error}")
        else:
            self._installed(job, said)
        finally:
            if not self._doubtful:
                self.orders.open()

    def _installed(self, job: Job, said: dict[str, Any]) -> None:
        """The model is one of the station's, whatever became of its activation."""
        refused = str(said.get("activation_refused", ""))
        detail: dict[str, Value] = {"activation_refused": refused} if refused else {}
        activated = int(job.activate and not refused)
        self._end("update_done", model=str(said["id"]), digest=str(said["digest"]), activated=activated, **detail)

    def _broke_off(self, job: Job, error: ControlFailed) -> None:
        """The station is away, or went away in the middle: that may be the model's doing."""
        away = isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError)
        self._doubtful |= not away
        if not away and not self._ending.is_set():
            if job.offers + 1 >= MOST_OFFERS:
                why = f"the station broke off {MOST_OFFERS} times while it took it in: {error}"
                self._end("update_refused", why=why)
                return
            self._write(job, offers=job.offers + 1)
        self._ending.wait(AWAY_S)

    def _give_up(self, job: Job) -> None:
        """Cancelled: nothing of the file stays, also where there is no room to write that down."""
        self._incoming.empty(job)
        self._job = job.model_copy(update={"stage": "cancelled", "safe_bytes": 0, "validator": ""})
        try:
            self._incoming.keep(self._job)
        except OSError as error:
            log.warning("%s: %s", self._incoming.folder, error)
        self.orders.gave_up(
            f"update {job.command} is cancelled already", {"cancelled": 1, "held_bytes": job.safe_bytes}
        )

    def _end(self, name: str, **detail: Value) -> None:
        """Told, then forgotten. Where nobody listens until the end of the process, it is told by the next one."""
        job = self._job
        assert job is not None
        self.orders.close(f"update {job.command} has ended already")
        if not self._steps.tell(name, job, **detail):
            return
        self._incoming.drop(job)
        self._job = None
        self.orders.free()

    def _write(self, job: Job, **fields: object) -> bool:
        """The next step; where it cannot be made durable, this one is done again: False."""
        changed = job.model_copy(update=fields)
        try:
            self._incoming.keep(changed)
        except OSError as error:
            log.warning("%s: %s", self._incoming.folder, error)
            self._ending.wait(AWAY_S)
            return False
        self._job = changed
        return True


def _too_late(job: Job) -> str:
    return f"too late: update {job.command} is loaded, and the station is importing it"
