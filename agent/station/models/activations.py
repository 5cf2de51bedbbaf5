"""Which model judges by which recipe: `models.json` in the data folder. It survives a restart.

A recipe's file names a model; an activation puts another one in its place until the file itself names
another. The file is replaced as a whole, so that whoever dies in the middle of an activation leaves the old
model or the new one, and never none.

A damaged file costs no more than what is damaged: each recipe is read for itself, and of one what can be read.
Where it cannot be told any more which model was active, the recipe's last good revision says so. The damaged
file is kept as `models.json.bad` before another takes its place.
"""

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, RLock
from typing import Any

from pydantic import ValidationError

from agent.atomic import write_atomically
from agent.errors import OkngError
from agent.recipes import Recipes
from agent.station.models.activation import Activation, Probation
from pipelines.recipe import Recipe

log = logging.getLogger(__name__)

FILE = "models.json"
BAD = f"{FILE}.bad"
_WHO = frozenset({"active", "digest", "file_model"})
"""Fields without which it cannot be told who judges."""


class Activations:
    """`models.json`, written by the station only, from any of its threads."""

    def __init__(self, data: Path) -> None:
        """Reads; a damaged file stays as it is until the first change."""
        self._file = data / FILE
        self._lock = Lock()
        self.deciding = RLock()
        """Held by whoever makes jobs, changes what is active, or takes a model away."""
        self.trouble = ""
        """What of the file could not be read; empty: nothing."""
        self._lost: dict[str, str] | None = {}
        """Recipe -> why it cannot be told which model was active; None: of no recipe."""
        self._damaged = False
        self._unwritten = False
        self._known = self._read()

    def of(self, recipe: str) -> Activation:
        """What the recipe is judged by; an empty one where nothing was ever activated."""
        return self._known.get(recipe, Activation())

    def lost(self, recipe: str) -> str:
        """Why it cannot be told which model was active for a recipe: its last good revision says so. Empty: it can."""
        if self._lost is None:
            return "" if recipe in self._known else self.trouble
        return self._lost.get(recipe, "")

    def found_again(self, recipe: str, good: Recipe, file_model: str) -> None:
        """Write down again who judges by a recipe that was lost: the model of its last good revision."""
        self.insist(recipe, active=good.model, digest=good.model_hash, file_model=file_model)
        if self._lost:
            self._lost.pop(recipe, None)

    def all(self) -> dict[str, Activation]:
        """By the recipe's name."""
        return dict(self._known)

    def change(self, recipe: str, **fields: Any) -> Activation:
        """Replace some fields of one recipe's activation. Raises OSError when it cannot be made durable."""
        with self._lock:
            after = self.of(recipe).model_copy(update=fields)
            self._write({**self._known, recipe: after})
            return after

    def insist(self, recipe: str, **fields: Any) -> Activation:
        """As `change`, but it holds even where the disk refuses it; `retry` makes it durable later."""
        with self._lock:
            after = self.of(recipe).model_copy(update=fields)
            known = {**self._known, recipe: after}
            try:
                self._write(known)
            except OSError as error:
                log.error("%s cannot be written, tried again later: %s", self._file, error)
                self._known, self._unwritten = known, True
            return after

    def retry(self) -> None:
        """Write what `insist` could not."""
        with self._lock:
            if self._unwritten:
                with suppress(OSError):
                    self._write(self._known)

    def _write(self, known: dict[str, Activation]) -> None:
        body = {"recipes": {name: each.model_dump(mode="json") for name, each in sorted(known.items())}}
        if self._damaged:
            with suppress(OSError):  # for people, and no reason not to write
                self._file.with_name(BAD).unlink(missing_ok=True)
                os.link(self._file, self._file.with_name(BAD))
            self._damaged = False
        write_atomically(self._file, json.dumps(body, indent=1).encode() + b"\n")
        self._known, self._unwritten = known, False

    def _read(self) -> dict[str, Activation]:
        try:
            recipes = json.loads(self._file.read_bytes())["recipes"]
            each = dict(recipes.items())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            self._lost, self._damaged = None, True
            self._say(f"cannot be read: {type(error).__name__}: {error}")
            return {}
        known: dict[str, Activation] = {}
        wrong: list[str] = []
        for name, said in each.items():
            activation, why = _as_far_as_it_goes(said)
            if activation is not None:
                known[name] = activation
            elif self._lost is not None:
                self._lost[name] = f"{self._file}: recipe {name}: {why}"
            wrong += [f"recipe {name}: {why}"] if why else []
        if wrong:
            self._damaged = True
            self._say(f"is damaged: {'; '.join(wrong)}")
        return known

    def _say(self, what: str) -> None:
        self.trouble = f"{self._file} {what}"[:1000]
        log.error("%s", self.trouble)


def _as_far_as_it_goes(said: object) -> tuple[Activation | None, str]:
    """One recipe's activation without what is damaged of it, and what that is; None where nobody knows who judges."""
    try:
        return Activation.model_validate(said), ""
    except ValidationError as error:
        wrong = {str(e["loc"][0]) if e["loc"] else "" for e in error.errors()}
        why = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
    if not isinstance(said, dict) or wrong & _WHO:
        return None, why
    rest = {name: value for name, value in said.items() if name not in wrong}
    if "probation" in wrong:  # a model that was new does not become a good one by this
        rest["probation"] = Probation(boot="")
    try:
        return Activation.model_validate(rest), why
    except ValidationError:
        return None, why


def find_again(activations: Activations, recipes: Recipes, event: Callable[..., None]) -> None:
    """After a damaged file was read: say so, and let the models go on that last judged well. Once, at the start."""
    if not activations.trouble:
        return
    event("models_damaged", why=activations.trouble[:500], kept=BAD)
    for name in recipes.names():
        good = recipes.last_good(name) if activations.lost(name) else None
        if good is None or not good.model:
            continue
        file_model = good.model
        with suppress(OkngError):
            file_model = recipes.read(name).model
        activations.found_again(name, good, file_model)
        event("model_found_again", recipe=name, model=good.model, digest=good.model_hash)
