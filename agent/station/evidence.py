"""Keeps the pictures of parts that are not OK, and of a sample of those that are, as proof.

A thread of its own, "evidence": JPEG, disk and deletions never hold up the write thread or a lane.
Below the reserve of free space pictures stop and judging goes on.
"""

import hashlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import cv2

from agent.config import EvidenceConfig
from agent.errors import StoreFailed
from agent.ports import Clock
from agent.station.orphans import CHUNK, Orphans
from agent.station.pictures import Picture, day_of, name_of, pictures, remove, remove_leftovers, size_of, write_whole
from agent.status import DiskStatus
from agent.store.house import free_bytes
from agent.store.losses import Losses
from agent.store.read import Reader
from agent.store.retention import DAY_US
from agent.store.steady import Steady
from agent.store.values import Evidence as Proof
from agent.store.values import Kept
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
BATCH = 200
MARGIN = 1.05
"""Pictures are kept again when there is so much more than the reserve, so that the state does not flutter."""
DEFAULT_OK_RATE = 0.01


def is_sampled(record_id: int, rate: float) -> bool:
    """Whether this OK part's picture is kept: by a hash of its id, so that nothing else has a say in it."""
    digest = hashlib.blake2b(record_id.to_bytes(8, "big"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < rate * 2**64


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    id: int
    name: str
    pixels: Pixels


class Evidence:
    """The keeper of the pictures. `offer` may be called from any thread; the rest is its own thread's."""

    def __init__(
        self,
        folder: Path,
        config: EvidenceConfig,
        store: Writer,
        clock: Clock,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder = folder
        self._config = config
        self._store = store
        self._reader = Reader(store.database)
        self._orphans = Orphans(folder, self._reader)
        self._clock = clock
        self._free = free
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._lost = 0
        self._losses = Losses()
        self._used = 0
        self._free_now = 0
        self._state: Literal["on", "off", "stopped"] = "on" if config.enabled else "off"
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
            evidence_mb=self._used // MB,
            quota_mb=self._config.quota_mb,
            evidence=self._state,
        )

    def offer(self, record_id: int, record: Record, frame: Frame | None, ok_rate: float = DEFAULT_OK_RATE) -> None:
        """Keep the part's picture if it is to be kept. Never waits: what does not fit is counted and let go."""
        outcome = record.verdict.outcome
        if self._state != "on" or frame is None or frame.pixels.size == 0:
            return
        if outcome is Outcome.OK and not is_sampled(record_id, ok_rate):
            return
        name = name_of(record.origin.lane, record.captured.utc_us, record_id, outcome)
        with self._changed:
            full = len(self._waiting) >= MOST_WAITING or self._bytes + frame.pixels.nbytes > MOST_WAITING_BYTES
            # However large it is, one picture may always wait.
            if full and self._waiting:
                self._lost += 1
                return
            self._waiting.append(_Waiting(record_id, name, frame.pixels))
            self._bytes += frame.pixels.nbytes
            self._changed.notify_all()

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
        done, jpeg = cv2.imencode(".jpg", waiting.pixels, [cv2.IMWRITE_JPEG_QUALITY, self._config.jpeg_quality])
        try:
            if not done or self._state != "on":
                raise OSError("the picture cannot be encoded" if not done else "no room for pictures")
            # A database that was lost counts from 1 again: a picture of before may bear the same name.
            replaced = size_of(self._folder, waiting.name)
            proof = write_whole(self._folder, waiting.name, jpeg.tobytes())
        except OSError as error:
            log.warning("picture %s was not kept: %s", waiting.name, error)
            with self._changed:
                self._lost += 1
            return
        self._used += proof.bytes - replaced
        self._tell(lambda: self._store.set_evidence(waiting.id, proof))

    def _tell(self, say: Callable[[], None]) -> None:
        """The store may be closed by now; a picture without its row's word for it is found at the next start."""
        try:
            say()
        except StoreFailed as error:
            log.warning("evidence: %s", error)

    def _look_around(self) -> None:
        """Once, at the start: what is there, and which pictures a kill left without their row's word."""
        try:
            named, last = self._reader.last_kept(), max(self._reader.last_ids().values(), default=0)
            walk, lost = pictures(self._folder), False
            while some := list(islice(walk, CHUNK)):
                self._used += sum(picture.path.stat().st_size for picture in some)
                for picture in self._orphans.among(some):
                    adopted = named < picture.id <= last and self._adopt(picture)
                    lost = lost or not adopted
            if lost:
                self._orphans.begin()
        except (OSError, StoreFailed) as error:
            log.warning("evidence folder %s: %s", self._folder, error)

    def _adopt(self, picture: Picture) -> bool:
        part = self._reader.part(picture.id)
        if part is None or part.evidence is not None or part.record.verdict.outcome is not picture.outcome:
            return False
        name = name_of(part.record.origin.lane, part.record.captured.utc_us, part.id, picture.outcome)
        # A picture older than the verdict is of another part: of a database before a restore.
        written_us = picture.path.stat().st_mtime_ns // 1000
        if picture.path != self._folder / name or written_us < part.record.decided_utc_us:
            return False
        data = picture.path.read_bytes()
        proof = Proof(name, hashlib.sha256(data).hexdigest(), len(data))
        self._tell(lambda: self._store.set_evidence(part.id, proof))
        return True

    def _keep_house(self) -> None:
        """Room first: age, quota and free space, pictures of good parts before those of bad ones."""
        now = self._clock.now()
        try:
            steady = self._steady.trusts(now)
            oldest = now.utc_us - round(self._config.keep_days * DAY_US)
            if steady:
                self._remove(self._reader.removable(BATCH, oldest))
            self._free_now = self._free(self._folder)
            if self._used > self._config.quota_mb * MB:
                self._make_room(self._used - self._config.quota_mb * MB)
            if self._free_now < self._config.reserve_mb * MB:
                self._make_room(round(self._config.reserve_mb * MB * MARGIN) - self._free_now)
                self._free_now = self._free(self._folder)
            if steady and (self._sweep_ns is None or now.mono_ns - self._sweep_ns >= SWEEP_S * 1e9):
                self._sweep_ns = now.mono_ns
                self._sweep(day_of(oldest))
        except (OSError, StoreFailed) as error:
            log.warning("evidence folder %s: %s", self._folder, error)
        self._decide()

    def _make_room(self, wanted: int) -> None:
        """Remove as many pictures as make up these bytes, a batch at a time: those first that no row names."""
        if self._orphans.left:
            wanted = self._remove_orphans(wanted)
            if self._orphans.left:
                return
        chosen: list[Kept] = []
        for kept in self._reader.removable(BATCH):
            if wanted <= 0:
                break
            chosen.append(kept)
            wanted -= kept.evidence.bytes
        self._remove(chosen)

    def _remove_orphans(self, wanted: int) -> int:
        """How many of these bytes are still wanted."""
        # A picture whose row is about to name it is none.
        self._store.flush()
        for some in self._orphans.next():
            freed = sum(remove(self._folder, str(picture.path.relative_to(self._folder))) for picture in some)
            self._used -= freed
            wanted -= freed
            if wanted <= 0:
                break
        return wanted

    def _remove(self, chosen: "tuple[Kept, ...] | list[Kept]") -> None:
        """The file first: a row that names a missing picture is put right the next time, an unnamed file is not."""
        for kept in chosen:
            self._used -= remove(self._folder, kept.evidence.file)
        if chosen:
            self._tell(lambda: self._store.drop_evidence([kept.id for kept in chosen]))

    def _sweep(self, before_day: str) -> None:
        """Remove old pictures that no row names: of a database that was restored or moved aside."""
        for picture in pictures(self._folder):
            if picture.day < before_day:
                for orphan in self._orphans.among([picture]):
                    self._used -= remove(self._folder, str(orphan.path.relative_to(self._folder)))

    def _decide(self) -> None:
        """Whether pictures are kept from here on."""
        if not self._config.enabled:
            return
        factor = MARGIN if self._state == "stopped" else 1.0
        room = self._free_now >= self._config.reserve_mb * MB * factor
        room &= self._used <= self._config.quota_mb * MB * MARGIN
        state: Literal["on", "stopped"] = "on" if room else "stopped"
        if state != self._state:
            self._state = state
            name = "evidence_stopped" if state == "stopped" else "evidence_back"
            self._store.event(name, free_mb=self._free_now // MB, used_mb=self._used // MB)
        if lost := self._losses.report(self._clock.now().mono_ns, (self._lost,)):
            self._store.event("evidence_lost", pictures=lost[0])
