"""The folder where a model arrives: the file that grows, and beside it what is to become of it.

Both outlive a kill and a power cut: of the file counts what was on the disk when that was written down.
"""

import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.atomic import sync_folder, write_atomically

log = logging.getLogger(__name__)

JOB = "update.json"
PREFIX = "update-"
LEFT_S = 7 * 86_400.0
"""Files that nobody waits for any more go at this age, s."""
SAFE_BYTES, SAFE_S = 8_000_000, 5.0
"""The file is made durable after so much, or so long."""


class Job(BaseModel):
    """One update, as far as it is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    command: str
    """The id of the command that asked for it."""
    url: str
    sha256: str
    bytes: int
    activate: bool = False
    recipe: str = ""
    accepted_utc_us: int = 0
    stage: Literal["new", "loading", "loaded", "offered", "cancelled"] = "new"
    """offered: the station was asked to take it in, and may have."""
    safe_bytes: int = 0
    """So many bytes of the file are on the disk for certain."""
    validator: str = ""
    patched: bool = False
    """The file was put together from more than one answer."""
    afresh: bool = False
    """It was thrown away once because its hash was wrong."""
    offers: int = 0
    """How often the station broke off while it took the model in."""

    def needs_bytes(self, held: int) -> int:
        """Room for what is still to come, and once more for the whole: the model that is made of it."""
        return self.bytes - held + self.bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """The folder, `incoming/` of the data folder."""

    folder: Path

    def part(self, job: Job) -> Path:
        return self.folder / f"{PREFIX}{job.sha256[:16]}.part"

    def offered(self, job: Job) -> Path:
        return self.folder / f"{PREFIX}{job.sha256[:16]}.okng"

    def sha256(self, job: Job) -> str:
        """Of the file that has grown, hex. Raises OSError; for a symbolic link, too."""
        number = os.open(self.part(job), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(number, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def job(self) -> Job | None:
        """What was under way when the process ended."""
        file = self.folder / JOB
        try:
            return Job.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be read, the update is forgotten: %s", file, str(error)[:300])
            with suppress(OSError):
                file.unlink()
            return None

    def keep(self, job: Job) -> None:
        """Make it durable. Raises OSError."""
        self.folder.mkdir(mode=0o750, exist_ok=True)
        # For nobody else: an address may hold a password.
        write_atomically(self.folder / JOB, job.model_dump_json().encode(), mode=0o600)

    def offer(self, job: Job) -> str:
        """Put the whole file under the name that the station is told, and return it. Raises OSError.

        It is a second name of the same file: the station may take it away, and what was loaded is still there.
        """
        self.offered(job).unlink(missing_ok=True)
        os.link(self.part(job), self.offered(job))
        sync_folder(self.folder)
        return self.offered(job).name

    def drop(self, job: Job) -> None:
        """Nothing of it stays; the job goes last, so that a kill in between is finished later."""
        self.empty(job)
        _remove(self.folder / JOB)

    def empty(self, job: Job) -> None:
        """Nothing of its file stays."""
        _remove(self.offered(job))
        _remove(self.part(job))

    def tidy(self, job: Job | None) -> None:
        """Remove what was left behind long ago."""
        needed = {self.folder / JOB} | ({self.part(job), self.offered(job)} if job is not None else set())
        with suppress(OSError):
            for file in [*self.folder.glob(f"{PREFIX}*"), *self.folder.glob(f".{JOB}.*")]:
                if file not in needed and time.time() - file.lstat().st_mtime > LEFT_S:
                    log.info("left behind, removed: %s", file)
                    file.unlink()

    def room_for(self, more: int, reserve: int) -> str:
        """Why so many bytes have no room on the disk; empty where they have."""
        free = shutil.disk_usage(self.folder).free - reserve
        if more <= free:
            return ""
        return f"{more / 1e6:.1f} MB have no room: {max(free, 0) / 1e6:.1f} MB are free (evidence.reserve_mb is kept)"


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s cannot be removed: %s", file, error.strerror)


class Growing:
    """The file that grows. Implements `agent.uplink.fetch.Sink`; what `kept` is called with is durable."""

    def __init__(self, incoming: Incoming, job: Job, kept: Callable[[Job], None], grown: Callable[[int], None]) -> None:
        """Open it, and cut off what a power cut made doubtful. Raises OSError."""
        self._job = job
        self._kept = kept
        self._grown = grown
        number = os.open(incoming.part(job), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
        self._file = os.fdopen(number, "r+b", buffering=0)
        os.fchmod(number, 0o640)  # the station's group reads it, whatever the umask
        self.size = min(job.safe_bytes, os.fstat(number).st_size)
        self.validator = job.validator if self.size else ""
        self._file.truncate(self.size)
        self._file.seek(self.size)
        self._synced, self._at = self.size, time.monotonic()
        self._patched = job.patched or self.size > 0

    def restart(self) -> None:
        """Forget what is there. Raises OSError."""
        if self.size:
            self._file.truncate(0)
            self._file.seek(0)
        self.size, self._synced, self._patched = 0, 0, False

    def take(self, more: bytes) -> None:
        """Append. Raises OSError."""
        view = memoryview(more)
        while view:
            view = view[self._file.write(view) :]
        self.size += len(more)
        if self.size - self._synced >= SAFE_BYTES or time.monotonic() - self._at >= SAFE_S:
            self.sync()
        self._grown(self.size)

    def sync(self) -> None:
        """What is there outlives a power cut from now on. Raises OSError."""
        os.fsync(self._file.fileno())
        self._synced, self._at = self.size, time.monotonic()
        self._kept(
            self._job.model_copy(
                update={"safe_bytes": self.size, "validator": self.validator, "patched": self._patched}
            )
        )

    def close(self) -> None:
        self._file.close()
