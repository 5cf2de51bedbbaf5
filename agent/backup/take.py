"""Make a backup, while the station runs or not: everything is read, nothing stopped or changed."""

import hashlib
import os
import stat
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.backup.contents import (
    ABOUT,
    CONFIG,
    DATA,
    FORMAT,
    KEPT,
    MAX_FILES,
    PEOPLE,
    RESULTS,
    BackupRefused,
    Contents,
    Entry,
    is_ours,
)
from agent.config import Config
from agent.errors import OkngError
from agent.store.copy import copy_database
from agent.store.people.database import copy_without_sessions
from agent.version import __version__

_CHUNK = 1 << 20
_MADE = (1980, 1, 1, 0, 0, 0)
"""No dates in the zip: the same station twice makes the same entries."""
_BY_HAND = frozenset({"password_file", "ca", "certificate", "key"})


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be backed up."""

    configuration: Path
    """The file that the station was started with."""
    config: Config
    people: Path | None = None
    """The database of users, tokens and acts, where there is one."""
    results: bool = False
    """The results' database as well: all that was judged, without pictures."""


def take(wishes: Wishes, file: Path) -> Contents:
    """Write the backup, whole or not at all; readable by its owner only, for it holds password hashes.

    Raises BackupRefused for what cannot be backed up, OkngError where a file cannot be read or the backup not
    written (a full disk, say); nothing is left of it then.
    """
    number, name = -1, ""
    try:
        number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".new")
        with os.fdopen(number, "w+b") as stream:
            contents = _write(wishes, stream, file.parent)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(name, file)
    except OSError as error:
        raise OkngError(f"backup {file} cannot be made: {error.filename or file}: {error.strerror}") from error
    finally:
        if name and os.path.exists(name):
            os.unlink(name)
    return contents


def _write(wishes: Wishes, stream: IO[bytes], scratch: Path) -> Contents:
    config = wishes.config.station
    with (
        tempfile.TemporaryDirectory(dir=scratch, prefix=".okng-backup-") as copies,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive,
    ):
        entries = []
        for name, source in _sources(wishes, Path(copies)):
            if not is_ours(name):
                raise BackupRefused(f"{source}: a file of this name cannot be backed up; rename it or take it away")
            entries.append(_add(archive, name, source))
            if len(entries) > MAX_FILES:
                raise BackupRefused(f"{config.data}: more than {MAX_FILES} files")
        contents = Contents(
            format=FORMAT,
            okng=__version__,
            station=f"{config.site}/{config.line}/{config.name}",
            utc_us=time.time_ns() // 1000,
            files=tuple(entries),
            by_hand=by_hand(wishes.config),
        )
        archive.writestr(_info(ABOUT), contents.model_dump_json(indent=1))
    return contents


def _sources(wishes: Wishes, copies: Path) -> Iterator[tuple[str, Path]]:
    """(name in the zip, file): what says which model judges comes before the models themselves."""
    yield CONFIG, wishes.configuration
    data = wishes.config.station.data
    for kept in sorted(KEPT, key=lambda name: name == "models"):
        place = data / kept
        for file in _files(place) if place.is_dir() else (place,) if place.exists() else ():
            yield DATA + file.relative_to(data).as_posix(), file
    databases: Mapping[str, Path | None] = {
        PEOPLE: wishes.people if wishes.people is not None and wishes.people.exists() else None,
        RESULTS: data / "results.db" if wishes.results else None,
    }
    for name, database in databases.items():
        if database is not None:
            copy = copies / Path(name).name
            (copy_without_sessions if name == PEOPLE else copy_database)(database, copy)
            yield name, copy
            copy.unlink()


def _files(folder: Path) -> Iterator[Path]:
    """The regular files below a folder, without what begins with a dot: that is on its way, or going."""
    for place in sorted(folder.iterdir()):
        if place.name.startswith("."):
            continue
        mode = place.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield from _files(place)
        elif stat.S_ISREG(mode):
            yield place


def _add(archive: zipfile.ZipFile, name: str, source: Path) -> Entry:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as content, archive.open(_info(name), "w", force_zip64=True) as target:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
    return Entry(name=name, size=size, sha256=digest.hexdigest())


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _MADE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o640) << 16
    return info


def by_hand(config: Config) -> tuple[str, ...]:
    """The files that the configuration names and that no backup holds: passwords, keys and certificates."""
    return tuple(sorted(set(_named(config.model_dump(mode="python")))))


def _named(section: Mapping[str, object]) -> Iterator[str]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _named(value)
        elif key in _BY_HAND and isinstance(value, Path):
            yield str(value)
