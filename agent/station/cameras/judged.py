"""What becomes of judged files: they are noted in a journal, then left, moved or deleted.

The note is written the moment the record is durable, so that after a crash no judged file is judged
again; moving and deleting are done in a thread of their own, because a disk or a network that hangs
must not hold up the thread that writes records, and are made up for after a restart.
"""

import errno
import json
import logging
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

_IDLE_S = 2.0
"""The thread ends when it had nothing to do for so long."""
_AGAIN_S = 10.0
"""A file that could not be moved or deleted is tried again after this."""
_COMPACT_BYTES = 1 << 20
"""The journal is not made smaller below this."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One state of one file; a file that is written anew is another one."""

    name: str
    """Path inside the folder, with /."""
    size: int
    mtime_ns: int


def entry_of(folder: Path, name: str) -> Entry | None:
    """The file as it is now; None when it is gone. Raises OSError for other reasons."""
    try:
        status = (folder / name).stat()
    except FileNotFoundError:
        return None
    return Entry(name, status.st_size, status.st_mtime_ns)


class Journal:
    """The judged files of one folder: a line of JSON each, in a file that only this program writes.

    Lines are handed to the kernel one by one (a killed process loses none) and made durable by `sync`
    (a power cut loses what was judged in the last moment: such a file is judged again). Without a
    path it lives in memory only.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._descriptor = -1

    def open(self, exists: Callable[[str], bool]) -> None:
        """Read it, and write it anew without the files that no longer exist. Raises OSError."""
        with self._lock:
            if self._path is None or self._descriptor >= 0:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            for entry in _read(self._path):
                self._entries[entry.name] = entry
            self._entries = {name: entry for name, entry in self._entries.items() if exists(name)}
            self._rewrite(self._path)

    def add(self, entry: Entry) -> None:
        """This file was judged. Raises OSError."""
        with self._lock:
            self._entries[entry.name] = entry
            if self._path is None or self._descriptor < 0:
                return
            if os.fstat(self._descriptor).st_nlink == 0:
                # Written anew by the driver that took over from one that hung: go on in the new file.
                stale, self._descriptor = self._descriptor, -1
                os.close(stale)
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            os.write(self._descriptor, _line(entry))

    def forget(self, name: str) -> None:
        """The file is gone; its line goes when the journal is next written anew."""
        with self._lock:
            self._entries.pop(name, None)

    def __contains__(self, entry: Entry) -> bool:
        with self._lock:
            return self._entries.get(entry.name) == entry

    def sync(self) -> None:
        """Make all lines durable, and the file smaller when most of it is about files long gone."""
        with self._lock:
            if self._path is None or self._descriptor < 0:
                return
            if os.fstat(self._descriptor).st_size > max(_COMPACT_BYTES, 400 * len(self._entries)):
                self._rewrite(self._path)
            os.fdatasync(self._descriptor)

    def _rewrite(self, path: Path) -> None:
        """Replaced by rename: either the old or the new one is there, whole."""
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o640)
        with os.fdopen(os.dup(descriptor), "wb") as out:
            out.writelines(_line(entry) for entry in self._entries.values())
        os.fsync(descriptor)
        os.replace(fresh, path)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = descriptor

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _line(entry: Entry) -> bytes:
    return json.dumps([entry.name, entry.size, entry.mtime_ns]).encode() + b"\n"


def _read(path: Path) -> Iterator[Entry]:
    """The entries; a line torn by a crash is passed over."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            name, size, mtime_ns = json.loads(line)
            yield Entry(str(name), int(size), int(mtime_ns))
        except (ValueError, TypeError):
            if line:
                log.warning("journal %s: a torn line is passed over", path)


class Aftercare:
    """Notes judged files in the journal and does with them what is configured."""

    def __init__(
        self, folder: Path, journal: Journal, judged: Literal["leave", "move", "delete"], move_to: Path | None
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._judged = judged
        self._move_to = move_to
        self._todo: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def done(self, entry: Entry) -> None:
        """This file's record is durable. Quick, from any thread, never raises."""
        try:
            self._journal.add(entry)
        except OSError as error:
            log.error("folder %s: %s is not noted as judged: %s", self._folder, entry.name, error)
        self.finish(entry)

    def finish(self, entry: Entry) -> None:
        """Move or delete a file that is noted already."""
        with self._lock:
            self._todo.put(entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="judged-files", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        failed: list[Entry] = []
        while True:
            try:
                batch = [self._todo.get(timeout=_AGAIN_S if failed else _IDLE_S)]
            except queue.Empty:
                with self._lock:
                    if not failed and self._todo.empty():
                        self._thread = None
                        return
                batch, failed = failed, []
            while not self._todo.empty():
                batch.append(self._todo.get())
            self._sync()
            failed += [entry for entry in batch if not self._settle(entry)]

    def _sync(self) -> None:
        try:
            self._journal.sync()
        except OSError as error:
            log.error("folder %s: the journal of judged files is not durable: %s", self._folder, error)

    def _settle(self, entry: Entry) -> bool:
        """Leave, move or delete; False when it must be tried again."""
        if self._judged == "leave":
            return True
        try:
            if entry_of(self._folder, entry.name) == entry:
                if self._move_to is not None:
                    move_file(self._folder / entry.name, self._move_to / entry.name)
                else:
                    (self._folder / entry.name).unlink(missing_ok=True)
        except OSError as error:
            log.error("folder %s: cannot %s %s, trying again: %s", self._folder, self._judged, entry.name, error)
            return False
        self._journal.forget(entry.name)
        return True


def move_file(source: Path, target: Path) -> Path:
    """Move a file, never over another one: -1, -2, ... is put behind the stem. Raises OSError.

    On another filesystem it is copied under a temporary name, made durable, and then removed here.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    free = _claim(target)
    try:
        try:
            os.rename(source, free)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(source, free)
            source.unlink()
    except OSError:
        free.unlink(missing_ok=True)
        raise
    return free


def _claim(target: Path) -> Path:
    """Make an empty file under the first free name, so that nobody else takes it meanwhile."""
    number = 0
    while True:
        free = target.with_name(f"{target.stem}-{number}{target.suffix}") if number else target
        try:
            os.close(os.open(free, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640))
        except FileExistsError:
            number += 1
        else:
            return free


def _copy(source: Path, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        shutil.copy2(source, part)
        with part.open("rb") as copied:
            os.fsync(copied.fileno())
        os.replace(part, target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
