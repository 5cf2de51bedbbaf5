"""Errors that people read: each names the thing, the value and what is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass

EXIT_BAD_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h; systemd units and `okng run` pass it through."""

EXIT_INTERRUPTED = 130
"""As a shell says of a command that ended by SIGINT."""


class OkngError(Exception):
    """Anything okng refuses, with a message meant for a person."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a configuration, a recipe or a bundle."""

    where: str
    """Dotted path of the thing: "lanes.top.camera.exposure_us"."""
    what: str
    """The value, what is allowed, and the nearest known name where one was mistyped."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Refused(OkngError):
    """Something with one or more problems was refused as a whole; nothing of it took effect."""

    def __init__(self, subject: str, problems: Sequence[Problem]) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        lines = "\n".join(f"  {p}" for p in self.problems)
        super().__init__(f"{subject}: {len(self.problems)} problem(s)\n{lines}")


class ConfigurationRefused(Refused):
    """The station's configuration; exit code 78."""


class RecipeRefused(Refused):
    """A recipe; the revision in use stays."""


class BundleRefused(Refused):
    """A model bundle; the model in use stays."""


class CameraGone(OkngError):
    """The camera cannot be opened or stopped delivering. Retried for ever by the lane."""


class CameraWrong(OkngError):
    """The camera is there but its settings are not the ones asked for, and the lane refuses that."""


class EndOfPictures(OkngError):
    """A source that ends (a folder read once, a video without loop) has no more pictures."""


class EngineFailed(OkngError):
    """The device could not load or run the model."""


class StoreFailed(OkngError):
    """The database or its disk refused; the message names the file and the reason."""


class StoreNotReady(StoreFailed):
    """There is no database yet, or its schema is about to be moved: not started, ask again later."""


class StoreTooNew(StoreFailed):
    """The database was written by a newer okng; it is left untouched."""


class ControlFailed(OkngError):
    """The station's control socket refused or could not be reached."""


class StationRefused(ControlFailed):
    """The station answered, and said no."""
