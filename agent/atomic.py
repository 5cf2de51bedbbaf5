"""Files that are whole or not there, whatever happens while they are written."""

import os
import tempfile
from pathlib import Path

from agent.errors import OkngError


def write_atomically(file: Path, content: bytes, mode: int = 0o640) -> None:
    """Replace a file durably: a temporary file beside it, fsync, rename, fsync of the folder.

    A power cut leaves the old content or the new, never a part (rename(2); the folder's fsync makes
    the new name survive too). Raises OSError; nothing is left behind then.
    """
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".new")
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(name, file)
    except BaseException:
        os.unlink(name)
        raise
    sync_folder(file.parent)


def refuse_unwritable(*files: Path | None) -> None:
    """Before a work of minutes whose result is to go there. Raises OkngError, naming what is in the way."""
    for file in files:
        if file is None:
            continue
        folder = file.absolute().parent
        if not folder.is_dir():
            raise OkngError(f"{file}: there is no folder {folder}")
        if file.is_dir():
            raise OkngError(f"{file}: is a folder; the name of a file is allowed")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OkngError(f"{file}: this user may not write into {folder}")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
