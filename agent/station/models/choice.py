"""Which model is to judge by a recipe: what may be chosen, and what is written down."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agent.config import Config
from agent.errors import OkngError, Problem, RecipeRefused
from agent.ports import Clock
from agent.recipes import Recipes
from agent.station.jobs import planned_for
from agent.station.models.activation import Activation, Probation, RolledBack, Version, effective
from agent.station.models.activations import Activations
from agent.station.models.budget import must_be_in_time, takes_ms
from agent.station.models.bundle import Bundle, checked_id
from agent.station.models.demand import Demand
from agent.station.models.gate import Entry
from agent.station.models.library import Library
from agent.station.reference import read_reference
from pipelines.recipe import Recipe, check_against

MOST_REASONS = 20
"""Of so many models the reason is kept why they were taken back; that they were, is kept of all."""
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
        demand: Demand,
        clock: Clock,
    ) -> None:
        self._config = config
        self._library = library
        self._recipes = recipes
        self.activations = activations
        self.demand = demand
        self._clock = clock

    def named(self, recipe: str) -> str:
        """The recipe that is meant: the one that is named, or the only one in use. Raises OkngError."""
        if recipe:
            return recipe
        used = self.demand.in_use()
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
        lanes = [self._config.lanes[name] for name in self.demand.in_use().get(proposal.recipe, ())]
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


def _shortened(condemned: dict[str, str]) -> dict[str, str]:
    """All of them, the last ones with their reasons."""
    old = len(condemned) - MOST_REASONS
    return {digest: why if place >= old else FORGOTTEN for place, (digest, why) in enumerate(condemned.items())}


def alike(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes say the same but for their model."""
    return one.model_copy(update={"model": other.model, "model_hash": other.model_hash}) == other
