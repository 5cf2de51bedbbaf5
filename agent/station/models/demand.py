"""What the recipes in use ask of the models: which must stay, by when they must have judged, for what they compile."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.config import Config
from agent.errors import OkngError
from agent.recipes import Recipes
from agent.station.jobs import planned_for
from agent.station.memory import LaneMemory
from agent.station.models.activations import Activations
from agent.station.models.bundle import Bundle
from agent.station.models.trial import Input
from agent.station.reference import read_reference
from pipelines.recipe import check_against


class Demand:
    """Reads recipes, `models.json` and what the lanes were told, anew at each call; changes nothing."""

    def __init__(self, config: Config, recipes: Recipes, activations: Activations, memory: LaneMemory) -> None:
        self._config = config
        self._recipes = recipes
        self._activations = activations
        self._memory = memory

    def in_use(self) -> dict[str, tuple[str, ...]]:
        """Recipe -> the lanes that judge by it, by what they were last told."""
        found: dict[str, tuple[str, ...]] = {}
        for name, lane in self._config.lanes.items():
            recipe = self._memory.told(name).recipe or lane.recipe
            found[recipe] = (*found.get(recipe, ()), name)
        return found

    def needed(self) -> dict[str, str]:
        """Model -> what it is needed for."""
        found: dict[str, str] = {}
        for model, why in self._needs():
            found.setdefault(Path(model).name, why)
        return found

    def _needs(self) -> Iterator[tuple[str, str]]:
        for name, activation in self._activations.all().items():
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
