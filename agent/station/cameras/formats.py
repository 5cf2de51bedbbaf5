"""What a picture file says of itself before it is decoded: format, size, and whether its end is there.

JPEG: ITU-T T.81 B.1 and B.2. PNG: W3C PNG specification 5. BMP: BITMAPFILEHEADER and BITMAPINFOHEADER.
TIFF: revision 6.0, section 2. Other formats are refused.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import OkngError

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".dib", ".tif", ".tiff"})
"""Which file names are taken for pictures, in any case."""

_LEAST_BYTES = 26
"""The shortest header that tells a size (BMP)."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TIFF_TYPES = {1: "B", 2: "B", 3: "H", 4: "I"}


class NotAPicture(OkngError):
    """The bytes are no picture of a known format, or damaged; says why."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says."""

    kind: str
    """JPEG, PNG, BMP, TIFF; "?" where there is too little to tell."""
    width_px: int
    height_px: int
    """0 where it is not known."""
    complete: bool
    """The end of the picture is there; False for a file that was cut off or is still being written."""


def read_header(data: bytes) -> Header:
    """Format, size and completeness of a picture. Raises NotAPicture."""
    if len(data) < _LEAST_BYTES:
        return Header("?", 0, 0, False)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(_PNG_SIGNATURE):
        return _png(data)
    if data.startswith(b"BM"):
        return _bmp(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(data)
    raise NotAPicture(f"not a JPEG, PNG, BMP or TIFF picture: begins with {data[:8]!r}")


def _jpeg(data: bytes) -> Header:
    width, height, position = 0, 0, 2
    while found := _JPEG_MARKER.search(data, position):
        marker, position = data[found.end() - 1], found.end()
        if marker == 0xD9:
            return Header("JPEG", width, height, True)
        if marker in (0x01, 0xD8):
            continue
        if position + 2 > len(data):
            break
        length = int.from_bytes(data[position : position + 2], "big")
        if marker in _JPEG_SIZES and position + 7 <= len(data):
            height, width = struct.unpack(">HH", data[position + 3 : position + 7])
        position += length
    return Header("JPEG", width, height, False)


def _png(data: bytes) -> Header:
    width, height = struct.unpack(">II", data[16:24])
    position = len(_PNG_SIGNATURE)
    while position + 12 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind, end = data[position + 4 : position + 8], position + 12 + length
        if end > len(data):
            break
        if zlib.crc32(memoryview(data)[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise NotAPicture(f"PNG chunk {kind!r} at byte {position} is damaged (checksum)")
        if kind == b"IEND":
            return Header("PNG", width, height, True)
        position = end
    return Header("PNG", width, height, False)


def _bmp(data: bytes) -> Header:
    pixels_at, header_bytes = struct.unpack("<II", data[10:18])
    if header_bytes == 12:
        width, height = struct.unpack("<HH", data[18:22])
        bits, compression = int.from_bytes(data[24:26], "little"), 0
    elif header_bytes >= 40 and len(data) >= 34:
        width, height = struct.unpack("<ii", data[18:26])
        bits, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    else:
        return Header("BMP", 0, 0, False)
    width, height = abs(width), abs(height)
    if compression in (0, 3):
        needed = pixels_at + (width * bits + 31) // 32 * 4 * height
    else:
        needed = int.from_bytes(data[2:6], "little")
    return Header("BMP", width, height, len(data) >= needed)


def _tiff(data: bytes) -> Header:
    order = "<" if data[:2] == b"II" else ">"
    directory = struct.unpack(order + "I", data[4:8])[0]
    tags: dict[int, tuple[int, ...]] = {}
    complete = True
    for tag, values in _tiff_tags(data, order, directory):
        tags[tag] = values
        complete = complete and bool(values)
    width, height = (tags.get(tag, (0,))[0] if tags.get(tag) else 0 for tag in (256, 257))
    starts, sizes = tags.get(273, tags.get(324, ())), tags.get(279, tags.get(325, ()))
    ends = [start + size for start, size in zip(starts, sizes, strict=False)]
    complete = complete and bool(ends) and max(ends) <= len(data)
    return Header("TIFF", width, height, complete)


def _tiff_tags(data: bytes, order: str, directory: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The tags that tell size and place of the pixels; no values where they lie beyond the end."""
    if directory + 2 > len(data):
        return
    count = struct.unpack_from(order + "H", data, directory)[0]
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        if entry + 12 > len(data):
            return
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        if tag not in (256, 257, 273, 279, 324, 325) or kind not in _TIFF_TYPES:
            continue
        layout = struct.Struct(f"{order}{min(number, len(data))}{_TIFF_TYPES[kind]}")
        at = entry + 8 if layout.size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        yield tag, (layout.unpack_from(data, at) if at + layout.size <= len(data) else ())
