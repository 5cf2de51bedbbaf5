"""Prepares a lane's job: recipe and bundle read, model compiled, golden pictures proven.

At the start all of it happens in the one thread "prepare", for every lane, before any lane starts:
two threads that make the very first inference together can hang. A later change is prepared beside
the running job, by the thread that asked for it, and swapped in between two parts.
"""

import logging
import os
import statistics
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

from agent import paths
from agent.config import Config, LaneConfig
from agent.errors import BundleRefused, OkngError, Problem, RecipeRefused, Refused
from agent.ports import Clock
from agent.recipes import Recipes
from agent.station.engines.engine import Engine
from agent.station.job import Job
from agent.station.lane import Lane
from agent.station.memory import LaneMemory
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.golden import Proven, Prover, load_proven
from agent.station.sized import SizedLook
from agent.version import __version__
from agent.worker import Worker
from pipelines.look import MAX_SLOTS, Plan, plan
from pipelines.recipe import Recipe, check_against
from pipelines.values import Origin

log = logging.getLogger(__name__)

CAPACITY_RUNS = 5
SPARE_MODELS = 2
"""Compiled models kept beside those in use: going back to the last product is quick."""


class Preparer:
    """Makes the lanes' jobs, one at a time."""

    def __init__(
        self,
        *,
        config: Config,
        lanes: Mapping[str, Lane],
        engine: Engine,
        recipes: Recipes,
        memory: LaneMemory,
        clock: Clock,
        event: Callable[..., None],
    ) -> None:
        self._config = config
        self._lanes = lanes
        self._engine = engine
        self._recipes = recipes
        self._memory = memory
        self._clock = clock
        self._event = event
        self._one_at_a_time = Lock()
        self._models: OrderedDict[tuple[str, tuple[int, int], int], Proven] = OrderedDict()
        self._then: Callable[[], None] = lambda: None
        self._worker = Worker("prepare", self._all_lanes)

    def start(self, then: Callable[[], None]) -> None:
        """Prepare every lane in the background, then call `then` (which starts the lanes)."""
        self._then = then
        self._worker.start()

    @property
    def crash(self) -> str:
        """What ended the thread; empty while it runs, or when it has done its work."""
        return self._worker.crash

    def stop(self) -> None:
        self._worker.stop(join_s=0.1)

    def _all_lanes(self) -> None:
        for lane in self._lanes.values():
            if not self._worker.stopping.is_set():
                self._first(lane)
        if not self._worker.stopping.is_set():
            self._then()
        self._worker.stopping.set()

    def change(self, lane_name: str, recipe_name: str) -> str:
        """Let a lane judge by another recipe; returns its revision. Raises OkngError: the old one stays."""
        lane = self._lanes[lane_name]
        with self._one_at_a_time:
            try:
                job = self._job(lane, self._recipes.read(recipe_name))
                self._memory.recipe(lane_name, recipe_name)
            except (OkngError, OSError) as error:
                self._event("recipe_refused", lane=lane_name, recipe=recipe_name, why=str(error)[:500])
                raise OkngError(str(error)) from error
            lane.job, lane.trouble, lane.recipe_trouble = job, "", ""
        self._event("recipe_changed", lane=lane_name, recipe=recipe_name, revision=job.origin.recipe_hash)
        return job.origin.recipe_hash

    def _first(self, lane: Lane) -> None:
        """The lane's first job: by its recipe, or by the last good revision of it with an alarm."""
        with self._one_at_a_time:
            if lane.job is not None:  # a command came first
                return
            name = self._memory.told(lane.name).recipe or lane.config.recipe
            try:
                recipe, why = self._recipes.read_or_last_good(name)
                lane.job = self._job(lane, recipe)
                lane.recipe_trouble = why
            except (OkngError, OSError) as error:
                lane.job = self._by_last_good(lane, name, error) if isinstance(error, Refused) else None
                if lane.job is None:
                    log.error("lane %s does not judge: %s", lane.name, error)
                    lane.trouble = str(error)
                    self._event("engine_failed", lane=lane.name, why=str(error)[:500])

    def _by_last_good(self, lane: Lane, name: str, refused: Refused) -> Job | None:
        """A recipe or bundle that reads well may still be refused (a label the model lacks)."""
        good = self._recipes.last_good(name)
        if good is None:
            return None
        try:
            job = self._job(lane, good)
        except (OkngError, OSError):
            return None
        lane.recipe_trouble = str(refused)
        return job

    def _job(self, lane: Lane, recipe: Recipe) -> Job:
        bundle = read_bundle(find_bundle(recipe.model, self._config.station.data))
        if problems := check_against(recipe, bundle.manifest.labels):
            raise RecipeRefused(f"recipe {recipe.name}", [Problem(p.where, p.what) for p in problems])
        planned = planned_for(lane.config, bundle, recipe)
        proven = self._load(bundle, planned.input_size, planned.slots)
        session = proven.loaded.model.session(planned.slots)
        look = SizedLook(bundle.facts, recipe, session, self._now_ns, live=lane.config.camera.free_running)
        same = proven.golden is proven.loaded.model
        prover = Prover(bundle, session if same else proven.golden.session(), self._clock)
        self._remember(recipe)
        log.info("lane %s: recipe %s, model %s on %s", lane.name, recipe.name, bundle.id, proven.loaded.device)
        return Job(
            recipe=recipe,
            thresholds=bundle.facts.limits(recipe),
            origin=_origin(lane, recipe, bundle, proven.loaded.device),
            look=look,
            prove=prover.one,
            fallback=proven.loaded.fallback,
            capacity_per_s=self._capacity(prover) / len(planned.tiles),
        )

    def _remember(self, recipe: Recipe) -> None:
        """A disk that takes no revision is a reason to say so, never one not to judge."""
        try:
            self._recipes.remember(recipe)
        except OSError as error:
            log.warning("recipe %s: its revision cannot be kept: %s", recipe.name, error)
            self._event("recipe_not_kept", recipe=recipe.name, why=str(error)[:200])

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns

    def _capacity(self, prover: Prover) -> float:
        """Pictures a second that the model could judge by itself: known before the first drop tells."""
        times = []
        for _ in range(CAPACITY_RUNS):
            begun = self._now_ns()
            prover.one()
            times.append((self._now_ns() - begun) / 1e9)
        return 1.0 / max(statistics.median(times), 1e-6)

    def _load(self, bundle: Bundle, size: tuple[int, int], slots: int) -> Proven:
        key = (bundle.digest, size, slots)
        if key not in self._models:
            lanes = max(1, len(self._lanes))
            devices = self._config.engine.devices
            self._models[key] = load_proven(self._engine, bundle, devices, size, lanes=lanes, slots=slots)
            while len(self._models) > lanes + SPARE_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]


