"""A station whose every state can be chosen: real store, real control socket, real live pictures; no camera, no model.

What it says of itself is set by the test (`lane`, `said`); what it judged is what the test tells it.
"""

import hashlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.clock import SystemClock
from agent.config import StationConfig, StoreConfig
from agent.errors import ControlFailed
from agent.station.live import Live
from agent.station.review_verbs import ReviewVerbs
from agent.station.server import ControlServer
from agent.status import DiskStatus, LaneStatus, Status, UplinkStatus
from agent.store.read import Reader
from agent.store.values import Evidence, Review, Sampling, SecondOpinion
from agent.store.write import Writer
from agent.uplink.payload import StationEncoder
from pipelines.values import (
    Detection,
    Frame,
    Inspection,
    Origin,
    Outcome,
    Pixels,
    Purpose,
    Quality,
    Reason,
    Record,
    Rule,
    Stages,
    Verdict,
)

LIMIT = 0.45
NOT_DRAWN = Sampling()
SPUR = Detection("spur", 0.93, 300.0, 200.0, 340.0, 236.0)


def lane_status(name: str) -> LaneStatus:
    """A lane where all is well."""
    return LaneStatus(
        name=name,
        camera_kind="virtual",
        camera="live",
        camera_detail="",
        camera_serial="virtual-1",
        settings=(),
        width_px=640,
        height_px=640,
        engine="ready",
        engine_detail="",
        device="CPU",
        fallback="",
        model="boards-1",
        recipe="boards",
        recipe_hash="ab" * 32,
        paused=False,
        paused_why="",
        captured=0,
        judged=0,
        missed=0,
        parts_per_s=10.0,
        latency_p50_ms=14.2,
        latency_p99_ms=21.9,
        deadline_ms=100.0,
        frame_age_ms=20.0,
        brightness=128.0,
        sharpness=2100.0,
    )


def grey_board(width: int = 640, height: int = 640, seed: int = 1) -> Pixels:
    """A picture with something on it."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 235, np.uint8)
    for _ in range(40):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.line(pixels, (x, y), (x + int(rng.integers(-200, 200)), y), (40, 60, 40), 6)
    pixels.setflags(write=False)
    return pixels


@dataclass(slots=True)
class FakeStation:
    """Started by `running`."""

    data: Path
    runtime: Path
    lanes: dict[str, LaneStatus]
    said: dict[str, Any] = field(default_factory=dict)
    """Fields of Status that differ from a station where all is well."""
    hung: threading.Event = field(default_factory=threading.Event)
    """Set: it takes questions and does not answer."""
    pushed: list[Pixels] = field(default_factory=list)
    clock: SystemClock = field(default_factory=SystemClock)
    _store: Writer | None = None
    _live: Live | None = None
    _server: ControlServer | None = None
    more: dict[str, Any] = field(default_factory=dict)
    """Further verbs, and what answers them: to be set before `start`, changed at any time."""
    _sequence: int = 0

    def status(self) -> Status:
        now = self.clock.now()
        outbox = Reader(self.data / "results.db").outbox()
        plain = Status(
            version="0.0.0",
            site="plant",
            line="line1",
            station="station1",
            pid=1,
            run="run",
            boot=now.boot,
            started_utc_us=now.utc_us - 3_600_000_000,
            now_utc_us=now.utc_us,
            clock_trusted=True,
            profile="x86",
            profile_why="the only one",
            lanes=tuple(self.lanes.values()),
            disk=DiskStatus(free_mb=81_000, reserve_mb=1000, evidence_mb=420, quota_mb=20_000, evidence="on"),
            uplink=UplinkStatus(
                state="off",
                detail="",
                said_s_ago=-1,
                epoch=outbox.epoch,
                queued=outbox.last_seq,
                unsettled=outbox.unsettled,
                sent=0,
            ),
            alarms=(),
            resident_mb=180.0,
            safe_mode="",
        )
        return plain.model_copy(update=self.said)

    def set_lane(self, name: str, **changed: object) -> None:
        self.lanes = {**self.lanes, name: self.lanes[name].model_copy(update=changed)}

    def judge(
        self,
        lane: str = "top",
        outcome: Outcome = Outcome.OK,
        pixels: Pixels | None = None,
        found: Sequence[Detection] = (),
        rule: Rule = Rule.TOO_DARK,
        part_id: str = "",
        purpose: Purpose = Purpose.PRODUCTION,
        keep: bool = True,
        utc_us: int = 0,
        sampling: Sampling | None = None,
    ) -> int:
        """Commit one part, show its picture, keep it; returns its id. `utc_us`: when it was captured, 0: now.

        `sampling`: with which probabilities it was drawn; its picture is lossless then.
        """
        assert self._store is not None
        pixels = grey_board() if pixels is None else pixels
        if outcome is Outcome.NG and not found:
            found = (SPUR,)
        self._sequence += 1
        at = self.clock.now()
        at = replace(at, utc_us=utc_us or at.utc_us)
        frame = Frame(lane, self._sequence, pixels, at, part_id=part_id, purpose=purpose)
        done = threading.Event()
        numbers: list[int] = []

        def committed(record_id: int, record: Record, frame: Frame | None) -> None:
            if self._live is not None and frame is not None:
                self._live.show(record_id, record, frame)
            numbers.append(record_id)
            done.set()

        self._store.add(_record(frame, lane, outcome, tuple(found), rule), frame, committed)
        assert done.wait(20)
        if keep:
            self.keep(numbers[0], pixels, ".jpg" if sampling is None else ".png", sampling or Sampling())
        status = self.lanes.get(lane)
        if status is not None:
            self.set_lane(lane, judged=status.judged + 1, captured=status.captured + 1)
        return numbers[0]

    def keep(self, record_id: int, pixels: Pixels, kind: str = ".jpg", sampling: Sampling = NOT_DRAWN) -> None:
        assert self._store is not None
        folder = self.data / "evidence"
        folder.mkdir(exist_ok=True)
        data = cv2.imencode(kind, pixels)[1].tobytes()
        name = f"{record_id}{kind}"
        (folder / name).write_bytes(data)
        self._store.set_evidence(record_id, Evidence(name, hashlib.sha256(data).hexdigest(), len(data)), sampling)
        reader, end = Reader(self.data / "results.db"), time.monotonic() + 20
        while (part := reader.part(record_id)) is None or part.evidence is None:
            assert time.monotonic() < end
            time.sleep(0.002)

    def review(self, review: Review) -> int:
        """What a person said about a part, durable when this is back."""
        assert self._store is not None
        return self._store.review(review)

    def second_opinion(self, opinion: SecondOpinion) -> None:
        """What a second model said of a part."""
        assert self._store is not None
        self._store.second_opinion(opinion)

    def event(self, name: str, **detail: str | int | float) -> None:
        assert self._store is not None
        self._store.event(name, **detail)

    def verbs(self) -> Mapping[str, Any]:
        assert self._store is not None
        own = {"status": self._status, "watch": self._watch, "judge": self._judge}
        return {**own, **ReviewVerbs(self._store).table(), "acknowledge": self._acknowledge, **self.more}

    def _status(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        if self.hung.is_set():
            threading.Event().wait(30)
        return {"status": self.status().model_dump(mode="json")}

    def _acknowledge(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        alarms = self.said["alarms"]
        assert isinstance(alarms, tuple)
        self.said = {
            **self.said,
            "alarms": tuple(
                a.model_copy(update={"acknowledged_by": said["who"], "acknowledged_note": said["note"]})
                if (a.name, a.lane, a.since_utc_us) == (said["alarm"], said["lane"], said["since_utc_us"])
                else a
                for a in alarms
            ),
        }
        return {"acknowledged": said["alarm"]}

    def _watch(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        assert self._live is not None
        return {"lease_s": self._live.watch()}

    def _judge(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        lane = said["lane"] or next(iter(self.lanes))
        if lane not in self.lanes:
            raise ControlFailed(f"lane {lane!r} takes no pictures")
        file = self.runtime / "push" / str(said["file"])
        pixels: Pixels = np.load(file)
        file.unlink()
        self.pushed.append(pixels)
        dark = float(pixels.mean()) < 10
        outcome = Outcome.UNSURE if dark else Outcome.NG
        number = self.judge(lane, outcome, pixels, part_id=str(said["part_id"]), purpose=Purpose(said["purpose"]))
        return {"record": number}

    def start(self) -> None:
        """The store's writer alone keeps going over `stop` and `start` of the rest."""
        self._live = Live(self.runtime / "live", self.clock)
        self._live.start()
        self._server = ControlServer(self.runtime, self.verbs())
        self._server.start()

    def stop(self) -> None:
        assert self._live is not None
        assert self._server is not None
        self._server.stop()
        self._live.stop()
        self._live = None


