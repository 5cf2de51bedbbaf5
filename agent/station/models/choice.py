"""Which model is to judge by a recipe: what may be chosen, what is written down, and what must stay for it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.config import Config
from agent.errors import OkngError, Problem, RecipeRefused
from agent.ports import Clock
from agent.recipes import Recipes
from agent.station.jobs import planned_for
from agent.station.memory import LaneMemory
from agent.station.models.activations import (
    Activation,
    Activations,
    Probation,
    RolledBack,
    Version,
    effective,
)
from agent.station.models.budget import must_be_in_time, takes_ms
from agent.station.models.bundle import Bundle, checked_id
from agent.station.models.gate import Entry
from agent.station.models.library import Library
from agent.station.models.trial import Input
from agent.station.reference import read_reference
from pipelines.recipe import Recipe, check_against

MOST_REASONS = 20
"""Of so many models the reason is kept why they were taken back; that they were, is kept of all."""
SAID_REASONS = 8
"""Of so many the list says it: it has to fit into one answer."""
FORGOTTEN = "long ago; the reason is not kept any more"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A model that may take over."""

    recipe: str
    base: Recipe
    """As its file stands."""
    target: Recipe
    """With the new model pinned."""
    version: Version
    good: Version | None
    """The good model before it; None where there is none that could be read."""
    gate: Entry
    """What the device that would judge made of it."""


