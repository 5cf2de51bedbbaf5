"""The recipes as they lie there, their models' labels, what judges by them: read only, for pages and REST."""

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import Problem, RecipeRefused
from agent.recipe_versions import Version, Versions, mark_of
from agent.recipes import NAME, Recipes
from agent.review.known_models import KnownModels
from agent.status import LaneStatus, Status
from pipelines.recipe import Recipe, check_against

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Sheet:
    """One recipe's file."""

    name: str
    text: str
    mark: str
    """sha256 of the file: who changes it says which content was seen. Empty: there is no file."""
    data: Mapping[str, Any]
    """Its tables, as far as it is TOML."""
    recipe: Recipe | None
    """None where it cannot be used, and `problems` say why."""
    problems: tuple[Problem, ...] = ()

    @property
    def model(self) -> str:
        return str(self.data.get("model", ""))


class Shelf:
    """Any thread may ask."""

    def __init__(self, data: Path) -> None:
        self.models = KnownModels(data)
        self._recipes = Recipes(data)
        self.versions = Versions(data)

    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self._recipes.names() if NAME.fullmatch(name))

    def sheet(self, name: str) -> Sheet | None:
        """A recipe's file; None where there is none of that name. Raises RecipeRefused: it cannot be read."""
        if not NAME.fullmatch(name) or (body := self._recipes.source(name)) is None:
            return None
        return self.of_text(name, body)

    def of_text(self, name: str, body: bytes) -> Sheet:
        """What a file with these bytes would be."""
        text, data = body.decode("utf-8", errors="replace"), {}
        if len(body) <= _MOST_BYTES:
            with suppress(ValueError):
                data = tomllib.loads(text)
        try:
            return Sheet(name, text, mark_of(body), data, self._recipes.check(name, body))
        except RecipeRefused as refused:
            return Sheet(name, text, mark_of(body), data, None, refused.problems)

    def fits(self, recipe: Recipe) -> tuple[Problem, ...]:
        """What of it the model does not know; nothing where the model is not here to be asked."""
        model = self.models.of(recipe.model, recipe.pipeline)
        if model.limits is None:
            if recipe.pipeline == "difference":
                return ()
            known = ", ".join(self.models.names()) or "none"
            return (Problem("model", f"there is no model {recipe.model!r}; here: {known}"),)
        found = check_against(recipe, model.labels, recipe.pipeline)
        return tuple(Problem(p.where, p.what) for p in found)

    def reference(self, recipe: Recipe) -> bytes | None:
        """The picture of its product; None where it has none, or it is gone."""
        with suppress(RecipeRefused):
            return self._recipes.reference(recipe)
        return None

    def revision(self, recipe_hash: str) -> Recipe | None:
        """What a part was judged by."""
        with suppress(RecipeRefused):
            return self._recipes.revision(recipe_hash)
        return None

    def version(self, name: str, number: int) -> Version | None:
        return self.versions.read(name, number) if NAME.fullmatch(name) else None


def lanes_by(status: Status | None, name: str) -> tuple[LaneStatus, ...]:
    """The lanes that judge by a recipe now."""
    return tuple(lane for lane in status.lanes if lane.recipe == name) if status is not None else ()
