"""What comes out of the store. Rows never leave `agent/store/`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from pipelines.summary import Summary
from pipelines.values import Outcome, Record


@dataclass(frozen=True, slots=True)
class Evidence:
    """A part's picture on disk."""

    file: str
    """Path relative to the evidence folder."""
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A record with what the store added to it."""

    id: int
    record: Record
    state: Literal["open", "judged"]
    """open: triggered, not yet judged. At a start, open rows are closed as UNSURE (interrupted)."""
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """Something that happened to the station."""

    id: int
    utc_us: int
    name: str
    """From the catalogue: camera_gone, camera_back, disk_low, recipe_refused, ..."""
    detail: dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Message:
    """One outbox row: what goes to the centre, byte for byte the same each time it is sent."""

    epoch: str
    """Random, born with the database and anew after a restore: 16 hex digits."""
    seq: int
    """1, 2, 3, ... within an epoch, without a gap."""
    topic: str
    """Below the station's prefix: summary/LANE or event."""
    payload: bytes
    utc_us: int
    """When it was made."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """How the outbox stands."""

    epoch: str
    last_seq: int
    """0 when nothing was ever queued in this epoch."""
    unsettled: int
    oldest_unsettled_utc_us: int
    """0 when everything is settled."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Rising totals of a lane since the database was born, up to and with a summary's window."""

    parts: int = 0
    ok: int = 0
    ng: int = 0
    unsure: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class PartQuery:
    """Which parts to find; None and "" do not restrict. Newest first."""

    lane: str = ""
    outcome: Outcome | None = None
    label: str = ""
    """A defect class among the reasons."""
    part_id: str = ""
    purpose: str = ""
    since_utc_us: int | None = None
    until_utc_us: int | None = None
    before_id: int | None = None
    """Only ids below this: the next page."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of production parts."""

    parts: int
    ok: int
    ng: int
    unsure: int
    missed: int
    first_pass_ok: int
    first_pass: int


@dataclass(frozen=True, slots=True)
class Committed:
    """Judged production parts above an id, for who counts each of them once."""

    upto_id: int
    """Nothing up to here is still open, and no new row comes in below it."""
    until: Mapping[tuple[str, Outcome], int]
    """(lane, outcome) -> parts up to it."""
    beyond: Mapping[tuple[str, Outcome], int]
    """The parts above it, among which open rows are still to be judged."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A part's picture that may be removed now, and what decides its turn."""

    id: int
    outcome: Outcome
    captured_utc_us: int
    evidence: Evidence


class Encoder(Protocol):
    """Makes the bytes of an outbox message; called inside the writer's transaction, must be pure."""

    def summary(self, epoch: str, seq: int, summary: Summary, totals: Totals) -> tuple[str, bytes]:
        """(topic below the prefix, payload) of a window's summary."""
        ...

    def event(self, epoch: str, seq: int, event: StoredEvent) -> tuple[str, bytes]:
        """(topic below the prefix, payload) of an event."""
        ...
