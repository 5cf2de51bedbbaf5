"""Watches new models: each is compared with the one before it until its health window has ended."""

from agent.clock import ms_between
from agent.config import ModelsConfig
from agent.ports import Clock
from agent.station.job import Job
from agent.station.lane import Lane
from agent.station.models.activations import Activation, Activations, Before, Probation
from agent.station.models.health import Figures, Limits, problem_of, together
from agent.station.models.intake import Intake
from agent.station.rollout import Rollout
from agent.worker import Worker

TURN_S = 0.1
"""It looks so often: what the inspect thread does not notice by itself is found within this."""


class HealthWatch:
    """The thread "models": takes back what does worse, and calls good what has done well."""

    def __init__(
        self, config: ModelsConfig, activations: Activations, rollout: Rollout, intake: Intake, clock: Clock
    ) -> None:
        self._config = config
        self._activations = activations
        self._rollout = rollout
        self._intake = intake
        self._clock = clock
        self._worker = Worker("models", self._turn)

    def start(self) -> None:
        self._worker.start()

    @property
    def crash(self) -> str:
        """What ended the thread; empty while it runs."""
        return self._worker.crash

    def stop(self) -> None:
        self._worker.stop()

    def stage(self, lane: Lane) -> str:
        """What is being done about a lane's model, for people; empty: nothing."""
        job = lane.on_trial
        if job is None or job.standing.before is None:
            return self._intake.stage
        since = self._rollout.since.get((job.recipe.name, job.origin.model_hash))
        passed_s = ms_between(since, self._clock.now()) / 1e3 if since else 0.0
        parts, wanted = job.standing.history.parts, self._config.health_parts
        return f"new: watched for {parts} of {wanted} parts, {passed_s:.0f} of {self._config.health_s:.0f} s"

    def _turn(self) -> None:
        for name, activation in self._activations.all().items():
            if activation.probation is not None:
                self._look(name, activation, activation.probation)
        self._activations.retry()
        self._worker.stopping.wait(TURN_S)

    def _look(self, name: str, activation: Activation, probation: Probation) -> None:
        trials = self._rollout.trials(name, activation)
        if not trials:
            return
        since = self._rollout.since.setdefault((name, activation.digest), self._clock.now())
        jobs = [job for _, job in trials]
        why = next((job.standing.condemned for job in jobs if job.standing.condemned), "")
        now = together(job.standing.history.figures() for job in jobs)
        if why := why or problem_of(_figures(probation.before), now, self._limits(jobs, probation)):
            self._rollout.take_back(name, activation, why)
            return
        parts = sum(job.standing.history.parts for job in jobs)
        passed_s = ms_between(since, self._clock.now()) / 1e3
        if parts >= self._config.health_parts and passed_s >= self._config.health_s:
            self._rollout.prove(name, activation, trials, parts)

    def _limits(self, jobs: list[Job], probation: Probation) -> Limits:
        pairs = [(job, job.standing.before) for job in jobs]
        same = all(before is None or set(job.thresholds) == set(before.thresholds) for job, before in pairs)
        return Limits(
            errors=self._config.health_errors,
            deadline_ms=min(job.recipe.deadline_ms for job in jobs),
            share=self._config.budget_share,
            drift=probation.drift,
            same_labels=same,
        )


def _figures(before: Before | None) -> Figures:
    return Figures(**before.model_dump()) if before is not None else Figures()
