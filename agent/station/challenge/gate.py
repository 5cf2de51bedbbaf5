"""A lane's gate: whether it is released, and which pictures are challenge parts.

Read by the lane's threads for every picture. What it says is set by `agent.station.challenge.runs` alone; the
newest ruling is set before the run that made it is taken away, so that no picture slips in between.
"""

from dataclasses import dataclass, replace
from threading import Lock

from agent.config import LaneConfig
from agent.ports import Clock
from agent.release import Bound, Ruled, Run, Why, required
from agent.shifts import Shift
from agent.station.job import Job
from agent.status import ChallengeStatus
from pipelines.values import Frame, Purpose

US_PER_MIN = 60_000_000
_APART = (Purpose.SETUP, Purpose.REPLAY)
"""Pictures that are no part that comes by."""


@dataclass(frozen=True, slots=True)
class _Awaited:
    """A challenge part that somebody is about to present."""

    code: str
    since_mono_ns: int
    """A picture from before shows another part."""


class LaneGate:
    """Implements `agent.station.lane.Gate`."""

    def __init__(self, config: LaneConfig, run: str, clock: Clock) -> None:
        """`run`: the station process's."""
        self.config = config
        self.ruled: Ruled | None = None
        self.run: Run | None = None
        self.run_since_mono_ns = 0
        self.active_mono_ns = 0
        """When something was last done in the run."""
        self.shift: Shift | None = None
        """That is on; None between shifts."""
        self.passed_utc_us = 0
        """When the newest run that was passed began."""
        self.known = config.challenge == "off"
        """The newest ruling was read from the database; until then the lane is not released."""
        self._process = run
        self._clock = clock
        self._lock = Lock()
        self._awaited: _Awaited | None = None
        self._claimed = 0
        self._settled = 0
        # Where parts come by a code of their own, nobody need say which is next.
        self._by_code = config.camera.kind == "push"

    @property
    def off(self) -> bool:
        return self.config.challenge == "off"

    # For the lane ----------------------------------------------------------------------------------

    def wants(self, job: Job) -> bool:
        if self.off:
            return True
        if self.run is not None:
            return self._by_code or self._awaited is not None
        return self.config.challenge == "warn" or not self.required(job)

    def claimed(self, frame: Frame, job: Job) -> Frame | None:
        if self.off or frame.purpose in _APART:
            return frame
        run = self.run
        if run is None:
            return frame if self.wants(job) else None
        code = frame.part_id if run.part(frame.part_id) is not None else self._taken(frame)
        if not code and not self._by_code:
            return None
        with self._lock:
            self._claimed += 1
        return replace(frame, purpose=Purpose.CHALLENGE, part_id=code or frame.part_id)

    def refusal(self, job: Job, code: str) -> str:
        if self.off:
            return ""
        if (run := self.run) is not None:
            if run.part(code) is not None or self._awaited is not None:
                return ""
            return f"a challenge run is on, and {code!r} is none of its parts: {', '.join(p.id for p in run.parts)}"
        if self.config.challenge == "block" and (why := self.required(job)):
            return f"it is not released, challenge parts are required: {', '.join(why)}"
        return ""

    def _taken(self, frame: Frame) -> str:
        """The code of the part that was announced, once; empty: none was before this picture."""
        with self._lock:
            awaited = self._awaited
            if awaited is None or frame.at.mono_ns < awaited.since_mono_ns:
                return ""
            self._awaited = None
            return awaited.code

    # For the runs ----------------------------------------------------------------------------------

    def bound(self, job: Job | None) -> Bound:
        """The circumstances now. Without a job those of the ruling: what will judge is not known yet."""
        was = self.ruled.bound if self.ruled is not None else Bound()
        origin = job.origin if job is not None else was
        shift = self.shift.key if self.shift is not None else ""
        return Bound(origin.recipe, origin.recipe_hash, origin.model, origin.model_hash, self._process, shift)

    def required(self, job: Job | None) -> tuple[Why, ...]:
        """Why a run is required now; empty: the lane is released."""
        return required(self.config.challenge_at, self.ruled, self.bound(job))

    def awaits(self, code: str) -> None:
        """The next picture shows this part; empty: nobody knows."""
        now_ns = self.active_mono_ns = self._clock.now().mono_ns
        with self._lock:
            self._awaited = _Awaited(code, now_ns) if code else None

    def settled(self) -> None:
        """One claimed picture more was judged and written down."""
        self.active_mono_ns = self._clock.now().mono_ns
        with self._lock:
            self._settled += 1

    @property
    def under_way(self) -> bool:
        """A challenge part was photographed whose verdict is not written down yet."""
        with self._lock:
            return self._claimed > self._settled

    def begin(self, run: Run) -> None:
        self.awaits("")
        with self._lock:
            self._claimed = self._settled = 0
        self.run_since_mono_ns = self._clock.now().mono_ns
        self.run = run

    def end(self) -> None:
        self.run = None
        self.awaits("")

    def closing_until_utc_us(self, now_utc_us: int) -> int:
        """Until when the shift's closing run is to be made; 0: it is not due, or was passed."""
        shift = self.shift
        due = shift is not None and self._closes_from_utc_us(shift) <= now_utc_us < shift.end_utc_us
        return shift.end_utc_us if shift is not None and due and self.unclosed(shift) else 0

    def unclosed(self, shift: Shift) -> bool:
        """Whether a shift in which the lane was released has no closing run, or not yet."""
        if self.off or "shift_end" not in self.config.challenge_at or self.ruled is None:
            return False
        return self.ruled.bound.shift == shift.key and self.passed_utc_us < self._closes_from_utc_us(shift)

    def _closes_from_utc_us(self, shift: Shift) -> int:
        return shift.end_utc_us - round(self.config.challenge_end_min * US_PER_MIN)

    def status(self, job: Job | None, now_utc_us: int) -> ChallengeStatus:
        """For the page, the alarms, and who stands between the station and the line."""
        if self.off:
            return ChallengeStatus()
        why, run, awaited, ruled = self.required(job), self.run, self._awaited, self.ruled
        by_hand = ruled is not None and ruled.ruling == "overridden" and not why
        return ChallengeStatus(
            mode=self.config.challenge,
            released=not why,
            why=why if self.known else (),
            overridden_by=ruled.by if ruled is not None and by_hand else "",
            overridden_reason=ruled.reason if ruled is not None and by_hand else "",
            passed_utc_us=self.passed_utc_us,
            closing_until_utc_us=self.closing_until_utc_us(now_utc_us),
            run=run.id if run else 0,
            awaited=awaited.code if awaited else "",
            parts=len(run.parts) if run else 0,
            judged=len(run.right) + len(run.mistaken) if run else 0,
            mistaken=len(run.mistaken) if run else 0,
        )