def _origin(lane: Lane, recipe: Recipe, bundle: Bundle, device: str) -> Origin:
    return Origin(
        lane=lane.name,
        camera=lane.config.camera.kind,
        camera_serial="",
        recipe=recipe.name,
        recipe_hash=recipe.revision,
        model=bundle.id,
        model_hash=bundle.digest,
        device=device,
        software=__version__,
    )


def planned_for(lane: LaneConfig, bundle: Bundle, recipe: Recipe) -> Plan:
    """How the lane's pictures will go through the model, as far as their size is known beforehand.

    A camera that is not asked for a size shows it with its first picture only: its pictures go into the
    model's own input, and tiles of them run together by as many as there are processors.
    """
    camera, facts = lane.camera, bundle.facts
    if camera.kind in ("v4l2", "virtual"):
        return plan(facts, recipe, camera.height_px, camera.width_px)
    own = plan(facts, recipe, facts.height_px, facts.width_px)
    return replace(own, slots=min(MAX_SLOTS, os.cpu_count() or 1)) if recipe.tiles is not None else own


def find_bundle(model: str, data: Path) -> Path:
    """A bundle's folder: a path, or by name in the data folder, or one that comes with okng."""
    if "/" in model:
        return Path(model)
    places = (data / "models" / model, paths.bundled_models() / model)
    for place in places:
        if place.is_dir():
            return place
    known = sorted({p.name for place in places for p in place.parent.glob("*") if p.is_dir()})
    raise BundleRefused(f"model {model}", [Problem("model", f"there is no such bundle; known: {', '.join(known)}")])
