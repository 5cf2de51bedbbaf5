"""A bundle as one file, `NAME-VERSION.okng`, and how a stranger's one is taken apart safely.

Every step is only taken when the one before it found nothing wrong: the zip's form and limits, the
signature over the manifest's bytes, the manifest's fields, the names, the contents by size, CRC-32 and
sha256 into a hidden folder, what the files hold, and at last the rename. What is refused leaves nothing.
"""

import errno
import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from agent.atomic import sync_folder
from agent.errors import BundleRefused, Problem
from agent.station.models.bundle import MANIFEST, SIGNATURE, Bundle, Manifest, parse_manifest, read_bundle
from agent.station.models.contents import problems as contents_problems
from agent.station.models.signing import Signed, SigningKey, Trust, examine, sign_folder
from agent.station.models.zipform import Entry, Limits, NoForm, directory, local_header, order, scan

SUFFIX = ".okng"
LIMITS = Limits()
_SCRATCH = ".unpack-"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Peeked:
    """What an .okng says of itself; of its files only the sizes have been looked at."""

    manifest: Manifest
    digest: str
    """sha256 of manifest.json, hex: the model's hash."""
    signed: Signed
    sizes: Mapping[str, int]
    """Bytes by file, manifest and signature included."""

    @property
    def id(self) -> str:
        return f"{self.manifest.name}-{self.manifest.version}"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A bundle that was taken apart and found whole."""

    bundle: Bundle
    signed: Signed


def pack(folder: Path, file: Path) -> Path:
    """Write a bundle's folder as one file, whole or not at all; what stood there is replaced.

    The same folder gives the same bytes. Raises BundleRefused for a bundle that `unpack` would refuse
    for another reason than its signature, or when the file cannot be written.
    """
    subject = f"model bundle {folder}"
    bundle = read_bundle(folder)
    if os.path.realpath(file.parent) == os.path.realpath(folder):
        raise BundleRefused(subject, [Problem(file.name, "would lie inside of the bundle that it is made of")])
    if wrong := contents_problems(folder, bundle.manifest):
        raise BundleRefused(subject, wrong)
    names = order([*bundle.manifest.files, MANIFEST, *([SIGNATURE] if (folder / SIGNATURE).exists() else [])])
    try:
        number, scratch = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".new")
        try:
            with os.fdopen(number, "w+b") as stream:
                _write(stream, folder, names)
                os.fchmod(number, 0o644)
                os.fsync(number)
                scan(stream, LIMITS)
            os.rename(scratch, file)
        except BaseException:
            os.unlink(scratch)
            raise
        sync_folder(file.parent)
    except NoForm as error:
        raise BundleRefused(subject, error.problems) from error
    except OSError as error:
        raise BundleRefused(subject, [Problem(file.name, f"cannot be written: {error.strerror}")]) from error
    return file


def peek(file: Path, trust: Trust | None, limits: Limits = LIMITS, *, follow: bool = True) -> Peeked:
    """The manifest of an .okng, its form, limits and signature checked, its files not read.

    Without `trust` any signature will do; then nothing of it is to be relied on. `follow`: False refuses a
    symbolic link. Raises BundleRefused.
    """
    with _refusing(file), _open(file, follow) as stream:
        return _peek(stream, scan(stream, limits), trust, f"model bundle {file}")


def unpack(file: Path, into: Path, trust: Trust, limits: Limits = LIMITS, *, follow: bool = True) -> Unpacked:
    """Take an .okng apart into the new folder `into/NAME-VERSION`, after everything about it was checked.

    `file` may be a bundle's folder too: it is packed first, so that what is checked is what is taken.
    The folder appears whole and durable, or not at all. `follow`: False refuses a symbolic link. Raises
    BundleRefused with every problem, also where that folder is there already.
    """
    with _refusing(file):
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=_SCRATCH) as scratch:
            packed = pack(file, Path(scratch) / "folder.okng") if file.is_dir() else file
            with _open(packed, follow) as stream:
                return _unpack(stream, Path(scratch), into, trust, limits, f"model bundle {file}")


def check(file: Path, trust: Trust, limits: Limits = LIMITS) -> Unpacked:
    """As `unpack`, but nothing stays; the bundle's folder is gone when this returns."""
    with _refusing(file), tempfile.TemporaryDirectory(prefix="okng-") as scratch:
        return unpack(file, Path(scratch), trust, limits)


def resign(file: Path, key: SigningKey) -> str:
    """Sign an .okng in its place, whatever signature it has; the key's id. Raises BundleRefused.

    Everything else about it is checked first.
    """
    with _refusing(file), tempfile.TemporaryDirectory(prefix="okng-") as scratch:
        with _open(file) as stream:
            unpacked = _unpack(stream, Path(scratch), Path(scratch), None, LIMITS, f"model bundle {file}")
        number = sign_folder(unpacked.bundle.folder, key)
        pack(unpacked.bundle.folder, file)
    return number


def sweep(into: Path) -> None:
    """Remove what an `unpack` left that was killed. To be called where none is running."""
    for left in into.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)


