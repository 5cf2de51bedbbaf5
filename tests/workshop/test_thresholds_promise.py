"""A promise holds only for what was calibrated: any override in a recipe voids it, visibly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from pipelines.promise import HOLDS, promise_of
from pipelines.recipe import parse_recipe


@dataclass(frozen=True)
class Manifest:
    labels: Sequence[str] = ("open", "short")
    threshold: float = 0.5
    thresholds: Mapping[str, float] = field(default_factory=lambda: {"short": 0.62})
    promise: object | None = "a promise"


def of(**recipe: object) -> str:
    return promise_of(Manifest(), parse_recipe({"name": "board", "model": "demo-1", **recipe}))


def test_nothing_is_promised() -> None:
    assert (
        promise_of(Manifest(promise=None), parse_recipe({"name": "board", "model": "demo-1", "threshold": 0.9})) == ""
    )


def test_the_models_own_thresholds_hold() -> None:
    assert of() == HOLDS == "holds"
    assert of(classes={"short": {"threshold": 0.62}}) == HOLDS
    assert of(quality={"min_brightness": 20}, deadline_ms=50, unsure="stop", keep_score=0.1) == HOLDS


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        (
            {"classes": {"short": {"threshold": 0.8}}},
            "void: threshold of class short overridden in the recipe (0.80 instead of 0.62)",
        ),
        (
            {"classes": {"short": {"threshold": 0.6201}}},
            "void: threshold of class short overridden in the recipe (0.6201 instead of 0.6200)",
        ),
        (
            {"threshold": 0.5},
            "void: threshold of class short overridden in the recipe (0.50 instead of 0.62)",
        ),
        (
            {"threshold": 0.3, "classes": {"open": {"threshold": 0.5}, "short": {"min_size_px": 8}}},
            "void: threshold of class short overridden in the recipe (0.30 instead of 0.62); "
            "class short counts only from 8 px on",
        ),
        ({"classes": {"open": {"allowed": 2}}}, "void: 2 of class open allowed"),
        (
            {"regions": [{"name": "rim", "kind": "ignore", "points": [[0, 0], [1, 0], [1, 1]]}]},
            "void: regions (rim): not all of the picture counts",
        ),
        ({"tiles": {"size_px": 320, "overlap_px": 64}}, "void: cut into tiles of 320 px"),
    ],
)
def test_whatever_changes_what_is_rejected_voids_it(recipe: dict[str, object], why: str) -> None:
    assert of(**recipe) == why
