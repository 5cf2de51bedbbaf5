"""Who judges beside the active models: told by verbs, kept in `models.json`, and brought to the lanes.

A thread compares ten times a second what is told with what the lanes have: a new job of a lane gets its
second models again, a recipe that has changed gets new ones, and what has ended by itself is written down.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from threading import RLock
from typing import Any

from agent.clock import boot_id
from agent.config import ModelsConfig
from agent.errors import OkngError, StoreFailed
from agent.station.beside.canary import Canary
from agent.station.beside.casting import Casting
from agent.station.beside.shadow import Shadow
from agent.station.job import Beside, Job
from agent.station.lane import Lane
from agent.station.models.activation import Activation, Version
from agent.station.models.activation import Canary as Told
from agent.station.models.activations import Activations
from agent.station.models.choice import Proposal
from agent.station.models.figures import KEEPS
from agent.station.models.health import Limits, due, problem_of
from agent.station.models.running import Running
from agent.station.prepare import Preparer
from agent.worker import Worker
from pipelines.recipe import Recipe

log = logging.getLogger(__name__)

TURN_S = 0.1
JOIN_S = 1.0
DIED = "the station died while it judged"
Name = str


class Company:
    """The second models of all lanes."""

    def __init__(
        self,
        *,
        config: ModelsConfig,
        lanes: Mapping[str, Lane],
        activations: Activations,
        casting: Casting,
        preparer: Preparer,
        event: Callable[..., None],
        running: Running,
    ) -> None:
        self._running = running
        self._config = config
        self._lanes = lanes
        self._activations = activations
        self._casting = casting
        self._preparer = preparer
        self._event = event
        self.changing = RLock()
        """Held by whoever changes who judges beside."""
        self._shadows: dict[Name, Shadow] = {}
        self._canaries: dict[Name, Canary] = {}
        self._worker = Worker("beside", self._turn)

    def start(self) -> None:
        """Before the lanes have jobs. A canary under which the station died is not taken up again."""
        for name, kept in self._activations.all().items():
            if kept.canary is None:
                continue
            if self._running.died and kept.canary.boot == boot_id() and not kept.canary.ended_well:
                self._activations.insist(name, canary=None, canary_trouble=f"{kept.canary.id}: {DIED}")
                self._event("model_canary_ended", model=kept.canary.id, recipe=name, why=DIED)
        self._mark(ended_well=False)
        self._worker.start()

    @property
    def crash(self) -> str:
        """What ended the thread; empty while it runs."""
        return self._worker.crash

    def stop(self) -> None:
        """After the lanes: if one of them has crashed, a canary may have been what broke it."""
        self._worker.stop()
        with self.changing:
            if not any(lane.crash for lane in self._lanes.values()):
                self._mark(ended_well=True)
            for shadow in self._shadows.values():
                shadow.end("the station stops")
            for shadow in self._shadows.values():
                shadow.join(JOIN_S)

    def shadow(self, lane: str) -> Shadow | None:
        return self._shadows.get(lane)

    def canary(self, lane: str) -> Canary | None:
        return self._canaries.get(lane)

    def trouble(self, lane: Lane) -> str:
        """Why the last canary of the recipe that a lane judges by has ended by itself; empty: it has not."""
        return self._activations.of(_recipe(lane)).canary_trouble

    def _mark(self, ended_well: bool) -> None:
        for name, kept in self._activations.all().items():
            if kept.canary is not None:
                here = kept.canary.model_copy(update={"boot": boot_id(), "ended_well": ended_well})
                self._activations.insist(name, canary=here)

    # Told by verbs -----------------------------------------------------------------------------------

    def take(self, name: str, shadows: Mapping[str, Shadow], canaries: Mapping[str, Canary], **kept: Any) -> None:
        """These are the recipe's second models from now on. Raises OkngError: nothing has changed."""
        with self.changing:
            self._change(name, **kept)
            for lane, shadow in shadows.items():
                self._drop_shadow(lane, "another one has come")
                self._shadows[lane] = shadow
            for lane, canary in canaries.items():
                self._drop_canary(lane)
                self._canaries[lane] = canary
            self._look()

    def told(self, what: str, proposal: Proposal, **more: str | float) -> None:
        """An event: a second model has begun."""
        version = proposal.version
        lanes = ", ".join(lane.name for lane in self._lanes.values() if _recipe(lane) == proposal.recipe)
        self._event(what, model=version.id, digest=version.digest, recipe=proposal.recipe, lanes=lanes, **more)

    def off(self, name: str, what: str) -> dict[str, Any]:
        """No shadow, or no canary, any more; its last figures by lane. Raises OkngError."""
        with self.changing:
            told = getattr(self._activations.of(name), what)
            sides = self._shadows if what == "shadow" else self._canaries
            if told is None and (what == "shadow" or not self._activations.of(name).canary_trouble):
                return {"recipe": name, "model": "", "figures": {}}
            lanes = [lane.name for lane in self._lanes.values() if _recipe(lane) == name and lane.name in sides]
            going = [(lane, sides[lane]) for lane in lanes]
            self._change(name, **{what: None}, **({"canary_trouble": ""} if what == "canary" else {}))
            self._look()
            for _, side in going:
                if isinstance(side, Shadow):
                    side.join(JOIN_S)  # what it had in hand is counted, too
            figures = {lane: asdict(side.figures()) for lane, side in going}
        model = told.id if isinstance(told, Told) else told or ""
        if model:
            self._event(f"model_{what}_off", model=model, recipe=name, **_summed(figures))
        return {"recipe": name, "model": model, "figures": figures}

    def _change(self, name: str, **fields: Any) -> None:
        try:
            self._activations.change(name, **fields)
        except OSError as error:
            raise OkngError(f"who judges beside cannot be made durable: {error.strerror}") from error

    # On its own thread -------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._casting.purse.look()
        with self.changing:
            self._look()
            waiting = self._waiting()
        for lane, recipe, told in waiting:
            self._begin_canary(lane, recipe, told)
        self._worker.stopping.wait(TURN_S)

    def _look(self) -> None:
        for lane in self._lanes.values():
            if (job := lane.job) is not None and lane.started:
                kept = self._activations.of(job.recipe.name)
                self._see_to_shadow(lane, job, kept)
                self._see_to_canary(lane, job, kept)
                self._bring(lane, job)

    def _bring(self, lane: Lane, job: Job) -> None:
        shadow, canary = self._shadows.get(lane.name), self._canaries.get(lane.name)
        # The shadow first: it is shown the active model's own verdict.
        beside: tuple[Beside, ...] = tuple(side for side in (shadow, canary) if side is not None)
        if job.beside != beside:
            if shadow is not None:
                shadow.begin()
            lane.accompany(job, beside)

    def _see_to_shadow(self, lane: Lane, job: Job, kept: Activation) -> None:
        name, shadow = job.recipe.name, self._shadows.get(lane.name)
        if shadow is not None and (why := shadow.news()):
            model = str(shadow.task.recipe["model"])
            self._event("model_shadow_restarts", model=model, recipe=name, lane=lane.name, why=why[:500])
            log.warning("lane %s: the shadow %s is started anew: %s", lane.name, model, why)
        if kept.shadow is not None and kept.shadow == job.recipe.model:
            self._end_shadow(name, kept.shadow, "it is the active model now")
        elif (
            shadow is not None
            and (why := shadow.trouble or shadow.crash)
            and shadow.task.recipe["model"] == kept.shadow
        ):
            self._end_shadow(name, kept.shadow or "", why)
        elif shadow is not None and (kept.shadow is None or not _same(shadow.recipe, job.recipe)):
            self._drop_shadow(lane.name, "its recipe has changed")
        elif shadow is None and kept.shadow is not None:
            try:
                self._shadows[lane.name] = self._casting.shadow(lane, job.recipe, self._casting.version(kept.shadow))
            except OkngError as error:
                self._end_shadow(name, kept.shadow, str(error))

    def _see_to_canary(self, lane: Lane, job: Job, kept: Activation) -> None:
        name, canary, told = job.recipe.name, self._canaries.get(lane.name), kept.canary
        if told is not None and told.digest == job.origin.model_hash:
            self._end_canary(name, told, "it is the active model now", by_itself=False)
        elif canary is not None and (told is None or told.digest != canary.job.origin.model_hash):
            self._drop_canary(lane.name)
        elif canary is not None and told is not None and (why := self._ill(canary, job, told)):
            self._end_canary(name, told, why, by_itself=True)
        elif canary is not None and not _same(canary.recipe, job.recipe):
            self._drop_canary(lane.name)

    def _waiting(self) -> list[tuple[Lane, Recipe, Told]]:
        """Lanes that are to have a canary and have none: with the recipe that they judge by."""
        jobs = [(lane, lane.job) for lane in self._lanes.values() if lane.started and lane.name not in self._canaries]
        told = [(lane, job.recipe, self._activations.of(job.recipe.name).canary) for lane, job in jobs if job]
        return [(lane, recipe, canary) for lane, recipe, canary in told if canary is not None]

    def _begin_canary(self, lane: Lane, recipe: Recipe, told: Told) -> None:
        """Compiled while no lock is held: whatever else is told to the lane meanwhile does not wait for it."""
        lock, name = self._preparer.one_at_a_time, recipe.name
        if not lock.acquire(blocking=False):  # who judges is just being changed
            return
        lock.release()
        try:
            self._casting.compile(lane, recipe, Version(id=told.id, digest=told.digest))
            if not lock.acquire(blocking=False):
                return
            try:
                self._place(lane, name, told)
            finally:
                lock.release()
        except StoreFailed as error:  # a full disk may have no database yet: later, by the same draw
            log.debug("recipe %s: the canary waits: %s", name, error)
        except OkngError as error:
            with self.changing:
                if self._activations.of(name).canary == told:
                    self._end_canary(name, told, str(error), by_itself=True)

    def _place(self, lane: Lane, name: str, told: Told) -> None:
        """The lane's canary, if that is still wanted."""
        with self.changing:
            job = lane.job
            wanted = job is not None and job.recipe.name == name and self._activations.of(name).canary == told
            if job is not None and wanted and lane.name not in self._canaries:
                self._canaries[lane.name] = self._casting.canary(lane, job.recipe, told)

    def _ill(self, canary: Canary, job: Job, told: Told) -> str:
        """Why the canary ends: it said so itself, or it does worse than the active model."""
        parts = canary.history.parts
        # Asked more often, a good one would be called worse by chance; nobody asks twice of the same parts.
        if canary.trouble or not (due(parts, canary.looked) or parts >= canary.looked + KEEPS):
            return canary.trouble
        canary.looked = parts
        limits = Limits(
            errors=canary.terms.trouble,
            deadline_ms=job.recipe.deadline_ms,
            share=self._config.budget_share,
            drift=told.drift,
            same_labels=set(job.thresholds) == set(canary.job.thresholds),
        )
        return problem_of(job.standing.history.figures(), canary.history.figures(), limits)

    def _end_shadow(self, name: str, model: str, why: str) -> None:
        figures = self._figures(name, self._shadows)
        self._activations.insist(name, shadow=None)
        self._event("model_shadow_ended", model=model, recipe=name, why=why[:500], **figures)
        log.warning("recipe %s: the shadow %s has ended: %s", name, model, why)
        for lane in self._lanes.values():
            if _recipe(lane) == name:
                self._drop_shadow(lane.name, why)

    def _end_canary(self, name: str, told: Told, why: str, by_itself: bool) -> None:
        figures = self._figures(name, self._canaries)
        for lane in self._lanes.values():
            if _recipe(lane) == name:
                self._drop_canary(lane.name)
        self._activations.insist(name, canary=None, canary_trouble=f"{told.id}: {why}"[:500] if by_itself else "")
        self._event("model_canary_ended", model=told.id, recipe=name, why=why[:500], **figures)
        log.warning("recipe %s: the canary %s has ended: %s", name, told.id, why)

    def _figures(self, name: str, sides: Mapping[Name, Shadow | Canary]) -> dict[str, int]:
        lanes = [lane.name for lane in self._lanes.values() if _recipe(lane) == name and lane.name in sides]
        return _summed({lane: asdict(sides[lane].figures()) for lane in lanes})

    def _drop_shadow(self, lane: Name, why: str) -> None:
        if (shadow := self._shadows.pop(lane, None)) is not None:
            shadow.end(why)

    def _drop_canary(self, lane: Name) -> None:
        if (canary := self._canaries.pop(lane, None)) is not None:
            canary.end("it judges no more")


def _recipe(lane: Lane) -> str:
    return lane.job.recipe.name if lane.job is not None else ""


def _same(recipe: Recipe, active: Recipe) -> bool:
    """Whether they say the same but for the model."""
    return recipe.model_copy(update=Version(id=active.model, digest=active.model_hash).of_recipe) == active


def _summed(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """The counts of several lanes together, for an event."""
    names = ["compared", "agreed", "rejects_more", "passes_more", "differ", "errors", "late", "restarts"]
    names += ["dropped", "dropped_busy", "dropped_away", "dropped_unseen"]
    return {name: sum(lane[name] for lane in figures.values()) for name in names}
