"""Prepares the lanes: each gets a job, by its recipe and the model that is active for it.

At the start all of it happens in the one thread "prepare", for every lane, before any lane starts:
two threads that make the very first inference together can hang. A later change is prepared beside
the running job, by the thread that asked for it, and swapped in between two parts.
"""

import logging
from collections.abc import Callable, Mapping

from agent.clock import boot_id
from agent.errors import OkngError, Refused
from agent.recipes import Recipes
from agent.station.job import Job
from agent.station.jobs import Jobs
from agent.station.lane import Lane
from agent.station.memory import LaneMemory
from agent.station.models.activation import Version, effective
from agent.station.models.activations import Activations
from agent.worker import Worker
from pipelines.recipe import Recipe

log = logging.getLogger(__name__)


class Preparer:
    """Gives the lanes their jobs, one at a time."""

    def __init__(
        self,
        *,
        lanes: Mapping[str, Lane],
        jobs: Jobs,
        recipes: Recipes,
        activations: Activations,
        memory: LaneMemory,
        event: Callable[..., None],
        errors_allowed: int,
    ) -> None:
        """`errors_allowed`: parts that a model in its health window may fail to judge."""
        self.one_at_a_time = activations.deciding
        """Held by whoever makes jobs or changes what is active."""
        self.barred: dict[str, str] = {}
        """Recipe -> why the model that its file names may not judge: at the start the last good one does."""
        self._lanes = lanes
        self._jobs = jobs
        self._recipes = recipes
        self._activations = activations
        self._memory = memory
        self._event = event
        self._errors_allowed = errors_allowed
        self._first_of_all: Callable[[], None] = lambda: None
        self._then: Callable[[], None] = lambda: None
        self._worker = Worker("prepare", self._all_lanes)

    def start(self, first: Callable[[], None], then: Callable[[], None]) -> None:
        """In the background call `first`, prepare every lane, then call `then` (which starts the lanes)."""
        self._first_of_all, self._then = first, then
        self._worker.start()

    @property
    def crash(self) -> str:
        """What ended the thread; empty while it runs, or when it has done its work."""
        return self._worker.crash

    def stop(self) -> None:
        self._worker.stop(join_s=0.1)

    def _all_lanes(self) -> None:
        self._first_of_all()
        for lane in self._lanes.values():
            if not self._worker.stopping.is_set():
                self._first(lane)
        if not self._worker.stopping.is_set():
            self._then()
        self._worker.stopping.set()

    def told(self, lane: Lane) -> str:
        """The recipe that a lane judges by: what it was last told, or what the configuration says."""
        return self._memory.told(lane.name).recipe or lane.config.recipe

    def on(self, recipe: str) -> list[Lane]:
        """The lanes that judge by a recipe, or would if they could."""
        return [
            lane
            for lane in self._lanes.values()
            if (lane.job.recipe.name if lane.job is not None else self.told(lane)) == recipe
        ]

    def switch(self, lane: Lane, recipe_name: str, digest: str) -> Job:
        """Let a lane judge by another recipe, and the model that is active for it.

        Whoever calls holds the lock, and has seen to it that the model with this digest may judge; no other does.
        Raises OkngError: the old one stays.
        """
        recipe = effective(self._recipes.read(recipe_name), self._activations.of(recipe_name))
        job = self.job(lane, recipe)
        if recipe.pipeline != "difference" and job.origin.model_hash != digest:
            raise OkngError(f"recipe {recipe_name}: its file names {job.origin.model} by now, which nobody has tried")
        try:
            self._memory.recipe(lane.name, recipe_name)
        except OSError as error:
            raise OkngError(f"lane {lane.name}: this cannot be made durable: {error.strerror}") from error
        self.give(lane, job)
        lane.recipe_trouble = lane.model_trouble = ""
        return job

    def give(self, lane: Lane, job: Job) -> None:
        """The lane judges by this job from now on; as its last good one, unless the model is new."""
        probation = self._activations.of(job.recipe.name).probation
        if job.standing.watched and probation is not None and probation.ended_well:
            # From now on it is what the station dies with, if it dies.
            here = probation.model_copy(update={"boot": boot_id(), "ended_well": False})
            self._activations.insist(job.recipe.name, probation=here)
        lane.take_over(job)
        if not job.standing.watched:
            self._jobs.remember(job.recipe, lane.name)

    def job(self, lane: Lane, recipe: Recipe) -> Job:
        """A job by this recipe; while its model is in its health window, the good one stands by. Raises OkngError."""
        job = self._jobs.make(lane.name, lane.config, recipe)
        activation = self._activations.of(recipe.name)
        if (why := activation.condemned.get(job.origin.model_hash)) is not None:
            raise OkngError(f"model {job.origin.model} was taken back for recipe {recipe.name}: {why}")
        if activation.probation is not None and activation.digest == job.origin.model_hash:
            good = activation.previous[0] if activation.previous else None
            self.watch(job, self.standing_by(lane, recipe, good) if good is not None else None)
        return job

    def watch(self, job: Job, good: Job | None) -> None:
        """This job's model is new: it is watched, and this one stands by."""
        job.standing.watched, job.standing.before = True, good
        job.standing.errors_allowed = self._errors_allowed

    def standing_by(self, lane: Lane, recipe: Recipe, good: Version) -> Job | None:
        """A job by the good model; None where it cannot judge on this lane: then the new one is watched only."""
        try:
            return self._jobs.make(lane.name, lane.config, recipe.model_copy(update=good.of_recipe))
        except (OkngError, OSError) as error:
            log.warning("lane %s: model %s cannot stand by: %s", lane.name, good.id, error)
            return None

    def _first(self, lane: Lane) -> None:
        """The lane's first job: by its recipe, or by the last good revision of it with an alarm."""
        with self.one_at_a_time:
            if lane.job is not None:  # a command came first
                return
            name = self.told(lane)
            try:
                job, why = self._by_recipe(lane, name)
            except (OkngError, OSError) as error:
                last = self._by_last_good(lane, name) if isinstance(error, Refused) else None
                if last is None:
                    log.error("lane %s does not judge: %s", lane.name, error)
                    lane.trouble = str(error)
                    self._event("engine_failed", lane=lane.name, why=str(error)[:500])
                    return
                job, why = last, str(error)
            self.give(lane, job)
            lane.recipe_trouble = why

    def _by_recipe(self, lane: Lane, name: str) -> tuple[Job, str]:
        """A job and "", or one by the last good revision and why the recipe's file was refused."""
        activation = self._activations.of(name)
        recipe, why = self._recipes.read_or_last_good(name, lane.name)
        barred = self.barred.get(name) or self._activations.lost(name)
        if barred and not why and (good := self._recipes.last_good(name, lane.name)) is not None:
            recipe, why = good, barred
        chosen = effective(recipe, activation, by_file=not why)
        try:
            return self.job(lane, chosen), why
        except OkngError as error:
            # A driver may be new since the last start, and the model wrong with it: an older one may still be right.
            for good_one in activation.previous if chosen.model == activation.active else ():
                try:
                    job = self._jobs.make(lane.name, lane.config, recipe.model_copy(update=good_one.of_recipe))
                except (OkngError, OSError):
                    continue
                lane.model_trouble = f"{activation.active} cannot judge, {good_one.id} does: {error}"
                said = {"model": activation.active, "to": good_one.id, "recipe": name}
                self._event("model_fallback", lane=lane.name, why=str(error)[:400], **said)
                return job, why
            raise

    def _by_last_good(self, lane: Lane, name: str) -> Job | None:
        """A recipe or bundle that reads well may still be refused (a label the model lacks)."""
        good = self._recipes.last_good(name, lane.name)
        if good is None:
            return None
        try:
            return self._jobs.make(lane.name, lane.config, good)
        except (OkngError, OSError):
            return None
