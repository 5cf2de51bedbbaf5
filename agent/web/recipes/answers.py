"""What REST says of recipes, as models."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agent.recipe_versions import Version
from agent.web.recipes.desk import Saved
from agent.web.recipes.shelf import Sheet
from agent.web.recipes.trial import Tried
from agent.web.rest import ProblemAnswer, moment
from pipelines.values import Outcome


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class RecipeRow(_Answer):
    """One recipe of the list."""

    name: str
    mark: str
    """sha256 of its file; the ETag of the recipe. Empty where the file cannot be read."""
    usable: bool
    model: str
    lanes: tuple[str, ...]
    """That judge by it now."""


class RecipesAnswer(_Answer):
    recipes: tuple[RecipeRow, ...]
    next_after: str | None
    """Give it as `after` to get the next page; null on the last one."""


class RecipeAnswer(_Answer):
    """One recipe as its file stands."""

    name: str
    mark: str
    revision: str | None
    """Of its content, the model not yet pinned; null where it cannot be used."""
    problems: tuple[ProblemAnswer, ...]
    recipe: dict[str, Any]
    """The tables of the file, without its name."""
    text: str


class RecipeSaid(BaseModel):
    """A recipe: the tables of its file."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"recipe": {"model": "drawn-boards-1", "threshold": 0.5, "quality": {"min_sharpness": 300}}}
        },
    )

    recipe: dict[str, Any]


class SavedAnswer(_Answer):
    number: int
    """Of the version; 0 where the disk took no note of it."""
    mark: str
    revision: str
    lanes: tuple[str, ...]
    """That judge by it from the next part on."""


class CheckedAnswer(_Answer):
    usable: bool
    problems: tuple[ProblemAnswer, ...]


class ChangeAnswer(_Answer):
    part: int
    was: Outcome
    would_be: Outcome


class TriedAnswer(_Answer):
    parts: int
    skipped: int
    before: dict[Outcome, int]
    after: dict[Outcome, int]
    changes: tuple[ChangeAnswer, ...]
    floor: float
    """Detections under this score were not stored, and a class would count from less; 0: nothing is missing."""
    not_told: tuple[str, ...]
    """Options that change the look itself: stored results cannot tell of them."""


class VersionAnswer(_Answer):
    number: int
    at: datetime
    by: str
    why: str
    of: int
    mark: str
    text: str


class VersionsAnswer(_Answer):
    versions: tuple[VersionAnswer, ...]
    next_before: int | None
    """Give it as `before` to get the next page; null on the last one."""


class GoBack(BaseModel):
    """Which version."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=1, le=999_999)


def recipe_answer(sheet: Sheet, data: dict[str, Any]) -> RecipeAnswer:
    return RecipeAnswer(
        name=sheet.name,
        mark=sheet.mark,
        revision=sheet.recipe.revision if sheet.recipe else None,
        problems=tuple(ProblemAnswer(where=p.where, what=p.what) for p in sheet.problems),
        recipe=data,
        text=sheet.text,
    )


def saved_answer(saved: Saved) -> SavedAnswer:
    return SavedAnswer(number=saved.number, mark=saved.mark, revision=saved.revision, lanes=saved.lanes)


def tried_answer(tried: Tried, not_told: tuple[str, ...]) -> TriedAnswer:
    changes = tuple(
        ChangeAnswer(part=c.part.id, was=c.part.record.verdict.outcome, would_be=c.outcome) for c in tried.changes
    )
    return TriedAnswer(
        parts=tried.parts,
        skipped=tried.skipped,
        before=dict(tried.before),
        after=dict(tried.after),
        changes=changes,
        floor=tried.floor,
        not_told=not_told,
    )


def version_answer(version: Version) -> VersionAnswer:
    return VersionAnswer(
        number=version.number,
        at=moment(version.utc_us),
        by=version.by,
        why=version.why,
        of=version.of,
        mark=version.mark,
        text=version.text,
    )
