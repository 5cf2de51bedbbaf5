"""What is found wrong with a configuration, and what can be wrong with the files that it names."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.errors import Problem


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or probably not meant."""

    where: str
    what: str
    also: tuple[str, ...] = ()
    """Other options that it was judged by."""
    only_warns: bool = False

    @property
    def problem(self) -> Problem:
        return Problem(self.where, self.what)

    def involves(self, removed: frozenset[str]) -> bool:
        """Whether it rests on an option that was refused by itself, or with the section around it."""
        return any(name == gone or name.startswith(f"{gone}.") for name in (self.where, *self.also) for gone in removed)


def file_findings(where: str, file: Path | None) -> Iterator[Finding]:
    """A file that is named: there, as far as this process may see, and a file."""
    if file is None:
        return
    try:
        mode = file.stat().st_mode
    except PermissionError:
        return  # another process' secret: whoever needs it will say so
    except OSError as error:
        yield Finding(where, f"is {file}: {error.strerror}")
        return
    if not stat.S_ISREG(mode):
        yield Finding(where, f"is {file}, which is not a file")


def secret_findings(where: str, file: Path | None) -> Iterator[Finding]:
    """A file with a password: there, not empty, and not for everybody."""
    wrong = list(file_findings(where, file))
    yield from wrong
    if wrong or file is None or not os.access(file, os.R_OK):
        return
    state = file.stat()
    if state.st_size == 0:
        yield Finding(where, f"is {file}, which is empty")
    if state.st_mode & 0o007:
        what = f"is {file}, which every user of this machine may read: chmod o= {file}"
        yield Finding(where, what, only_warns=True)
