"""The recipes of a station: `data/recipes/NAME.toml`, written by people, and their revisions.

Every recipe that was used is kept as a revision: a file named by its content's hash, never changed
(`data/recipes/revisions/SHA256.json`). A recipe that cannot be used is refused with everything that
is wrong in it, and the last good revision of that name stays. Recipes that come with okng are found
where the station has none of that name.

A reference picture lies beside the recipe's file. Its sha256 is pinned when the recipe is read, so that
the revision covers it, and it is kept with the revision (`revisions/SHA256.picture`): a file that is
replaced later changes no revision.
"""

import hashlib
import json
import re
import tomllib
from contextlib import suppress
from pathlib import Path

from agent import paths
from agent.atomic import write_atomically
from agent.errors import Problem, RecipeRefused
from pipelines.recipe import Recipe, RecipeWrong, Reference, parse_recipe

NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,62}$")
_MAX_BYTES = 1 << 20
_MAX_PICTURE_BYTES = 64 << 20


def read_recipe(file: Path) -> Recipe:
    """A recipe file; its name is the file's, and its reference picture is pinned.

    Raises RecipeRefused with every problem.
    """
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise RecipeRefused(f"recipe {file}", [Problem(file.name, f"larger than {_MAX_BYTES} bytes")])
        body = file.read_bytes()
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise RecipeRefused(f"recipe {file}", [Problem(file.name, what)]) from error
    return recipe_of(file, body)


def recipe_of(file: Path, body: bytes) -> Recipe:
    """What a recipe's file with these bytes says, whether it is there or not. Raises RecipeRefused."""
    subject = f"recipe {file}"
    try:
        raw = tomllib.loads(body.decode("utf-8"))
    except ValueError as error:
        raise RecipeRefused(subject, [Problem(file.name, f"is not TOML: {error}")]) from error
    said = raw.get("name", file.stem)
    wrong_name = [Problem("name", f"is {said!r}, the file's is {file.stem!r}")] if said != file.stem else []
    try:
        recipe = parse_recipe({**raw, "name": file.stem})
    except RecipeWrong as error:
        raise RecipeRefused(subject, [*wrong_name, *(Problem(p.where, p.what) for p in error.problems)]) from error
    if wrong_name:
        raise RecipeRefused(subject, wrong_name)
    if recipe.reference is None:
        return recipe
    try:
        return recipe.model_copy(update={"reference": _pinned(recipe.reference, file.parent)})
    except _PictureWrong as error:
        raise RecipeRefused(subject, [Problem(error.where, error.what)]) from error


class _PictureWrong(ValueError):
    """A reference picture that is not there, is none, or is another one."""

    def __init__(self, where: str, what: str) -> None:
        self.where, self.what = where, what
        super().__init__(f"{where}: {what}")


def _pinned(reference: Reference, folder: Path) -> Reference:
    """The reference with its picture's hash. Raises _PictureWrong."""
    data = _picture_bytes(folder / reference.picture)
    got = hashlib.sha256(data).hexdigest()
    if reference.sha256 not in ("", got):
        what = f"is {reference.sha256[:12]}…, {reference.picture} has {got[:12]}…: another picture"
        raise _PictureWrong("reference.sha256", what)
    return reference.model_copy(update={"sha256": got})


def _picture_bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MAX_PICTURE_BYTES:
            raise _PictureWrong("reference.picture", f"{file} is larger than {_MAX_PICTURE_BYTES} bytes")
        return file.read_bytes()
    except OSError as error:
        raise _PictureWrong("reference.picture", f"{file} cannot be read: {error.strerror}") from error