class Choice:
    """Chooses models for recipes; writes `models.json` and nothing else. Touches no lane."""

    def __init__(
        self,
        *,
        config: Config,
        library: Library,
        recipes: Recipes,
        activations: Activations,
        memory: LaneMemory,
        clock: Clock,
    ) -> None:
        self._config = config
        self._library = library
        self._recipes = recipes
        self.activations = activations
        self._memory = memory
        self._clock = clock

    def in_use(self) -> dict[str, tuple[str, ...]]:
        """Recipe -> the lanes that judge by it, by what they were last told."""
        found: dict[str, tuple[str, ...]] = {}
        for name, lane in self._config.lanes.items():
            recipe = self._memory.told(name).recipe or lane.recipe
            found[recipe] = (*found.get(recipe, ()), name)
        return found

    def named(self, recipe: str) -> str:
        """The recipe that is meant: the one that is named, or the only one in use. Raises OkngError."""
        if recipe:
            return recipe
        used = self.in_use()
        if len(used) != 1:
            raise OkngError(f"name the recipe; in use: {', '.join(sorted(used)) or 'none'}")
        return next(iter(used))

    def propose(self, model: str, recipe: str, again: bool, admit: Callable[[Bundle], Entry]) -> Proposal:
        """Check everything that can be known before a lane is touched. Raises OkngError with what is wrong."""
        name = self.named(recipe)
        base = self._recipes.read(name)
        if base.pipeline == "difference":
            raise OkngError(f"recipe {name} judges by the difference from its reference: no model can be activated")
        bundle = self._library.read(checked_id(model))
        if not again:
            self._refuse_condemned(name, bundle)
            now = effective(base, self.activations.of(name))
            if now.model == bundle.folder.name and now.model_hash in ("", bundle.digest):
                raise OkngError(f"model {bundle.id} is active for recipe {name}; say again to insist")
        return self._proposal(base, model, bundle, admit)

    def by_file(self, name: str, admit: Callable[[Bundle], Entry]) -> Proposal | None:
        """The model that a recipe's file asks for, where it is not the one that last judged by the recipe.

        Another content by the same name is another model. None: nothing is new. Raises OkngError as `propose`.
        """
        base = self._recipes.read(name)
        if base.pipeline == "difference":
            return None
        chosen, last = effective(base, self.activations.of(name)), self.last(name)
        bundle = self._library.read(checked_id(chosen.model))
        self._refuse_condemned(name, bundle)
        if last is not None and last.digest == bundle.digest:
            return None
        return self._proposal(base, chosen.model, bundle, admit)

    def _proposal(self, base: Recipe, model: str, bundle: Bundle, admit: Callable[[Bundle], Entry]) -> Proposal:
        gate, facts, name = admit(bundle), bundle.facts, base.name
        if gate.digest != bundle.digest:
            raise OkngError(f"model {bundle.id} has changed since it was tried: it was {gate.digest[:12]}…")
        target = base.model_copy(update={"model": model})
        if problems := check_against(target, facts.labels, facts.pipeline, bundle.digest):
            raise RecipeRefused(f"recipe {name} with model {bundle.id}", [Problem(p.where, p.what) for p in problems])
        version = Version(id=model, digest=bundle.digest)
        pinned = base.model_copy(update=version.of_recipe)
        return Proposal(name, base, pinned, version, self._good(base), gate)

    def must_be_in_time(self, proposal: Proposal) -> None:
        """By what the gate has measured, where there is no job that shows it. Raises OkngError (FIELD 15)."""
        reference = read_reference(self._recipes, proposal.target)
        bundle = self._library.read(proposal.version.id)
        lanes = [self._config.lanes[name] for name in self.in_use().get(proposal.recipe, ())]
        looks = (len(planned_for(lane, bundle, proposal.target, reference).tiles) for lane in lanes)
        part_ms = takes_ms(proposal.gate, max(looks, default=1))
        must_be_in_time(proposal.gate, proposal.target, self._config.models.budget_share, part_ms)

    def _refuse_condemned(self, name: str, bundle: Bundle) -> None:
        if (why := self.activations.of(name).condemned.get(bundle.digest)) is not None:
            raise OkngError(f"model {bundle.id} was taken back for recipe {name}: {why}; activate it again to insist")

    def last(self, name: str) -> Version | None:
        """What last judged by a recipe, on trial or not; None where nothing ever did."""
        activation = self.activations.of(name)
        if activation.active:
            return activation.version
        good = self._recipes.last_good(name)
        return Version(id=good.model, digest=good.model_hash) if good is not None and good.model else None

    def says_otherwise(self, name: str) -> bool:
        """Whether the recipe's file says anything else than its last good revision did, but for the model."""
        good = self._recipes.last_good(name)
        return good is not None and not alike(self._recipes.read(name), good)

    def recipe(self, name: str) -> Recipe:
        """A recipe as it is judged by now. Raises OkngError."""
        recipe, why = self._recipes.read_or_last_good(name)
        return effective(recipe, self.activations.of(name), by_file=not why)

    def _good(self, base: Recipe) -> Version | None:
        """Who judges now. A model in its own health window is not yet a good one: the one before it is."""
        activation = self.activations.of(base.name)
        if activation.probation is not None and activation.previous:
            return activation.previous[0]
        if (last := self.last(base.name)) is not None:
            return last if last.digest not in activation.condemned else None
        with suppress(OkngError):
            return Version(id=base.model, digest=base.model_hash or self._library.read(base.model).digest)
        return None

    def settle(self, proposal: Proposal, probation: Probation | None) -> Activation:
        """Write down who judges from now on. Raises OkngError when it cannot be made durable."""
        before = self.activations.of(proposal.recipe)
        good, kept = proposal.good, before.previous
        previous = (good, *kept) if good is not None and good.digest != proposal.version.digest else kept
        once = {version.digest: version for version in reversed(previous) if version.digest != proposal.version.digest}
        try:
            return self.activations.change(
                proposal.recipe,
                active=proposal.version.id,
                digest=proposal.version.digest,
                since_utc_us=self._clock.now().utc_us,
                file_model=proposal.base.model,
                previous=tuple(reversed(once.values()))[: self._config.models.keep],
                probation=probation,
                rolled_back=None,
                condemned={d: why for d, why in before.condemned.items() if d != proposal.version.digest},
            )
        except OSError as error:
            raise OkngError(f"who judges cannot be made durable: {error.strerror}") from error

    def take_back(self, recipe: str, why: str, by_itself: bool, at_utc_us: int) -> RolledBack:
        """Write down that the good model before judges again, whatever the disk says.

        Where there is none, it stays written down who was active: condemned, so that nobody judges.
        """
        was = self.activations.of(recipe)
        good = was.previous[0] if was.previous else None
        back = RolledBack(
            model=was.active,
            digest=was.digest,
            to=good.id if good is not None else "",
            why=why,
            at_utc_us=at_utc_us,
            by_itself=by_itself,
            after=was.rolled_back.told if was.rolled_back is not None else "",
        )
        fields: dict[str, Any] = {"probation": None, "rolled_back": back}
        if by_itself:
            known = {digest: w for digest, w in was.condemned.items() if digest != was.digest}
            fields["condemned"] = _shortened({**known, was.digest: why[:500]})
        if good is not None:
            # What the file says by now is taken back too: only a later edit of it counts.
            fields |= {"active": good.id, "digest": good.digest, "file_model": self._named_by(recipe, was)}
            fields |= {"since_utc_us": at_utc_us, "previous": was.previous[1:]}
        self.activations.insist(recipe, **fields)
        return back

    def _named_by(self, recipe: str, was: Activation) -> str:
        """The model that the recipe's file names, as far as it can be read."""
        try:
            return self._recipes.read(recipe).model
        except OkngError:
            return was.file_model

    def seen(self, recipe: str) -> RolledBack:
        """A person has dealt with what was taken back last. Raises OkngError where there is nothing."""
        name = self.named(recipe)
        back = self.activations.of(name).rolled_back
        if back is None:
            raise OkngError(f"recipe {name}: no model was taken back")
        back = back.model_copy(update={"seen": True})
        try:
            self.activations.change(name, rolled_back=back)
        except OSError as error:
            raise OkngError(f"this cannot be made durable: {error.strerror}") from error
        return back

    # What must stay ------------------------------------------------------------------------------------

    def needed(self) -> dict[str, str]:
        """Model -> what it is needed for."""
        found: dict[str, str] = {}
        for model, why in self._needs():
            found.setdefault(Path(model).name, why)
        return found

    def _needs(self) -> Iterator[tuple[str, str]]:
        for name, activation in self.activations.all().items():
            if activation.active:
                yield activation.active, f"it is active for recipe {name}"
            if activation.shadow:
                yield activation.shadow, f"it is the shadow of recipe {name}"
            if activation.canary:
                yield activation.canary.id, f"it is the canary of recipe {name}"
            for version in activation.previous:
                yield version.id, f"it is a good one before the active model of recipe {name}"
        for name in self._recipes.names():
            with suppress(OkngError):
                yield self._recipes.read(name).model, f"recipe {name} names it"
            for lane in ("", *self._config.lanes):
                if (good := self._recipes.last_good(name, lane)) is not None:
                    yield good.model, f"the last good revision of recipe {name} names it"

    def deadlines_ms(self) -> list[float]:
        """Of the recipes in use."""
        found: list[float] = []
        for name in self.in_use():
            with suppress(OkngError):
                found.append(self._recipes.read(name).deadline_ms)
        return found

    def inputs(self, bundle: Bundle) -> frozenset[Input]:
        """For what the lanes would have this model compiled, by the recipes that it fits."""
        found: set[Input] = set()
        for name, lanes in self.in_use().items():
            with suppress(OkngError):
                recipe = self._recipes.read(name)
                if check_against(recipe, bundle.facts.labels, bundle.facts.pipeline):
                    continue
                reference = read_reference(self._recipes, recipe)
                plans = [planned_for(self._config.lanes[lane], bundle, recipe, reference) for lane in lanes]
                sizes = [(plan.input_size, plan.slots) for plan in plans]
                found |= {Input(height_px=h, width_px=w, slots=slots) for (h, w), slots in sizes}
        return frozenset(found)

    def said(self, name: str) -> dict[str, Any]:
        """A recipe's activation in plain values, for the list."""
        kept = self.activations.of(name)
        return {
            "recipe": name,
            "active": kept.active,
            "since_utc_us": kept.since_utc_us,
            "previous": [version.id for version in kept.previous],
            "shadow": kept.shadow,
            "canary": kept.canary.model_dump(mode="json", include={"id", "share"}) if kept.canary else None,
            "canary_trouble": kept.canary_trouble,
            "condemned": {digest: why[:160] for digest, why in list(kept.condemned.items())[-SAID_REASONS:]},
            "on_trial": kept.probation is not None,
            "rolled_back": kept.rolled_back.model_dump(mode="json") if kept.rolled_back else None,
        }


def _shortened(condemned: dict[str, str]) -> dict[str, str]:
    """All of them, the last ones with their reasons."""
    old = len(condemned) - MOST_REASONS
    return {digest: why if place >= old else FORGOTTEN for place, (digest, why) in enumerate(condemned.items())}


def alike(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes say the same but for their model."""
    return one.model_copy(update={"model": other.model, "model_hash": other.model_hash}) == other
