"""Whether the promise of a model's thresholds holds under a recipe.

The promise (escapes under a limit, with a confidence) was made for the thresholds that stand in the bundle,
on whole pictures, every defect counting. What lets a defect through that counted then voids it, and so does
any other threshold: a lower one lets no more defects through, but it is not what was calibrated, and the
overkill that is told beside the promise is no longer true.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from pipelines.recipe import Recipe

HOLDS = "holds"
VOID = "void: "


class Promising(Protocol):
    """What of a bundle's manifest says whether, and for which thresholds, there is a promise."""

    @property
    def labels(self) -> Sequence[str]: ...

    @property
    def threshold(self) -> float: ...

    @property
    def thresholds(self) -> Mapping[str, float]: ...

    @property
    def promise(self) -> object | None: ...


def promise_of(manifest: Promising, recipe: Recipe) -> str:
    """Empty where the model promises nothing; "holds"; or "void: " and everything in the recipe that voids it."""
    if manifest.promise is None:
        return ""
    broken = list(_broken(manifest, recipe))
    return VOID + "; ".join(broken) if broken else HOLDS


def _broken(manifest: Promising, recipe: Recipe) -> Iterator[str]:
    for label in manifest.labels:
        promised = manifest.thresholds.get(label, manifest.threshold)
        rule = recipe.classes.get(label)
        own = rule.threshold if rule is not None else None
        judged = own if own is not None else recipe.threshold if recipe.threshold is not None else promised
        if judged != promised:
            digits = 2 if abs(judged - promised) >= 0.01 else 4
            numbers = f"{judged:.{digits}f} instead of {promised:.{digits}f}"
            yield f"threshold of class {label} overridden in the recipe ({numbers})"
        if rule is not None and rule.min_size_px > 0:
            yield f"class {label} counts only from {rule.min_size_px:g} px on"
        if rule is not None and rule.allowed > 0:
            yield f"{rule.allowed} of class {label} allowed"
    if recipe.regions:
        yield f"regions ({', '.join(region.name for region in recipe.regions)}): not all of the picture counts"
    if recipe.tiles is not None:
        yield f"cut into tiles of {recipe.tiles.size_px} px"
