"""Put a backup back onto a box: checked as a whole first, then placed so that a power cut leaves no mixture.

Everything is unpacked beside its place (`.restore/` in the data folder) and made durable. Then the mark
`.restore/ready` decides: without it the box is as it was, with it the restore is finished by whoever comes next,
this command or the station at its start. What was there before is moved to `replaced-UTC/`, never deleted.
"""

import hashlib
import os
import shutil
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.atomic import sync_folder, write_atomically
from agent.backup.contents import (
    ABOUT,
    CONFIG,
    DATA,
    KEPT,
    MAX_ABOUT_BYTES,
    PEOPLE,
    RESULTS,
    BackupRefused,
    Contents,
    Entry,
    read_contents,
    total_bytes,
)
from agent.errors import OkngError
from agent.lock import DataLock

STAGED, READY = ".restore", "ready"
DATABASE, _PEOPLE = "results.db", "people.db"
_CHUNK = 1 << 20
_SPARE_BYTES = 64 << 20
_BESIDE = ("-wal", "-shm")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError)
"""What zipfile says of bytes that are no zip any more; RuntimeError: "is encrypted", "compression method"."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a backup goes."""

    configuration: Path
    data: Path
    people: Path | None = None
    """Where the users' database lies; None: the backup's is left out."""
    replace: bool = False
    """Whether what is there may be moved aside."""


def look(file: Path) -> Contents:
    """What a backup says of itself, with every file's size checked. Raises BackupRefused."""
    with _opened(file) as archive:
        return _contents(archive)


def configuration_of(file: Path) -> bytes:
    """The configuration in a backup, so that it can be asked where its data folder is. Raises BackupRefused."""
    with _opened(file) as archive:
        entry = next(e for e in _contents(archive).files if e.name == CONFIG)
        if entry.size > 1 << 20:
            raise BackupRefused(f"{file}: {CONFIG} is larger than 1 MB")
        try:
            body = archive.read(CONFIG)
        except _BROKEN as error:
            raise BackupRefused(f"{file}: {CONFIG} is damaged: {error}") from error
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise BackupRefused(f"{file}: {CONFIG} is damaged: its sha256 is not the one in {ABOUT}")
    return body


def restore(file: Path, target: Target, utc: str) -> tuple[Path, ...]:
    """Place a backup; returns the folders and files that hold what was there before. `utc` names them.

    Raises BackupRefused where the backup is not whole or the place not free, DataFolderBusy while a station
    works there, OkngError where it cannot be written; then everything is as it was.
    """
    try:
        with DataLock(target.data), _opened(file) as archive:
            contents, configuration = _contents(archive), configuration_of(file)
            finish(target.data, utc)
            _refuse_what_is_there(contents, target, configuration)
            _stage(archive, contents, target)
            return _place(configuration, contents, target, utc)
    except OSError as error:
        raise OkngError(f"{file} cannot be restored: {error.filename or target.data}: {error.strerror}") from error


def finish(data: Path, utc: str) -> Path | None:
    """Finish a restore that was cut off, or clear away one that had not begun; called under the data folder's lock.

    Returns the folder with what was there before, where something was moved. Raises OSError.
    """
    staged = data / STAGED
    if not staged.exists():
        return None
    if not (staged / READY).exists():
        shutil.rmtree(staged)
        return None
    aside = data / f"replaced-{utc}"
    for kept in (*KEPT, DATABASE):
        _swap(staged / kept, data / kept, aside / kept)
    sync_folder(data)
    shutil.rmtree(staged)
    return aside if aside.exists() else None


def _swap(new: Path, place: Path, aside: Path) -> None:
    """Each step is one rename: cut anywhere and called again, it goes on where it was."""
    if not new.exists():
        return
    if place.exists():
        aside.parent.mkdir(parents=True, exist_ok=True)
        for beside in _BESIDE if place.name == DATABASE else ():
            with suppress(FileNotFoundError):
                os.rename(f"{place}{beside}", f"{aside}{beside}")
        os.rename(place, aside)
    place.parent.mkdir(parents=True, exist_ok=True)
    os.rename(new, place)
    sync_folder(place.parent)


