"""A lane: one camera with its recipe and model session, one capture thread and one inspect thread."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.clock import ms_between
from agent.config import LaneConfig
from agent.errors import EngineFailed, StoreFailed
from agent.ports import Camera, Clock, Shot, Store
from agent.slot import Slot
from agent.station.capture import Capture, Hooks
from agent.station.job import Job
from agent.station.meters import Meter
from agent.worker import Worker
from pipelines.recipe import Recipe
from pipelines.rules import judge, late
from pipelines.values import Frame, Inspection, Outcome, Reason, Record, Rule, Stages, Verdict

log = logging.getLogger(__name__)

TAKE_TIMEOUT_S = 0.5
STORE_RETRY_S = 0.5
ERRORS_IN_A_ROW = 5
Committed = Callable[[int, Record, Frame | None, Recipe], None]
"""(record's id, record, picture, recipe): called on the write thread once the row is durable."""
PROVE_EVERY_S = 10.0
"""An idle lane judges a golden picture so often, to prove that it could judge a part."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A numbered picture on its way to the inspect thread."""

    frame: Frame
    shot: Shot
    job: Job
    """The recipe revision and model of the part's trigger: a part keeps them."""
    open_id: int | None


@dataclass(frozen=True, slots=True)
class Opened:
    """The row that was opened for a part at its trigger, if the lane opens any."""

    id: int | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """Whether a lane is paused, and why."""

    on: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """The last picture's figures, for the page."""

    brightness: float = 0.0
    sharpness: float = 0.0


class TooManyErrors(EngineFailed):
    """Five parts in a row could not be judged for an error: the process starts anew."""


class Lane:
    """Judges one camera's parts. Lanes share nothing but the store and the compiled engine."""

    def __init__(
        self,
        name: str,
        config: LaneConfig,
        make_camera: Callable[[], Camera],
        store: Store,
        on_commit: Committed,
        clock: Clock,
        run: str,
        paused: Paused,
        clock_trusted: Callable[[], bool],
    ) -> None:
        self.name = name
        self.config = config
        self.meter = Meter()
        self.judged = 0
        self.missed = 0
        self.paused = paused
        self.started = False
        self.job: Job | None = None
        self.trouble = ""
        """Why there is no job: the engine or the recipe failed."""
        self.recipe_trouble = ""
        """Why the recipe's last good revision is used instead of its file."""
        self.seen = Seen()
        self.progress_ns = clock.now().mono_ns
        """When this lane last judged a part or proved that it could."""
        self._store = store
        self._on_commit = on_commit
        self._clock = clock
        self._run = run
        self._clock_trusted = clock_trusted
        self._last_sequence = 0
        self._errors = 0
        every = config.keeps_every
        # A source that is read at our own pace is its own queue: pictures would only grow old in ours.
        waits = every and (config.camera.free_running or config.camera.kind == "push")
        self._inbox: Slot[Taken] = Slot(config.queue if waits else 1, newest=not every)
        hooks = Hooks(wanted=self._wanted, every=every, deliver=self._deliver, event=store.event)
        idles = config.camera.kind in ("folder", "push")
        self.capture = Capture(name, make_camera, config.camera, hooks, clock, idles)
        self.inspect = Worker(f"inspect-{name}", self._turn)

    def start(self) -> None:
        self.progress_ns = self._clock.now().mono_ns
        self.started = True
        self.inspect.start()
        self.capture.start()

    def halt(self) -> None:
        """Let both threads end; `join` waits for them."""
        # Closed first: a capture thread that waits for room in the queue must not hold up the end.
        self._inbox.close()
        self.inspect.stopping.set()
        self.capture.halt()

    def join(self, within_s: float) -> None:
        self.capture.join(within_s)
        self.inspect.stop(within_s)

    @property
    def ended(self) -> bool:
        """The source has no more pictures and every one of them was judged."""
        return self.capture.view.state == "ended" and self.capture.captured == self.judged + self.missed

    @property
    def crash(self) -> str:
        return self.inspect.crash

    def _wanted(self) -> bool:
        return self.job is not None and not self.paused.on

    # On the capture thread -------------------------------------------------------------------------

    def _deliver(self, frame: Frame, shot: Shot) -> None:
        job = self.job
        if job is None:  # taken away in this very moment: the picture is numbered, its gap counts as missed
            return
        opened = self._open(frame, job) if self.config.opens_rows else Opened()
        if opened is not None:
            self._inbox.put(Taken(frame, shot, job, opened.id))

    def _open(self, frame: Frame, job: Job) -> "Opened | None":
        """The part's open row; waits for as long as the store is in trouble. None when the lane stops."""
        opening = self._opening(frame, job)
        while not self.inspect.stopping.is_set():
            try:
                return Opened(self._store.open_part(opening))
            except StoreFailed as error:
                log.warning("lane %s: part %d waits for its row: %s", self.name, frame.sequence, error)
                self.inspect.stopping.wait(STORE_RETRY_S)
        return None

    def _opening(self, frame: Frame, job: Job) -> Record:
        height, width = frame.pixels.shape[:2]
        interrupted = Verdict(Outcome.UNSURE, (Reason(Rule.INTERRUPTED),))
        return self._record(frame, job, Inspection((), None, width, height), interrupted, missed=0, open_id=None)

    # On the inspect thread -------------------------------------------------------------------------

    def _turn(self) -> None:
        taken = self._inbox.take(TAKE_TIMEOUT_S)
        if taken is None:
            self._prove()
            return
        frame, job = taken.frame, taken.job
        seen, verdict = self._look_and_judge(taken)
        decided = self._clock.now()
        total_ms = ms_between(frame.at, decided)
        seen = replace(seen, stages=replace(seen.stages, total_ms=total_ms))
        verdict = late(verdict, total_ms, job.recipe.deadline_ms)
        missed = frame.sequence - self._last_sequence - 1
        self._last_sequence = frame.sequence
        record = self._record(frame, job, seen, verdict, missed, taken.open_id)
        self._store.add(record, frame, _AfterCommit(self._on_commit, job.recipe, taken.shot.committed))
        self.judged += 1
        self.missed += missed
        self.progress_ns = decided.mono_ns
        self.meter.add(decided.mono_ns, total_ms)
        if seen.quality is not None:
            self.seen = Seen(seen.quality.brightness, seen.quality.sharpness)
        self._crash_after_errors(seen)

    def _look_and_judge(self, taken: Taken) -> tuple[Inspection, Verdict]:
        frame, job = taken.frame, taken.job
        try:
            seen = job.look(frame)
            looked = self._clock.now()
            verdict = judge(seen, job.recipe, job.thresholds)
            judge_ms = ms_between(looked, self._clock.now())
        except Exception:
            # One part's error makes that part UNSURE, answered and recorded; never OK, never nothing.
            trace = traceback.format_exc()
            log.error("lane %s: part %d could not be judged:\n%s", self.name, frame.sequence, trace)
            height, width = frame.pixels.shape[:2]
            wait_ms = ms_between(frame.at, self._clock.now())
            seen = Inspection((), None, width, height, Stages(wait_ms=wait_ms), Rule.ERROR, trace[-2000:])
            return seen, Verdict(Outcome.UNSURE, (Reason(Rule.ERROR),))
        if frame.fault is not None:
            self._store.event("picture_refused", lane=self.name, source=frame.source, why=taken.shot.note)
            seen = replace(seen, note=taken.shot.note)
        return replace(seen, stages=replace(seen.stages, judge_ms=judge_ms)), verdict

    def _crash_after_errors(self, seen: Inspection) -> None:
        # With detections it is a picture of too many things, not a model or a device that has gone wrong.
        failed = seen.fault is Rule.ERROR and not seen.detections
        self._errors = self._errors + 1 if failed else 0
        if self._errors >= ERRORS_IN_A_ROW:
            raise TooManyErrors(f"lane {self.name}: {self._errors} parts in a row could not be judged: {seen.note}")

    def _prove(self) -> None:
        job, now = self.job, self._clock.now()
        if job is None or (now.mono_ns - self.progress_ns) / 1e9 < PROVE_EVERY_S:
            return
        if wrong := job.prove():
            raise TooManyErrors(f"lane {self.name}: the golden picture was not judged as it must be: {wrong}")
        self.progress_ns = self._clock.now().mono_ns

    def _record(
        self, frame: Frame, job: Job, seen: Inspection, verdict: Verdict, missed: int, open_id: int | None
    ) -> Record:
        now = self._clock.now()
        return Record(
            origin=replace(job.origin, camera_serial=self.capture.view.info.serial),
            run=self._run,
            sequence=frame.sequence,
            missed=missed,
            captured=frame.at,
            decided_utc_us=now.utc_us,
            inspection=seen,
            verdict=verdict,
            purpose=frame.purpose,
            part_id=frame.part_id,
            source=frame.source,
            open_id=open_id,
            clock_trusted=self._clock_trusted(),
        )


@dataclass(frozen=True, slots=True)
class _AfterCommit:
    """What follows a durable row: the page and the evidence, then the picture's own source."""

    station: Committed
    recipe: Recipe
    source: Callable[[int], None] | None

    def __call__(self, record_id: int, record: Record, frame: Frame | None) -> None:
        self.station(record_id, record, frame, self.recipe)
        if self.source is not None:
            self.source(record_id)
