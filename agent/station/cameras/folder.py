"""A folder of pictures: read once, or watched (what an FTP camera drops in).

    [lanes.ftp.camera]
    kind = "folder"
    folder = "/srv/ftp/camera1"
    watch = true
    settle_s = 0.5        # complete when unchanged for so long and its end is there
    judged = "move"       # or leave, delete
    move_to = "/srv/judged"

Only names that end like a JPEG, PNG, BMP or TIFF count; names that begin with a dot or end in .part,
.tmp and the like are writes in progress and never do.
"""

import hashlib
import logging
import os
import stat
import time
from collections import deque
from functools import partial
from pathlib import Path, PurePath

from agent.config import FolderConfig
from agent.errors import CameraGone, EndOfPictures
from agent.ports import CameraInfo, Clock, Shot
from agent.station.cameras.decode import broken, read_picture
from agent.station.cameras.files import printable
from agent.station.cameras.formats import SUFFIXES
from agent.station.cameras.judged import Aftercare, Entry, Journal, entry_of
from pipelines.values import Rule

log = logging.getLogger(__name__)

_SCAN_SHARE = 10.0
"""Between two looks at the folder: so many times what a look takes, so that looking stays cheap."""
_SCAN_MIN_S = 0.1
_CUT_OFF_S = 5.0
"""A file that stays without its end for so long is judged as it is: INCOMPLETE."""


class Folder:
    """Driver `folder`. Every picture is given once; `committed` says that its record is durable.

    Once: all pictures there at `open`, by name, then EndOfPictures. Watched: complete pictures by time
    of change, then name, for ever. What was judged is remembered over restarts in `state`, so that
    nothing is judged twice, however often the process starts; a file written anew under its old name
    is a new part. Whoever wants a folder judged again gives it `okng judge`, or another state folder.
    A broken picture is a Shot with a fault and is left, moved or deleted like the others. A network
    folder that hangs can block longer than the time-out.
    """

    def __init__(self, config: FolderConfig, clock: Clock, state: Path | None = None) -> None:
        self._config = config
        self._clock = clock
        self._path = config.folder.absolute()
        self._journal = Journal(_journal_path(state, self._path) if state is not None else None)
        self._aftercare = Aftercare(self._path, self._journal, config.judged, config.move_to)
        self._given: dict[str, Entry] = {}
        """Read in this run, committed or not."""
        self._seen: dict[str, tuple[Entry, float]] = {}
        """Not yet given: the file as last seen, and since when it has been so (monotonic, s)."""
        self._ready: deque[Entry] = deque()
        self._listed = False
        self._next_scan = 0.0
        self._opened = False

    def open(self) -> CameraInfo:
        if not self._path.is_dir():
            raise CameraGone(f"folder {self._config.folder}: no such folder")
        try:
            self._journal.open(lambda name: os.path.lexists(self._path / name))
        except OSError as error:
            raise CameraGone(f"folder {self._config.folder}: its journal of judged files: {error}") from error
        self._opened = True
        return CameraInfo(serial=str(self._config.folder), width_px=0, height_px=0)

    def read(self, timeout_s: float) -> Shot | None:
        if not self._opened:
            raise CameraGone(f"folder {self._config.folder}: not open")
        give_up = time.monotonic() + timeout_s
        while True:
            self._look()
            while self._ready:
                shot = self._take(self._ready.popleft())
                if shot is not None:
                    return shot
            if not self._config.watch:
                raise EndOfPictures(f"folder {self._config.folder}: all {len(self._given)} pictures were read")
            now = time.monotonic()
            if now >= give_up:
                return None
            time.sleep(max(0.0, min(self._next_scan, give_up) - now))

    def close(self) -> None:
        """The journal stays open: records that are still on their way will be committed."""
        self._opened = False

    def _look(self) -> None:
        """List the folder if it is time to; fills `_ready`."""
        begun = time.monotonic()
        if (self._listed and not self._config.watch) or begun < self._next_scan or self._ready:
            return
        try:
            entries = self._list()
        except OSError as error:
            raise CameraGone(f"folder {self._config.folder}: {error.strerror}") from error
        if not self._path.is_dir():
            raise CameraGone(f"folder {self._config.folder}: is gone")
        self._listed = True
        if self._config.watch:
            self._watch(entries, begun)
        else:
            self._ready.extend(sorted(self._fresh(entries), key=lambda entry: entry.name))
        took = time.monotonic() - begun
        self._next_scan = begun + max(_SCAN_MIN_S, _SCAN_SHARE * took)

    def _list(self) -> list[Entry]:
        entries = []
        for path in self._path.glob(self._config.pattern):
            if not self._counts(path):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                name = path.relative_to(self._path).as_posix()
                entries.append(Entry(name, status.st_size, status.st_mtime_ns))
        return entries

    def _counts(self, path: Path) -> bool:
        """Whether this name is a picture's, and not one being written or one moved away."""
        if path.suffix.lower() not in SUFFIXES or any(p.startswith(".") for p in path.relative_to(self._path).parts):
            return False
        move_to = self._config.move_to
        return move_to is None or not path.is_relative_to(move_to.absolute())

    def _fresh(self, entries: list[Entry]) -> list[Entry]:
        """Those that were neither given in this run nor judged in an earlier one."""
        names = {entry.name for entry in entries}
        self._given = {name: entry for name, entry in self._given.items() if name in names or not self._config.watch}
        fresh = []
        for entry in entries:
            if self._given.get(entry.name) == entry:
                continue
            if entry in self._journal:
                self._given[entry.name] = entry
                self._aftercare.finish(entry)
            else:
                fresh.append(entry)
        return fresh

    def _watch(self, entries: list[Entry], now: float) -> None:
        seen: dict[str, tuple[Entry, float]] = {}
        for entry in self._fresh(entries):
            before, since = self._seen.get(entry.name, (entry, now))
            seen[entry.name] = (entry, since if before == entry else now)
        self._seen = seen
        settled = [entry for entry, since in seen.values() if now - since >= self._config.settle_s]
        self._ready.extend(sorted(settled, key=lambda entry: (entry.mtime_ns, entry.name)))

    def _take(self, entry: Entry) -> Shot | None:
        """Read one file; None when it is not complete yet, or gone."""
        at = self._clock.now()
        decoded = read_picture(self._path / entry.name)
        if self._config.watch:
            try:
                if entry_of(self._path, entry.name) != entry:
                    return None
            except OSError as error:
                decoded = broken(f"cannot be read: {error.strerror}")
            waited_s = time.monotonic() - self._seen[entry.name][1]
            if decoded.fault is Rule.INCOMPLETE and waited_s < max(_CUT_OFF_S, 2 * self._config.settle_s):
                return None
        self._given[entry.name] = entry
        self._seen.pop(entry.name, None)
        return Shot(
            decoded.pixels,
            at,
            source=printable(entry.name),
            part_id=printable(PurePath(entry.name).stem),
            fault=decoded.fault,
            note=f"{printable(entry.name)}: {decoded.note}" if decoded.note else "",
            committed=partial(self._committed, entry),
        )

    def _committed(self, entry: Entry, record_id: int) -> None:  # noqa: ARG002
        self._aftercare.done(entry)


def _journal_path(state: Path, folder: Path) -> Path:
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return state / f"judged-{name}.jsonl"