class Recipes:
    """The recipes of one data folder. Only the station writes there."""

    def __init__(self, data: Path, bundled: Path | None = None) -> None:
        self._folder = data / "recipes"
        self._revisions = self._folder / "revisions"
        self._last_good = data / "last-good" / "recipes"
        self._bundled = paths.bundled_recipes() if bundled is None else bundled

    def names(self) -> tuple[str, ...]:
        """All recipes that there are by name, right or wrong."""
        files = [*self._folder.glob("*.toml"), *self._bundled.glob("*.toml")]
        return tuple(sorted({file.stem for file in files}))

    def read(self, name: str) -> Recipe:
        """The recipe as its file stands now. Raises RecipeRefused with every problem."""
        file = self._source(name)
        if file is None:
            known = ", ".join(self.names()) or "none"
            what = f"there is no {self._file(name)}; the recipes here: {known}"
            raise RecipeRefused(f"recipe {name}", [Problem("name", what)])
        return read_recipe(file)

    def source(self, name: str) -> bytes | None:
        """The bytes of its file; None where there is none. Raises RecipeRefused for a name or file that cannot be."""
        file = self._source(name)
        try:
            return None if file is None else file.read_bytes()
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
            raise RecipeRefused(f"recipe {name}", [Problem("name", what)]) from error

    def check(self, name: str, body: bytes) -> Recipe:
        """What a file of that name with these bytes would say. Raises RecipeRefused with every problem."""
        there = self._source(name)
        folder = self._folder if there is None else there.parent
        return recipe_of(folder / f"{name}.toml", body)

    def put(self, name: str, body: bytes | None) -> None:
        """Replace its file in the data folder, as a whole; None takes it away. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if body is None:
            self._file(name).unlink(missing_ok=True)
        else:
            write_atomically(self._file(name), body)

    def own(self, name: str) -> bytes | None:
        """The bytes of its file in the data folder; None where it is a recipe that comes with okng. Raises OSError."""
        return self._file(name).read_bytes() if self._file(name).exists() else None

    def _source(self, name: str) -> Path | None:
        if not NAME.fullmatch(name):
            raise RecipeRefused(f"recipe {name[:80]!r}", [Problem("name", f"allowed: {NAME.pattern}")])
        return next((f for f in (self._file(name), self._bundled / f"{name}.toml") if f.exists()), None)

    def read_or_last_good(self, name: str, lane: str = "") -> tuple[Recipe, str]:
        """The recipe and "", or its last good revision and why the file was refused.

        Raises RecipeRefused with the file's problems where no revision of that name was ever good.
        """
        try:
            return self.read(name), ""
        except RecipeRefused as refused:
            good = self.last_good(name, lane)
            if good is None:
                raise
            return good, str(refused)

    def remember(self, recipe: Recipe, lane: str = "") -> None:
        """Keep this revision, and note it as the last good one of its name, and of this lane's. Raises OSError.

        Called once a lane works on it: model there and no longer new, labels known, golden pictures right.
        """
        self.keep(recipe)
        for folder in (self._last_good, *([self._last_good_of(lane)] if lane else [])):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / recipe.name, recipe.revision.encode() + b"\n")

    def keep(self, recipe: Recipe) -> Path:
        """Keep this revision for ever; one that is there and whole is not written again. Raises OSError."""
        file = self._revisions / f"{recipe.revision}.json"
        body = canonical(recipe)
        self._keep_picture(recipe)
        if not file.exists() or file.read_bytes() != body:
            self._revisions.mkdir(parents=True, exist_ok=True)
            write_atomically(file, body, mode=0o440)
        return file

    def reference(self, recipe: Recipe) -> bytes | None:
        """The file of a recipe's reference picture; None where it has none.

        Raises RecipeRefused when no file with the pinned hash is to be had.
        """
        if recipe.reference is None:
            return None
        try:
            return self._picture(recipe.reference)
        except _PictureWrong as error:
            raise RecipeRefused(f"recipe {recipe.name}", [Problem(error.where, error.what)]) from error

    def _picture(self, reference: Reference) -> bytes:
        """The bytes of the pinned picture: as kept, else as it lies beside the recipes."""
        wrong = "no file has it"
        for file in (self._kept(reference), self._folder / reference.picture, self._bundled / reference.picture):
            if not file.exists():
                continue
            data = _picture_bytes(file)
            got = hashlib.sha256(data).hexdigest()
            if got == reference.sha256:
                return data
            wrong = f"{file} has {got[:12]}…: another picture"
        raise _PictureWrong("reference.sha256", f"is {reference.sha256[:12] or 'not pinned'}…, {wrong}")

    def _keep_picture(self, recipe: Recipe) -> None:
        if recipe.reference is None or not recipe.reference.sha256:
            return
        file = self._kept(recipe.reference)
        try:
            data = self._picture(recipe.reference)
        except _PictureWrong as error:
            raise OSError(str(error)) from error
        if not file.exists() or file.read_bytes() != data:
            self._revisions.mkdir(parents=True, exist_ok=True)
            write_atomically(file, data, mode=0o440)

    def _kept(self, reference: Reference) -> Path:
        return self._revisions / f"{reference.sha256}.picture"

    def revision(self, revision: str) -> Recipe:
        """A kept revision by its hash. Raises RecipeRefused when it is not there or was altered."""
        subject = f"recipe revision {revision[:12]}"
        file = self._revisions / f"{revision}.json"
        if not re.fullmatch(r"[0-9a-f]{64}", revision):
            raise RecipeRefused(subject, [Problem("revision", f"is {revision!r}, allowed: 64 hex digits")])
        try:
            body = file.read_bytes()
        except OSError as error:
            raise RecipeRefused(subject, [Problem(file.name, f"cannot be read: {error.strerror}")]) from error
        got = hashlib.sha256(body).hexdigest()
        if got != revision:
            raise RecipeRefused(subject, [Problem(file.name, f"sha256 is {got[:12]}…: cut or edited")])
        try:
            return parse_recipe(json.loads(body))
        except RecipeWrong as error:  # kept by an okng that knew other options
            raise RecipeRefused(subject, [Problem(p.where, p.what) for p in error.problems]) from error

    def ok_rate_of(self, revision: str) -> float | None:
        """The share of OK parts whose pictures a revision keeps; None where it is not to be had."""
        with suppress(RecipeRefused):
            return self.revision(revision).evidence_ok_rate
        return None

    def last_good(self, name: str, lane: str = "") -> Recipe | None:
        """The revision of that name that this lane last worked on, else any; None where there is none to be had."""
        for folder in (*([self._last_good_of(lane)] if lane else []), self._last_good):
            with suppress(OSError, RecipeRefused):
                return self.revision((folder / name).read_text().strip())
        return None

    def _last_good_of(self, lane: str) -> Path:
        return self._last_good.parent / "lanes" / lane

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.toml"


def canonical(recipe: Recipe) -> bytes:
    """The bytes that a revision's hash is made of."""
    return json.dumps(recipe.model_dump(mode="json"), sort_keys=True, separators=(",", ":")).encode()
