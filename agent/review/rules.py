"""By which labels and limits a part was judged: out of the kept revision of its recipe and its model's manifest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from agent import paths
from agent.errors import RecipeRefused
from agent.recipes import Recipes
from agent.station.models.bundle import ID, MANIFEST, MAX_MANIFEST_BYTES, Manifest
from agent.store.queue import Band
from pipelines.recipe import Recipe
from pipelines.values import Origin

MARGIN = 0.15
"""A pass with a score so little under its limit, or less, had a low margin."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Labels as the recipe's model has them, and from which score each counts."""

    labels: tuple[str, ...] = ()
    limits: Mapping[str, float] | None = None
    """None where the revision or the model is gone."""
    required: frozenset[str] = frozenset()
    """Labels that must be there: they are no defects."""

    @property
    def defects(self) -> tuple[str, ...]:
        return tuple(label for label in self.labels if label not in self.required)


class RuleBook:
    """Reads and remembers: a revision and a model never change under their hash."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._recipes = Recipes(data)
        self._read = lru_cache(maxsize=256)(self._rules)

    def of(self, origin: Origin) -> Rules:
        return self._read(origin.recipe, origin.recipe_hash, origin.model)

    def bands(self, judges: Mapping[int, Origin]) -> tuple[Band, ...]:
        """The scores that make a pass's margin a low one, origins with the same limits together."""
        alike: dict[tuple[str, float], list[int]] = {}
        for number, origin in judges.items():
            rules = self.of(origin)
            for label, limit in (rules.limits or {}).items():
                if label not in rules.required:
                    alike.setdefault((label, limit), []).append(number)
        return tuple(Band(tuple(ids), label, limit - MARGIN, limit) for (label, limit), ids in alike.items())

    def _rules(self, name: str, revision: str, model: str) -> Rules:
        recipe, manifest = self._recipe(name, revision), self._manifest(model)
        if recipe is None and manifest is None:
            return Rules()
        labels = tuple(dict.fromkeys([*(manifest.labels if manifest else ()), *(recipe.classes if recipe else ())]))
        limits = _limits(recipe, manifest, labels) if recipe and manifest else None
        return Rules(labels, limits, frozenset(recipe.require if recipe else ()))

    def _recipe(self, name: str, revision: str) -> Recipe | None:
        try:
            return self._recipes.revision(revision)
        except RecipeRefused:
            return self._recipes.last_good(name)

    def _manifest(self, model: str) -> Manifest | None:
        if not ID.fullmatch(model):
            return None
        for folder in (self._data / "models" / model, paths.bundled_models() / model):
            try:
                with (folder / MANIFEST).open("rb") as file:
                    return Manifest.model_validate_json(file.read(MAX_MANIFEST_BYTES))
            except (OSError, ValidationError):
                continue
        return None


def _limits(recipe: Recipe, manifest: Manifest, labels: Iterable[str]) -> dict[str, float]:
    """As `pipelines.look.ModelFacts` has them: the recipe's for the class, the recipe's, the model's."""
    found = {}
    for label in labels:
        rule = recipe.classes.get(label)
        own = rule.threshold if rule is not None else None
        usual = recipe.threshold if recipe.threshold is not None else manifest.thresholds.get(label, manifest.threshold)
        found[label] = own if own is not None else usual
    return found
