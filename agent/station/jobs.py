"""Makes jobs: recipe and bundle read, model compiled, golden pictures proven, the revision kept."""

import logging
import os
import statistics
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from agent.config import Config, LaneConfig
from agent.errors import Problem, RecipeRefused
from agent.ports import Clock
from agent.recipes import Recipes
from agent.station.engines.engine import Engine
from agent.station.job import Job
from agent.station.models.bundle import Bundle, checked_id
from agent.station.models.gate import Gates
from agent.station.models.golden import Proven, Prover, Shown, load_proven
from agent.station.models.library import Library
from agent.station.reference import read_reference
from agent.station.sized import SizedLook
from agent.station.traditional import MODEL, DifferenceProof
from agent.version import __version__
from pipelines.difference import difference_facts
from pipelines.look import MAX_SLOTS, Plan, plan
from pipelines.promise import promise_of
from pipelines.recipe import Recipe, check_against
from pipelines.values import Origin, Pixels

log = logging.getLogger(__name__)

CAPACITY_RUNS = 5
SPARE_MODELS = 2
"""Compiled models kept beside those in use: going back to the last product, or the last model, is quick."""


class Jobs:
    """Makes jobs, one at a time: whoever calls `make` holds the preparer's lock; `compile` needs none."""

    def __init__(
        self,
        *,
        config: Config,
        library: Library,
        engine: Engine,
        recipes: Recipes,
        gates: Gates,
        clock: Clock,
        event: Callable[..., None],
        by_hand: bool = False,
    ) -> None:
        """`by_hand`: a person has named the models, and may have named folders."""
        self._by_hand = by_hand
        self._config = config
        self._library = library
        self._engine = engine
        self._recipes = recipes
        self._gates = gates
        self._clock = clock
        self._event = event
        self._models: OrderedDict[tuple[str, tuple[int, int], int], Proven] = OrderedDict()
        self._known = Lock()
        """Held for a look at what is compiled, or a change of it."""
        self._compiling = Lock()
        """The engine is used by one thread at a time."""

    def make(self, lane: str, config: LaneConfig, recipe: Recipe) -> Job:
        """A job for a lane by this recipe and the model that it names. Raises OkngError with what is wrong.

        The job's recipe pins the model: its revision says what judged.
        """
        reference = read_reference(self._recipes, recipe)
        try:
            if recipe.pipeline == "difference":
                return self._by_difference(lane, config, recipe, reference)
            return self._by_model(lane, config, recipe, reference)
        except ValueError as error:  # no part could ever be aligned to this reference
            raise RecipeRefused(f"recipe {recipe.name}", [Problem("reference", str(error))]) from error

    def compile(self, config: LaneConfig, recipe: Recipe) -> None:
        """Compile and prove the model that a recipe names, if that is not done: `make` is quick then.

        Raises OkngError with what is wrong.
        """
        reference = read_reference(self._recipes, recipe)
        bundle = self._library.read(checked_id(recipe.model))
        try:
            planned = planned_for(config, bundle, recipe, reference)
        except ValueError as error:
            raise RecipeRefused(f"recipe {recipe.name}", [Problem("reference", str(error))]) from error
        self._load(bundle, planned.input_size, planned.slots)

    def _by_model(self, lane: str, config: LaneConfig, recipe: Recipe, reference: Pixels | None) -> Job:
        bundle = self._library.read(recipe.model if self._by_hand else checked_id(recipe.model))
        facts = bundle.facts
        if problems := check_against(recipe, facts.labels, facts.pipeline, bundle.digest):
            raise RecipeRefused(f"recipe {recipe.name}", [Problem(p.where, p.what) for p in problems])
        recipe = recipe.model_copy(update={"model_hash": bundle.digest})
        planned = planned_for(config, bundle, recipe, reference)
        proven = self._load(bundle, planned.input_size, planned.slots)
        session = proven.loaded.model.session(planned.slots)
        look = SizedLook(facts, recipe, session, self._now_ns, config.camera.free_running, reference)
        same = proven.golden is proven.loaded.model
        prover = Prover(bundle, session if same else proven.golden.session(), self._clock)
        self._keep(recipe)
        log.info("lane %s: recipe %s, model %s on %s", lane, recipe.name, bundle.id, proven.loaded.device)
        return Job(
            recipe=recipe,
            thresholds=facts.limits(recipe),
            origin=_origin(lane, config, recipe, bundle.id, bundle.digest, proven.loaded.device),
            look=look,
            prove=prover.one,
            fallback=proven.loaded.fallback,
            capacity_per_s=self._capacity(prover.one) / len(planned.tiles),
            promise=promise_of(bundle.manifest, recipe),
        )

    def _by_difference(self, lane: str, config: LaneConfig, recipe: Recipe, reference: Pixels | None) -> Job:
        """The traditional method: no model; its golden picture is the reference, on which there must be nothing."""
        if reference is None:
            raise ValueError("is needed")
        facts, live = difference_facts(), config.camera.free_running
        if problems := check_against(recipe, facts.labels, facts.pipeline):
            raise RecipeRefused(f"recipe {recipe.name}", [Problem(p.where, p.what) for p in problems])
        look = SizedLook(facts, recipe, None, self._now_ns, live, reference)
        proof = DifferenceProof(recipe, reference, self._clock)
        if wrong := proof.all():
            raise RecipeRefused(f"recipe {recipe.name}", [Problem("reference", wrong)])
        self._keep(recipe)
        digest = recipe.reference.sha256 if recipe.reference is not None else ""
        log.info("lane %s: recipe %s, by the difference from its reference", lane, recipe.name)
        return Job(
            recipe=recipe,
            thresholds=facts.limits(recipe),
            origin=_origin(lane, config, recipe, MODEL, digest, "CPU"),
            look=look,
            prove=proof.one,
            fallback="",
            capacity_per_s=self._capacity(proof.one),
        )

    def loaded(self, digest: str) -> bool:
        """Whether a model judges here, or did a moment ago: its golden pictures were right in this process."""
        with self._known:
            return any(key[0] == digest for key in self._models)

    def remember(self, recipe: Recipe, lane: str) -> None:
        """This revision is a lane's last good one of its name. A disk that takes none is no reason not to judge."""
        try:
            self._recipes.remember(recipe, lane)
        except OSError as error:
            self._not_kept(recipe, error)

    def _keep(self, recipe: Recipe) -> None:
        try:
            self._recipes.keep(recipe)
        except OSError as error:
            self._not_kept(recipe, error)

    def _not_kept(self, recipe: Recipe, error: OSError) -> None:
        log.warning("recipe %s: its revision cannot be kept: %s", recipe.name, error)
        self._event("recipe_not_kept", recipe=recipe.name, why=str(error)[:200])

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns

    def _capacity(self, prove: Callable[[], str]) -> float:
        """Pictures a second that the model could judge by itself: known before the first drop tells."""
        times = []
        for _ in range(CAPACITY_RUNS):
            begun = self._now_ns()
            prove()
            times.append((self._now_ns() - begun) / 1e9)
        return 1.0 / max(statistics.median(times), 1e-6)

    def _load(self, bundle: Bundle, size: tuple[int, int], slots: int) -> Proven:
        key, lanes = (bundle.digest, size, slots), max(1, len(self._config.lanes))
        if (proven := self._used(key)) is not None:
            return proven
        with self._compiling:
            if (proven := self._used(key)) is not None:  # another thread has just done it
                return proven

            def shown(what: Shown) -> None:
                self._shown(bundle, what)

            devices = self._config.engine.devices
            proven = load_proven(self._engine, bundle, devices, size, lanes=lanes, slots=slots, shown=shown)
        with self._known:
            self._models[key] = proven
            while len(self._models) > lanes + SPARE_MODELS:
                self._models.popitem(last=False)
        return proven

    def _used(self, key: tuple[str, tuple[int, int], int]) -> Proven | None:
        """What is compiled already; it stays longer for being used."""
        with self._known:
            if (proven := self._models.get(key)) is not None:
                self._models.move_to_end(key)
            return proven

    def _shown(self, bundle: Bundle, what: Shown) -> None:
        because = self._gates.note(bundle, what)
        if because:
            log.warning("model %s is proven anew on %s: %s", bundle.id, what.device, because)
            said = {"passed": int(not what.why), "why": what.why[:300]}
            self._event("model_gate_again", model=bundle.id, device=what.device, because=because[:300], **said)


def _origin(lane: str, config: LaneConfig, recipe: Recipe, model: str, model_hash: str, device: str) -> Origin:
    return Origin(
        lane=lane,
        camera=config.camera.kind,
        camera_serial="",
        recipe=recipe.name,
        recipe_hash=recipe.revision,
        model=model,
        model_hash=model_hash,
        device=device,
        software=__version__,
    )


def planned_for(lane: LaneConfig, bundle: Bundle, recipe: Recipe, reference: Pixels | None = None) -> Plan:
    """How the lane's pictures will go through the model, as far as their size is known beforehand.

    With a reference they have its size. A camera that is not asked for a size shows it with its first
    picture only: its pictures go into the model's own input, and tiles of them run together by as many as
    there are processors.
    """
    camera, facts = lane.camera, bundle.facts
    if reference is not None:
        return plan(facts, recipe, reference.shape[0], reference.shape[1])
    if camera.kind in ("v4l2", "virtual"):
        return plan(facts, recipe, camera.height_px, camera.width_px)
    own = plan(facts, recipe, facts.height_px, facts.width_px)
    return replace(own, slots=min(MAX_SLOTS, os.cpu_count() or 1)) if recipe.tiles is not None else own
