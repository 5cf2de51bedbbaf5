"""Ways to harm a signed bundle: families of mutations, each from a seeded chance to another file's bytes.

What goes further than the form writes the zip anew, with right sizes, CRCs and order, so that the harm
reaches the checks behind the form; what a thief of nothing but the file can do is done with a key of
their own. `trusted but dangerous` is signed by the trusted key: even then no code and no bomb comes in.
"""

import io
import pickle
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from random import Random

from agent.station.models.zipform import order
from benchmarks.harm import forged
from benchmarks.harm.original import Original, by_zipfile, cut, flipped, in_form, inserted, overwritten

_LOCAL, _CENTRAL, _END = struct.Struct("<4s5H3I2H"), struct.Struct("<4s6H3I5H2I"), struct.Struct("<4s4H2IH")
_SHORTS = {_LOCAL: (1, 2, 3, 4, 5, 9, 10), _CENTRAL: (*range(1, 7), *range(10, 15)), _END: (1, 2, 3, 4, 7)}
"""Which fields of each have 16 bits; the others have 32."""


def _bits(random: Random, start: Original) -> bytes:
    return flipped(random, start.packed)


def _cuts(random: Random, start: Original) -> bytes:
    return cut(random, start.packed)


def _insertions(random: Random, start: Original) -> bytes:
    return inserted(random, start.packed)


def _overwritten(random: Random, start: Original) -> bytes:
    return overwritten(random, start.packed)


def _contents(random: Random, start: Original) -> bytes:
    """Another content with its right CRC and size."""
    name = random.choice(list(start.contents))
    how = random.choice((flipped, cut, inserted, overwritten))
    return in_form({**start.contents, name: how(random, start.contents[name])})


def _swapped(random: Random, start: Original) -> bytes:
    a, b = random.sample(list(start.contents), 2)
    return in_form({**start.contents, a: start.contents[b], b: start.contents[a]})


def _missing_or_more(random: Random, start: Original) -> bytes:
    contents = dict(start.contents)
    if random.random() < 0.5:
        for name in random.sample(list(contents), random.randint(1, 3)):
            del contents[name]
    else:
        name = random.choice(("more.bin", "a.py", "zzz.txt", ".hidden", "model.so", "MANIFEST.JSON", "model.pt"))
        contents[name] = random.randbytes(random.randint(0, 200))
    return in_form(contents)


def _renamed(random: Random, start: Original) -> bytes:
    name = random.choice(list(start.contents))
    new = random.choice((name.upper(), f"{name}.", f"a{name}", name[:-1], "model.py", "golden-2.png", f"{name} ", "-x"))
    return in_form({(new if n == name else n): content for n, content in start.contents.items()})


def _nested(random: Random, start: Original) -> bytes:
    """Paths that lead elsewhere, by programs that write any name."""
    name = random.choice(list(start.contents))
    roots = (
        "../",
        "../../../../tmp/",
        "/etc/",
        "a/",
        "./",
        "C:\\",
        "..\\",
        "\\\\host\\",
        "a/../",
        "~/",
        "\u2024\u2024/",
    )
    new = random.choice(roots) + name
    contents = {(new if n == name else n): content for n, content in start.contents.items()}
    if random.random() < 0.3:
        contents = {**start.contents, new: b"escaped"}
    return by_zipfile(contents)


def _twice(random: Random, start: Original) -> bytes:
    name = random.choice(list(start.contents))
    names = order(list(start.contents))
    if random.random() < 0.3:
        return in_form({**start.contents, name.upper(): start.contents[name]})
    names.insert(random.choice((names.index(name), len(names))), name)
    return in_form(start.contents, names)


def _reordered(random: Random, start: Original) -> bytes:
    return in_form(start.contents, random.sample(list(start.contents), len(start.contents)))


def _other_form(random: Random, start: Original) -> bytes:
    """The very same contents and signature, zipped otherwise."""
    names = order(list(start.contents))
    contents = {name: start.contents[name] for name in names}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.comment = random.choice((b"", b"", b"comment"))
        for name, content in contents.items():
            info = zipfile.ZipInfo(name, random.choice(((1980, 1, 1, 0, 0, 0), (2026, 1, 1, 0, 0, 0))))
            info.external_attr = (stat.S_IFREG | random.choice((0o644, 0o600))) << 16
            info.compress_type = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
            info.extra = random.choice((b"", b"", b"UT\5\0\1\0\0\0\0"))
            made.writestr(info, content)
    return out.getvalue()


