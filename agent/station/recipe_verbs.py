"""The verb `recipe_save`: the station owns `recipes/`, so it checks, writes and applies what a person edited.

All or nothing: a content that is wrong, that was made of an old one, or that a lane cannot judge by leaves the file
and every lane as they were.
"""

import logging
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from agent.errors import ControlFailed, OkngError, Problem, RecipeRefused
from agent.ports import Clock
from agent.recipe_versions import CONFLICT, Versions, Why, mark_of
from agent.station.modelling import Shelf
from agent.station.models.activation import effective
from agent.station.models.bundle import checked_id
from agent.station.server import Verb
from pipelines.difference import difference_facts
from pipelines.recipe import Recipe, check_against

log = logging.getLogger(__name__)

MOST_BYTES = 48 * 1024
"""A line of the control socket has room for a little more."""


class RecipeVerbs:
    """Called from the control socket's threads; one content is saved at a time."""

    def __init__(
        self,
        *,
        shelf: Shelf,
        versions: Versions,
        on: Callable[[str], tuple[str, ...]],
        change: Callable[[str, str], str],
        clock: Clock,
        event: Callable[..., None],
    ) -> None:
        """`on`: the lanes that judge by a recipe. `change`: let a lane judge by a recipe, as its file says now."""
        self._recipes = shelf.recipes
        self._shelf = shelf
        self._versions = versions
        self._on = on
        self._change = change
        self._clock = clock
        self._event = event
        self._one = Lock()

    def table(self) -> Mapping[str, Verb]:
        return {"recipe_save": self.save}

    def save(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """name, text, expect; by, of. Answers mark, revision, number, lanes once it is durable and judged by."""
        name, body, by = str(said["name"]), _body(said["text"]), str(said.get("by", ""))[:200]
        of = int(said.get("of", 0))
        with self._one:
            before = self._recipes.source(name)
            seen = mark_of(before) if before is not None else ""
            if str(said["expect"]) != seen:
                raise ControlFailed(f"{CONFLICT}recipe {name} is {seen[:12] or 'not there'} by now")
            recipe = self._recipes.check(name, body)
            self._must_fit(recipe)
            try:
                return self._saved(name, recipe, body, before, by, of)
            except OSError as error:
                raise ControlFailed(f"recipe {name} cannot be saved: {error.strerror or error}") from error

    def _must_fit(self, recipe: Recipe) -> None:
        """Its labels are those of the model that would judge. Raises OkngError."""
        recipe = effective(recipe, self._shelf.activations.of(recipe.name))
        if recipe.pipeline == "difference":
            problems = check_against(recipe, difference_facts().labels, recipe.pipeline)
        else:
            bundle = self._shelf.library.read(checked_id(recipe.model))
            problems = check_against(recipe, bundle.facts.labels, bundle.facts.pipeline, bundle.digest)
        if problems:
            raise RecipeRefused(f"recipe {recipe.name}", [Problem(p.where, p.what) for p in problems])

    def _saved(
        self, name: str, recipe: Recipe, body: bytes, before: bytes | None, by: str, of: int
    ) -> Mapping[str, object]:
        newest, now = self._versions.newest(name), self._clock.now().utc_us
        if before is not None and (newest is None or newest.mark != mark_of(before)):
            self._versions.add(name, before, now, "", "found")
        own = self._recipes.own(name)
        self._recipes.keep(recipe)
        self._recipes.put(name, body)
        lanes = self._applied(name, own)
        number = self._noted(name, body, now, by, of)
        self._event("recipe_saved", recipe=name, by=by, version=number, lanes=", ".join(lanes))
        return {"mark": mark_of(body), "revision": recipe.revision, "number": number, "lanes": list(lanes)}

    def _noted(self, name: str, body: bytes, utc_us: int, by: str, of: int) -> int:
        """The version's number. It is judged by already: a disk that takes no note of it changes nothing, 0."""
        why: Why = "undone" if of else "saved"
        try:
            number = self._versions.add(name, body, utc_us, by, why, of).number
        except OSError as error:
            log.warning("recipe %s: its version cannot be kept: %s", name, error)
            self._event("recipe_not_kept", recipe=name, why=str(error)[:200])
            return 0
        log.info("recipe %s: version %d by %s", name, number, by or "nobody")
        return number

    def _applied(self, name: str, own: bytes | None) -> tuple[str, ...]:
        """Every lane that judges by it does so by the new content; where one cannot, none does. Raises OkngError."""
        done: list[str] = []
        try:
            for lane in self._on(name):
                self._change(lane, name)
                done.append(lane)
        except OkngError:
            self._recipes.put(name, own)
            for lane in done:
                try:
                    self._change(lane, name)
                except OkngError as error:  # it judged by it a moment ago
                    log.error("lane %s cannot go back to recipe %s: %s", lane, name, error)
            raise
        return tuple(done)


def _body(text: object) -> bytes:
    if not isinstance(text, str):
        raise ControlFailed("text: the recipe as TOML is allowed")
    body = text.encode()
    if len(body) > MOST_BYTES:
        raise ControlFailed(f"text: {len(body)} bytes, at most {MOST_BYTES} are allowed")
    return body
