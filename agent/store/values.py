"""What comes out of the store. Rows never leave `agent/store/`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from pipelines.summary import Summary
from pipelines.values import Detection, Outcome, Record, Verdict

LOSSLESS = ".png"
"""How the name of a picture ends that was kept without loss."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A part's picture on disk."""

    file: str
    """Path relative to the evidence folder."""
    sha256: str
    bytes: int

    @property
    def lossless(self) -> bool:
        """Whether the picture has the very pixels that were judged."""
        return self.file.endswith(LOSSLESS)


@dataclass(frozen=True, slots=True)
class Sampling:
    """With which probabilities a part's picture was drawn, before anybody had judged the part."""

    evidence_share: float | None = None
    """That its picture is kept: 1 for NG and UNSURE. None: unknown (rows of okng before schema 0002), or
    it was kept for another reason than the draw; such a part stands for no other one."""
    lossless_share: float | None = None
    """That its picture is kept lossless, whether it was or not; never above `evidence_share`."""
    audit_share: float | None = None
    """That it is drawn for the audit; None: it was not drawn. Its picture stays until it is reviewed."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A record with what the store added to it."""

    id: int
    record: Record
    state: Literal["open", "judged"]
    """open: triggered, not yet judged. At a start, open rows are closed as UNSURE (interrupted)."""
    evidence: Evidence | None
    sampling: Sampling = Sampling()


PersonVerdict = Literal["ok", "ng"]
Stratum = Literal["audit", "queue", "import"]
"""How a part came before a person. audit: drawn with a known probability before it was judged; only these say
something about escapes. queue: chosen for what the machine said. import: a verdict from elsewhere."""
Change = Literal["kept", "nudged", "added", "removed"]
Role = Literal["shadow", "canary"]


@dataclass(frozen=True, slots=True)
class ReviewBox:
    """A box as a person left it: px of the picture."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float
    change: Change = "added"
    """Against what the machine had found; a removed one is the machine's and no defect."""


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said about a part. The machine's verdict stays what it is."""

    part: int
    """The part's id in the store."""
    verdict: PersonVerdict
    reviewer: str
    boxes: tuple[ReviewBox, ...] = ()
    note: str = ""
    stratum: Stratum = "queue"
    utc_us: int = 0
    """When it was said; 0: when it is stored."""
    token: str = ""
    """Said by the caller: the same review handed over twice is stored once. "" has none."""
    id: int = 0
    """Given by the store; the highest of a part is the one that counts."""

    @property
    def truth(self) -> tuple[ReviewBox, ...]:
        """The boxes that are there."""
        return tuple(box for box in self.boxes if box.change != "removed")


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What another model saw on a part that one model has decided."""

    part: int
    model: str
    """NAME-VERSION of its bundle."""
    model_hash: str
    role: Role
    verdict: Verdict
    detections: tuple[Detection, ...]
    infer_ms: float
    utc_us: int
    id: int = 0
    """Given by the store."""


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
    recipe: str = ""
    kept: bool = False
    """Only parts whose picture is there."""
    model: str = ""
    """NAME-VERSION of the bundle that judged."""
    overridden: bool = False
    """Only parts of which a person's review that counts says something else than the machine did."""
    told: bool = False
    """For people: a part that waits for its blind review is not found by what was said of it (`agent.store.blind`)."""


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
class JudgedBy:
    """The parts that one model judged since a moment; all 0 where there are none."""

    first_id: int
    last_id: int
    parts: int
    passed: int
    """Of them OK."""


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
