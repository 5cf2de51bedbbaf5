"""What is harmed, what a forger has, and the plain ways to change bytes or to zip them anew."""

import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from agent.station.models.bundle import MANIFEST, SIGNATURE
from agent.station.models.signing import SigningKey
from agent.station.models.zipform import Entry, directory, local_header, order


@dataclass(frozen=True, slots=True)
class Original:
    """What is harmed, and what a forger has."""

    packed: bytes
    contents: Mapping[str, bytes]
    key: SigningKey
    """The trusted one: for `trusted but dangerous` only."""
    foreign: SigningKey

    @property
    def files(self) -> list[str]:
        """Names without manifest and signature."""
        return [name for name in self.contents if name not in (MANIFEST, SIGNATURE)]


def in_form(contents: Mapping[str, bytes], names: list[str] | None = None) -> bytes:
    """An .okng of these contents, in the right form apart from the order, where `names` gives one."""
    entries, body = [], b""
    for name in order(list(contents)) if names is None else names:
        content = contents[name]
        entries.append(Entry(name, len(content), zlib.crc32(content), len(body)))
        body += local_header(entries[-1]) + content
    return body + directory(entries)


def by_zipfile(contents: Mapping[str, bytes], method: int = zipfile.ZIP_STORED, mode: int = stat.S_IFREG) -> bytes:
    """A zip as other programs write them; any name will do."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in contents.items():
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = (mode | 0o644) << 16, method
            made.writestr(info, content)
    return out.getvalue()


def flipped(random: Random, data: bytes) -> bytes:
    harmed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        harmed[random.randrange(len(harmed))] ^= 1 << random.randrange(8)
    return bytes(harmed)


def cut(random: Random, data: bytes) -> bytes:
    a, b = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return random.choice((data[:a], data[b:], data[:a] + data[b:]))


def inserted(random: Random, data: bytes) -> bytes:
    at = random.choice((0, len(data), random.randrange(len(data))))
    a = random.randrange(len(data))
    more = random.choice((random.randbytes(random.randint(1, 100)), b"\0", data[a : a + 200], data))
    return data[:at] + more + data[at:]


def overwritten(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data))
    more = random.choice((random.randbytes(random.randint(1, 64)), b"\0" * 32, b"\xff" * 16))
    return data[:at] + more[: len(data) - at] + data[at + len(more) :]
