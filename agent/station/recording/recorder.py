"""Keeps every judged picture of a lane for a while, in a folder or on a share: "record everything".

A thread of its own, "recorder", at low priority: a share that is slow, full or gone costs pictures of the recording,
which are counted, and never a part, a verdict or the evidence. What it holds in memory is bounded.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.config import EvidenceConfig
from agent.errors import OkngError
from agent.ports import Clock
from agent.station.pictures import encode
from agent.station.recording.one import Recording, Why
from agent.station.recording.place import Place, line_of, place_in
from agent.status import RecordingStatus
from agent.store.house import free_bytes
from agent.worker import Worker
from pipelines.values import Frame, Pixels, Record

log = logging.getLogger(__name__)

MOST_WAITING = 64
MOST_WAITING_BYTES = 128 << 20
IDLE_S, RETRY_S = 0.25, 2.0
"""A folder in trouble is tried again so often, not with each picture."""
OPEN_S = 5.0
"""A folder that has not answered by then is refused: a share whose server is away hangs."""
LOW_PRIORITY = 10


class RecordingRefused(OkngError):
    """A recording that cannot begin, or end; says why."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    of: Recording
    id: int
    record: Record
    pixels: Pixels


class Recorder:
    """`offer` may be called from any thread and never waits; files are its own thread's."""

    def __init__(
        self,
        config: EvidenceConfig,
        station: str,
        clock: Clock,
        event: Callable[..., None],
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """`station`: begins the names of the recordings' folders."""
        self._config = config
        self._station = station
        self._clock = clock
        self._event = event
        self._free = free
        self._changed = threading.Condition()
        self._running: dict[str, Recording] = {}
        self._last: dict[str, Recording] = {}
        self._opening: deque[Recording] = deque()
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._given_way = self._closing = False
        self._worker = Worker("recorder", self._turn)

    def start(self) -> None:
        self._worker.start()

    def close(self) -> None:
        """End what runs; a share that hangs is left behind."""
        self._closing = True
        with self._changed:
            going = list(self._running.values())
            for recording in going:
                recording.asked_off = True
            self._changed.notify_all()
        if going:
            with self._changed:
                self._changed.wait_for(lambda: not self._running or bool(self.crash), 1.0)
        self._worker.stop(1.0)

    @property
    def crash(self) -> str:
        return self._worker.crash

    def states(self) -> tuple[RecordingStatus, ...]:
        """What runs, and the last one of each lane in this run."""
        root = self._config.record_folder
        if root is None:
            return ()
        with self._changed:
            return tuple(recording.status(root) for recording in {**self._last, **self._running}.values())

    def begin(self, lane: str, minutes: float) -> RecordingStatus:
        """Keep every picture of a lane from now on. Raises RecordingRefused."""
        root, at = self._config.record_folder, self._clock.now()
        if root is None:
            raise RecordingRefused("evidence.record_folder names no folder: nothing can be recorded")
        moment = _moment(at.utc_us)
        recording = Recording(lane, f"{self._station}-{lane}-{moment}", at, minutes * 60)
        with self._changed:
            if lane in self._running or any(one.lane == lane for one in self._opening):
                raise RecordingRefused(f"lane {lane} is being recorded already")
            self._opening.append(recording)
            self._changed.notify_all()
        if not recording.ready.wait(OPEN_S):
            with self._changed:
                recording.asked_off = True
            raise RecordingRefused(f"{root} has not answered for {OPEN_S:g} s: is the share there?")
        if recording.place is None:
            raise RecordingRefused(recording.trouble)
        self._event("recording_begun", lane=lane, folder=str(recording.place.folder), minutes=minutes)
        return recording.status(root)

    def end(self, lane: str) -> None:
        """No more pictures of this lane; what waits is still kept. Raises RecordingRefused where none runs."""
        with self._changed:
            recording = self._running.get(lane)
            if recording is None:
                raise RecordingRefused(f"lane {lane} is not being recorded")
            recording.asked_off = True
            self._changed.notify_all()

    def offer(self, record_id: int, record: Record, frame: Frame) -> None:
        """A part was committed: keep its picture, if its lane is recorded and there is room in memory."""
        if not self._running:
            return
        with self._changed:
            running = self._running.get(record.origin.lane)
            if running is None or running.asked_off or frame.pixels.size == 0:
                return
            size = frame.pixels.nbytes
            # However large it is, one picture may always wait.
            full = len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_WAITING_BYTES
            if full and self._waiting:
                running.dropped += 1
                return
            self._waiting.append(_Waiting(running, record_id, record, frame.pixels))
            self._bytes += size
            self._changed.notify_all()

    # On its own thread -------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._give_way()
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting or self._opening), IDLE_S)
            opening = self._opening[0] if self._opening else None
            waiting = self._waiting[0] if self._waiting else None
        if opening is not None:
            self._open(opening)
        if waiting is not None:
            self._keep(waiting)
            with self._changed:
                self._waiting.popleft()
                self._bytes -= waiting.pixels.nbytes
        self._end_what_is_over()

    def _give_way(self) -> None:
        """The kernel gives priorities to threads too (setpriority(2), notes)."""
        if not self._given_way:
            self._given_way = True
            with suppress(OSError):  # a sandbox may forbid it
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)

    def _open(self, recording: Recording) -> None:
        root = self._config.record_folder
        assert root is not None
        place: Place | None = None
        try:
            place = place_in(root, recording.name)
            if (free := self._free(root)) <= self._reserve:
                raise OSError(f"{free // 1_000_000} MB are free, evidence.reserve_mb {self._config.reserve_mb} is kept")
            place.tell(self._about(recording))
        except OSError as error:
            place, recording.trouble = None, f"{root}: {_words(error)}"
        with self._changed:
            self._opening.popleft()
            recording.place = place
            if place is not None and not recording.asked_off:
                self._running[recording.lane] = recording
                self._last.pop(recording.lane, None)
        recording.ready.set()

    def _keep(self, waiting: _Waiting) -> None:
        recording, now_ns = waiting.of, self._clock.now().mono_ns
        if recording.ended or recording.place is None or (recording.trouble and now_ns < recording.retry_ns):
            self._drop(recording)
            return
        file = f"{waiting.id}{'.png' if self._config.record_lossless else '.jpg'}"
        try:
            recording.place.check()
            data = encode(file, waiting.pixels, self._config.jpeg_quality)
            if self._free(recording.place.root) - len(data) < self._reserve:
                self._drop(recording)
                self._over(recording, "room")
                return
            recording.place.keep(file, data, line_of(waiting.id, waiting.record, file))
        except OSError as error:
            self._drop(recording)
            if not recording.trouble:
                log.warning("recording %s: %s", recording.name, _words(error))
            recording.trouble, recording.retry_ns = _words(error), now_ns + round(RETRY_S * 1e9)
            return
        with self._changed:
            recording.trouble = ""
            recording.kept += 1
            recording.bytes += len(data)

    def _drop(self, recording: Recording) -> None:
        with self._changed:
            recording.dropped += 1

    def _end_what_is_over(self) -> None:
        now = self._clock.now()
        with self._changed:
            waited_for = {id(waiting.of) for waiting in self._waiting}
            running = list(self._running.values())
        for recording in running:
            late = now.mono_ns - recording.begun.mono_ns >= recording.for_s * 1e9
            if late:
                recording.asked_off = True  # no more is taken; what waits is still kept
            if recording.asked_off and id(recording) not in waited_for:
                self._over(recording, "time" if late else "station" if self._closing else "stopped")

    def _over(self, recording: Recording, why: Why) -> None:
        with self._changed:
            recording.ended, recording.ended_utc_us = why, self._clock.now().utc_us
            self._running.pop(recording.lane, None)
            self._last[recording.lane] = recording
            self._changed.notify_all()
        if recording.place is not None and not recording.trouble:
            with suppress(OSError):  # the lines are there; this is a summary
                recording.place.tell(self._about(recording))
        self._event(
            "recording_ended",
            lane=recording.lane,
            why=why,
            folder=str(self._config.record_folder),
            pictures=recording.kept,
            dropped=recording.dropped,
            mb=recording.bytes // 1_000_000,
        )

    @property
    def _reserve(self) -> int:
        return self._config.reserve_mb * 1_000_000

    def _about(self, recording: Recording) -> dict[str, object]:
        root = self._config.record_folder
        assert root is not None
        said = recording.status(root).model_dump(mode="json", exclude={"folder", "trouble"})
        return {"schema": "okng.recording/1", "station": self._station, **said}


def _words(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.strerror and error.filename else error.strerror or str(error)


def _moment(utc_us: int) -> str:
    """20261130T140500Z."""
    return f"{datetime.fromtimestamp(utc_us / 1e6, UTC):%Y%m%dT%H%M%SZ}"
