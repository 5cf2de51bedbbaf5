"""The one form that an .okng has: a zip whose every byte follows from the names and contents in it.

Entries are stored (not compressed), one after the other from byte 0, without extra fields, comments,
dates (1980-01-01 stands there) or anything between or behind; so a zip bomb has nowhere to be, and a
changed bit is either in a content, where CRC and sha256 see it, or in the form, where this module
does. Format: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
"""

import os
import re
import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from agent.errors import Problem
from agent.station.models.bundle import MANIFEST, MAX_FILES, MAX_MANIFEST_BYTES, SIGNATURE
from agent.station.models.signing import MAX_SIGNATURE_BYTES

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCAL_FIELDS = ("", "version", "flags", "method", "time", "date", "crc", "size", "size", "name length", "extra field")
_CENTRAL_FIELDS = (
    *("", "made by", "version", "flags", "method", "time", "date", "crc", "size", "size", "name length", "extra"),
    *("comment", "disk", "internal attributes", "external attributes", "offset"),
)
_VERSION, _UNIX, _STORED, _MIDNIGHT, _1980 = 20, 3 << 8, 0, 0, 33
_REGULAR = (stat.S_IFREG | 0o644) << 16
_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of an .okng at most."""

    file_bytes: int = 1 << 30
    """Of the whole; nothing in it is compressed, so it is that of the contents too."""
    entry_bytes: int = 512 << 20
    entries: int = MAX_FILES + 2

    def of(self, name: str) -> int:
        """Most bytes of one entry."""
        return {MANIFEST: MAX_MANIFEST_BYTES, SIGNATURE: MAX_SIGNATURE_BYTES}.get(name, self.entry_bytes)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in the zip."""

    name: str
    size: int
    """Bytes."""
    crc: int
    """CRC-32 of the content."""
    at: int
    """Offset of its local header, bytes."""

    @property
    def data_at(self) -> int:
        return self.at + _LOCAL.size + len(self.name)

    @property
    def end(self) -> int:
        return self.data_at + self.size


class NoForm(Exception):
    """The file has not the form of an .okng; holds every problem that could be named."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = tuple(problems)


def local_header(entry: Entry) -> bytes:
    """What stands before an entry's content."""
    return _LOCAL.pack(*_local(entry)) + entry.name.encode()


def directory(entries: Sequence[Entry]) -> bytes:
    """What stands behind the last content: one record an entry, and the end record."""
    records = b"".join(_CENTRAL.pack(*_central(entry)) + entry.name.encode() for entry in entries)
    start = entries[-1].end if entries else 0
    return records + _END.pack(b"PK\5\6", 0, 0, len(entries), len(entries), len(records), start, 0)


def order(names: Sequence[str]) -> list[str]:
    """The order of the entries: manifest, signature, then the files by name."""
    return sorted(names, key=lambda name: (name != MANIFEST, name != SIGNATURE, name))


def scan(stream: BinaryIO, limits: Limits) -> tuple[Entry, ...]:
    """The entries of an open .okng; contents are passed over. Raises NoForm, or OSError."""
    size = os.fstat(stream.fileno()).st_size
    if size > limits.file_bytes:
        raise NoForm([Problem("size", f"is {size} bytes, allowed: at most {limits.file_bytes}")])
    entries: list[Entry] = []
    problems: list[Problem] = []
    at = 0
    while (head := _read(stream, at, _LOCAL.size))[:4] == b"PK\3\4":
        if len(entries) == limits.entries:
            raise NoForm([*problems, Problem("entries", f"are more than {limits.entries}")])
        entry, wrong = _entry(stream, at, head)
        problems += wrong
        if entry is None:
            raise NoForm(problems)
        if entry.end > size:
            raise NoForm([*problems, Problem(entry.name, "goes beyond the end of the file: cut, or forged")])
        problems += _limits(entry, limits)
        entries.append(entry)
        at = entry.end
    problems += _names(entries)
    if problems or not entries:
        raise NoForm(problems or [Problem("byte 0", "is no .okng: it begins with no entry of a zip")])
    wanted = directory(entries)
    if _read(stream, at, len(wanted)) != wanted:
        raise NoForm(_differences(entries, _read(stream, at, len(wanted))))
    if at + len(wanted) < size:
        raise NoForm([Problem("directory", f"{size - at - len(wanted)} bytes stand behind it, allowed: none")])
    return tuple(entries)


