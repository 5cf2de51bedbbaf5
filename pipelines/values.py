"""The values one part becomes on its way through the station.

`Frame` -> `Inspection` -> `Verdict` -> `Record` -> `Summary` (in `pipelines.summary`). Each is made
from the one before it and is never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Outcome(StrEnum):
    """What was decided about one part."""

    OK = "OK"
    NG = "NG"
    UNSURE = "UNSURE"
    """The part could not be judged. It is never a pass."""


class Purpose(StrEnum):
    """Why a part was judged. Only PRODUCTION counts in yield, charts and ledgers."""

    PRODUCTION = "production"
    CHALLENGE = "challenge"
    SETUP = "setup"
    REPLAY = "replay"
    API = "api"


class Rule(StrEnum):
    """What can make a part other than OK. The names are stored, sent and looked up in the catalogue."""

    # NG
    DEFECT = "defect"
    MISSING = "missing"
    # UNSURE: the picture
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    SATURATED = "saturated"
    BLURRED = "blurred"
    STALE = "stale"
    FROZEN = "frozen"
    INCOMPLETE = "incomplete"
    WRONG_SIZE = "wrong_size"
    UNREADABLE = "unreadable"
    MISALIGNED = "misaligned"
    """The part does not fit its reference."""
    # UNSURE: the station
    LATE = "late"
    NOT_READY = "not_ready"
    INTERRUPTED = "interrupted"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment: wall clock for people, monotonic clock for durations, boot id to tell boots apart."""

    utc_us: int
    """Microseconds since 1970-01-01 UTC."""
    mono_ns: int
    """`time.monotonic_ns()` of this boot."""
    boot: str
    """/proc/sys/kernel/random/boot_id, 36 characters."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture, as the camera gave it."""

    camera: str
    """Name of the lane's camera."""
    sequence: int
    """Counts captures since the process started, from 1; a gap means that frames were missed."""
    pixels: Pixels
    """(height, width, 3), BGR, read-only."""
    at: Stamp
    """When the picture was grabbed, before it was decoded."""
    source: str = ""
    """Where it came from if it has a name: the file, or the virtual board."""
    fault: Rule | None = None
    """What the driver already knows to be wrong: UNREADABLE, INCOMPLETE or WRONG_SIZE."""
    part_id: str = ""
    """The part's own id, if the line, the file's name or the caller gave one."""
    purpose: Purpose = Purpose.PRODUCTION


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing found: a box in pixels of the frame, edges not rounded."""

    label: str
    score: float
    """0..1, as the model gave it."""
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the picture is to judge by. Measured on the luminance inside the inspected region."""

    sharpness: float
    """Variance of the Laplacian, 8-bit grey levels squared."""
    brightness: float
    """Mean grey level, 0..255."""
    saturated: float
    """Share of pixels at 255 grey levels, 0..1."""
    age_ms: float
    """From grab to the start of the look."""
    identical: int
    """How many frames just before this one had exactly the same pixels."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the time went, in ms."""

    wait_ms: float = 0.0
    """From grab to the start of the look."""
    quality_ms: float = 0.0
    prepare_ms: float = 0.0
    """Letterbox or tiling into the model's input."""
    infer_ms: float = 0.0
    decode_ms: float = 0.0
    """Model output to boxes in the frame."""
    judge_ms: float = 0.0
    total_ms: float = 0.0
    """From grab to the answer."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How a part lay, against its reference: the similarity that moves the frame's points into the reference's frame.

    x' = a x - b y + x_px, y' = b x + a y + y_px, in px; a pixel's middle has whole coordinates.
    """

    a: float = 1.0
    """scale * cos(turn)"""
    b: float = 0.0
    """scale * sin(turn); a positive turn is clockwise as seen, for y points down."""
    x_px: float = 0.0
    y_px: float = 0.0
    width_px: int = 0
    """Of the reference."""
    height_px: int = 0

    @property
    def still(self) -> bool:
        """The part lies exactly as its reference does."""
        return (self.a, self.b, self.x_px, self.y_px) == (1.0, 0.0, 0.0, 0.0)

    def to_reference(self, x: float, y: float) -> tuple[float, float]:
        """A point of the frame as a point of the reference."""
        return self.a * x - self.b * y + self.x_px, self.b * x + self.a * y + self.y_px


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen on one part."""

    detections: tuple[Detection, ...]
    """Sorted by falling score; everything above the recipe's lowest stored score."""
    quality: Quality | None
    """None when there was no picture to measure."""
    width_px: int
    height_px: int
    stages: Stages = field(default_factory=Stages)
    fault: Rule | None = None
    """Set when the look itself failed; the verdict is then UNSURE."""
    note: str = ""
    """Detail of the fault for people: the exception, the file's name."""
    measured: float | None = None
    """What the fault was read from, where it is a number, and the limit that it broke."""
    limit: float | None = None
    pose: Pose | None = None
    """Where the part lay; None without a reference. The recipe's regions then lie in the reference's frame."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a part is not OK: the rule, what was measured and the limit it broke."""

    rule: Rule
    measured: float | None = None
    limit: float | None = None
    label: str = ""
    """The defect class, for DEFECT and MISSING."""
    region: str = ""
    detection: int | None = None
    """Index into `Inspection.detections`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """OK, NG or UNSURE, and why. OK has no reasons; the others have at least one."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Which camera, recipe and model made a verdict."""

    lane: str
    camera: str
    camera_serial: str
    recipe: str
    recipe_hash: str
    """sha256 of the recipe's revision, hex."""
    model: str
    """NAME-VERSION of the bundle."""
    model_hash: str
    """sha256 over the bundle's manifest, hex."""
    device: str
    """Which device answered: CPU, GPU, NPU."""
    software: str
    """okng's version."""


@dataclass(frozen=True, slots=True)
class Record:
    """A verdict without pixels: what is stored about one part."""

    origin: Origin
    run: str
    """Random id of the station process's run; `sequence` counts within it and a lane."""
    sequence: int
    missed: int
    """Frames lost between the record before this one (same run, lane) and this one."""
    captured: Stamp
    decided_utc_us: int
    inspection: Inspection
    verdict: Verdict
    purpose: Purpose = Purpose.PRODUCTION
    attempt: int = 1
    """1 is the first time this part was judged; first-pass yield counts only attempt 1."""
    part_id: str = ""
    source: str = ""
    open_id: int | None = None
    """Row that was opened at the trigger, to be closed by this record."""
    clock_trusted: bool = True
    """False while the wall clock is known to be wrong (before 2024, or just jumped)."""


Counts = Mapping[str, int]
