"""The live pictures: drawn from committed records, only while somebody watches.

`live/LANE-ID.jpg` is the picture of a committed record, `live/LANE.json` names it and says what was
found; both are put in place by rename, so a reader sees a whole old one or a whole new one.
"""

import json
import logging
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import cv2

from agent.ports import Clock
from agent.worker import Worker
from pipelines.values import Frame, Record

log = logging.getLogger(__name__)

LEASE_S = 3.0
PER_SECOND = 10.0
QUALITY = 85
KEPT = 4
"""Pictures left in place a lane: a page may still be fetching the one before."""


class Live:
    """Keeps the newest committed part of each lane and draws it for the page."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._newest: dict[str, tuple[int, Record, Frame]] = {}
        self._kept: dict[str, list[Path]] = {}
        self._until_ns = 0
        self._worker = Worker("live", self._turn)

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob("*.jpg"):
            old.unlink(missing_ok=True)
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()
        # Nothing may look live after the end.
        for old in self._folder.glob("*"):
            old.unlink(missing_ok=True)

    @property
    def crash(self) -> str:
        return self._worker.crash

    def watch(self) -> float:
        """Somebody watches: draw for the next seconds; returns how long the lease lasts."""
        self._until_ns = self._clock.now().mono_ns + int(LEASE_S * 1e9)
        return LEASE_S

    def show(self, record_id: int, record: Record, frame: Frame) -> None:
        """A record was committed. Only remembers it: called on the write thread."""
        with self._lock:
            self._newest[record.origin.lane] = (record_id, record, frame)

    def _turn(self) -> None:
        if self._clock.now().mono_ns < self._until_ns:
            with self._lock:
                fresh, self._newest = self._newest, {}
            for lane, (record_id, record, frame) in fresh.items():
                self._draw(lane, record_id, record, frame)
        self._worker.stopping.wait(1.0 / PER_SECOND)

    def _draw(self, lane: str, record_id: int, record: Record, frame: Frame) -> None:
        if frame.pixels.size == 0:
            return
        done, data = cv2.imencode(".jpg", frame.pixels, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        if not done:
            return
        picture = self._folder / f"{lane}-{record_id}.jpg"
        try:
            _replace(picture, data.tobytes())
            _replace(self._folder / f"{lane}.json", json.dumps(_described(picture.name, record_id, record)).encode())
        except OSError as error:
            log.warning("live picture %s: %s", picture, error.strerror)
            return
        kept = self._kept.setdefault(lane, [])
        kept.append(picture)
        while len(kept) > KEPT:
            with suppress(OSError):
                kept.pop(0).unlink()


def _described(picture: str, record_id: int, record: Record) -> Mapping[str, object]:
    seen = record.inspection
    return {
        "id": record_id,
        "lane": record.origin.lane,
        "picture": picture,
        "outcome": str(record.verdict.outcome),
        "reasons": [
            {
                "rule": str(r.rule),
                "measured": r.measured,
                "limit": r.limit,
                "label": r.label,
                "region": r.region,
                "detection": r.detection,
            }
            for r in record.verdict.reasons
        ],
        "detections": [[d.label, d.score, d.x1, d.y1, d.x2, d.y2] for d in seen.detections],
        "width": seen.width_px,
        "height": seen.height_px,
        "captured_utc_us": record.captured.utc_us,
        "captured_mono_ns": record.captured.mono_ns,
        "latency_ms": seen.stages.total_ms,
        "sequence": record.sequence,
    }


def _replace(path: Path, data: bytes) -> None:
    # The runtime folder is a tmpfs: nothing to sync, the rename alone makes it whole.
    temp = path.with_suffix(path.suffix + ".part")
    temp.write_bytes(data)
    os.replace(temp, path)
