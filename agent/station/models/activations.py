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

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.atomic import write_atomically
from agent.errors import OkngError
from agent.recipes import Recipes
from pipelines.recipe import Recipe

log = logging.getLogger(__name__)

FILE = "models.json"
BAD = f"{FILE}.bad"
_WHO = frozenset({"active", "digest", "file_model"})
"""Fields without which it cannot be told who judges."""


class _Kept(BaseModel):
    # What a newer okng wrote besides is passed over and not refused: a station must come up.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Version(_Kept):
    """A model, by its name and by what it is."""

    id: str
    """NAME-VERSION."""
    digest: str
    """sha256 of its manifest, hex."""

    @property
    def of_recipe(self) -> dict[str, str]:
        """The fields of a recipe that name it."""
        return {"model": self.id, "model_hash": self.digest}


class Canary(_Kept):
    """A candidate that judges a share of the parts beside the active model."""

    id: str
    digest: str = ""
    share: float
    drift: bool = True
    """Whether its verdicts are expected to be like the active model's."""
    boot: str = ""
    """Boot id of the machine when it began, or went on."""
    ended_well: bool = True
    """The process was stopped, and did not die while it judged."""


class Before(_Kept):
    """Figures of the model before, as `agent.station.models.health.Figures`."""

    parts: int
    ng: int
    unsure: int
    errors: int
    missed: int
    p99_ms: float
    scores: tuple[int, ...]
    labels: dict[str, int]
    times: dict[int, int] = Field(default_factory=dict)
    judged: int = 0


class Probation(_Kept):
    """The health window of an activation, while it is open."""

    boot: str
    """Boot id of the machine when it was opened, or gone on with."""
    drift: bool = True
    """Whether the verdicts are expected to be like those before."""
    ended_well: bool = False
    """The process was stopped within the window, and did not die in it."""
    before: Before | None = None
    so_far: Before | None = None
    """What it has shown until the station was last stopped."""
    watched_s: float = 0.0
    """How long it was watched until then."""
    lanes: dict[str, int] = Field(default_factory=dict)
    """Lane -> parts that it had judged there until then."""


class RolledBack(_Kept):
    """An activation that was taken back, and the parts that it judged."""

    model: str
    digest: str
    to: str
    why: str
    at_utc_us: int
    first_id: int = 0
    last_id: int = 0
    parts: int = 0
    passed: int = 0
    """Of them OK: what is to be held."""
    by_itself: bool = True
    after: str = ""
    """What had been taken back just before, and why: two models are gone then, and not one."""
    seen: bool = False
    """A person knows of it, and has dealt with the parts: the alarm is over."""

    @property
    def told(self) -> str:
        """In a few words, for people."""
        return f"{self.model} was taken back {'by itself' if self.by_itself else 'by a person'}: {self.why[:200]}"


class Activation(_Kept):
    """What one recipe is judged by."""

    active: str = ""
    """NAME-VERSION; empty: the model that the recipe's file names."""
    digest: str = ""
    since_utc_us: int = 0
    file_model: str = ""
    """What the recipe's file named when this was said: once it names another, the file decides again."""
    previous: tuple[Version, ...] = ()
    """Good ones before it, the last one first."""
    shadow: str | None = None
    canary: Canary | None = None
    canary_trouble: str = ""
    """Why the last canary has ended by itself, until a person knows."""
    probation: Probation | None = None
    rolled_back: RolledBack | None = None
    """The last one that was taken back."""
    condemned: dict[str, str] = Field(default_factory=dict)
    """Digest -> why, of models that were taken back by themselves: only a person who insists activates one again."""

    @property
    def version(self) -> Version:
        return Version(id=self.active, digest=self.digest)

    def decides(self, file_model: str) -> bool:
        """Whether it stands in for the model of a recipe whose file names this one."""
        return bool(self.active) and self.file_model == file_model

    def way_back(self, recipe: str) -> Version:
        """The good model before. Raises OkngError where there is none, with what has happened already."""
        if self.previous:
            return self.previous[0]
        back = self.rolled_back
        judges = "nobody" if self.digest in self.condemned else self.active
        already = f"; {back.told}; {judges} judges" if back is not None else ""
        raise OkngError(f"recipe {recipe}: there is no good model to go back to{already}")

    @property
    def named(self) -> frozenset[str]:
        """Every bundle that it needs."""
        canary = [self.canary.id] if self.canary else []
        shadow = [self.shadow] if self.shadow else []
        active = [self.active] if self.active else []
        return frozenset([*active, *(v.id for v in self.previous), *shadow, *canary])


def effective(recipe: Recipe, activation: Activation, by_file: bool = True) -> Recipe:
    """The recipe with the model that is active for it.

    `by_file` is False for a revision, which names the model that judged then. A file that has pinned a
    model's hash since is obeyed.
    """
    pinned = by_file and recipe.model_hash not in ("", activation.digest)
    decides = activation.decides(recipe.model) if by_file else bool(activation.active)
    return recipe.model_copy(update=activation.version.of_recipe) if decides and not pinned else recipe


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
