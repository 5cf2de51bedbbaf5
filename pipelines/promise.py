"""Whether the promise of a model's thresholds holds under a recipe.

The promise (escapes under a limit, with a confidence) was made for the thresholds that stand in the bundle,
on whole pictures, every defect counting, a guided model's parts laid over their references within the bounds
that a recipe has by default. What lets a part pass that did not pass then voids it, and so does any other
threshold: a lower one lets no more defects through, but it is not what was calibrated, and the overkill that
is told beside the promise is no longer true. What only makes fewer parts pass is free (`FREE`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from pipelines.recipe import Part, Recipe

HOLDS = "holds"
VOID = "void: "
FREE: Mapping[str, str] = {
    "name": "names the recipe",
    "pipeline": "another one than the model's is refused",
    "model": "names the model",
    "model_hash": "another model is refused",
    "difference": "belongs to the traditional method, which has no model and no promise",
    "keep_score": "whatever could decide is kept below it too",
    "nms_iou": "suppression goes class by class and leaves each class its best box, and one that counts is enough",
    "max_detections": "UNSURE where more could decide",
    "quality": "a part outside of a gate is UNSURE",
    "unsure": "says what the line does; UNSURE is never a pass",
    "deadline_ms": "a late part is UNSURE",
    "evidence_ok_rate": "says which pictures are kept",
    "reference.picture": "each calibrated part had its own",
    "reference.sha256": "pins that picture",
}
"""Setting -> why no part passes by it that would not pass without. Any other one that is set voids the promise."""
TIGHTER: Mapping[str, bool] = {"reference.min_fit": True, "reference.min_cover": True, "reference.max_differing": False}
"""Check that a part must stand once it is laid over its reference -> whether more of it is stricter. Stricter ones
only make more parts UNSURE, and are free."""


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
    broken = [why for name in type(recipe).model_fields if name not in FREE for why in _broken(name, manifest, recipe)]
    return VOID + "; ".join(broken) if broken else HOLDS


def _broken(name: str, manifest: Promising, recipe: Recipe) -> Iterator[str]:
    if name in _OWN_WORDS:
        yield from _OWN_WORDS[name](manifest, recipe)
    elif (value := getattr(recipe, name)) != type(recipe).model_fields[name].get_default():
        yield f"{name} is {value!r:.60}"


def _thresholds(manifest: Promising, recipe: Recipe) -> Iterator[str]:
    """Of `threshold` and of each class's: what counts is which one applies to a label."""
    for label in manifest.labels:
        promised = manifest.thresholds.get(label, manifest.threshold)
        rule = recipe.classes.get(label)
        own = rule.threshold if rule is not None else None
        judged = own if own is not None else recipe.threshold if recipe.threshold is not None else promised
        if judged != promised:
            digits = 2 if abs(judged - promised) >= 0.01 else 4
            numbers = f"{judged:.{digits}f} instead of {promised:.{digits}f}"
            yield f"threshold of class {label} overridden in the recipe ({numbers})"


def _classes(_: Promising, recipe: Recipe) -> Iterator[str]:
    for label, rule in recipe.classes.items():
        if rule.min_size_px > 0:
            yield f"class {label} counts only from {rule.min_size_px:g} px on"
        if rule.allowed > 0:
            yield f"{rule.allowed} of class {label} allowed"
        for name, value, usual in _others(rule, ("threshold", "min_size_px", "allowed")):
            yield f"{name} of class {label} is {value!r:.60}, calibrated with {usual!r:.60}"


def _require(_: Promising, recipe: Recipe) -> Iterator[str]:
    for label, wanted in recipe.require.items():
        yield f"{wanted} of class {label} required: not each of it is a defect"


def _regions(_: Promising, recipe: Recipe) -> Iterator[str]:
    if recipe.regions:
        yield f"regions ({', '.join(region.name for region in recipe.regions)}): not all of the picture counts"


def _tiles(_: Promising, recipe: Recipe) -> Iterator[str]:
    if recipe.tiles is not None:
        yield f"cut into tiles of {recipe.tiles.size_px} px"


def _reference(_: Promising, recipe: Recipe) -> Iterator[str]:
    if recipe.reference is None:
        return
    free = tuple(name.partition(".")[2] for name in FREE if name.startswith("reference."))
    for name, value, usual in _others(recipe.reference, free):
        stricter = TIGHTER.get(f"reference.{name}")
        if stricter is None or (value < usual) is stricter:
            yield f"reference.{name} is {_said(value)}, calibrated with {_said(usual)}"


def _others(part: Part, known: Sequence[str]) -> Iterator[tuple[str, Any, Any]]:
    """(name, value, default) of what else in a part of the recipe is not as it is by default."""
    for name, field in type(part).model_fields.items():
        if name not in known and (value := getattr(part, name)) != field.default:
            yield name, value, field.default


_OWN_WORDS: Mapping[str, Callable[[Promising, Recipe], Iterator[str]]] = {
    "threshold": _thresholds,
    "classes": _classes,
    "require": _require,
    "regions": _regions,
    "tiles": _tiles,
    "reference": _reference,
}


def _said(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
