"""Picture files to pixels, or to a named fault: never an exception, never a picture larger than allowed.

Always 8 bit BGR: grey becomes three equal planes, 16 bit is divided by 256 (a 12-bit camera's file
that does not use the full scale comes out dark), alpha is dropped, palettes are resolved. An EXIF
orientation is ignored on purpose: the geometry of a station is that of its sensor, not of a viewer.
A JPEG with damaged bits in its middle decodes without any error of libjpeg's that OpenCV shows; it
is judged as it looks.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.station.cameras.formats import NotAPicture, read_header
from pipelines.values import Pixels, Rule

MAX_PX = 128_000_000
"""Largest picture decoded unless told otherwise, width x height: 384 MB of pixels."""
MAX_FILE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A picture, or why there is none."""

    pixels: Pixels
    """(height, width, 3) BGR; (0, 0, 3) with a fault."""
    fault: Rule | None = None
    """UNREADABLE, or INCOMPLETE for a file that was cut off."""
    note: str = ""
    """Why, for people."""


def no_pixels() -> Pixels:
    """What stands for pixels where there is no picture."""
    return np.zeros((0, 0, 3), np.uint8)


def broken(note: str, fault: Rule = Rule.UNREADABLE) -> Decoded:
    """No picture, and why."""
    return Decoded(no_pixels(), fault, note)


def decode(data: bytes, max_px: int = MAX_PX) -> Decoded:
    """Decode a JPEG, PNG, BMP or TIFF; its size is checked before any memory is taken for it."""
    try:
        header = read_header(data)
    except NotAPicture as error:
        return broken(str(error))
    size = f"{header.kind} of {header.width_px} x {header.height_px} px"
    if header.width_px * header.height_px > max_px:
        return broken(f"{size}, at most {max_px} px are taken")
    if not header.complete:
        return broken(f"{header.kind} of {len(data)} bytes is cut off: its end is missing", Rule.INCOMPLETE)
    if header.width_px * header.height_px == 0:
        return broken(size)
    return _decoded(data, size)


def _decoded(data: bytes, size: str) -> Decoded:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_BGR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        return broken(f"{size} cannot be decoded: {error.err}")
    if pixels is None or pixels.dtype != np.uint8 or pixels.ndim != 3:
        return broken(f"{size} cannot be decoded")
    return Decoded(pixels.astype(np.uint8, copy=False))


def read_picture(path: Path, max_px: int = MAX_PX) -> Decoded:
    """Read and decode one file; a file that cannot be read is a fault too."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            return broken(f"a file of {size} bytes, at most {MAX_FILE_BYTES} are read")
        data = path.read_bytes()
    except OSError as error:
        return broken(f"cannot be read: {error.strerror}")
    return decode(data, max_px)
