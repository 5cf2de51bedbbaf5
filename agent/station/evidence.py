"""Keeps the pictures of parts that are not OK, and of a sample of those that are, as proof.

The sample, and a share of the others, is kept lossless: only what was judged pixel for pixel can show
what another model would have said (`okng backtest`).

A thread of its own, "evidence": encoding, disk and deletions never hold up the write thread or a lane.
Below the reserve of free space pictures stop and judging goes on.
"""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from agent.config import EvidenceConfig
from agent.errors import StoreFailed
from agent.ports import Clock
from agent.station.clearing import Clearing, tell
from agent.station.draw import Drawn, draw
from agent.station.orphans import CHUNK, proof_of
from agent.station.pictures import (
    Picture,
    day_of,
    encode,
    name_of,
    pictures,
    remove_leftovers,
    size_of,
    write_whole,
)
from agent.status import DiskStatus
from agent.store.house import free_bytes
from agent.store.losses import Losses
from agent.store.read import Reader
from agent.store.retention import DAY_US
from agent.store.steady import Steady
from agent.store.values import Sampling, StoredPart
from agent.store.write import Writer
from agent.worker import Worker
from pipelines.values import Frame, Outcome, Pixels, Record

log = logging.getLogger(__name__)

MB = 1_000_000
MOST_WAITING = 64
MOST_WAITING_BYTES = 64 << 20
IDLE_S = 0.5
HOUSEKEEPING_S = 2.0
SWEEP_S = 86_400.0
MARGIN = 1.05
"""Pictures are kept again when there is so much more than the reserve, so that the state does not flutter."""
DEFAULT_OK_RATE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    id: int
    name: str
    pixels: Pixels
    sampling: Sampling