def _opened(file: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except FileNotFoundError as error:
        raise BackupRefused(f"{file}: there is no such file") from error
    except (OSError, *_BROKEN) as error:
        raise BackupRefused(f"{file} is no backup that can be read: {error}") from error


def _contents(archive: zipfile.ZipFile) -> Contents:
    infos = archive.infolist()
    about = [info for info in infos if info.filename == ABOUT]
    if len(about) != 1 or about[0].file_size > MAX_ABOUT_BYTES:
        raise BackupRefused(f"{archive.filename} is no backup of okng: it has no {ABOUT}")
    try:
        contents = read_contents(archive.read(ABOUT))
    except (OSError, *_BROKEN) as error:
        raise BackupRefused(f"{archive.filename}: {ABOUT} is damaged: {error}") from error
    said = {entry.name: entry.size for entry in contents.files}
    there = {info.filename: info.file_size for info in infos if info.filename != ABOUT}
    if said != there or len(infos) != len(there) + 1:
        wrong = sorted(name for name in said.keys() | there.keys() if said.get(name) != there.get(name))
        raise BackupRefused(
            f"{archive.filename}: {ABOUT} and the files in it differ: {', '.join(wrong[:5]) or 'twice'}"
        )
    return contents


def _refuse_what_is_there(contents: Contents, target: Target, configuration: bytes) -> None:
    """Only what the backup would replace counts, and not what is the same already."""
    names = {entry.name for entry in contents.files}
    there = [target.data / kept for kept in KEPT if _holds_files(target.data / kept)]
    if RESULTS in names and (target.data / DATABASE).exists():
        there.append(target.data / DATABASE)
    if PEOPLE in names and target.people is not None and target.people.exists():
        there.append(target.people)
    if target.configuration.exists() and target.configuration.read_bytes() != configuration:
        there.append(target.configuration)
    if there and not target.replace:
        shown = ", ".join(map(str, there[:6]))
        raise BackupRefused(f"this box has things of its own: {shown}; --replace moves them aside")


def _holds_files(place: Path) -> bool:
    if place.is_dir():
        return any(not child.name.startswith(".") for child in place.iterdir())
    return place.exists()


def _stage(archive: zipfile.ZipFile, contents: Contents, target: Target) -> None:
    staged = target.data / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    needed, free = total_bytes(contents.files) + _SPARE_BYTES, shutil.disk_usage(target.data).free
    if needed > free:
        raise BackupRefused(f"{target.data}: {free >> 20} MB are free, the backup needs {needed >> 20} MB")
    try:
        owner = target.data.stat()
        for entry in contents.files:
            place = _staged_place(entry.name, staged)
            if place is not None:
                _unpack(archive, entry, place, owner)
        _sync_folders(staged)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def _staged_place(name: str, staged: Path) -> Path | None:
    if name.startswith(DATA):
        return staged / name.removeprefix(DATA)
    return {RESULTS: staged / DATABASE, PEOPLE: staged / _PEOPLE}.get(name)


def _unpack(archive: zipfile.ZipFile, entry: Entry, place: Path, owner: os.stat_result) -> None:
    for folder in reversed([p for p in place.parents if not p.exists()]):
        folder.mkdir(mode=0o750)
        _give(folder, owner)
    digest = hashlib.sha256()
    try:
        with archive.open(entry.name) as content, place.open("xb") as target:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
            os.fchmod(target.fileno(), 0o640)
            target.flush()
            os.fsync(target.fileno())
    except _BROKEN as error:
        raise BackupRefused(f"{archive.filename}: {entry.name} is damaged: {error}") from error
    if digest.hexdigest() != entry.sha256:
        raise BackupRefused(f"{archive.filename}: {entry.name} is damaged: its sha256 is not the one in {ABOUT}")
    _give(place, owner)


def _give(place: Path, owner: os.stat_result) -> None:
    """What root restores belongs to whom the folder belongs to: the station has to be able to write it."""
    if os.geteuid() == 0:
        os.chown(place, owner.st_uid, owner.st_gid)


def _sync_folders(folder: Path) -> None:
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def _place(configuration: bytes, contents: Contents, target: Target, utc: str) -> tuple[Path, ...]:
    """The configuration first: what comes after the mark needs no right to write anywhere but here."""
    people = target.data / STAGED / _PEOPLE
    before = [_configure(target.configuration, configuration, utc)]
    if target.people is not None and people.exists():
        before.append(_place_people(people, target.people, utc))
    write_atomically(target.data / STAGED / READY, contents.model_dump_json().encode())
    before.append(finish(target.data, utc))
    return tuple(place for place in before if place is not None)


def _configure(file: Path, body: bytes, utc: str) -> Path | None:
    before = None
    if file.exists():
        if file.read_bytes() == body:
            return None
        before = file.with_name(f"{file.name}.replaced-{utc}")
        shutil.copy2(file, before)  # a copy: the file itself stays whole until it is replaced
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, body)
    _give(file, file.parent.stat())
    return before


def _place_people(new: Path, place: Path, utc: str) -> Path | None:
    """The users' database with its log goes aside as one, or the log would be taken for the new one's."""
    before = place.with_name(f"{place.name}.replaced-{utc}")
    place.parent.mkdir(parents=True, exist_ok=True)
    for beside in ("", *_BESIDE):
        with suppress(FileNotFoundError):
            os.rename(f"{place}{beside}", f"{before}{beside}")
    write_atomically(place, new.read_bytes(), mode=0o600)
    _give(place, place.parent.stat())
    return before if before.exists() else None
