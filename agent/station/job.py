"""A job: one revision of a recipe with its model's session on one lane, ready to judge."""

import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.clock import ms_between
from agent.ports import Clock
from agent.station.models.figures import History
from pipelines.recipe import Recipe
from pipelines.rules import judge
from pipelines.values import Frame, Inspection, Origin, Outcome, Reason, Record, Rule, Stages, Verdict

log = logging.getLogger(__name__)

LookAt = Callable[[Frame], Inspection]
"""What is seen on a frame; errors of the engine pass through."""
Kept = Callable[[int, Record, Frame | None], None]
"""(record's id, record, its picture unless that was let go): called on the write thread once the row is durable.
Must be quick, must not raise."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A verdict after a second opinion."""

    verdict: Verdict
    """As it was, or worse."""
    kept: Kept | None = None


class Beside(Protocol):
    """A second opinion on the parts of one lane: a candidate model beside the active one."""

    def weigh(self, frame: Frame, seen: Inspection, verdict: Verdict) -> Weighed:
        """What the second opinion makes of a part that the job has judged.

        On the lane's inspect thread, before the answer is given: its time is the part's. A verdict can only
        get worse by it: an OK out of anything else is not taken. An error makes the part UNSURE.
        """
        ...


@dataclass(slots=True, eq=False)
class Standing:
    """How a job has done so far, and whether it may still judge. The one thing about a job that changes."""

    history: History = field(default_factory=History)
    watched: bool = False
    """Its model is new: it is in its health window."""
    before: "Job | None" = None
    """The good job that takes its place if it does not do well; None when it is good itself, or none can stand by."""
    errors_allowed: int = 0
    """Errors at which its lane takes it back at once, while it is watched."""
    condemned: str = ""
    """Not empty: it judges no more, and why."""
    condemned_utc_us: int = 0
    earlier: "Standing | None" = None
    """Of the job before it in the same window: the same model by an earlier revision, which waiting parts have."""

    def condemn(self, why: str, utc_us: int) -> None:
        """This job and those of the same model before it judge no more; the good one takes the place of all."""
        one: Standing | None = self
        while one is not None:
            one.condemned, one.condemned_utc_us = why, utc_us
            one.before = one.before or self.before
            one = one.earlier


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What a part is judged by. Immutable but for `standing`: a change of recipe or model is another job."""

    recipe: Recipe
    thresholds: Mapping[str, float]
    """Score from which each of the model's labels counts: recipe's class, else recipe's, else bundle's."""
    origin: Origin
    look: LookAt
    """Used by the lane's inspect thread only."""
    prove: Callable[[], str]
    """Judges a golden picture; what was wrong, or an empty string. Same thread as `look`."""
    fallback: str
    """Why another device answers than the first of the order; empty when it is the first."""
    capacity_per_s: float
    """Pictures a second that the model alone could judge on its device, measured when it was loaded."""
    promise: str = ""
    """What became of the bundle's promise under this recipe: "holds", "void: why", or "" where it has none."""
    beside: tuple[Beside, ...] = ()
    standing: Standing = field(default_factory=Standing)

    @property
    def in_charge(self) -> "Job":
        """The job itself, or the good one that took its place."""
        job = self
        while job.standing.condemned and job.standing.before is not None:
            job = job.standing.before
        return job


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a job made of one part."""

    seen: Inspection
    verdict: Verdict
    own: Verdict
    """The job's own, before any second opinion."""
    beside_ms: float = 0.0
    """What the second opinions took."""
    kept: tuple[Kept, ...] = ()
    """What second opinions want to be told once the row is durable."""


def unjudged(frame: Frame, why: str, clock: Clock) -> Judged:
    """A part that nobody may judge: UNSURE, answered and recorded, with the reason."""
    height, width = frame.pixels.shape[:2]
    wait_ms = ms_between(frame.at, clock.now())
    seen = Inspection((), None, width, height, Stages(wait_ms=wait_ms), Rule.ERROR, why)
    unsure = Verdict(Outcome.UNSURE, (Reason(Rule.ERROR),))
    return Judged(seen, unsure, unsure)


def look_and_judge(job: Job, frame: Frame, note: str, clock: Clock) -> Judged:
    """Judge one part, second opinions included. Never raises; `note` says more of the frame's own fault.

    One part's error makes that part UNSURE, answered and recorded; never OK, never nothing.
    """
    try:
        seen = job.look(frame)
        looked = clock.now()
        verdict = judge(seen, job.recipe, job.thresholds)
        judge_ms = ms_between(looked, clock.now())
        seen = replace(seen, stages=replace(seen.stages, judge_ms=judge_ms))
        if frame.fault is not None:
            seen = replace(seen, note=note)
        return _weighed(job, frame, seen, verdict, clock)
    except Exception:
        trace = traceback.format_exc()
        log.error("lane %s: part %d could not be judged:\n%s", job.origin.lane, frame.sequence, trace)
        return unjudged(frame, trace[-2000:], clock)


def _weighed(job: Job, frame: Frame, seen: Inspection, own: Verdict, clock: Clock) -> Judged:
    """The verdict after all second opinions, which can only make it worse."""
    kept, verdict, begun = [], own, clock.now()
    for beside in job.beside:
        weighed = beside.weigh(frame, seen, verdict)
        if weighed.verdict.outcome is not Outcome.OK or verdict.outcome is Outcome.OK:
            verdict = weighed.verdict
        if weighed.kept is not None:
            kept.append(weighed.kept)
    beside_ms = ms_between(begun, clock.now()) if job.beside else 0.0
    return Judged(seen, verdict, own, beside_ms, tuple(kept))
