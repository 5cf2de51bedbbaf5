"""Recipes: every problem at once, with the nearest known name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.recipe import Recipe, RecipeWrong, check_against, parse_recipe

GOOD = {"name": "board-a", "model": "deeppcb-1"}


def problems(**told) -> dict[str, str]:
    with pytest.raises(RecipeWrong) as wrong:
        parse_recipe({**GOOD, **told})
    return {problem.where: problem.what for problem in wrong.value.problems}


def test_every_problem_is_named_with_the_nearest_known_name() -> None:
    found = problems(
        threshld=0.5,
        unsure="ok",
        classes={"open": {"treshold": 0.3, "allowed": -1}},
        regions=[{"name": "a", "kind": "inspect", "pionts": []}],
        tiles={"size": 640},
        quality={"min_brightness": 300},
        require={"screw": 0},
    )
    assert found["threshld"] == "unknown, did you mean threshold?"
    assert "'reject', 'divert' or 'stop'" in found["unsure"]
    assert found["classes.open.treshold"] == "unknown, did you mean threshold?"
    assert "(got -1)" in found["classes.open.allowed"]
    assert found["regions.0.pionts"] == "unknown, did you mean points?"
    assert found["regions.0.points"] == "is needed"
    assert found["tiles.size"] == "unknown, did you mean size_px?"
    assert "less than or equal to 255 (got 300)" in found["quality.min_brightness"]
    assert "greater than or equal to 1 (got 0)" in found["require.screw"]
    assert len(found) == 9


def test_key_that_resembles_nothing_gets_the_known_ones() -> None:
    assert problems(quality={"zzz": 1})["quality.zzz"].startswith("unknown; known are min_sharpness, ")


def test_unsure_is_never_ok() -> None:
    assert problems(unsure="ok")


def test_labels_are_checked_against_the_model() -> None:
    recipe = parse_recipe({**GOOD, "classes": {"opn": {}, "short": {}}, "require": {"fiducial": 2}})
    found = {p.where: p.what for p in check_against(recipe, ("open", "short"))}
    assert found == {
        "classes.opn": "the model has no label 'opn', did you mean open?",
        "require.fiducial": "the model has no label 'fiducial'; known are open, short",
    }
    assert not check_against(parse_recipe(GOOD), ("open",))


REFERENCE = {"picture": "board.png"}


@pytest.mark.parametrize(
    ("told", "where", "what"),
    [
        ({"model": ""}, "model", 'is needed with pipeline "detect": model = "NAME-VERSION", or a folder'),
        ({"pipeline": "guided"}, "reference", 'is needed with pipeline "guided": [reference] with picture = "FILE"'),
        ({"reference": REFERENCE}, "reference", 'takes none, allowed with "guided" and "difference"'),
        ({"pipeline": "difference", "reference": REFERENCE}, "model", 'pipeline "difference" takes none'),
        ({"pipeline": "difference", "model": ""}, "reference", 'is needed with pipeline "difference"'),
        ({"pipeline": "gided"}, "pipeline", "'detect', 'guided' or 'difference'"),
        ({"difference": {}}, "difference", 'pipeline "detect" takes none, allowed with "difference"'),
        ({"model_hash": "abc"}, "model_hash", "(got 'abc')"),
        ({"pipeline": "guided", "reference": {"picture": "../board.png"}}, "reference.picture", "../board.png"),
        (
            {"pipeline": "guided", "reference": {**REFERENCE, "min_fti": 1}},
            "reference.min_fti",
            "did you mean min_fit?",
        ),
    ],
)
def test_a_pipeline_has_what_it_needs_and_nothing_else(told: dict[str, Any], where: str, what: str) -> None:
    found = problems(**told)
    assert set(found) == {where}
    assert what in found[where]


def test_a_recipe_is_for_one_kind_of_model_and_may_name_the_very_one() -> None:
    guided = parse_recipe({**GOOD, "pipeline": "guided", "reference": REFERENCE, "model_hash": "a" * 64})
    assert not check_against(guided, ("open",), "guided", "a" * 64)
    found = {p.where: p.what for p in check_against(guided, ("open",), "detect", "b" * 64)}
    assert found == {
        "pipeline": 'is "guided", the model was made for "detect"',
        "model_hash": "is aaaaaaaaaaaa…, model deeppcb-1 has bbbbbbbbbbbb…: another one",
    }
    assert {p.where for p in check_against(parse_recipe(GOOD), ("open",), "guided")} == {"pipeline"}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*Recipe.model_fields, "other"]), JSON, max_size=6))
def test_anything_gives_a_recipe_or_problems(told) -> None:
    try:
        recipe, named = parse_recipe(told), ()
    except RecipeWrong as wrong:
        recipe, named = None, wrong.problems
    assert isinstance(recipe, Recipe) != bool(named)
    assert all(problem.where and problem.what for problem in named)


def test_revision_names_the_content() -> None:
    same = parse_recipe({**GOOD, "threshold": None})
    assert parse_recipe(GOOD).revision == same.revision
    assert parse_recipe({**GOOD, "threshold": 0.5}).revision != same.revision
