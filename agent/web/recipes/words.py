"""What is wrong with a recipe, in the viewer's language and beside its field."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from agent.errors import Problem
from agent.web.recipes.fields import FIELDS, typed
from agent.web.recipes.typed import Wrong
from agent.web.speech import CATALOGUE, Speech
from pipelines.recipe import Recipe, RecipeWrong, parse_recipe

_KINDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("most", "le"),
    "too_short": ("few", "min_length"),
    "too_long": ("many", "max_length"),
    "string_too_short": ("empty", ""),
    "string_pattern_mismatch": ("pattern", "pattern"),
    "literal_error": ("choice", "expected"),
    "missing": ("missing", ""),
    "int_from_float": ("whole", ""),
}
"""pydantic's kind of error -> ours, and which of its values says what is allowed."""

_OWN = {"quality": "order", "tiles": "overlap"}
"""Where the recipe's own rules over several options are broken; the others say which options a pipeline needs."""


def checked(name: str, data: Mapping[str, Any]) -> tuple[Recipe | None, tuple[Wrong, ...]]:
    """The recipe that these tables make, or everything that is wrong in them."""
    try:
        return parse_recipe({**data, "name": name}), ()
    except RecipeWrong as refused:
        cause = refused.__cause__
        details = cause.errors() if isinstance(cause, ValidationError) else []
        pairs = zip(refused.problems, details, strict=True)
        return None, tuple(_wrong(problem.where, problem.what, detail) for problem, detail in pairs)


def _wrong(where: str, words: str, detail: Any) -> Wrong:
    kind, value = _KINDS.get(detail["type"], ("", ""))
    if detail["type"] == "value_error":
        kind = _OWN.get(where) or ("unwanted" if detail["input"] else "missing")
    allowed = detail.get("ctx", {}).get(value, "") if value else ""
    values = {"limit": typed(allowed), "said": typed(detail["input"])[:60]}
    return Wrong(where, kind, values, words)


def of_problems(problems: Iterable[Problem]) -> tuple[Wrong, ...]:
    """What a station or a file's reader said, as it was said."""
    return tuple(Wrong(problem.where, "", {}, problem.what) for problem in problems)


def said(speech: Speech, wrong: Wrong) -> str:
    """In words."""
    key = f"recipes.wrong.{wrong.kind}"
    if wrong.kind and key in CATALOGUE:
        return speech.say(key, **{name: wrong.values.get(name, "") for name in _names(key)})
    return wrong.words


def beside(speech: Speech, wrong: Iterable[Wrong]) -> dict[str, str]:
    """Field -> everything that is wrong with it; "" has what belongs to no field of the form."""
    found: dict[str, list[str]] = {}
    for each in wrong:
        found.setdefault(_field(each.where), []).append(said(speech, each))
    return {where: "; ".join(texts) for where, texts in found.items()}


def _field(where: str) -> str:
    """The field that a problem stands at: a polygon's corner is its region's, a section's rule the section's."""
    steps = where.split(".")
    if where in FIELDS or steps[0] in ("classes", "require"):
        return where
    if steps[0] == "regions" and len(steps) > 1:
        return f"regions.{steps[1]}"
    return steps[0]


def _names(key: str) -> tuple[str, ...]:
    text = CATALOGUE[key].en
    return tuple(name for name in ("limit", "said", "most") if f"{{{name}}}" in text)
