"""What pydantic refused, in words: the option, the value, what is allowed, which name was meant."""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.config import Config, Slug
from agent.errors import Problem
from agent.options import Place, allowed, allowed_of, cameras, place, suggest, suggest_option, unit_of

_ROUNDS = 6
_SECRET = re.compile(r"://[^/@\s]*@")


def problems_of(
    error: ValidationError | None, origins: Mapping[str, str], cut: bool, root: type[BaseModel] = Config
) -> list[Problem]:
    """One problem for each error, in the order of the options.

    `cut`: a part of the configuration could not be read, so what is missing may have been there.
    `root`: the model that refused.
    """
    details = error.errors() if error is not None else []
    return [
        _problem(d, origins, root) for d in details if not (cut and d["type"] in ("missing", "union_tag_not_found"))
    ]


def shown(value: object) -> str:
    """A value in a message: short, and without a password in an address."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    text = _SECRET.sub("://***@", text)
    return text if len(text) <= 80 else text[:77] + "..."


def what_is_left(raw: Mapping[str, Any], error: ValidationError) -> tuple[Config | None, frozenset[str]]:
    """The configuration without what was refused, so that the rest can be checked in the same go.

    Returns it with the dotted names that were taken out; None where nothing usable is left.
    """
    left: dict[str, Any] = copy.deepcopy(dict(raw))
    removed: set[str] = set()
    current = error
    for _ in range(_ROUNDS):
        for detail in current.errors():
            removed |= set(_take_out(left, detail))
        try:
            return Config.model_validate(left), frozenset(removed)
        except ValidationError as again:
            current = again
    return None, frozenset(removed)


def _take_out(left: dict[str, Any], detail: ErrorDetails) -> Iterator[str]:
    steps = list(place(detail["loc"]).steps)
    if detail["type"] == "missing":
        steps = steps[:-1]
    here: Any = left
    for depth, step in enumerate(steps[:-1]):
        inner = here.get(step)
        if not isinstance(inner, dict):  # an entry of a list: the list goes as a whole
            steps = steps[: depth + 1]
            break
        here = inner
    if steps:
        here.pop(steps[-1], None)
        yield ".".join(steps)


def _problem(detail: ErrorDetails, origins: Mapping[str, str], root: type[BaseModel]) -> Problem:
    at = place(detail["loc"], root)
    name = at.name
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        name += ".kind"
    origin = origins.get(name, "")
    source = f" (from {origin})" if origin.startswith(("OKNG_", "profile ")) else ""
    return Problem(name, _what(detail, at, root) + source)


def _what(detail: ErrorDetails, at: Place, root: type[BaseModel]) -> str:
    kind, value = detail["type"], detail["input"]
    unit = f" ({unit_of(at.field)})" if at.field is not None and unit_of(at.field) else ""
    if detail["loc"] and detail["loc"][-1] == "[key]":
        what = f"the name is {shown(value)}, allowed: {allowed_of(Slug)}"
    elif kind == "extra_forbidden":
        what = "unknown" + suggest_option(at.steps[-1], at.parent, root)
    elif kind.startswith("union_tag"):
        what = _wrong_kind(detail, root)
    elif kind == "value_error":
        what = detail["msg"].removeprefix("Value error, ")
    elif at.field is None:
        what = f"is {shown(value)}: {detail['msg']}"
    elif kind == "missing":
        what = f"is missing: {at.field.description or ''}, {allowed(at.field)}{unit}"
    else:
        known = allowed(at.field)
        meant = suggest(value, known.split(", ")) if kind == "literal_error" and isinstance(value, str) else ""
        what = f"is {shown(value)}, allowed: {known}{unit}{meant}"
    return what


def _wrong_kind(detail: ErrorDetails, root: type[BaseModel]) -> str:
    field = place(detail["loc"], root).field
    kinds = list(cameras(field.annotation)) if field is not None else []
    tag = detail.get("ctx", {}).get("tag")
    if tag is None:
        return f"is missing, allowed: {', '.join(kinds)}"
    return f"is {shown(tag)}, allowed: {', '.join(kinds)}{suggest(str(tag), kinds)}"