def _headers(random: Random, start: Original) -> bytes:
    """One field of one header with another value: sizes, CRC, flags, method, offset, attributes, counts."""
    harmed = bytearray(start.packed)
    kind, magic = random.choice(((_LOCAL, b"PK\3\4"), (_CENTRAL, b"PK\1\2"), (_END, b"PK\5\6")))
    places = [at for at in range(len(harmed)) if harmed[at : at + 4] == magic]
    at = random.choice(places)
    fields = list(kind.unpack_from(harmed, at))
    which = random.randrange(1, len(fields))
    most = 0xFFFF if which in _SHORTS[kind] else 0xFFFFFFFF
    values = (0, 1, 8, most, most - 1, most >> 1, fields[which] + 1, fields[which] * 2, random.randint(0, most))
    fields[which] = random.choice(values) & most
    kind.pack_into(harmed, at, *fields)
    return bytes(harmed)


def _not_files(random: Random, start: Original) -> bytes:
    """Entries that are links, folders, devices or pipes."""
    harmed = bytearray(in_form({**start.contents, random.choice(start.files): b"/etc/passwd"}))
    if random.random() < 0.5:
        harmed = bytearray(start.packed)
    places = [at for at in range(len(harmed)) if harmed[at : at + 4] == b"PK\1\2"]
    at = random.choice(places)
    kind = random.choice((stat.S_IFLNK, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK, 0))
    struct.pack_into("<I", harmed, at + 38, (kind | random.choice((0o777, 0o644))) << 16)
    return bytes(harmed)


def _bombs(random: Random, start: Original) -> bytes:
    """Little that says it is much: compressed zeros, sizes that lie, one content under many names."""
    what = random.randrange(4)
    if what == 0:
        zeros = {**start.contents, random.choice(start.files): bytes(random.choice((1 << 16, 1 << 22)))}
        return by_zipfile(zeros, random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))
    if what == 1:
        many = {f"{number}.bin": b"" for number in range(random.choice((300, 2000)))}
        return in_form({**start.contents, **many})
    body = bytearray(start.packed)
    if what == 2:  # every record of the directory points to the same large entry
        for at in [at for at in range(len(body)) if body[at : at + 4] == b"PK\1\2"]:
            struct.pack_into("<III", body, at + 16, 0, 0xFFFFFFF0, 0xFFFFFFF0)
            struct.pack_into("<I", body, at + 42, 0)
        return bytes(body)
    struct.pack_into("<II", body, 18, *[random.choice((0xFFFFFFFF, 0x7FFFFFFF, 1 << 30))] * 2)
    return bytes(body)


def _anything(random: Random, start: Original) -> bytes:
    """No bundle at all, or several of these harms together."""
    if random.random() < 0.2:
        return random.choice((b"", b"PK\3\4", b"PK\5\6" + bytes(18), pickle.dumps([1]), random.randbytes(500)))
    harms = (flipped, cut, inserted, overwritten)
    data = _contents(random, start)
    for _ in range(random.randint(1, 4)):
        data = random.choice(harms)(random, data) if data else b"x"
    return data


FAMILIES: Mapping[str, Callable[[Random, Original], bytes]] = {
    "bits flipped": _bits,
    "cut": _cuts,
    "inserted": _insertions,
    "overwritten": _overwritten,
    "a file's content changed": _contents,
    "files swapped": _swapped,
    "files missing or more": _missing_or_more,
    "files renamed": _renamed,
    "nested and absolute paths": _nested,
    "files twice": _twice,
    "files in another order": _reordered,
    "same contents, another zip": _other_form,
    "header fields, wrong sizes": _headers,
    "links, folders, devices": _not_files,
    "zip bombs": _bombs,
    "manifest changed": forged.changed,
    "foreign signature, or none": forged.foreign,
    "signature in other words": forged.signatures,
    "trusted but dangerous": forged.dangerous,
    "anything": _anything,
}
