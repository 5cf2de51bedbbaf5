"""Models over the air: takes the file that a command names, and hands it to the station.

The uplink believes nothing of it but its size and hash; whether the model is signed, sound and fast enough
is the station's to judge (`model_import`). Each step is an event, told to the station and through its outbox
to the centre; an event is told before the next step is written down, so after a kill it may be told twice.
"""

import hashlib
import logging
import queue
import random
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
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
from agent.uplink.talk import Done

log = logging.getLogger(__name__)

IMPORT_S = 1800.0
"""Longest wait for an import: it tries the model on every device, s."""
TELL_S = 5.0
AWAY_S = 1.0
"""A station that is away or busy is asked again after so long, s."""
TIDY_S = 3600.0
MOST_OFFERS = 3
"""A station that broke off in the middle of so many imports is not asked again."""


@dataclass(slots=True)
class _Tries:
    """How the attempts go, of this process."""

    broken: int = 0
    """In a row, without a byte between them."""
    why: str = ""
    quarter: int = 0
    """Of the size, told last."""
    began: float = field(default_factory=time.monotonic)


class Updates:
    """One update at a time. `turn` belongs to a thread of its own; the rest may be called from another."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._runtime: Path = config.station.runtime
        self._incoming = Incoming(config.station.data / "incoming")
        self._fetch = Fetch(config.uplink.update)
        self._stopping = self._fetch.stopping
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy = ""
        """The command that is carried out."""
        self._job: Job | None = None
        self._tries = _Tries()
        self._found = False
        self._tidy_at = 0.0

    # From another thread ---------------------------------------------------------------------------

    def order(self, order: Order) -> None:
        """Take a command; `done` tells whether it was accepted, events how it goes on."""
        with self._lock:
            if self._busy:
                known = self._busy == order.id
                said: dict[str, Any] = {"accepted": 1} if known else {}
                self._done.put(Done(order, said, "" if known else f"busy: update {self._busy} is under way"))
                return
            self._busy = order.id
        self._orders.put(order)

    def done(self) -> list[Done]:
        """The commands that were answered since the last call."""
        done = []
        while not self._done.empty():
            done.append(self._done.get_nowait())
        return done

    def stop(self) -> None:
        """End what waits; what was loaded is taken up at the next start."""
        self._fetch.stop()

    # One thread ------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Take a command, or go on with the one that was taken."""
        if not self._found:
            self._find()
        if self._job is None:
            self._look()
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
        with self._lock:
            self._busy, self._job = job.command, job
        if job.stage != "new":
            self._tries.quarter = 4 * job.safe_bytes // job.bytes
            self._tell("update_resumed", job, stage=job.stage, held_bytes=job.safe_bytes)

    def _look(self) -> None:
        if time.monotonic() >= self._tidy_at:
            self._incoming.tidy(None)
            self._tidy_at = time.monotonic() + TIDY_S
        try:
            order = self._orders.get(timeout=0.2)
        except queue.Empty:
            return
        try:
            job = self._accepted(order)
        except FetchRefused as refused:
            why = str(refused)
        except OSError as error:
            why = f"{self._incoming.folder} cannot be written to: {error.strerror}"
        else:
            self._tries = _Tries()
            self._job = job
            self._done.put(Done(order, {"accepted": 1, "bytes": job.bytes}, ""))
            return
        self._free()
        self._done.put(Done(order, {}, why))

    def _accepted(self, order: Order) -> Job:
        """The job that a command asks for, written down. Raises FetchRefused, OSError."""
        said, config = order.arguments, self._config
        address_of(said["url"], config.uplink.update.hosts)
        if said["bytes"] > config.uplink.update.cap_mb * 1_000_000:
            raise FetchRefused(
                f"bytes {said['bytes']}: at most {config.uplink.update.cap_mb} MB (uplink.update.cap_mb)"
            )
        if said["activate"] and not config.models.activate_on_import:
            raise FetchRefused("activate 1: a command may not activate here: models.activate_on_import is false")
        job = Job(
            command=order.id,
            url=said["url"],
            sha256=said["sha256"],
            bytes=said["bytes"],
            activate=bool(said["activate"]),
            recipe=said["recipe"],
            accepted_utc_us=self._clock.now().utc_us,
        )
        self._incoming.folder.mkdir(mode=0o750, exist_ok=True)
        if why := self._incoming.room_for(job.bytes, self._reserve):
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
        if self._tell("update_started", job, url=url, bytes=job.bytes, activate=int(job.activate)):
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
            if why := self._incoming.room_for(job.bytes - held, self._reserve):
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
        quarter = 4 * size // self._job.bytes
        if quarter > self._tries.quarter and quarter < 4:
            self._tries.quarter = quarter
            # Once: the file does not wait for a station that is away.
            self._say("update_progress", self._job, percent=25 * quarter, held_bytes=size)

    def _broken(self, why: str) -> None:
        """It may go better later, for a while."""
        assert self._job is not None
        if self._stopping.is_set():
            return
        log.warning("update %s: %s", self._job.command, why)
        config = self._config.uplink.update
        age_s = (self._clock.now().utc_us - self._job.accepted_utc_us) / 1e6
        if age_s > config.patience_s:
            self._end("update_refused", why=f"given up after {age_s:.0f} s (uplink.update.patience_s): {why}")
            return
        if why != self._tries.why:
            self._tries.why = why
            self._say("update_waiting", self._job, why=why, held_bytes=self._job.safe_bytes)
        longest_s, retry_s = self._config.uplink.retry_max_s, self._config.uplink.retry_min_s
        self._stopping.wait(backoff_s(self._tries.broken, retry_s, longest_s, random.uniform(0.5, 1.0)))
        self._tries.broken += 1

    def _verify(self) -> None:
        """All bytes are there: are they the ones that were meant?"""
        job = self._job
        assert job is not None
        try:
            with self._incoming.part(job).open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
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
        if self._tell("update_downloaded", job, bytes=job.bytes, took_s=took_s):
            self._write(job, stage="loaded")

    # The station -----------------------------------------------------------------------------------

    def _hand_over(self, job: Job) -> None:
        try:
            file = self._incoming.offer(job)
            said = ask(self._runtime, "model_import", IMPORT_S, file=file, activate=job.activate, recipe=job.recipe)
        except FileNotFoundError:
            self._end("update_refused", why=f"{self._incoming.part(job)} is gone")
        except StationRefused as refused:
            if str(refused).startswith("busy"):
                self._stopping.wait(AWAY_S)
            else:
                self._end("update_refused", why=str(refused))
        except ControlFailed as error:
            self._broke_off(job, error)
        except OSError as error:
            self._broken(f"{self._incoming.folder}: {error.strerror or error}")
        else:
            self._end("update_done", model=str(said["id"]), digest=str(said["digest"]), activated=int(job.activate))

    def _broke_off(self, job: Job, error: ControlFailed) -> None:
        """The station is away, or went away in the middle: that may be the model's doing."""
        away = isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError)
        if not away and not self._stopping.is_set():
            if job.offers + 1 >= MOST_OFFERS:
                why = f"the station broke off {MOST_OFFERS} times while it took it in: {error}"
                self._end("update_refused", why=why)
                return
            self._write(job, offers=job.offers + 1)
        self._stopping.wait(AWAY_S)

    def _end(self, name: str, **detail: str | int) -> None:
        """Told, then forgotten. Where nobody listens until the end of the process, it is told by the next one."""
        job = self._job
        assert job is not None
        if not self._tell(name, job, **detail):
            return
        self._incoming.drop(job)
        self._job = None
        self._free()

    def _free(self) -> None:
        with self._lock:
            self._busy = ""

    def _write(self, job: Job, **fields: object) -> None:
        """The next step; where it cannot be made durable, this one is done again."""
        changed = job.model_copy(update=fields)
        try:
            self._incoming.keep(changed)
        except OSError as error:
            log.warning("%s: %s", self._incoming.folder, error)
            self._stopping.wait(AWAY_S)
        else:
            self._job = changed

    def _tell(self, name: str, job: Job, **detail: str | int | float) -> bool:
        """Tell the station until it has it; False when the process ends before."""
        while not self._say(name, job, **detail):
            if self._stopping.wait(AWAY_S):
                return False
        return True

    def _say(self, name: str, job: Job, **detail: str | int | float) -> bool:
        said = {"command": job.command, **{k: v[:800] if isinstance(v, str) else v for k, v in detail.items()}}
        try:
            ask(self._runtime, "update", TELL_S, event=name, detail=said)
        except StationRefused as refused:  # an older station: it goes on without its events
            log.warning("%s: %s", name, refused)
        except ControlFailed as error:
            log.debug("%s: %s", name, error)
            return False
        log.info("%s: %s", name, said)
        return True
