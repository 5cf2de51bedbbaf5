"""What anybody may know of a station's models: their labels and limits, by their manifests. Nothing is checked."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agent import paths
from agent.station.models.bundle import ID, MANIFEST, MAX_MANIFEST_BYTES, Manifest
from pipelines.difference import difference_facts
from pipelines.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Model:
    """What there is to know of one."""

    labels: tuple[str, ...] = ()
    limits: Mapping[str, float] | None = None
    """From which score a class counts where the recipe says nothing; None: the model is not here."""

    def limits_by(self, recipe: Recipe) -> dict[str, float]:
        """As `pipelines.look.ModelFacts.limits`."""
        found = {}
        for label in self.labels:
            rule = recipe.classes.get(label)
            own = rule.threshold if rule is not None else None
            usual = recipe.threshold if recipe.threshold is not None else (self.limits or {}).get(label, 0.0)
            found[label] = own if own is not None else usual
        return found


class KnownModels:
    """The bundles of one data folder, and those that come with okng."""

    def __init__(self, data: Path) -> None:
        self._folders = (data / "models", paths.bundled_models())

    def names(self) -> tuple[str, ...]:
        found = {manifest.parent.name for folder in self._folders for manifest in folder.glob(f"*/{MANIFEST}")}
        return tuple(sorted(name for name in found if ID.fullmatch(name)))

    def of(self, name: str, pipeline: str = "detect") -> Model:
        """Of a model by its name; of the traditional method where no model judges."""
        if pipeline == "difference":
            facts = difference_facts()
            return Model(facts.labels, {label: facts.thresholds.get(label, facts.threshold) for label in facts.labels})
        if not ID.fullmatch(name):
            return Model()
        for folder in self._folders:
            with suppress(OSError, ValidationError), (folder / name / MANIFEST).open("rb") as file:
                manifest = Manifest.model_validate_json(file.read(MAX_MANIFEST_BYTES))
                limits = {label: manifest.thresholds.get(label, manifest.threshold) for label in manifest.labels}
                return Model(tuple(manifest.labels), limits)
        return Model()
