"""A new model takes over, is watched, and is taken back when it does worse.

Activation: the new job is prepared beside the running one; `models.json` says who judges; then the lanes
swap between two parts. For its health window the good job stands by: a condemned model gives no verdict
any more from that moment on, and the good one is back before the next part. What the condemned one judged
is listed, for hold. Whoever dies in between leaves the old model or the new one active, never none; a
station that dies while a model is new comes up with the good one.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from agent.clock import boot_id, ms_between
from agent.config import ModelsConfig
from agent.errors import OkngError, StoreFailed
from agent.ports import Clock
from agent.station.job import Job
from agent.station.jobs import Jobs
from agent.station.lane import Lane
from agent.station.models.activations import Activation, Before, Probation, RolledBack, Version
from agent.station.models.choice import Choice, Proposal
from agent.station.models.health import together
from agent.station.models.intake import Intake
from agent.station.prepare import Preparer
from agent.store.values import JudgedBy
from pipelines.values import Stamp

log = logging.getLogger(__name__)

DIED = "the station died while it was new"


@dataclass(frozen=True, slots=True)
class Activated:
    """What an activation did."""

    recipe: str
    model: str
    digest: str
    lanes: tuple[str, ...]
    revision: str
    """Of the recipe that judges now; empty where no lane judges by it yet."""


class Rollout:
    """Activates models and takes them back, from any thread."""

    def __init__(
        self,
        *,
        config: ModelsConfig,
        lanes: Mapping[str, Lane],
        choice: Choice,
        intake: Intake,
        jobs: Jobs,
        preparer: Preparer,
        clock: Clock,
        event: Callable[..., None],
        judged_by: Callable[[str, int], JudgedBy],
    ) -> None:
        """`judged_by`: the parts that a model (by its digest) has judged since a moment, all of them durable."""
        self._config = config
        self._lanes = lanes
        self._choice = choice
        self._activations = choice.activations
        self._intake = intake
        self._jobs = jobs
        self._preparer = preparer
        self._clock = clock
        self._event = event
        self._judged_by = judged_by
        self.since: dict[tuple[str, str], Stamp] = {}
        """(recipe, digest) -> when its health window was opened, or gone on with after a restart."""

    def close(self) -> None:
        """A window that is open goes on after the next start, unless a lane has died in it."""
        if any(lane.crash for lane in self._lanes.values()):
            return
        for name, activation in self._activations.all().items():
            if activation.probation is not None:
                ended = activation.probation.model_copy(update={"ended_well": True})
                self._activations.insist(name, probation=ended)

    def recover(self) -> None:
        """Before any lane has a job: a model that the station died with is not tried a second time."""
        for name, activation in self._activations.all().items():
            probation = activation.probation
            if probation is None:
                continue
            # After a power cut or a reboot the model is not what ended the station.
            if probation.boot == boot_id() and not probation.ended_well and activation.previous:
                self._written_back(name, activation, DIED, by_itself=True, detected=self._clock.now())
            else:
                here = probation.model_copy(update={"boot": boot_id(), "ended_well": False})
                self._activations.insist(name, probation=here)

    # Activation --------------------------------------------------------------------------------------

    def activate(self, model: str, recipe: str = "", *, expect_change: bool = False, again: bool = False) -> Activated:
        """Let a model judge by a recipe, from the next part on. Raises OkngError: the old one stays."""
        try:
            proposal = self._choice.propose(model, recipe, again, self._intake.admitted)
            with self._preparer.one_at_a_time:
                self._finish_condemned(proposal.recipe)
                # Once more: while the model was tried, another may have been activated.
                proposal = self._choice.propose(model, recipe, again, lambda _: proposal.gate)
                activated = self._take_over(proposal, expect_change)
        except OkngError as error:
            self._event("model_refused", model=model[:200], recipe=recipe, why=str(error)[:800])
            raise
        return activated

    def _take_over(self, proposal: Proposal, expect_change: bool) -> Activated:
        lanes = self._on(proposal.recipe)
        made = {lane.name: self._jobs.make(lane.name, lane.config, proposal.target) for lane in lanes}
        for job in made.values():
            _check_budget(job, proposal, self._config.budget_share)
        good = {lane.name: _good(lane) for lane in lanes}
        judged = [job for job in good.values() if job is not None and job.recipe.model]
        if judged:  # what really judged, whatever the files say by now
            was_good = Version(id=judged[0].recipe.model, digest=judged[0].origin.model_hash)
            proposal = replace(proposal, good=was_good)
        known = [job.standing.history.figures() for job in judged]
        probation = None
        # To go back to the good model by its name is no trial.
        new = proposal.good is not None and proposal.good.digest != proposal.version.digest
        if new and (judged or not lanes):
            before = Before.model_validate(asdict(together(known)))
            probation = Probation(boot=boot_id(), drift=not expect_change, ended_well=not lanes, before=before)
        was = self._choice.settle(proposal, probation)
        for lane in lanes:
            job = made[lane.name]
            job.standing.errors_allowed = self._config.health_errors
            job.standing.before = good[lane.name] if probation is not None else None
            lane.take_over(job)
            lane.model_trouble = ""
            self._jobs.remember(job.recipe)
        self.since[proposal.recipe, proposal.version.digest] = self._clock.now()
        return self._told(proposal, was, made)

    def _told(self, proposal: Proposal, after: Activation, made: Mapping[str, Job]) -> Activated:
        revision = next((job.origin.recipe_hash for job in made.values()), "")
        self._event(
            "model_activated",
            model=proposal.version.id,
            digest=proposal.version.digest,
            before=proposal.good.id if proposal.good else "",
            recipe=proposal.recipe,
            revision=revision,
            lanes=", ".join(made),
            on_trial=int(after.probation is not None),
        )
        return Activated(proposal.recipe, proposal.version.id, proposal.version.digest, tuple(made), revision)

    def _on(self, recipe: str) -> list[Lane]:
        """The lanes that judge by a recipe, or would if they could."""
        return [
            lane
            for lane in self._lanes.values()
            if (lane.job.recipe.name if lane.job is not None else self._preparer.told(lane)) == recipe
        ]

    # The way back ------------------------------------------------------------------------------------

    def rollback(self, recipe: str = "") -> RolledBack:
        """Back to the good model before, told by a person. Raises OkngError where there is none."""
        name = self._choice.named(recipe)
        with self._preparer.one_at_a_time:
            activation = self._activations.of(name)
            if not activation.previous:
                raise OkngError(f"recipe {name}: there is no good model to go back to")
            good = activation.previous[0]
            for lane in self._on(name):
                if lane.job is None:
                    lane.take_over(self._before(lane, good))
                elif lane.job.standing.before is None and lane.job.origin.model_hash == activation.digest:
                    lane.job.standing.before = self._before(lane, good)
                    lane.on_trial = lane.job
            return self._take_back(name, activation, "told to", by_itself=False)

    def _before(self, lane: Lane, good: Version) -> Job:
        recipe = lane.job.recipe if lane.job is not None else self._choice.recipe(self._preparer.told(lane))
        return self._jobs.make(lane.name, lane.config, recipe.model_copy(update=good.of_recipe))

    def _take_back(self, name: str, activation: Activation, why: str, *, by_itself: bool) -> RolledBack:
        """Condemn it on every lane, then write it down. The lanes have the good model back at once."""
        for lane, job in self.trials(name, activation):
            lane.condemn(job, why)
        detected = self._clock.now()
        return self._written_back(name, activation, why, by_itself=by_itself, detected=detected)

    def _written_back(
        self, name: str, activation: Activation, why: str, *, by_itself: bool, detected: Stamp
    ) -> RolledBack:
        since = self.since.pop((name, activation.digest), None)
        back = self._choice.take_back(name, why, by_itself, detected.utc_us)
        for lane in self._on(name):
            lane.on_trial = None
            if lane.job is not None:
                self._jobs.remember(lane.job.recipe)
        took_ms = ms_between(detected, self._clock.now())
        back = back.model_copy(update=self._to_hold(activation))
        self._activations.insist(name, rolled_back=back)
        after_s = round(ms_between(since, detected) / 1e3, 3) if since else -1.0
        times = {"after_s": after_s, "took_ms": round(took_ms, 1)}
        self._event("model_rolled_back", recipe=name, **back.model_dump(mode="json", exclude={"by_itself"}), **times)
        return back

    def _to_hold(self, activation: Activation) -> dict[str, int]:
        try:
            return asdict(self._judged_by(activation.digest, activation.since_utc_us))
        except StoreFailed as error:
            log.error("the parts that %s judged cannot be listed: %s", activation.active, error)
            return {}

    # For the watch -----------------------------------------------------------------------------------

    def take_back(self, name: str, activation: Activation, why: str) -> None:
        """By itself: the model did worse than the one before."""
        for lane, job in self.trials(name, activation):
            lane.condemn(job, why)  # at once, whatever is being prepared just now
        with self._preparer.one_at_a_time:
            now = self._activations.of(name)
            if now.digest == activation.digest and now.previous:  # not told otherwise meanwhile
                self._take_back(name, now, why, by_itself=True)
            elif now.digest == activation.digest:
                log.error("recipe %s: there is no good model to go back to from %s: %s", name, now.active, why)
                self._activations.insist(name, probation=None)

    def prove(self, name: str, activation: Activation, trials: list[tuple[Lane, Job]], parts: int) -> None:
        """The model has done well through its health window: it is a good one now."""
        with self._preparer.one_at_a_time:
            if self._activations.of(name) != activation:  # it was told otherwise in this very moment
                return
            befores = [job.standing.before for _, job in trials]
            acquitted = [lane.acquit(job) for lane, job in trials]
            if not all(acquitted):  # condemned in this very moment on one lane: so it is on all
                for (_, job), before in zip(trials, befores, strict=True):
                    job.standing.before = before
                return
            self._activations.insist(name, probation=None)
            self.since.pop((name, activation.digest), None)
        self._event("model_proved", model=activation.active, recipe=name, parts=parts)
        self._intake.prune()

    def trials(self, name: str, activation: Activation) -> list[tuple[Lane, Job]]:
        """The lanes that judge by a recipe's new model, with the job that is on trial there, condemned or not."""
        trials = [(lane, lane.on_trial) for lane in self._lanes.values()]
        return [
            (lane, job)
            for lane, job in trials
            if job is not None and job.recipe.name == name and job.origin.model_hash == activation.digest
        ]

    def _finish_condemned(self, name: str) -> None:
        """What the inspect thread has condemned is written down before another model is activated."""
        activation = self._activations.of(name)
        for _, job in self.trials(name, activation):
            if job.standing.condemned:
                self._take_back(name, activation, job.standing.condemned, by_itself=True)
                return

    def rolled_back(self, lane: Lane) -> RolledBack | None:
        """What was last taken back by itself from the recipe that a lane judges by."""
        back = self._activations.of(lane.job.recipe.name).rolled_back if lane.job is not None else None
        return back if back is not None and back.by_itself and not back.seen else None


def _good(lane: Lane) -> Job | None:
    """The job to go back to. One in its own health window is not yet good: the one before it is."""
    job = lane.job
    return job if job is None or job.standing.before is None else job.standing.before


def _check_budget(job: Job, proposal: Proposal, share: float) -> None:
    most, recipe = job.recipe.deadline_ms * share, job.recipe
    takes = max(proposal.gate.p99_ms, 1000 / job.capacity_per_s)
    if takes > most:
        limit = f"{most:.0f} ms are allowed: deadline_ms {recipe.deadline_ms:.0f} x models.budget_share {share:g}"
        raise OkngError(f"model {proposal.version.id} takes {takes:.0f} ms a picture on {job.origin.device}; {limit}")
