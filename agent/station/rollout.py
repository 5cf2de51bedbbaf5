"""A new model takes over, is watched, and is taken back when it does worse.

Activation: the new job is prepared beside the running one; `models.json` says who judges; then the lanes
swap between two parts. For its health window the good job stands by: a condemned model gives no verdict
any more from that moment on, and the good one is back before the next part. What the condemned one judged
is listed, for hold. Whoever dies in between leaves the old model or the new one active, never none; a
station that dies while a model is new comes up with the good one.

A model that is activated while another is still new takes that one's place in the window: who is gone back
to is the last one that a window has called good.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
from agent.station.trials import Trial, acquit, good_job, lacks_good, trials_of
from agent.station.windows import Windows, seen_until_now
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


def _nothing() -> None:
    """There is nothing more to be made durable."""


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
        self.windows = Windows(config, clock)
        self._acts: list[str] = []

    def close(self) -> None:
        """A window that is open goes on after the next start, unless a lane has died in it."""
        if any(lane.crash for lane in self._lanes.values()):
            return
        for name, activation in self._activations.all().items():
            if (kept := self.windows.kept(name, activation, self.trials(name, activation))) is not None:
                self._activations.insist(name, probation=kept)

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

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        self._acts.append(what)
        try:
            yield
        finally:
            self._acts.remove(what)

    @property
    def stage(self) -> str:
        """What is being done now, for people; empty: nothing."""
        acts = self._acts[-1:]
        return acts[0] if acts else ""

    # Activation --------------------------------------------------------------------------------------

    def activate(self, model: str, recipe: str = "", *, expect_change: bool = False, again: bool = False) -> Activated:
        """Let a model judge by a recipe, from the next part on. Raises OkngError: the old one stays."""
        try:
            with self._doing(f"proving {model[:100]}"):
                proposal = self._choice.propose(model, recipe, again, self._intake.admitted)
            with self._preparer.one_at_a_time:
                self.finish_condemned(proposal.recipe)
                # Once more: while the model was tried, another may have been activated.
                proposal = self._choice.propose(model, recipe, again, lambda _: proposal.gate)
                activated = self.take_over(proposal, expect_change)
        except OkngError as error:
            self._event("model_refused", model=model[:200], recipe=recipe, why=str(error)[:800])
            raise
        return activated

    def take_over(
        self,
        proposal: Proposal,
        expect_change: bool,
        told: Lane | None = None,
        durable: Callable[[], None] = _nothing,
    ) -> Activated:
        """The model judges by the recipe from now on, on every lane of it and on one that is `told` it just now.

        Whoever calls holds the preparer's lock. `durable` is called before anything changes, once it is sure
        that the model can judge. Raises OkngError: all is as it was.
        """
        lanes = self._on(proposal.recipe)
        lanes += [told] if told is not None and told not in lanes else []
        with self._doing(f"preparing {proposal.version.id} for recipe {proposal.recipe}"):
            made = {lane.name: self._made(lane, proposal) for lane in lanes}
            good = {lane.name: job for lane in lanes if (job := good_job(lane, proposal.recipe)) is not None}
            if good:  # what really judged, whatever the files say by now
                first = next(iter(good.values()))
                proposal = replace(proposal, good=Version(id=first.recipe.model, digest=first.origin.model_hash))
            probation = self._window(proposal, good, expect_change, bool(lanes))
            if probation is not None and proposal.good is not None:
                for lane in lanes:
                    stands = good.get(lane.name) or self._preparer.standing_by(lane, proposal.base, proposal.good)
                    self._preparer.watch(made[lane.name], stands)
            durable()
            activation = self._choice.settle(proposal, probation)
            self.windows.end(proposal.recipe, proposal.version.digest)
            if probation is not None and lanes:
                self.windows.open(proposal.recipe, proposal.version.digest)
            for lane in lanes:
                self._preparer.give(lane, made[lane.name])
                lane.recipe_trouble = lane.model_trouble = ""
        return self._told(proposal, activation, made)

    def _made(self, lane: Lane, proposal: Proposal) -> Job:
        job = self._jobs.make(lane.name, lane.config, proposal.target)
        if job.origin.model_hash != proposal.gate.digest:
            raise OkngError(f"model {proposal.version.id} has changed since it was tried")
        _check_budget(job, proposal, self._config.budget_share)
        return job

    def _window(
        self, proposal: Proposal, good: Mapping[str, Job], expect_change: bool, on_lanes: bool
    ) -> Probation | None:
        """The health window that an activation opens; None where there is none to go back to but itself."""
        if proposal.good is None or proposal.good.digest == proposal.version.digest:
            return None  # to go back to the good model by its name is no trial
        known = [job.standing.history.figures() for job in good.values()]
        before = Before.model_validate(asdict(together(known)))
        return Probation(boot=boot_id(), drift=not expect_change, ended_well=not on_lanes, before=before)

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
        """Back to the good model before, told by a person. Raises OkngError where there is none: all is as it was."""
        name = self._choice.named(recipe)
        with self._preparer.one_at_a_time, self._doing(f"taking back the model of recipe {name}"):
            activation = self._activations.of(name)
            good = activation.way_back(name)
            lacking = [lane for lane in self._on(name) if lacks_good(lane, activation.digest)]
            # All of them first: no lane goes back where another cannot.
            made = [(lane, self._before(lane, name, good)) for lane in lacking]
            for lane, job in made:
                if lane.job is None:
                    lane.take_over(job)
                else:
                    lane.stand_by(job, self._config.health_errors)
            return self._take_back(name, activation, "told to", by_itself=False)

    def _before(self, lane: Lane, name: str, good: Version) -> Job:
        recipe = lane.job.recipe if lane.job is not None else self._choice.recipe(name)
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
        since = self.windows.end(name, activation.digest)
        back = self._choice.take_back(name, why, by_itself, detected.utc_us)
        for lane in self._on(name):
            self._sees_to(lane, name, activation, why)
        took_ms = ms_between(detected, self._clock.now())
        back = back.model_copy(update=self._to_hold(activation))
        self._activations.insist(name, rolled_back=back)
        after_s = round(ms_between(since, detected) / 1e3, 3) if since else -1.0
        times = {"after_s": after_s, "took_ms": round(took_ms, 1)}
        self._event(
            "model_rolled_back", recipe=name, **back.model_dump(mode="json", exclude={"by_itself", "after"}), **times
        )
        return back

    def _sees_to(self, lane: Lane, name: str, taken: Activation, why: str) -> None:
        """No lane judges by what was taken back: what `models.json` says by now holds on each of them."""
        lane.on_trial = None
        if lane.job is not None and lane.job.origin.model_hash == taken.digest:
            log.error("lane %s: model %s still judged after it was taken back", lane.name, taken.active)
            lane.judge_no_more(f"model {taken.active} was taken back: {why}")
        if lane.job is None and lane.started:  # none stood by; at the start every lane is prepared later
            try:
                lane.take_over(self._before(lane, name, self._activations.of(name).version))
            except (OkngError, OSError) as error:
                lane.trouble = f"model {taken.active} was taken back, and no other can judge: {error}"
                self._event("engine_failed", lane=lane.name, why=lane.trouble[:500])
        if lane.job is not None:
            self._jobs.remember(lane.job.recipe, lane.name)

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
                condemned = {**now.condemned, now.digest: why[:500]}
                self._activations.insist(name, probation=None, condemned=condemned)
                self._event("model_condemned", model=now.active, recipe=name, why=why[:500])

    def prove(self, name: str, activation: Activation, parts: int) -> None:
        """The model has done well through its health window: it is a good one now, on all lanes or on none."""
        with self._preparer.one_at_a_time:
            if self._activations.of(name) != activation:  # it was told otherwise in this very moment
                return
            trials = self.trials(name, activation)
            if not acquit(trials):  # condemned in this very moment on one lane: the next look takes it back on all
                return
            self._activations.insist(name, probation=None)
            self.windows.end(name, activation.digest)
            for lane, job in trials:
                self._jobs.remember(job.recipe, lane.name)
        self._event("model_proved", model=activation.active, recipe=name, parts=parts)
        self._intake.prune()

    def trials(self, name: str, activation: Activation) -> list[Trial]:
        """The lanes that judge by a recipe's new model, with the job that is on trial there."""
        return trials_of(self._lanes.values(), name, activation.digest)

    def finish_condemned(self, name: str) -> None:
        """What the inspect thread has condemned is written down before anything else is activated or made."""
        activation = self._activations.of(name)
        for _, job in self.trials(name, activation):
            if job.standing.condemned and activation.previous:
                self._take_back(name, activation, job.standing.condemned, by_itself=True)
                return

    def left(self, lane: Lane, job: Job) -> None:
        """A lane judges by another recipe now: what the window of its new model has seen there is kept."""
        name, activation = job.recipe.name, self._activations.of(job.recipe.name)
        probation = activation.probation
        if probation is not None and activation.digest == job.origin.model_hash:
            alone = not self.trials(name, activation)
            update = {"ended_well": alone or probation.ended_well}
            self._activations.insist(name, probation=seen_until_now(probation, [(lane, job)]).model_copy(update=update))

    def rolled_back(self, lane: Lane) -> RolledBack | None:
        """What was last taken back by itself from the recipe that a lane judges by."""
        back = self._activations.of(lane.job.recipe.name).rolled_back if lane.job is not None else None
        return back if back is not None and back.by_itself and not back.seen else None


def _check_budget(job: Job, proposal: Proposal, share: float) -> None:
    most, recipe = job.recipe.deadline_ms * share, job.recipe
    takes = max(proposal.gate.p99_ms, 1000 / job.capacity_per_s)
    if takes > most:
        limit = f"{most:.0f} ms are allowed: deadline_ms {recipe.deadline_ms:.0f} x models.budget_share {share:g}"
        raise OkngError(f"model {proposal.version.id} takes {takes:.0f} ms a picture on {job.origin.device}; {limit}")