class Evidence:
    """The keeper of the pictures. `offer` may be called from any thread; the rest is its own thread's."""

    def __init__(
        self,
        folder: Path,
        config: EvidenceConfig,
        store: Writer,
        clock: Clock,
        free: Callable[[Path], int] = free_bytes,
        ok_rate_of: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        """`ok_rate_of`: the share of OK parts that a recipe's revision, by its sha256, has kept; None: not known."""
        self._folder = folder
        self._config = config
        self._store = store
        self._reader = Reader(store.database)
        self._clearing = Clearing(folder, store, self._reader)
        self._clock = clock
        self._free = free
        self._ok_rate_of = ok_rate_of
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._lost = 0
        self._losses = Losses()
        self._free_now = 0
        self._state: Literal["on", "off", "stopped"] = "on" if config.enabled else "off"
        self._key = secrets.token_bytes(16)
        """The database's own is read at the start; on a full disk there may be none yet."""
        self._audits = True
        """Whether parts are drawn for the audit: not too many wait for their review."""
        self._steady = Steady()
        self._house_ns: int | None = None
        self._sweep_ns: int | None = None
        self._worker = Worker("evidence", self.turn)

    def start(self) -> "Evidence":
        """Begin, after clearing away what a kill left half written. Raises StoreFailed."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self._folder)
            self._free_now = self._free(self._folder)
        except OSError as error:
            raise StoreFailed(f"evidence folder {self._folder}: {error.strerror}") from error
        try:
            self._key = self._reader.draw_key()
        except StoreFailed as error:
            log.warning("evidence: parts are drawn by a key of this run: %s", error)
        self._worker.start()
        return self

    def close(self) -> None:
        """Keep what waits, for at most 2 s, and end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or bool(self.crash), 2.0)
        self._worker.stop()

    @property
    def crash(self) -> str:
        return self._worker.crash

    def disk(self) -> DiskStatus:
        """The disk, as last looked at."""
        return DiskStatus(
            free_mb=self._free_now // MB,
            reserve_mb=self._config.reserve_mb,
            evidence_mb=self._clearing.used // MB,
            quota_mb=self._config.quota_mb,
            evidence=self._state,
        )

    def offer(
        self,
        record_id: int,
        record: Record,
        frame: Frame | None,
        ok_rate: float = DEFAULT_OK_RATE,
        wanted: bool = False,
    ) -> bool:
        """Keep the part's picture if it is to be kept; whether it will be. Never waits: what does not fit is counted
        and let go.

        `wanted`: offered again, because another model disagreed. What the draw keeps is kept already;
        what it does not is kept lossless now, and stands for no other part.
        """
        outcome = record.verdict.outcome
        if self._state != "on" or frame is None or frame.pixels.size == 0:
            return False
        drawn = self._draw(record_id, outcome, ok_rate)
        if drawn.kept is wanted:
            return False
        sampling = Sampling() if wanted else drawn.sampling
        name = name_of(record.origin.lane, record.captured.utc_us, record_id, outcome, drawn.lossless or wanted)
        return self._queue(_Waiting(record_id, name, frame.pixels, sampling))

    def _draw(self, record_id: int, outcome: Outcome, ok_rate: float) -> Drawn:
        audit = self._config.audit_share if self._audits else 0.0
        return draw(record_id, outcome, self._key, ok=ok_rate, lossless=self._config.lossless_share, audit=audit)

    def _queue(self, waiting: _Waiting) -> bool:
        size = waiting.pixels.nbytes
        with self._changed:
            full = len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_WAITING_BYTES
            # However large it is, one picture may always wait.
            if full and self._waiting:
                self._lost += 1
                return False
            self._waiting.append(waiting)
            self._bytes += size
            self._changed.notify_all()
            return True

    # On the evidence thread ------------------------------------------------------------------------

    def turn(self) -> None:
        """One picture, and now and then the housekeeping."""
        now = self._clock.now()
        if self._house_ns is None:
            self._look_around()
        if self._house_ns is None or now.mono_ns - self._house_ns >= HOUSEKEEPING_S * 1e9:
            self._house_ns = now.mono_ns
            self._keep_house()
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), IDLE_S)
            waiting = self._waiting[0] if self._waiting else None
        if waiting is not None:
            self._keep(waiting)
            with self._changed:
                self._waiting.popleft()
                self._bytes -= waiting.pixels.nbytes
                self._changed.notify_all()

    def _keep(self, waiting: _Waiting) -> None:
        try:
            if self._state != "on":
                raise OSError("no room for pictures")
            data = encode(waiting.name, waiting.pixels, self._config.jpeg_quality)
            # A database that was lost counts from 1 again: a picture of before may bear the same name.
            replaced = size_of(self._folder, waiting.name)
            proof = write_whole(self._folder, waiting.name, data)
        except OSError as error:
            log.warning("picture %s was not kept: %s", waiting.name, error)
            with self._changed:
                self._lost += 1
            return
        self._clearing.used += proof.bytes - replaced
        tell(lambda: self._store.set_evidence(waiting.id, proof, waiting.sampling))

    def _look_around(self) -> None:
        """Once, at the start: what is there, and which pictures a kill left without their row's word."""
        try:
            named, last = self._reader.last_kept(), max(self._reader.last_ids().values(), default=0)
            walk, lost = pictures(self._folder), False
            while some := list(islice(walk, CHUNK)):
                self._clearing.used += sum(picture.path.stat().st_size for picture in some)
                for picture in self._clearing.orphans.among(some):
                    adopted = named < picture.id <= last and self._adopt(picture)
                    lost = lost or not adopted
            if lost:
                self._clearing.orphans.begin()
        except (OSError, StoreFailed) as error:
            log.warning("evidence folder %s: %s", self._folder, error)

    def _adopt(self, picture: Picture) -> bool:
        part = self._reader.part(picture.id)
        proof = None if part is None else proof_of(self._folder, picture, part)
        if part is None or proof is None:
            return False
        sampling = self._sampling_of(part)
        tell(lambda: self._store.set_evidence(part.id, proof, sampling))
        return True

    def _sampling_of(self, part: StoredPart) -> Sampling:
        """With which shares its picture was drawn: the draw says so again, with the recipe of then."""
        origin, outcome = part.record.origin, part.record.verdict.outcome
        rate = self._ok_rate_of(origin.recipe_hash) if outcome is Outcome.OK else 0.0
        drawn = self._draw(part.id, outcome, rate or 0.0)
        if rate is None:
            return Sampling(audit_share=drawn.sampling.audit_share)
        # What the draw does not keep was kept because another model disagreed.
        return drawn.sampling if drawn.kept else Sampling()

    def _keep_house(self) -> None:
        """Room first: age, quota and free space, pictures of good parts before those of bad ones."""
        now = self._clock.now()
        try:
            steady = self._steady.trusts(now)
            oldest = now.utc_us - round(self._config.keep_days * DAY_US)
            if steady:
                self._clearing.remove_old(oldest)
            self._free_now = self._free(self._folder)
            self._audits = self._config.audit_share > 0 and self._reader.audits_waiting() < self._config.audit_waiting
            if self._clearing.used > self._config.quota_mb * MB:
                self._clearing.make_room(self._clearing.used - self._config.quota_mb * MB)
            if self._free_now < self._config.reserve_mb * MB:
                self._clearing.make_room(round(self._config.reserve_mb * MB * MARGIN) - self._free_now)
                self._free_now = self._free(self._folder)
            if steady and (self._sweep_ns is None or now.mono_ns - self._sweep_ns >= SWEEP_S * 1e9):
                self._sweep_ns = now.mono_ns
                self._clearing.sweep(day_of(oldest))
        except (OSError, StoreFailed) as error:
            log.warning("evidence folder %s: %s", self._folder, error)
        self._decide()

    def _decide(self) -> None:
        """Whether pictures are kept from here on."""
        if not self._config.enabled:
            return
        factor = MARGIN if self._state == "stopped" else 1.0
        room = self._free_now >= self._config.reserve_mb * MB * factor
        room &= self._clearing.used <= self._config.quota_mb * MB * MARGIN
        state: Literal["on", "stopped"] = "on" if room else "stopped"
        if state != self._state:
            self._state = state
            name = "evidence_stopped" if state == "stopped" else "evidence_back"
            self._store.event(name, free_mb=self._free_now // MB, used_mb=self._clearing.used // MB)
        if lost := self._losses.report(self._clock.now().mono_ns, (self._lost,)):
            self._store.event("evidence_lost", pictures=lost[0])
