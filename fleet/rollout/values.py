"""What a roll-out is: a model's file, the stations that get it, how far each has come."""

from dataclasses import dataclass
from typing import Literal, get_args

from fleet.intake.topics import Address

Progress = Literal[
    "waiting", "asked", "silent", "accepted", "downloading", "checking",
    "installed", "activated", "refused", "cancelled",
]  # fmt: skip
"""How far a station has come. checking: the file is there, the station tries the model; silent: it has not answered, or
has said nothing for too long; installed and activated: the model is there, and judges."""
PROGRESSES: tuple[Progress, ...] = get_args(Progress)
Phase = Literal["running", "stopped", "cancelled", "done"]
"""stopped: nobody further is asked, by a person's word or after too many failures; it may go on."""
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that stations can load from here."""

    id: int
    token: str
    """Who knows it may load the file."""
    name: str
    """NAME-VERSION.okng."""
    model: str
    """NAME-VERSION, as its manifest says."""
    sha256: str
    size: int
    """Bytes."""
    added_us: int
    added_by: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a person asks for."""

    file_id: int
    stations: tuple[Address, ...]
    """In the order in which they are asked."""
    first: int
    """So many are asked first; the others when all of these have it. 0: no first ones."""
    most_failures: int
    """With more failures than that nobody further is asked."""
    activate: bool
    """Whether the model is to judge as soon as it is installed."""
    recipe: str = ""
    """By which recipe; empty: the only one that is in use."""


@dataclass(frozen=True, slots=True)
class Target:
    """One station of a roll-out."""

    address: Address
    place: int
    """Its turn, 0, 1, 2, ..."""
    command: str
    """Id of the command that it is, or will be, asked by."""
    progress: Progress
    percent: int = 0
    """Of the file, as the station last said."""
    why: str = ""
    """Why it is refused, or not activated; what a download waits for."""
    expires_ms: int = 0
    """When the command ends that it was asked by; 0: it was not asked yet."""
    changed_us: int = 0
    """When it last came further, by the centre's clock."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One roll-out."""

    id: int
    file: ModelFile
    begun_us: int
    begun_by: str
    first: int
    most_failures: int
    forgiven: int
    """Failures that a person has seen before letting it go on."""
    activate: bool
    recipe: str
    phase: Phase
    why: str
    """Why it was stopped."""
    targets: tuple[Target, ...]
    """By their turn."""
