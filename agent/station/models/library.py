"""The models that a station has: those that come with okng, and those in `models/` of its data folder.

A model judges only when every file has the hash that its manifest names, and when the manifest is signed by
a key that the configuration trusts (or it comes with okng, or the configuration takes what nobody signed).
A name and version is one model for ever: none is taken in by a name that another has, shipped ones included.
"""

import logging
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agent import paths
from agent.atomic import sync_folder
from agent.control import INCOMING, UPLOADS
from agent.errors import BundleRefused, OkngError, Problem
from agent.station.models.archive import SUFFIX, Peeked, peek, unpack
from agent.station.models.bundle import ID, MANIFEST, SIGNATURE, Bundle, checked_id, read_bundle
from agent.station.models.signing import Signed, Trust, verify

log = logging.getLogger(__name__)

FOLDER = "models"
TRYING, GONE = ".trying", ".gone-"
"""What an import that has not ended unpacks, and what a removal that has not ended leaves."""
Source = Literal["bundled", "installed", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Held:
    """A bundle's folder as it lies there, nothing of it checked."""

    id: str
    folder: Path
    source: Source
    bytes: int
    since_utc_us: int
    """When it came."""


class Library:
    """The bundles of one data folder. Only the station changes them."""

    def __init__(self, data: Path, trust: Trust | None, bundled: Path | None = None) -> None:
        """Without `trust`, whoever made a model is not asked."""
        self._folder = data / FOLDER
        self._incoming = {name: data / name for name in (INCOMING, UPLOADS)}
        self._trust = trust
        self._bundled = paths.bundled_models() if bundled is None else bundled

    def find(self, model: str) -> Path:
        """A bundle's folder: a path, or by name in the data folder, or one that comes with okng."""
        if "/" in model:
            return Path(model)
        for place in (self._folder, self._bundled):
            if ID.fullmatch(model) and os.path.isdir(place / model):
                return place / model
        known = ", ".join(sorted({held.id for held in self.held()}))
        raise BundleRefused(f"model {model}", [Problem("model", f"there is no such bundle; known: {known or 'none'}")])

    def read(self, model: str) -> Bundle:
        """A bundle, checked and trusted. Raises BundleRefused with everything that is wrong."""
        bundle = read_bundle(self.find(model))
        if "/" not in model and bundle.id != model:
            raise BundleRefused(f"model bundle {bundle.folder}", [Problem(MANIFEST, f"calls itself {bundle.id}")])
        signed = self.signed(bundle.folder)
        if not signed.accepted:
            raise BundleRefused(f"model bundle {bundle.folder}", [Problem(SIGNATURE, signed.why)])
        return bundle

    def signed(self, folder: Path) -> Signed:
        """What its signature is worth. What comes with okng is okng's own, and needs none."""
        if self.source(folder) == "bundled":
            return Signed(True, None, "", "comes with okng")
        if self._trust is None:
            return Signed(True, None, "", "a person named it by hand")
        try:
            return verify(folder, self._trust)
        except OSError as error:
            return Signed(False, None, "", f"cannot be read: {error.strerror}")

    def source(self, folder: Path) -> Source:
        """Where a bundle lies."""
        if folder.parent == self._bundled:
            return "bundled"
        return "installed" if folder.parent == self._folder else "elsewhere"

    def held(self) -> tuple[Held, ...]:
        """Every bundle by name, the installed ones first; they hide those of the same name that come with okng."""
        found: dict[str, Held] = {}
        for place in (self._folder, self._bundled):
            for folder in sorted(place.glob("*")):
                if ID.fullmatch(folder.name) and os.path.isfile(folder / MANIFEST):
                    found.setdefault(folder.name, self._held(folder))
        return tuple(found.values())

    def _held(self, folder: Path) -> Held:
        size, since = 0, 0
        with suppress(OSError):  # taken away in this very moment
            size = sum(file.stat().st_size for file in folder.iterdir())
            since = folder.stat().st_ctime_ns // 1000
        return Held(folder.name, folder, self.source(folder), size, since)

    def offered(self, file: str, folders: bool, of: str = INCOMING) -> Path:
        """The file that an import names: an absolute path, or a plain name in `incoming/` or `uploads/`.

        `folders`: a bundle's folder may be named too. Raises BundleRefused.
        """
        if of not in self._incoming:
            what = f"is {of[:40]!r}; allowed are {', '.join(self._incoming)}"
            raise BundleRefused("import", [Problem("of", what)])
        path, whose = Path(file), self._incoming[of]
        if not path.is_absolute():
            if path.name != file or file.startswith("."):
                what = f"is {file[:200]!r}; an absolute path, or a plain name in {whose}, is allowed"
                raise BundleRefused("import", [Problem("file", what)])
            path = whose / file
        try:
            # There lie files of another user: a link there would have us open what only we may.
            mode = (path.stat() if self._follows(path) else path.lstat()).st_mode
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise BundleRefused("import", [Problem("file", f"{str(path)[:200]} cannot be read: {why}")]) from error
        if stat.S_ISDIR(mode) and folders and self._follows(path):
            return path
        if not stat.S_ISREG(mode):
            what = "a folder; okng bundle pack makes a file of it" if stat.S_ISDIR(mode) else "no regular file"
            raise BundleRefused("import", [Problem("file", f"{path} is {what}; a {SUFFIX} file is allowed")])
        return path

    def peek(self, file: Path) -> Peeked:
        """What a file says of itself, its signature checked. Raises BundleRefused."""
        return peek(file, self._trust, follow=self._follows(file))

    def _follows(self, file: Path) -> bool:
        """Whether a link may stand for the file: not where others put files, also if it was none a moment ago."""
        return file.parent not in self._incoming.values()

    @contextmanager
    def taken_in(self, file: Path) -> Iterator[Bundle]:
        """An .okng, unpacked beside the models: it is one of them only after `keep`, else nothing of it stays.

        Raises BundleRefused with everything that is wrong.
        """
        trying = self._folder / TRYING
        try:
            trust = self._trust or Trust(accept_unsigned=True)
            bundle = unpack(file, trying, trust, follow=self._follows(file)).bundle
            self.refuse_hiding(bundle.id, file)
            yield bundle
        finally:
            shutil.rmtree(trying, ignore_errors=True)

    def refuse_hiding(self, model: str, file: Path) -> None:
        """Raises BundleRefused where there is a model of that name already, right or wrong."""
        for place, whose in ((self._folder, "is there already"), (self._bundled, "comes with okng")):
            if os.path.lexists(place / model):
                what = f"{whose}; a bundle is never changed: give it another version"
                raise BundleRefused(f"model bundle {file}", [Problem(model, what)])

    def keep(self, bundle: Bundle) -> Bundle:
        """A bundle that was taken in is one of the models from now on, durably. Raises OkngError."""
        target = self._folder / bundle.id
        try:
            bundle.folder.rename(target)
            sync_folder(self._folder)
        except OSError as error:
            raise OkngError(f"model {bundle.id} cannot be kept: {error.strerror}") from error
        return replace(bundle, folder=target)

    def tidy(self) -> None:
        """Remove what a killed import or removal left. To be called before anything else, at the start."""
        for left in (self._folder / TRYING, *self._folder.glob(f"{GONE}*")):
            shutil.rmtree(left, ignore_errors=True)

    def remove(self, model: str) -> None:
        """Remove an installed bundle, at once or not at all. Raises OkngError."""
        folder = self._folder / checked_id(model)
        if not os.path.isdir(folder):
            installed = ", ".join(held.id for held in self.held() if held.source == "installed") or "none"
            raise OkngError(f"model {model} is not installed here; installed: {installed}")
        gone = self._folder / f"{GONE}{model}"
        try:
            shutil.rmtree(gone, ignore_errors=True)
            folder.rename(gone)
            sync_folder(self._folder)
        except OSError as error:
            raise OkngError(f"model {model} cannot be removed: {error.strerror}") from error
        shutil.rmtree(gone, ignore_errors=True)

    def too_many(self, needed: Iterable[str], keep: int, cap_bytes: int, more_bytes: int = 0) -> tuple[str, ...]:
        """Installed bundles that may go, the oldest first, so that `keep` that nobody needs and the cap hold."""
        kept = frozenset(needed)
        installed = [held for held in self.held() if held.source == "installed"]
        spare = sorted((held for held in installed if held.id not in kept), key=lambda held: held.since_utc_us)
        total = sum(held.bytes for held in installed) + more_bytes
        going: list[str] = []
        for place, held in enumerate(spare):
            if len(spare) - place <= keep and total <= cap_bytes:
                break
            going.append(held.id)
            total -= held.bytes
        return tuple(going)