def _read(stream: BinaryIO, at: int, count: int) -> bytes:
    stream.seek(at)
    return stream.read(count)


def _entry(stream: BinaryIO, at: int, head: bytes) -> tuple[Entry | None, list[Problem]]:
    """The entry at `at` and what is wrong with it; None where it cannot be told what comes behind it."""
    where = f"byte {at}"
    if len(head) < _LOCAL.size:
        return None, [Problem(where, "an entry is cut off")]
    got = _LOCAL.unpack(head)
    raw = stream.read(got[9])
    if not _NAME.fullmatch(raw):
        shown = ascii(raw[:80].decode("utf-8", "replace"))
        what = f"names {shown}, allowed: a plain file name of letters, digits, _ . - and no folder"
        return None, [Problem(where, what)]
    entry = Entry(raw.decode("ascii"), got[8], got[6], at)
    wrong = _fields(entry.name, _LOCAL_FIELDS, got, _local(entry))
    if any(problem.what.startswith(("flags", "size", "name length", "extra")) for problem in wrong):
        return None, wrong  # where the next entry begins cannot be told for sure
    return entry, wrong


def _limits(entry: Entry, limits: Limits) -> list[Problem]:
    most = limits.of(entry.name)
    return [Problem(entry.name, f"has {entry.size} bytes, allowed: at most {most}")] if entry.size > most else []


def _names(entries: Sequence[Entry]) -> list[Problem]:
    names = [entry.name for entry in entries]
    lower = [name.lower() for name in names]
    twice = sorted({name for name in names if lower.count(name.lower()) > 1})
    problems = [Problem(name, "is there twice, or in another case") for name in twice]
    if names and names[0] != MANIFEST:
        problems.append(Problem(names[0], f"comes first, allowed: {MANIFEST}"))
    if names != order(names):
        problems.append(Problem("entries", f"are not in order: {MANIFEST}, {SIGNATURE}, then the files by name"))
    return problems


def _local(entry: Entry) -> tuple[bytes | int, ...]:
    size, name = entry.size, len(entry.name)
    return b"PK\3\4", _VERSION, 0, _STORED, _MIDNIGHT, _1980, entry.crc, size, size, name, 0


def _central(entry: Entry) -> tuple[bytes | int, ...]:
    _, version, flags, method, time, date, crc, size, _, name, extra = _local(entry)
    made = _UNIX | _VERSION
    return (
        b"PK\1\2",
        made,
        version,
        flags,
        method,
        time,
        date,
        crc,
        size,
        size,
        name,
        extra,
        0,
        0,
        0,
        _REGULAR,
        entry.at,
    )


def _differences(entries: Sequence[Entry], rest: bytes) -> list[Problem]:
    """Which fields of the directory are not what they must be, as far as that can be told."""
    problems: list[Problem] = []
    at = 0
    for entry in entries:
        record = rest[at : at + _CENTRAL.size]
        if len(record) < _CENTRAL.size or record[:4] != b"PK\1\2":
            return [*problems, Problem("directory", f"has no record of {entry.name}")]
        got = _CENTRAL.unpack(record)
        problems += _fields(entry.name, _CENTRAL_FIELDS, got, _central(entry))
        name = rest[at + _CENTRAL.size :][: len(entry.name)]
        if name != entry.name.encode():
            problems.append(Problem(entry.name, f"has another name in the directory: {name!r}"))
        if problems:
            return problems
        at += _CENTRAL.size + len(entry.name)
    return [Problem("directory", "its end is not the one of these entries: cut, or altered")]


def _fields(
    name: str, fields: Sequence[str], got: Sequence[bytes | int], wanted: Sequence[bytes | int]
) -> list[Problem]:
    pairs = zip(fields, got, wanted, strict=True)
    return [Problem(name, f"{field} {_said(field, value, want)}") for field, value, want in pairs if value != want]


def _said(field: str, value: bytes | int, want: bytes | int) -> str:
    said = f"is {value!r}, allowed: {want!r}"
    if not isinstance(value, int):
        return said
    if field == "flags" and value & 1:
        return f"{said}: encrypted"
    if field == "flags" and value & 8:
        return f"{said}: sizes behind the content"
    if field == "method":
        return f"{said}: compressed, an .okng is stored"
    if field == "external attributes" and stat.S_ISLNK(value >> 16):
        return f"{said}: a symbolic link"
    if field == "external attributes" and not stat.S_ISREG(value >> 16):
        return f"{said}: no regular file"
    return said