def _record(frame: Frame, lane: str, outcome: Outcome, found: tuple[Detection, ...], rule: Rule) -> Record:
    stages = Stages(1.1, 0.5, 0.8, 9.5, 0.7, 0.1, 14.2)
    height, width = frame.pixels.shape[:2]
    quality = Quality(2140.0, 3.0 if outcome is Outcome.UNSURE else 131.0, 0.01, 1.1, 0)
    reasons: tuple[Reason, ...] = ()
    if outcome is Outcome.NG:
        reasons = tuple(
            Reason(Rule.DEFECT, d.score, LIMIT, d.label, "", i) for i, d in enumerate(found) if d.score > LIMIT
        )
    elif outcome is Outcome.UNSURE:
        reasons = (Reason(rule, 3.0, 5.0),)
    return Record(
        origin=Origin(lane, "virtual", "virtual-1", "boards", "ab" * 32, "boards-1", "cd" * 32, "CPU", "0.0.0"),
        run="run",
        sequence=frame.sequence,
        missed=0,
        captured=frame.at,
        decided_utc_us=frame.at.utc_us + 14_200,
        inspection=Inspection(found, quality, width, height, stages),
        verdict=Verdict(outcome, reasons),
        purpose=frame.purpose,
        part_id=frame.part_id,
    )


@contextmanager
def running(folder: Path, lanes: Sequence[str] = ("top",)) -> Iterator[FakeStation]:
    """A fake station with its store, for as long as the block lasts."""
    data, runtime = folder / "data", folder / "run"
    data.mkdir(parents=True, exist_ok=True)  # the page may have been there first
    runtime.mkdir(parents=True)
    store = Writer(
        data,
        StoreConfig(window_s=3600),
        "none",
        lanes=lanes,
        encoder=StationEncoder.of(StationConfig()),
        clock=SystemClock(),
    )
    station = FakeStation(data, runtime, {name: lane_status(name) for name in lanes})
    station._store = store.start()
    station.start()
    try:
        yield station
    finally:
        if station._live is not None:
            station.stop()
        store.close()
