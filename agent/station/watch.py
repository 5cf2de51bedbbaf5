"""Watches new models: each is compared with the one before it until its health window has ended."""

from agent.config import ModelsConfig
from agent.station.job import Job
from agent.station.lane import Lane
from agent.station.models.activation import Activation, Probation
from agent.station.models.activations import Activations
from agent.station.models.health import Limits, errors_of, problem_of
from agent.station.models.intake import Intake
from agent.station.rollout import Rollout
from agent.station.windows import figures, seen_by
from agent.worker import Worker

TURN_S = 0.1
"""It looks so often: what the inspect thread does not notice by itself is found within this."""


class HealthWatch:
    """The thread "models": takes back what does worse, and calls good what has done well."""

    def __init__(self, config: ModelsConfig, activations: Activations, rollout: Rollout, intake: Intake) -> None:
        self._config = config
        self._activations = activations
        self._rollout = rollout
        self._intake = intake
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
        if doing := self._intake.stage or self._rollout.stage:
            return doing
        return self.window(lane.job.recipe.name) if lane.job is not None else ""

    def window(self, recipe: str) -> str:
        """How far the health window of a recipe's model is; empty: there is none."""
        activation = self._activations.of(recipe)
        return self._rollout.windows.said(recipe, activation, self._rollout.trials(recipe, activation))

    def _turn(self) -> None:
        for name, activation in self._activations.all().items():
            if activation.probation is not None:
                self._look(name, activation, activation.probation)
        self._activations.retry()
        self._worker.stopping.wait(TURN_S)

    def _look(self, name: str, activation: Activation, probation: Probation) -> None:
        trials, windows = self._rollout.trials(name, activation), self._rollout.windows
        if not trials:  # it waits for a lane: after a restart, or where none judges by the recipe now
            return
        windows.open(name, activation.digest)
        jobs = [job for _, job in trials]
        now = seen_by(probation, trials)
        why = next((job.standing.condemned for job in jobs if job.standing.condemned), "")
        why = why or errors_of(now, self._config.health_errors)
        if not why and windows.due(name, activation.digest, now.judged):
            why = problem_of(figures(probation.before), now, self._limits(jobs, probation))
        if why:
            self._rollout.back.take_back(name, activation, why)
        elif windows.done(name, activation, trials):
            self._rollout.prove(name, activation, now.judged)

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
