"""A new model takes over and is watched; the way back is `agent.station.wayback`.

Activation: the new job is prepared beside the running one; `models.json` says who judges; then the lanes
swap between two parts. For its health window the good job stands by. Whoever dies in between leaves the old
model or the new one active, never none; a station that dies while a model is new comes up with the good one.

A model that is activated while another is still new takes that one's place in the window: who is gone back
to is the last one that a window has called good.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from agent.clock import boot_id
from agent.config import ModelsConfig
from agent.errors import OkngError
from agent.station.acts import Acts
from agent.station.job import Job
from agent.station.jobs import Jobs
from agent.station.lane import Lane
from agent.station.models.activation import Activation, Before, Probation, Version
from agent.station.models.budget import must_be_in_time
from agent.station.models.choice import Choice, Proposal
from agent.station.models.figures import together
from agent.station.models.intake import Intake
from agent.station.prepare import Preparer
from agent.station.trials import Trial, acquit, good_job, trials_of
from agent.station.wayback import WayBack
from agent.station.windows import Windows, seen_until_now


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
    """Activates models and calls them good, from any thread."""

    def __init__(
        self,
        *,
        config: ModelsConfig,
        lanes: Mapping[str, Lane],
        choice: Choice,
        intake: Intake,
        jobs: Jobs,
        preparer: Preparer,
        event: Callable[..., None],
        back: WayBack,
        windows: Windows,
        acts: Acts,
    ) -> None:
        self.back = back
        self.windows = windows
        self._config = config
        self._lanes = lanes
        self._choice = choice
        self._activations = choice.activations
        self._intake = intake
        self._jobs = jobs
        self._preparer = preparer
        self._event = event
        self._acts = acts

    @property
    def stage(self) -> str:
        """What is being done now, for people; empty: nothing."""
        return self._acts.stage

    def close(self) -> None:
        """A window that is open goes on after the next start, unless a lane has died in it."""
        if any(lane.crash for lane in self._lanes.values()):
            return
        for name, activation in self._activations.all().items():
            if (kept := self.windows.kept(name, activation, self.trials(name, activation))) is not None:
                self._activations.insist(name, probation=kept)

    # Activation --------------------------------------------------------------------------------------

    def activate(self, model: str, recipe: str = "", *, expect_change: bool = False, again: bool = False) -> Activated:
        """Let a model judge by a recipe, from the next part on. Raises OkngError: the old one stays."""
        try:
            with self._acts.doing(f"proving {model[:100]}"):
                proposal = self._choice.propose(model, recipe, again, self._intake.admitted)
            with self._preparer.one_at_a_time:
                self.back.finish_condemned(proposal.recipe)
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
        lanes = self._preparer.on(proposal.recipe)
        lanes += [told] if told is not None and told not in lanes else []
        with self._acts.doing(f"preparing {proposal.version.id} for recipe {proposal.recipe}"):
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
        if job.origin.device != proposal.gate.device:
            # A device that failed then may do now: what it costs there is not known yet.
            tried = f"was tried on {proposal.gate.device}, and {job.origin.device} would judge by now"
            raise OkngError(f"model {proposal.version.id} {tried}: activate it once more, and it is tried there")
        part_ms = max(proposal.gate.p99_ms, 1000 / job.capacity_per_s)
        must_be_in_time(proposal.gate, job.recipe, self._config.budget_share, part_ms)
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

    # For the watch -----------------------------------------------------------------------------------

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

    def left(self, lane: Lane, job: Job) -> None:
        """A lane judges by another recipe now: what the window of its new model has seen there is kept."""
        name, activation = job.recipe.name, self._activations.of(job.recipe.name)
        probation = activation.probation
        if probation is not None and activation.digest == job.origin.model_hash:
            alone = not self.trials(name, activation)
            update = {"ended_well": alone or probation.ended_well}
            self._activations.insist(name, probation=seen_until_now(probation, [(lane, job)]).model_copy(update=update))
