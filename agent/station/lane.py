"""A lane: one camera with its recipe and model session, one capture thread and one inspect thread."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from agent.clock import ms_between
from agent.config import LaneConfig
from agent.errors import EngineFailed, StoreFailed
from agent.ports import Camera, Clock, Shot, Store
from agent.slot import Slot
from agent.station.capture import Capture, Hooks
from agent.station.job import Beside, Job, look_and_judge, unjudged
from agent.station.meters import Meter
from agent.station.models.figures import failed, sample_of
from agent.station.part import AfterCommit, Committed, Decided, Opened, Taken
from agent.station.pause import Gate, Paused
from agent.worker import Worker
from pipelines.rules import late
from pipelines.values import Frame, Inspection, Outcome, Purpose, Reason, Record, Rule, Stamp, Verdict

log = logging.getLogger(__name__)

TAKE_TIMEOUT_S = 0.5
STORE_RETRY_S = 0.5
ERRORS_IN_A_ROW = 5
PROVE_EVERY_S = 10.0
"""An idle lane judges a golden picture so often, to prove that it could judge a part."""


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
        gate: Gate | None = None,
    ) -> None:
        self.name = name
        self.gate = gate
        self.config = config
        self.meter = Meter()
        self.judged = 0
        self.missed = 0
        self.paused = paused
        self.started = False
        self.job: Job | None = None
        self.on_trial: Job | None = None
        """A job in its health window, condemned or not."""
        self.trouble = ""
        """Why there is no job: the engine or the recipe failed."""
        self.recipe_trouble = ""
        """Why the recipe's last good revision is used instead of its file."""
        self.model_trouble = ""
        """Why another model judges than the one that was activated."""
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
        self.deciding = Lock()
        """Held while a verdict is given its time, and while a job is condemned: none of its verdicts is later."""
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
        job, paused = self.job, self.paused
        if job is None or paused.on:
            return job is not None and paused.setting_up
        return self.gate is None or self.gate.wants(job)

    # On the capture thread -------------------------------------------------------------------------

    def _deliver(self, frame: Frame, shot: Shot) -> None:
        job = self.job
        if job is None:  # taken away in this very moment: the picture is numbered, its gap counts as missed
            return
        claimed = self._claimed(frame, job)
        if claimed is None:  # not released in this very moment, for another job say: counts as missed too
            return
        opened = self._open(claimed, job) if self.config.opens_rows else Opened()
        if opened is not None:
            self._inbox.put(Taken(claimed, shot, job, opened.id))

    def _claimed(self, frame: Frame, job: Job) -> Frame | None:
        """The frame as what it counts: a part, a challenge part, a picture of the set-up; None: not to be judged."""
        if self.paused.setting_up:
            return replace(frame, purpose=Purpose.SETUP)
        return frame if self.gate is None else self.gate.claimed(frame, job)

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
        nothing, now = Inspection((), None, width, height), self._clock.now()
        return self._record(frame, job, nothing, interrupted, missed=0, open_id=None, at=now)

    # From any thread -------------------------------------------------------------------------------

    def take_over(self, job: Job) -> None:
        """Parts triggered from now on are judged by this job.

        A job whose model is in its health window here goes on with what the window has seen so far: one that
        was condemned in this very moment is condemned.
        """
        with self.deciding:
            old, standing = self.on_trial, job.standing
            if old is not None and standing.watched and _same_model(old, job):
                standing.history = old.standing.history
                standing.condemned = old.standing.condemned
                standing.condemned_utc_us = old.standing.condemned_utc_us
                standing.earlier = old.standing
            self.on_trial = job if standing.watched else None
            self._judge_by(job)

    def stand_by(self, good: Job, errors_allowed: int) -> None:
        """This job takes the place of the one that judges now, once that is condemned."""
        with self.deciding:
            if self.job is not None:
                standing = self.job.standing
                standing.before, standing.watched, standing.errors_allowed = good, True, errors_allowed
                self.on_trial = self.job

    def _judge_by(self, job: Job) -> None:
        """The job, or what is in charge of it; nobody, where it is condemned and none stands by."""
        job = job.in_charge
        self.job, self.trouble = job, ""
        if job.standing.condemned:
            self.job = None
            self.trouble = f"model {job.origin.model} was taken back, and no other can judge: {job.standing.condemned}"

    def accompany(self, job: Job, beside: tuple[Beside, ...]) -> bool:
        """Parts triggered from now on get these second opinions; False when another job judges by now."""
        with self.deciding:
            if self.job is not job:
                return False
            self.job = replace(job, beside=beside)
            return True

    def condemn(self, job: Job, why: str) -> None:
        """This job gives no verdict any more; the one before it takes its place, for waiting parts as well.

        Where none stands by the lane judges no more. One that is not watched, or condemned already, is let be.
        """
        standing = job.standing
        with self.deciding:
            if not standing.watched or standing.condemned:
                return
            standing.condemn(why, self._clock.now().utc_us)
            if self.job is not None and self.job.standing is standing:
                self._judge_by(self.job)
        log.error("lane %s: model %s is taken back: %s", self.name, job.origin.model, why)

    def judge_no_more(self, why: str) -> None:
        """Nobody judges on this lane until a job takes over."""
        with self.deciding:
            self.job, self.trouble = None, why

    # On the inspect thread -------------------------------------------------------------------------

    def _turn(self) -> None:
        taken = self._inbox.take(TAKE_TIMEOUT_S)
        if taken is None:
            self._prove()
            return
        frame = taken.frame
        missed = frame.sequence - self._last_sequence - 1
        self._last_sequence = frame.sequence
        if frame.fault is not None:
            self._store.event("picture_refused", lane=self.name, source=frame.source, why=taken.shot.note)
        decided = self._decide(taken)
        job, seen = decided.job, decided.seen
        record = self._record(frame, job, seen, decided.verdict, missed, taken.open_id, decided.at)
        self._store.add(record, frame, AfterCommit(self._on_commit, job.recipe, decided.kept, taken.shot.committed))
        self.judged += 1
        self.missed += missed
        self.progress_ns = decided.at.mono_ns
        self.meter.add(decided.at.mono_ns, seen.stages.total_ms)
        alone = replace(seen, stages=replace(seen.stages, total_ms=decided.own_ms))
        if frame.purpose not in (Purpose.CHALLENGE, Purpose.SETUP) or failed(seen):
            # Challenge parts are bad on purpose, and a lens that is being turned says nothing of the line's parts.
            job.standing.history.add(sample_of(alone, decided.own, missed))
        if seen.quality is not None:
            self.seen = Seen(seen.quality.brightness, seen.quality.sharpness)
        if not job.standing.condemned:
            self._crash_after_errors(seen)

    def _decide(self, taken: Taken) -> Decided:
        """By the job of the part's trigger; once that is condemned, by the good one before it."""
        while True:
            job = taken.job.in_charge
            if barred := job.standing.condemned:  # and none stood by when it was
                judged = unjudged(taken.frame, f"its model was taken back: {barred}", self._clock)
            else:
                judged = look_and_judge(job, taken.frame, taken.shot.note, self._clock)
                self._condemn_after_errors(job, judged.seen)
            with self.deciding:
                # What a condemned job has just found is given to nobody: the part is judged anew.
                if job.standing.condemned and not barred:
                    continue
                at = self._clock.now()
            total_ms = ms_between(taken.frame.at, at)
            seen = replace(judged.seen, stages=replace(judged.seen.stages, total_ms=total_ms))
            own_ms, deadline_ms = total_ms - judged.beside_ms, job.recipe.deadline_ms
            verdict, own = late(judged.verdict, total_ms, deadline_ms), late(judged.own, own_ms, deadline_ms)
            return Decided(job, seen, verdict, own, own_ms, at, judged.kept)

    def _condemn_after_errors(self, job: Job, seen: Inspection) -> None:
        """A new model is taken back before its errors in a row would end the process."""
        standing = job.standing
        if not standing.watched or not failed(seen):
            return
        errors = standing.history.errors + 1
        if errors >= standing.errors_allowed:
            last = (seen.note.strip().splitlines() or ["no reason was given"])[-1]
            self.condemn(job, f"{errors} parts could not be judged for an error: {last}"[:500])

    def _crash_after_errors(self, seen: Inspection) -> None:
        self._errors = self._errors + 1 if failed(seen) else 0
        if self._errors >= ERRORS_IN_A_ROW:
            raise TooManyErrors(f"lane {self.name}: {self._errors} parts in a row could not be judged: {seen.note}")

    def _prove(self) -> None:
        job, now = self.job, self._clock.now()
        if job is None or (now.mono_ns - self.progress_ns) / 1e9 < PROVE_EVERY_S:
            return
        if wrong := job.prove():
            why = f"the golden picture was not judged as it must be: {wrong}"
            if not job.standing.watched:
                raise TooManyErrors(f"lane {self.name}: {why}")
            self.condemn(job, why)
        self.progress_ns = self._clock.now().mono_ns

    def _record(
        self, frame: Frame, job: Job, seen: Inspection, verdict: Verdict, missed: int, open_id: int | None, at: Stamp
    ) -> Record:
        return Record(
            origin=replace(job.origin, camera_serial=self.capture.view.info.serial),
            run=self._run,
            sequence=frame.sequence,
            missed=missed,
            captured=frame.at,
            decided_utc_us=at.utc_us,
            inspection=seen,
            verdict=verdict,
            purpose=frame.purpose,
            part_id=frame.part_id,
            source=frame.source,
            open_id=open_id,
            clock_trusted=self._clock_trusted(),
        )


def _same_model(one: Job, other: Job) -> bool:
    """Whether they are the same model by the same recipe, whatever else the recipe says."""
    return (one.recipe.name, one.origin.model_hash) == (other.recipe.name, other.origin.model_hash)
