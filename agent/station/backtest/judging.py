"""Judges stored pictures by the candidate, through the station's own engine, look and rules."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agent.clock import SystemClock
from agent.config import Config
from agent.errors import OkngError, Problem, RecipeRefused
from agent.ports import Session
from agent.recipes import Recipes
from agent.station.backtest.revisions import Rules, differences
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
from pipelines.values import Frame, Inspection, Origin, Pixels, Verdict


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
    """By the recipe that the backtest is asked for."""
    by_then: Verdict | None
    """By the rules that judged the part then: against the stored verdict it shows what the model does, and nothing
    else. None where these rules are not to be had."""
    rules: Rules


@dataclass(frozen=True, slots=True, eq=False)
class _Bench:
    """The candidate, ready for the parts of one lane under one recipe."""

    recipe: Recipe
    limits: dict[str, float]
    look: SizedLook

    def judge(self, frame: Frame) -> tuple[Inspection, Verdict]:
        seen = self.look(frame)
        return seen, judge(seen, self.recipe, self.limits)


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
        self._benches: dict[tuple[str, str], _Bench] = {}
        """By lane and the recipe's revision."""
        self._now: dict[str, Recipe | None] = {}
        """By name, as they stand now; None: there is none of that name any more, or none that can be used."""
        self._then: dict[tuple[str, str, str], tuple[_Bench | None, Rules]] = {}
        """By lane, and the revisions of then and now: the bench by the rules of then, None where it is the same."""
        self._judged_by: dict[str, None] = {}
        self._sessions: dict[tuple[tuple[int, int], int], Session] = {}
        self._device = ""
        self._runtime = ""

    @property
    def candidate(self) -> Candidate:
        """What ran, as far as it has."""
        return Candidate(self._bundle.id, self._bundle.digest, self._device, self._runtime, tuple(self._judged_by))

    def replay(self, part: StoredPart, evidence: Path) -> Seen:
        """Judge one part anew.

        Raises FileNotFoundError when its picture is gone, Tampered, Unreadable, RecipeRefused,
        EngineFailed, OSError.
        """
        pixels = read_pixels(part, evidence)
        origin = part.record.origin
        now = self._bench(origin.lane, self._recipe_of(origin), pixels)
        self._judged_by.setdefault(f"{now.recipe.name}@{now.recipe.revision[:12]}")
        frame = Frame(origin.lane, 1, pixels, self._clock.now())
        seen, verdict = now.judge(frame)
        then, rules = self._by_then(origin, now, pixels)
        if not rules.known:
            return Seen(pixels, seen, verdict, None, rules)
        return Seen(pixels, seen, verdict, verdict if then is None else then.judge(frame)[1], rules)

    def _by_then(self, origin: Origin, now: _Bench, pixels: Pixels) -> tuple[_Bench | None, Rules]:
        """The candidate by the rules that judged the part then; None where they are those of now, or not known."""
        revision = now.recipe.revision
        key = (origin.lane, origin.recipe_hash, revision)
        if key not in self._then:
            bench, rules = None, Rules(origin.recipe, origin.recipe_hash, revision, known=False)
            with suppress(RecipeRefused):
                recipe = self._recipes.revision(origin.recipe_hash)
                differs = differences(recipe, now.recipe)
                bench = self._bench(origin.lane, recipe, pixels) if differs else None
                rules = replace(rules, differs=differs, known=True)
            self._then[key] = bench, rules
        return self._then[key]

    def _bench(self, lane: str, recipe: Recipe, pixels: Pixels) -> _Bench:
        """The candidate by this recipe. Raises RecipeRefused where it is not for it."""
        facts = self._bundle.facts
        recipe = recipe.model_copy(update={"model": self._bundle.id, "model_hash": ""})
        if wrong := check_against(recipe, facts.labels, facts.pipeline, self._bundle.digest):
            raise RecipeRefused(f"recipe {recipe.name}", [Problem(p.where, p.what) for p in wrong])
        recipe = recipe.model_copy(update={"model_hash": self._bundle.digest})
        key = (lane, recipe.revision)
        if key not in self._benches:
            self._benches[key] = self._set_up(lane, recipe, pixels)
        return self._benches[key]

    def _set_up(self, lane: str, recipe: Recipe, pixels: Pixels) -> _Bench:
        facts, known = self._bundle.facts, self._config.lanes.get(lane)
        reference = read_reference(self._recipes, recipe)
        height, width = pixels.shape[:2]
        if known is None:
            planned = plan(facts, recipe, height, width)
        else:
            planned = planned_for(known, self._bundle, recipe, reference)
        session = self._session(planned.input_size, planned.slots)
        try:
            look = SizedLook(facts, recipe, session, self._now_ns, live=False, reference=reference)
        except ValueError as error:  # no part could ever be aligned to this reference
            raise RecipeRefused(f"recipe {recipe.name}", [Problem("reference", str(error))]) from error
        return _Bench(recipe, facts.limits(recipe), look)

    def _recipe_of(self, origin: Origin) -> Recipe:
        """The one asked for; else the part's own as it stands now; where there is none of that name any more, or
        none that can be used, as it was when the part was judged."""
        if self._recipe is not None:
            return self._recipe
        if origin.recipe not in self._now:
            self._now[origin.recipe] = self._read(origin.recipe)
        return self._now[origin.recipe] or self._recipes.revision(origin.recipe_hash)

    def _read(self, name: str) -> Recipe | None:
        try:
            return self._recipes.read(name)
        except RecipeRefused:
            return None

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
