"""One station a data folder: an flock(2) on a file in it, with the holder's pid inside."""

import fcntl
import os
import time
from pathlib import Path

from agent.errors import OkngError

LOCK = "station.lock"
_TRIES, _PAUSE_S = 5, 0.05
"""`holder` takes a shared lock for an instant; a station that starts just then must not give up."""


class DataFolderBusy(OkngError):
    """Another process holds the data folder."""

    def __init__(self, folder: Path, pid: int) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"data folder {folder} is in use by {who}; only one station may write there")
        self.pid = pid
        """The holder's pid; 0 when the file does not say."""


class DataLock:
    """Holds a data folder for as long as the context lasts.

    The kernel lets go of an flock when its process dies, however it dies, so a stale file is no lock.
    The file itself is never removed: another process may just have opened it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held = -1

    def __enter__(self) -> "DataLock":
        """Raises DataFolderBusy, or OSError when the folder cannot be made or written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._held = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            self._take()
        except BaseException:
            os.close(self._held)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._held)

    def _take(self) -> None:
        for patience in range(_TRIES):
            try:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if patience == _TRIES - 1:
                    raise DataFolderBusy(self._folder, _pid_in(self._held)) from None
                time.sleep(_PAUSE_S)
        os.ftruncate(self._held, 0)
        os.pwrite(self._held, f"{os.getpid()}\n".encode(), 0)


def holder(folder: Path) -> int:
    """Pid of the process that holds the folder; 0 when nobody does (or the file does not say)."""
    try:
        held = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(held)
    finally:
        os.close(held)
    return 0


def _pid_in(held: int) -> int:
    text = os.pread(held, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isascii() and text.isdigit() else 0
