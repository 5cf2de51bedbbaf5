"""What pages and REST of the recipes share: a draft, the way of a content to the station, what stands in the form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.control import ask
from agent.errors import ControlFailed, OkngError, StationRefused
from agent.recipe_versions import CONFLICT, Version
from agent.web.desk import Desk
from agent.web.recipes.differ import Difference, differences
from agent.web.recipes.shelf import Sheet, Shelf
from agent.web.recipes.typed import Wrong
from agent.web.recipes.words import checked, of_problems
from agent.web.recipes.written import head_of, text_of
from agent.web.who import Person
from pipelines.recipe import Recipe

SAVE_S = 330.0
"""A new model is compiled and tried on its golden pictures before it judges."""


class NotSaved(OkngError):
    """The station did not take a content; says why, and what HTTP calls that."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)

    @property
    def conflict(self) -> bool:
        return self.status == 409


@dataclass(frozen=True, slots=True)
class Draft:
    """A content that nobody has saved yet."""

    name: str
    data: Mapping[str, Any]
    recipe: Recipe | None
    """None where it is wrong."""
    wrong: tuple[Wrong, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """A content that judges, or would."""

    number: int
    mark: str
    revision: str
    lanes: tuple[str, ...]


class RecipeDesk:
    """Any thread may ask."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.shelf = Shelf(desk.config.station.data)

    def draft(self, name: str, data: Mapping[str, Any], wrong: tuple[Wrong, ...] = ()) -> Draft:
        """Check these tables with everything that can be known here. `wrong`: what is known to be already."""
        recipe, found = checked(name, data)
        # What could not be read as a number is missing now: one thing is wrong with it, not two.
        known = {each.where for each in wrong}
        wrong = (*wrong, *(each for each in found if each.where not in known))
        if recipe is not None and not wrong:
            wrong = of_problems(self.shelf.fits(recipe))
        if recipe is not None and not wrong:
            as_file = self.shelf.of_text(name, text_of(name, data).encode())
            wrong = of_problems(as_file.problems)
        return Draft(name, data, None if wrong else recipe, wrong)

    def save(self, draft: Draft, now: Sheet | None, expect: str, who: Person) -> Saved:
        """Have a draft written, kept and judged by. Raises NotSaved."""
        text = text_of(draft.name, draft.data, head_of(now.text) if now is not None else "")
        saved = self._told(draft.name, text, expect, who, 0)
        act = "recipes.saved" if now is not None else "recipes.made"
        self._note(who, act, draft.name, differences(now.data if now else {}, draft.data), saved)
        return saved

    def undo(self, version: Version, now: Sheet, expect: str, who: Person) -> Saved:
        """Make an old content the newest one. Raises NotSaved."""
        saved = self._told(now.name, version.text, expect, who, version.number)
        old = self.shelf.of_text(now.name, version.text.encode())
        self._note(who, "recipes.undone", now.name, differences(now.data, old.data), saved)
        return saved

    def _told(self, name: str, text: str, expect: str, who: Person, of: int) -> Saved:
        said = {"name": name, "text": text, "expect": expect, "by": who.name, "of": of}
        try:
            answer = ask(self.desk.config.station.runtime, "recipe_save", SAVE_S, **said)
            lanes = tuple(map(str, answer["lanes"]))
            return Saved(int(answer["number"]), str(answer["mark"]), str(answer["revision"]), lanes)
        except StationRefused as error:
            raise NotSaved(409 if str(error).startswith(CONFLICT) else 422, str(error)) from error
        except ControlFailed as error:
            raise NotSaved(504 if isinstance(error.__cause__, TimeoutError) else 503, str(error)) from error
        except (KeyError, ValueError) as error:
            raise NotSaved(503, f"the station's answer is not understood: {error}") from error

    def _note(self, who: Person, act: str, name: str, found: tuple[Difference, ...], saved: Saved) -> None:
        before = {each.path: each.before for each in found[:40]}
        after = {each.path: each.after for each in found[:40]}
        self.desk.acts.note(who, act, f"recipe {name}", before, {**after, "version": saved.number})
