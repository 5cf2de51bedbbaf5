"""What a second model said, kept: a row for each part, and the picture where the two differ."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import StoreFailed
from agent.ports import Clock
from agent.station.beside.purse import Purse
from agent.store.values import Role, SecondOpinion
from pipelines.values import Detection, Frame, Record, Verdict

log = logging.getLogger(__name__)

PICTURES, EVERY_S = 30, 2.0
"""So many pictures at once, and one more after so long: two models that never agree do not keep the disk busy ..."""
QUOTA_SHARE = 0.1
"""... and take no more than this share of the room for evidence, all second models together (`purse`)."""

Write = Callable[[SecondOpinion], None]
Show = Callable[[int, Record, Frame], bool]
"""(record's id, record, picture): keep the picture, although nobody has drawn it; False where it is kept anyway, or
there is no room for it now."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """The second model, and what it is there for."""

    model: str
    digest: str
    role: Role


@dataclass(frozen=True, slots=True)
class Opinion:
    """What it made of one part."""

    verdict: Verdict
    detections: tuple[Detection, ...]
    took_ms: float


class Keeper:
    """Hands a candidate's opinions on one lane to the store and the evidence. Thread-safe; never waits."""

    def __init__(self, candidate: Candidate, write: Write, show: Show, clock: Clock, purse: Purse) -> None:
        self._candidate = candidate
        self._write = write
        self._show = show
        self._clock = clock
        self._lock = threading.Lock()
        self._room = float(PICTURES)
        self._purse = purse
        self._at_ns = clock.now().mono_ns

    def keep(self, record_id: int, record: Record, frame: Frame | None, opinion: Opinion) -> bool:
        """Keep an opinion on a durable part; with a frame, its picture too. Whether that is kept."""
        now, who = self._clock.now(), self._candidate
        row = SecondOpinion(
            part=record_id,
            model=who.model,
            model_hash=who.digest,
            role=who.role,
            verdict=opinion.verdict,
            detections=opinion.detections,
            infer_ms=round(opinion.took_ms, 3),
            utc_us=now.utc_us,
        )
        try:
            self._write(row)
            return frame is not None and self._shown(record_id, record, frame, now.mono_ns)
        except StoreFailed as error:  # the station is ending
            log.debug("what %s said on part %d is not kept: %s", who.model, record_id, error)
            return False

    def _shown(self, record_id: int, record: Record, frame: Frame, now_ns: int) -> bool:
        size = frame.pixels.nbytes
        with self._lock:
            gained = (now_ns - self._at_ns) / 1e9 / EVERY_S
            self._room, self._at_ns = min(float(PICTURES), self._room + gained), now_ns
            if self._room < 1 or not self._purse.take(size):
                return False
            if not self._show(record_id, record, frame):
                self._purse.give_back(size)
                return False
            self._room -= 1
            return True
