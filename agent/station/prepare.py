"""Prepares a lane's job: recipe and bundle read, model compiled, golden pictures proven.

All of it happens in the one thread "prepare", for every lane, before any lane starts: two threads
that make the very first inference together can hang. A later change is prepared beside the running
job and swapped in between two parts.
"""

import json
import logging
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock, Thread

from agent import paths
from agent.atomic import write_atomically
from agent.config import Config
from agent.errors import BundleRefused, OkngError, Problem, RecipeRefused
from agent.ports import Clock, Session
from agent.recipes import Recipes
from agent.station.engines.engine import Engine
from agent.station.job import Job
from agent.station.lane import Lane
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.golden import Proven, Prover, load_proven
from agent.station.sized import SizedLook
from agent.version import __version__
from pipelines.look import ModelFacts, plan
from pipelines.recipe import Recipe, check_against
from pipelines.values import Origin

log = logging.getLogger(__name__)

CAPACITY_RUNS = 5
ACTIVE = "lanes.json"
"""In the data folder: which recipe each lane was last told to use."""


class Preparer:
    """Makes the lanes' jobs, one at a time."""

    def __init__(
        self,
        config: Config,
        lanes: Mapping[str, Lane],
        engine: Engine,
        recipes: Recipes,
        clock: Clock,
        event: Callable[..., None],
    ) -> None:
        self._config = config
        self._lanes = lanes
        self._engine = engine
        self._recipes = recipes
        self._clock = clock
        self._event = event
        self._one_at_a_time = Lock()
        self._models: dict[tuple[str, tuple[int, int], int], Proven] = {}
        self._active_file = config.station.data / ACTIVE

    def start(self, then: Callable[[], None]) -> None:
        """Prepare every lane in the background, then call `then` (which starts the lanes)."""

        def all_lanes() -> None:
            for lane in self._lanes.values():
                self._first(lane)
            then()

        Thread(target=all_lanes, name="prepare", daemon=True).start()

    def change(self, lane_name: str, recipe_name: str) -> str:
        """Let a lane judge by another recipe; returns its revision. Raises OkngError: the old one stays."""
        lane = self._lanes[lane_name]
        try:
            job = self._job(lane, self._recipes.read(recipe_name))
        except OkngError as error:
            self._event("recipe_refused", lane=lane_name, recipe=recipe_name, why=str(error)[:500])
            raise
        lane.job, lane.trouble, lane.recipe_trouble = job, "", ""
        self._remember(lane_name, recipe_name)
        self._event("recipe_changed", lane=lane_name, recipe=recipe_name, revision=job.origin.recipe_hash)
        return job.origin.recipe_hash

    def _first(self, lane: Lane) -> None:
        name = self._remembered().get(lane.name, lane.config.recipe)
        try:
            recipe, lane.recipe_trouble = self._recipes.read_or_last_good(name)
            lane.job = self._job(lane, recipe)
        except OkngError as error:
            log.error("lane %s does not judge: %s", lane.name, error)
            lane.trouble = str(error)
            self._event("engine_failed", lane=lane.name, why=str(error)[:500])

    def _job(self, lane: Lane, recipe: Recipe) -> Job:
        with self._one_at_a_time:
            bundle = read_bundle(find_bundle(recipe.model, self._config.station.data))
            if problems := check_against(recipe, bundle.manifest.labels):
                raise RecipeRefused(f"recipe {recipe.name}", [Problem(p.where, p.what) for p in problems])
            height, width = _frame_size(lane, bundle.facts)
            planned = plan(bundle.facts, recipe, height, width)
            proven = self._load(bundle, planned.input_size, planned.slots)
            session = proven.loaded.model.session(planned.slots)
            look = SizedLook(bundle.facts, recipe, session, self._now_ns, live=not lane.config.keeps_every)
            same = proven.golden is proven.loaded.model
            golden = session if same else proven.golden.session()
            self._recipes.remember(recipe)
            log.info("lane %s: recipe %s, model %s on %s", lane.name, recipe.name, bundle.id, proven.loaded.device)
            return self._made(lane, recipe, bundle, proven, look, golden)

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns

    def _made(
        self, lane: Lane, recipe: Recipe, bundle: Bundle, proven: Proven, look: SizedLook, golden: Session
    ) -> Job:
        origin = Origin(
            lane=lane.name,
            camera=lane.config.camera.kind,
            camera_serial="",
            recipe=recipe.name,
            recipe_hash=recipe.revision,
            model=bundle.id,
            model_hash=bundle.digest,
            device=proven.loaded.device,
            software=__version__,
        )
        prover = Prover(bundle, golden, self._clock)
        return Job(
            recipe=recipe,
            thresholds=bundle.facts.limits(recipe),
            origin=origin,
            look=look,
            prove=prover.one,
            fallback=proven.loaded.fallback,
            capacity_per_s=self._capacity(prover),
        )

    def _capacity(self, prover: Prover) -> float:
        """Pictures a second that this lane could judge by itself: known before the first drop tells."""
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
        return self._models[key]

    def _remembered(self) -> Mapping[str, str]:
        try:
            active: dict[str, str] = json.loads(self._active_file.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read, the configured recipes are used: %s", self._active_file, error)
            return {}
        return active

    def _remember(self, lane: str, recipe: str) -> None:
        active = {**self._remembered(), lane: recipe}
        write_atomically(self._active_file, json.dumps(active, indent=2).encode())


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


def _frame_size(lane: Lane, facts: ModelFacts) -> tuple[int, int]:
    """(height, width) px that the lane's camera is asked for; the model's own where nobody knows."""
    camera = lane.config.camera
    if camera.kind in ("v4l2", "virtual"):
        return camera.height_px, camera.width_px
    return facts.height_px, facts.width_px
