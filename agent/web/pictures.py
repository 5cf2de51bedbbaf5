"""Pictures in and out: what is pushed is checked and decoded here, what was kept is read here.

Whatever is wrong with a pushed picture is found in this process, before the station hears of it.
"""

import os
import secrets
from pathlib import Path

import numpy as np

from agent.errors import OkngError
from agent.station.cameras.decode import decode
from agent.station.cameras.formats import NotAPicture, read_header
from agent.store.values import Evidence
from pipelines.values import Pixels

MAX_BYTES = 32 * 1024 * 1024
KINDS = ("JPEG", "PNG")
FOLDER = "push"
EVIDENCE = "evidence"


class PictureRefused(OkngError):
    """A pushed picture cannot be taken; says why."""


def decode_pushed(data: bytes, max_px: int) -> Pixels:
    """(height, width, 3) BGR of a JPEG or PNG. Raises PictureRefused."""
    if not data:
        raise PictureRefused("the picture is empty: send the bytes of a JPEG or PNG as the body")
    try:
        kind = read_header(data).kind
    except NotAPicture as error:
        raise PictureRefused(str(error)) from error
    if kind not in KINDS:
        raise PictureRefused(f"a picture of the kind {kind}; allowed: {', '.join(KINDS)}")
    decoded = decode(data, max_px)
    if decoded.fault is not None:
        raise PictureRefused(decoded.note)
    return decoded.pixels


def hand_over(runtime: Path, pixels: Pixels) -> Path:
    """Put raw pixels where the station takes them: a whole file, or none. Raises OSError."""
    folder = runtime / FOLDER
    folder.mkdir(mode=0o770, exist_ok=True)
    path = folder / f"{secrets.token_hex(12)}.npy"
    temp = folder / f".{path.name}.part"
    try:
        with temp.open("wb") as file:
            os.fchmod(file.fileno(), 0o640)  # the station, of the same group, reads it; whatever the umask
            np.save(file, pixels, allow_pickle=False)
        os.replace(temp, path)
    except OSError:
        temp.unlink(missing_ok=True)
        raise
    return path


def media_type(evidence: Evidence) -> str:
    """What a browser is told that the kept picture is."""
    return "image/png" if evidence.lossless else "image/jpeg"


def kept_headers(sha256: str) -> dict[str, str]:
    """A kept picture never changes."""
    return {"Cache-Control": "private, max-age=86400, immutable", "ETag": f'"{sha256}"'}


def evidence_file(data: Path, evidence: Evidence | None) -> Path | None:
    """The kept picture's file; None where none was kept, it is gone, or its name leads elsewhere."""
    if evidence is None:
        return None
    folder = (data / EVIDENCE).resolve()
    path = (folder / evidence.file).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None
