"""The lanes on which a new model is in its health window, as one: it is called good on all of them, or on none."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from agent.station.job import Job
from agent.station.lane import Lane

Trial = tuple[Lane, Job]
"""A lane and its job that is in its health window, condemned or not."""


def acquit(trials: Sequence[Trial]) -> bool:
    """These jobs have done well and need none to stand by; False, and nothing has changed, where one is condemned.

    In two phases, while no lane can decide anything: an inspect thread that condemns its job in this very
    moment does so before (then no lane is acquitted) or after (then there is no window any more to do it in).
    """
    with ExitStack() as held:
        # Always in the same order; an inspect thread holds no lock but its own lane's.
        for lane, _ in sorted(trials, key=lambda trial: trial[0].name):
            held.enter_context(lane.deciding)
        if any(job.standing.condemned for _, job in trials):
            return False
        for lane, job in trials:
            job.standing.before, job.standing.watched, job.standing.earlier = None, False, None
            lane.on_trial = None
        return True


def trials_of(lanes: Iterable[Lane], recipe: str, digest: str) -> list[Trial]:
    """The lanes of a recipe on which this model is on trial, with the job that is, condemned or not."""
    trials = [(lane, lane.on_trial) for lane in lanes]
    return [
        (lane, job)
        for lane, job in trials
        if job is not None and job.recipe.name == recipe and job.origin.model_hash == digest
    ]


def good_job(lane: Lane, recipe: str) -> Job | None:
    """The job to go back to. One in its own health window is not yet good: the one before it is, if there is one."""
    job = lane.job
    if job is not None and job.standing.watched:
        job = job.standing.before
    return job if job is not None and job.recipe.name == recipe and job.recipe.model else None


def lacks_good(lane: Lane, digest: str, good: str) -> bool:
    """Whether a lane has no job by the good model: neither in charge, nor standing by for the one with `digest`."""
    if lane.job is None:
        return True
    by = lane.job.origin.model_hash
    return lane.job.standing.before is None if by == digest else by != good
