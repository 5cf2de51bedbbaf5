"""What the models' pages show, as values: who judges by which recipe, what stands beside, what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.status import LaneStatus, Status

Model = Mapping[str, Any]
"""One of the verb `models`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One recipe and who judges by it."""

    name: str
    lanes: tuple[str, ...]
    said: Mapping[str, Any]
    """As the station's choice says."""
    states: tuple[LaneStatus, ...]
    """Of its lanes, where the station says how they are."""

    @property
    def model(self) -> str:
        """The one that judges: what was activated, else what the lanes say."""
        return str(self.said["active"] or next((lane.model for lane in self.states if lane.model), ""))

    @property
    def trouble(self) -> str:
        """Why an older model judges than the one that was activated, until a person knows; empty: it does not."""
        return next((lane.model_trouble for lane in self.states if lane.model_trouble), "")

    @property
    def back(self) -> Mapping[str, Any] | None:
        """What was taken back last, as long as nobody has dealt with it or it can be listed."""
        found: Mapping[str, Any] | None = self.said["rolled_back"]
        return found


def recipes_of(said: Mapping[str, Any], status: Status | None) -> tuple[Judged, ...]:
    """The recipes in use first."""
    lanes = {lane.name: lane for lane in status.lanes} if status else {}
    found = []
    for recipe in said["recipes"]:
        names = tuple(said["lanes"].get(recipe["recipe"], ()))
        states = tuple(lanes[name] for name in names if name in lanes)
        found.append(Judged(recipe["recipe"], names, recipe, states))
    return tuple(sorted(found, key=lambda each: not each.lanes))


def named(models: Sequence[Model], model: str) -> Model | None:
    return next((each for each in models if each["id"] == model), None)


@dataclass(frozen=True, slots=True)
class Differences:
    """Of one model from the one that judges: why verdicts are to be expected otherwise."""

    more: tuple[str, ...]
    """Classes that only the new one finds."""
    fewer: tuple[str, ...]
    limits: tuple[str, ...]
    """LABEL old -> new, of its own thresholds."""

    @property
    def any(self) -> bool:
        return bool(self.more or self.fewer or self.limits)


def differences(new: Model, old: Model | None) -> Differences:
    """Nothing is said to differ where it is not known what judges."""
    if old is None or old["problem"] or new["problem"]:
        return Differences((), (), ())
    before, after = set(old["labels"]), set(new["labels"])
    limits = [
        f"{label} {_limit(old, label):g} → {_limit(new, label):g}"
        for label in new["labels"]
        if label in before and _limit(old, label) != _limit(new, label)
    ]
    return Differences(tuple(sorted(after - before)), tuple(sorted(before - after)), tuple(limits))


def _limit(model: Model, label: str) -> float:
    return float(model["thresholds"].get(label, model["threshold"]))


def condemned(said: Mapping[str, Any], model: Model) -> tuple[tuple[str, str], ...]:
    """(recipe, why) of the recipes for which a model was taken back by itself."""
    digest = model.get("digest", "")
    return tuple(
        (recipe["recipe"], recipe["condemned"][digest])
        for recipe in said["recipes"]
        if digest and digest in recipe.get("condemned", {})
    )
