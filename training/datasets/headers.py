"""Sizes and orientation of picture files, from their headers alone."""

from pathlib import Path
from typing import Literal

from agent.station.cameras.decode import MAX_PX
from agent.station.cameras.formats import SUFFIXES, NotAPicture, read_header

PICTURES = SUFFIXES
"""Endings of the files that okng takes for pictures, lower case."""
_HEAD_BYTES = 1 << 18


def size_px(file: Path) -> tuple[int, int, str]:
    """(width, height, why not): the size that the header names; (0, 0, why) where it names none."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            header = read_header(head)
            if header.width_px == 0 or header.height_px == 0:
                header = read_header(head + stream.read())
    except OSError as error:
        return 0, 0, f"cannot be read: {error.strerror}"
    except NotAPicture as error:
        return 0, 0, str(error)
    if header.width_px == 0 or header.height_px == 0:
        return 0, 0, f"{header.kind} without a size: cut off or damaged"
    if header.width_px * header.height_px > MAX_PX:
        return 0, 0, f"{header.kind} of {header.width_px} x {header.height_px} px, at most {MAX_PX} px are taken"
    return header.width_px, header.height_px, ""


def exif_orientation(file: Path) -> int:
    """The EXIF orientation of a JPEG file, 2 to 8; 1 where there is none, or the picture stands as it was taken.

    Exif 2.32, 4.5.5 (APP1) and tag 0x0112 of the first directory.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return 1
    at = 2
    while head[:2] == b"\xff\xd8" and head[at : at + 1] == b"\xff" and at + 4 <= len(head):
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if marker == 0xE1 and head[at + 4 : at + 10] == b"Exif\0\0":
            return _orientation(head[at + 10 : at + 2 + length])
        if marker == 0xDA:
            break
        at += 2 + length
    return 1


def _orientation(tiff: bytes) -> int:
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"
    start = int.from_bytes(tiff[4:8], order)
    for entry in range(start + 2, start + 2 + 12 * int.from_bytes(tiff[start : start + 2], order), 12):
        if int.from_bytes(tiff[entry : entry + 2], order) == 0x0112:
            value = int.from_bytes(tiff[entry + 8 : entry + 10], order)
            return value if 2 <= value <= 8 else 1
    return 1
