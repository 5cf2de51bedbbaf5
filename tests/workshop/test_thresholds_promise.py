"""A promise holds only for what was calibrated: any override in a recipe voids it, visibly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.promise import FREE, HOLDS, TIGHTER, promise_of
from pipelines.recipe import ClassRule, Recipe, RecipeWrong, Reference, parse_recipe
from pipelines.rules import judge
from pipelines.values import Detection, Inspection, Outcome, Quality


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


def test_a_required_label_voids_it() -> None:
    """FIELD 13: no part passes under a promise for which it was not made. Three shorts pass where one is required."""
    told = parse_recipe({"name": "board", "model": "demo-1", "require": {"short": 1}})
    shorts = Inspection((Detection("short", 0.99, 1, 1, 5, 5),) * 3, Quality(100, 100, 0, 0, 0), 100, 100)
    assert judge(shorts, told, {"open": 0.5, "short": 0.62}).outcome is Outcome.OK
    assert promise_of(Manifest(), told) == "void: 1 of class short required: not each of it is a defect"


def guided(**bounds: object) -> str:
    return of(pipeline="guided", reference={"picture": "board.png", **bounds})


def test_a_part_laid_over_its_reference_otherwise_than_calibrated_voids_it() -> None:
    assert guided() == HOLDS
    assert guided(min_fit=0.6, min_cover=0.9, max_differing=0.01) == HOLDS
    assert guided(min_fit=0.4) == "void: reference.min_fit is 0.4, calibrated with 0.5"
    assert guided(max_differing=0.5) == "void: reference.max_differing is 0.5, calibrated with 0.05"
    assert guided(max_shift_px=20) == "void: reference.max_shift_px is 20, calibrated with 40"
    assert "max_scale" in guided(max_scale=0.1)
    assert "max_rotation_deg" in guided(max_rotation_deg=0)
    assert "min_cover" in guided(min_cover=0.1)


CHANGED: Mapping[str, Mapping[str, object]] = {
    "name": {"name": "other"},
    "pipeline": {"pipeline": "guided", "reference": {"picture": "other.png"}},
    "model": {"model": "other-2"},
    "model_hash": {"model_hash": "a" * 64},
    "difference": {},  # goes with no model
    "threshold": {"threshold": 0.4},
    "keep_score": {"keep_score": 0.9},
    "nms_iou": {"nms_iou": 0.01},
    "max_detections": {"max_detections": 1},
    "classes.threshold": {"classes": {"open": {"threshold": 0.9}}},
    "classes.min_size_px": {"classes": {"open": {"min_size_px": 1}}},
    "classes.allowed": {"classes": {"open": {"allowed": 1}}},
    "require": {"require": {"open": 1}},
    "regions": {"regions": [{"name": "rim", "kind": "inspect", "points": [[0, 0], [1, 0], [1, 1]]}]},
    "quality": {"quality": {"min_sharpness": 9, "min_brightness": 0, "max_age_ms": 9e9, "max_identical": 99}},
    "tiles": {"tiles": {}},
    "unsure": {"unsure": "stop"},
    "deadline_ms": {"deadline_ms": 1e9},
    "evidence_ok_rate": {"evidence_ok_rate": 1.0},
    "reference.picture": {"pipeline": "guided", "reference": {"picture": "other.png"}},
    "reference.sha256": {"pipeline": "guided", "reference": {"picture": "other.png", "sha256": "b" * 64}},
    "reference.max_shift_px": {"pipeline": "guided", "reference": {"picture": "b.png", "max_shift_px": 41}},
    "reference.max_rotation_deg": {"pipeline": "guided", "reference": {"picture": "b.png", "max_rotation_deg": 6}},
    "reference.max_scale": {"pipeline": "guided", "reference": {"picture": "b.png", "max_scale": 0.06}},
    "reference.min_fit": {"pipeline": "guided", "reference": {"picture": "b.png", "min_fit": 0.1}},
    "reference.max_differing": {"pipeline": "guided", "reference": {"picture": "b.png", "max_differing": 0.9}},
    "reference.min_cover": {"pipeline": "guided", "reference": {"picture": "b.png", "min_cover": 0.1}},
}
"""Setting -> a recipe with another value of it."""


def test_every_setting_of_a_recipe_is_known_to_void_it_or_to_be_free() -> None:
    """A setting that is new to a recipe is in neither list: somebody has to say which it is."""
    parts: Mapping[str, Any] = {"classes": ClassRule, "reference": Reference}
    plain = [name for name in Recipe.model_fields if name not in parts]
    there = {*plain, *(f"{name}.{inner}" for name, kind in parts.items() for inner in kind.model_fields)}
    assert set(CHANGED) == there
    assert set(FREE) <= there
    assert set(TIGHTER) <= there - set(FREE)
    for name, changed in CHANGED.items():
        told = of(**changed)
        assert (told == HOLDS) is (name in FREE), f"{name}: {told}"


def test_a_setting_that_nobody_has_thought_of_voids_it() -> None:
    class Later(Recipe):
        tolerance: int = 0

    told = {"name": "board", "model": "demo-1"}
    kept = dict(Recipe.model_fields)
    assert promise_of(Manifest(), Later.model_validate(told)) == HOLDS
    assert promise_of(Manifest(), Later.model_validate({**told, "tolerance": 3})) == "void: tolerance is 3"
    assert dict(Recipe.model_fields) == kept


class_rules = st.fixed_dictionaries(
    {},
    optional={
        "threshold": st.sampled_from([0.3, 0.5, 0.62, 0.9]),
        "min_size_px": st.sampled_from([0, 9]),
        "allowed": st.integers(0, 2),
    },
)
labels = st.sampled_from(["open", "short"])
recipes = st.fixed_dictionaries(
    {},
    optional={
        "threshold": st.sampled_from([0.5, 0.62, 0.7]),
        "classes": st.dictionaries(labels, class_rules, max_size=2),
        "require": st.dictionaries(labels, st.integers(1, 2), max_size=1),
        "regions": st.just([{"name": "rim", "kind": "ignore", "points": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]),
        "quality": st.fixed_dictionaries({"min_brightness": st.sampled_from([0, 150])}),
        "keep_score": st.sampled_from([0.1, 0.9]),
        "unsure": st.sampled_from(["reject", "stop"]),
    },
)
scores = st.sampled_from([0.2, 0.4, 0.55, 0.65, 0.8, 0.95])
found = st.lists(
    st.builds(Detection, labels, scores, *[st.integers(0, 50)] * 2, *[st.integers(51, 100)] * 2), max_size=4
)


@settings(deadline=None, max_examples=500)
@given(recipes, found)
def test_where_it_holds_no_part_passes_that_would_not_by_the_bundle_alone(
    told: dict[str, Any], detections: list[Detection]
) -> None:
    try:
        recipe = parse_recipe({"name": "board", "model": "demo-1", **told})
    except RecipeWrong:
        return
    if promise_of(Manifest(), recipe) != HOLDS:
        return
    seen = Inspection(tuple(detections), Quality(100, 100, 0, 0, 0), 100, 100)
    limits = {"open": 0.5, "short": 0.62}
    plain = parse_recipe({"name": "board", "model": "demo-1"})
    if judge(seen, recipe, limits).outcome is Outcome.OK:
        assert judge(seen, plain, limits).outcome is Outcome.OK
