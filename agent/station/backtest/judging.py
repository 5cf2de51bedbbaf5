"""Judges stored pictures by the candidate, through the station's own engine, look and rules."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from agent.clock import SystemClock
from agent.config import Config
from agent.errors import OkngError, Problem, RecipeRefused
from agent.ports import Session
from agent.recipes import Recipes
from agent.station.backtest.values import Candidate
from agent.station.cameras.decode import decode
from agent.station.engines.engine import Engine
from agent.station.jobs import planned_for
from agent.station.models.bundle import Bundle
from agent.station.models.golden import load_proven
from agent.station.reference import read_reference
from agent.station.sized import SizedLook
from agent.store.values import StoredPart
from pipelines.look import plan
from pipelines.recipe import Recipe, check_against
from pipelines.rules import judge
from pipelines.values import Frame, Inspection, Pixels, Verdict


class Tampered(OkngError):
    """A picture that is not what was judged."""


class Unreadable(OkngError):
    """A picture that cannot be decoded."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the candidate made of one picture."""

    pixels: Pixels
    inspection: Inspection
    verdict: Verdict


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """The candidate, ready for the parts of one lane under one recipe."""

    recipe: Recipe
    limits: dict[str, float]
    look: SizedLook


class Judging:
    """Owns the compiled candidate. Used by one thread of a process of its own, never by the station."""

    def __init__(self, config: Config, bundle: Bundle, engine: Engine, recipe: Recipe | None) -> None:
        """`recipe`: judge all parts by this one; None: each by the recipe of its own name."""
        self._config = config
        self._bundle = bundle
        self._engine = engine
        self._recipe = recipe
        self._recipes = Recipes(config.station.data)
        self._clock = SystemClock()
        self._benches: dict[tuple[str, str, str], _Bench] = {}
        self._sessions: dict[tuple[tuple[int, int], int], Session] = {}
        self._device = ""
        self._runtime = ""

    @property
    def candidate(self) -> Candidate:
        """What ran, as far as it has."""
        recipes = dict.fromkeys(f"{b.recipe.name}@{b.recipe.revision[:12]}" for b in self._benches.values())
        return Candidate(self._bundle.id, self._bundle.digest, self._device, self._runtime, tuple(recipes))

    def replay(self, part: StoredPart, evidence: Path) -> Seen:
        """Judge one part anew.

        Raises FileNotFoundError when its picture is gone, Tampered, Unreadable, RecipeRefused,
        EngineFailed, OSError.
        """
        pixels = read_pixels(part, evidence)
        bench = self._bench(part, pixels)
        seen = bench.look(Frame(part.record.origin.lane, 1, pixels, self._clock.now()))
        return Seen(pixels, seen, judge(seen, bench.recipe, bench.limits))

    def _bench(self, part: StoredPart, pixels: Pixels) -> _Bench:
        origin = part.record.origin
        key = (origin.lane, origin.recipe, "" if self._recipe is None else self._recipe.name)
        if key not in self._benches:
            self._benches[key] = self._set_up(part, pixels)
        return self._benches[key]

    def _set_up(self, part: StoredPart, pixels: Pixels) -> _Bench:
        origin, facts = part.record.origin, self._bundle.facts
        recipe = self._recipe or self._recipe_of(origin.recipe, origin.recipe_hash)
        recipe = recipe.model_copy(update={"model": self._bundle.id, "model_hash": ""})
        if wrong := check_against(recipe, facts.labels, facts.pipeline, self._bundle.digest):
            raise RecipeRefused(f"recipe {recipe.name}", [Problem(p.where, p.what) for p in wrong])
        recipe = recipe.model_copy(update={"model_hash": self._bundle.digest})
        lane = self._config.lanes.get(origin.lane)
        height, width = pixels.shape[:2]
        planned = plan(facts, recipe, height, width) if lane is None else planned_for(lane, self._bundle, recipe)
        session = self._session(planned.input_size, planned.slots)
        reference = read_reference(self._recipes, recipe)
        look = SizedLook(facts, recipe, session, self._now_ns, live=False, reference=reference)
        return _Bench(recipe, facts.limits(recipe), look)

    def _recipe_of(self, name: str, revision: str) -> Recipe:
        """The recipe as it stands now; where there is none of that name any more, as it was."""
        try:
            return self._recipes.read(name)
        except RecipeRefused:
            return self._recipes.revision(revision)

    def _session(self, size: tuple[int, int], slots: int) -> Session:
        if (size, slots) not in self._sessions:
            devices = self._config.engine.devices
            loaded = load_proven(self._engine, self._bundle, devices, size, slots=slots).loaded
            self._device, self._runtime = loaded.device, loaded.runtime
            self._sessions[size, slots] = loaded.model.session(slots)
        return self._sessions[size, slots]

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns


def read_pixels(part: StoredPart, evidence: Path) -> Pixels:
    """The part's picture, if it is the one that was judged. Raises as `Judging.replay`."""
    kept = part.evidence
    assert kept is not None
    data = (evidence / kept.file).read_bytes()
    got = hashlib.sha256(data).hexdigest()
    if got != kept.sha256:
        raise Tampered(f"part {part.id}, {kept.file}: sha256 is {got[:12]}…, the row says {kept.sha256[:12]}…")
    decoded = decode(data)
    if decoded.fault is not None:
        raise Unreadable(f"part {part.id}, {kept.file}: {decoded.note}")
    decoded.pixels.setflags(write=False)
    return decoded.pixels
