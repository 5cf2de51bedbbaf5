"""Which recipe a lane judges by, as it is told; and a recipe's file that names another model.

A model that a file brings in goes the way of every other one: tried in a process of its own, within its
budgets, then activated with a health window in which the last good one stands by. So no model judges that was
not proven, whoever names it. What last judged by the recipe already is only switched to: that is quick.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

from agent.clock import boot_id
from agent.errors import OkngError, Refused
from agent.station.jobs import Jobs
from agent.station.lane import Lane
from agent.station.memory import LaneMemory
from agent.station.models.activation import Probation
from agent.station.models.activations import Activations
from agent.station.models.bundle import Bundle
from agent.station.models.choice import Choice, Proposal, alike
from agent.station.models.gate import Entry, Gates
from agent.station.models.intake import Intake
from agent.station.prepare import Preparer
from agent.station.rollout import Rollout

log = logging.getLogger(__name__)


class Changes:
    """Changes recipes, from any thread."""

    def __init__(
        self,
        *,
        lanes: Mapping[str, Lane],
        choice: Choice,
        intake: Intake,
        gates: Gates,
        jobs: Jobs,
        preparer: Preparer,
        rollout: Rollout,
        memory: LaneMemory,
        event: Callable[..., None],
    ) -> None:
        self._lanes = lanes
        self._choice = choice
        self._activations: Activations = choice.activations
        self._intake = intake
        self._gates = gates
        self._jobs = jobs
        self._preparer = preparer
        self._rollout = rollout
        self._memory = memory
        self._event = event

    def change(self, lane_name: str, recipe: str) -> str:
        """Let a lane judge by another recipe; returns its revision. Raises OkngError: the old one stays."""
        lane = self._lanes[lane_name]
        try:
            tried = self._choice.by_file(recipe, self._admitted)  # may take long: other lanes are not held up
            with self._preparer.one_at_a_time:
                for name in {recipe, lane.job.recipe.name if lane.job is not None else recipe}:
                    self._rollout.back.finish_condemned(name)
                # Once more: meanwhile another may have been activated, or the file say something else.
                proposal = self._choice.by_file(recipe, lambda bundle: _of(bundle, tried))
                left = lane.on_trial
                revision = self._changed(lane, recipe, proposal)
                if left is not None and left.recipe.name != recipe:
                    self._rollout.left(lane, left)
                self._preparer.barred.pop(recipe, None)
        except (OkngError, OSError) as error:
            self._event("recipe_refused", lane=lane_name, recipe=recipe[:200], why=str(error)[:500])
            raise OkngError(str(error)) from error
        self._event("recipe_changed", lane=lane_name, recipe=recipe, revision=revision)
        return revision

    def _changed(self, lane: Lane, recipe: str, proposal: Proposal | None) -> str:
        otherwise = self._choice.says_otherwise(recipe)
        if proposal is not None and self._choice.last(recipe) is not None:
            told = self._memory.told(lane.name).recipe

            def durable() -> None:
                self._memory.recipe(lane.name, recipe)

            try:
                return self._rollout.take_over(proposal, otherwise, lane, durable).revision
            except (OkngError, OSError):
                with suppress(OSError):  # nothing has changed
                    self._memory.recipe(lane.name, told)
                raise
        # By what last judged by it; or nothing has yet: there is none to compare with, and none to go back to.
        if proposal is not None:
            self._choice.must_be_in_time(proposal)
        last = proposal.version if proposal is not None else self._choice.last(recipe)
        was, job = lane.job, self._preparer.switch(lane, recipe, last.digest if last is not None else "")
        probation = self._activations.of(recipe).probation
        if (
            probation is not None
            and was is not None
            and was.recipe.name == recipe
            and not alike(was.recipe, job.recipe)
        ):
            # Its verdicts are others by the recipe's own words: that is no fault of the model's.
            self._activations.insist(recipe, probation=probation.model_copy(update={"drift": False}))
        return job.origin.recipe_hash

    def _admitted(self, bundle: Bundle) -> Entry:
        """What judges on another lane already was proven in this process; anything else is tried first."""
        if self._jobs.loaded(bundle.digest):
            for known in self._gates.here(bundle.digest):
                if known.passed:
                    return known
        return self._intake.admitted(bundle)

    def at_start(self) -> None:
        """Before any lane has a job: files that were changed meanwhile name models that nobody has watched."""
        for name in self._choice.demand.in_use():
            if self._choice.last(name) is not None:
                self._follow(name)

    def _follow(self, name: str) -> None:
        """Activate what a recipe's file names by now; where that may not judge, the last good one does."""
        tried: list[str] = []

        def admitted(bundle: Bundle) -> Entry:
            tried.append(bundle.id)
            return self._admitted(bundle)

        try:
            if (first := self._choice.by_file(name, admitted)) is None:
                return
            with self._preparer.one_at_a_time:
                proposal = self._choice.by_file(name, lambda _: first.gate)
                if proposal is None:
                    return
                self._choice.must_be_in_time(proposal)
                new = proposal.good is not None and proposal.good.digest != proposal.version.digest
                drift = not self._choice.says_otherwise(name)
                self._choice.settle(proposal, Probation(boot=boot_id(), drift=drift) if new else None)
        except OkngError as error:
            if isinstance(error, Refused) and not tried:
                return  # the file, or the bundle, cannot be read: what else is done then is done now
            log.error("recipe %s: its file's model may not judge: %s", name, error)
            self._event("model_refused", model="".join(tried), recipe=name, why=str(error)[:800])
            self._preparer.barred[name] = str(error)
            return
        version, before = proposal.version, proposal.good.id if proposal.good else ""
        said = {"model": version.id, "digest": version.digest, "before": before, "recipe": name}
        self._event("model_activated", **said, revision=proposal.target.revision, lanes="", on_trial=int(new))


def _of(bundle: Bundle, tried: Proposal | None) -> Entry:
    """What was made of exactly this model when it was tried. Raises OkngError where it was another one."""
    if tried is None or tried.version.digest != bundle.digest:
        raise OkngError(f"recipe changed while it was prepared: nobody has tried model {bundle.id} yet; tell it again")
    return tried.gate