def _write(stream: BinaryIO, folder: Path, names: list[str]) -> None:
    entries: list[Entry] = []
    for name in names:
        size, crc = _measured(folder / name)
        entry = Entry(name, size, crc, entries[-1].end if entries else 0)
        if entry.end > LIMITS.file_bytes:
            raise NoForm([Problem(name, f"makes the bundle larger than {LIMITS.file_bytes} bytes")])
        stream.write(local_header(entry))
        with (folder / name).open("rb") as content:
            shutil.copyfileobj(content, stream)
        entries.append(entry)
    stream.write(directory(entries))
    stream.flush()


def _measured(file: Path) -> tuple[int, int]:
    """Size in bytes and CRC-32 of a file. Raises NoForm, naming it, where it cannot be read."""
    crc = size = 0
    try:
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    except OSError as error:
        raise NoForm([Problem(file.name, f"cannot be read: {error.strerror}")]) from error
    return size, crc


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    subject = f"model bundle {file}"
    try:
        yield
    except NoForm as error:
        raise BundleRefused(subject, error.problems) from error
    except OSError as error:
        named = Path(error.filename).name if isinstance(error.filename, str) else file.name
        raise BundleRefused(subject, [Problem(named, f"{error.strerror or error}")]) from error


@contextmanager
def _open(file: Path, follow: bool = True) -> Iterator[BinaryIO]:
    """Opened without waiting: a pipe with no writer would hold the caller up for ever."""
    try:
        number = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    except OSError as error:
        if error.errno != errno.ELOOP or follow:
            raise
        raise NoForm([Problem(file.name, "is a symbolic link: a file is allowed here")]) from error
    with os.fdopen(number, "rb") as stream:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise NoForm([Problem(file.name, "is not a regular file")])
        yield stream


def _peek(stream: BinaryIO, entries: tuple[Entry, ...], trust: Trust | None, subject: str) -> Peeked:
    raw = {entry.name: _content(stream, entry) for entry in entries if entry.name in (MANIFEST, SIGNATURE)}
    signed = examine(raw[MANIFEST], raw.get(SIGNATURE), trust or Trust(accept_unsigned=True))
    if trust is not None and not signed.accepted:
        raise BundleRefused(subject, [Problem(SIGNATURE, signed.why)])
    manifest = parse_manifest(raw[MANIFEST], subject)
    sizes = {entry.name: entry.size for entry in entries}
    wrong = [
        Problem(n, "is not named in the manifest") for n in sizes if n not in (MANIFEST, SIGNATURE, *manifest.files)
    ]
    wrong += [Problem(n, "is named in the manifest, but not there") for n in manifest.files if n not in sizes]
    if wrong:
        raise BundleRefused(subject, wrong)
    return Peeked(manifest, sha256(raw[MANIFEST]).hexdigest(), signed, sizes)


def _unpack(stream: BinaryIO, scratch: Path, into: Path, trust: Trust | None, limits: Limits, subject: str) -> Unpacked:
    entries = scan(stream, limits)
    peeked = _peek(stream, entries, trust, subject)
    target, folder = into / peeked.id, scratch / "bundle"
    if target.exists():
        raise BundleRefused(subject, [Problem(peeked.id, "is there already; a bundle is never changed")])
    folder.mkdir(mode=0o750)
    wrong = []
    for entry in entries:
        got = _extract(stream, entry, folder / entry.name)
        want = peeked.manifest.files.get(entry.name)
        if want is not None and got != want:
            what = f"sha256 is {got[:12]}…, the manifest says {want[:12]}…: cut, edited or swapped"
            wrong.append(Problem(entry.name, what))
    if wrong := wrong or contents_problems(folder, peeked.manifest):
        raise BundleRefused(subject, wrong)
    bundle = read_bundle(folder)  # what lies on the disk now, manifest included
    if bundle.digest != peeked.digest:
        raise BundleRefused(subject, [Problem(MANIFEST, "changed while it was read")])
    for entry in entries:
        _sync(folder / entry.name)
    sync_folder(folder)
    folder.rename(target)
    sync_folder(into)
    return Unpacked(replace(bundle, folder=target), peeked.signed)


def _content(stream: BinaryIO, entry: Entry) -> bytes:
    """A small entry's content. Raises NoForm when it is damaged."""
    stream.seek(entry.data_at)
    content = stream.read(entry.size)
    if len(content) != entry.size or zlib.crc32(content) != entry.crc:
        raise NoForm([Problem(entry.name, "is damaged: its CRC-32 is another")])
    return content


def _extract(stream: BinaryIO, entry: Entry, to: Path) -> str:
    """Write an entry's content; its sha256, hex. Raises NoForm when it is damaged."""
    seen, crc, left = sha256(), 0, entry.size
    stream.seek(entry.data_at)
    with to.open("xb") as out:
        os.fchmod(out.fileno(), 0o640)
        while left and (chunk := stream.read(min(left, _CHUNK))):
            seen.update(chunk)
            crc, left = zlib.crc32(chunk, crc), left - len(chunk)
            out.write(chunk)
    if left or crc != entry.crc:
        raise NoForm([Problem(entry.name, "is damaged: its CRC-32 is another")])
    return seen.hexdigest()


def _sync(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
