"""What comes out of the centre's store. Rows never leave `fleet/store/`."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from agent.uplink.messages import LATENCY_FIELDS, SCORE_FIELDS
from fleet.intake.topics import Address

Kind = Literal["defect", "missing", "unsure"]
KINDS: tuple[Kind, ...] = ("defect", "missing", "unsure")


@dataclass(frozen=True, slots=True, order=True)
class Box:
    """One machine: the station's name, and which of those that use it."""

    address: Address
    number: int = 1
    """1, unless two machines use one name: then 2, 3, ... are the others, and none's numbers are another's."""

    def __str__(self) -> str:
        return str(self.address) if self.number == 1 else f"{self.address}#{self.number}"


@dataclass(frozen=True, slots=True)
class Sums:
    """Counts of production parts that add over lanes, hours, stations."""

    windows: int = 0
    parts: int = 0
    ok: int = 0
    ng: int = 0
    unsure: int = 0
    first_pass: int = 0
    """Judged at attempt 1."""
    first_pass_ok: int = 0
    missed: int = 0
    other_purposes: int = 0
    untrusted_clock: int = 0
    score_count: int = 0
    """Detections."""
    quality_parts: int = 0
    """Parts with a measured picture: the divisor of the two sums."""
    latency_sum_ms_e3: int = 0
    """Thousandths of ms."""
    brightness_sum_e3: int = 0
    sharpness_sum_e3: int = 0
    latency_max_ms: float = 0.0
    latency_le: tuple[int, ...] = (0,) * len(LATENCY_FIELDS)
    """Parts that took at most LATENCY_BOUNDS_MS; all: `parts`."""
    score_le: tuple[int, ...] = (0,) * len(SCORE_FIELDS)
    """Detections whose score was at most SCORE_BOUNDS; all: `score_count`."""

    def __add__(self, other: "Sums") -> "Sums":
        added = {name: getattr(self, name) + getattr(other, name) for name in Sums.__slots__}
        for name in ("latency_le", "score_le"):
            added[name] = tuple(map(operator.add, getattr(self, name), getattr(other, name)))
        return Sums(**{**added, "latency_max_ms": max(self.latency_max_ms, other.latency_max_ms)})

    @property
    def yield_share(self) -> float | None:
        """OK over parts, 0..1; UNSURE is not a pass. None without parts."""
        return self.ok / self.parts if self.parts else None

    @property
    def first_pass_share(self) -> float | None:
        """OK at the first attempt over first attempts, 0..1."""
        return self.first_pass_ok / self.first_pass if self.first_pass else None

    @property
    def latency_mean_ms(self) -> float | None:
        return self.latency_sum_ms_e3 / 1000 / self.parts if self.parts else None

    @property
    def brightness_mean(self) -> float | None:
        return self.brightness_sum_e3 / 1000 / self.quality_parts if self.quality_parts else None

    @property
    def sharpness_mean(self) -> float | None:
        return self.sharpness_sum_e3 / 1000 / self.quality_parts if self.quality_parts else None

    def latency_buckets(self) -> tuple[int, ...]:
        """Counts a bucket of LATENCY_BOUNDS_MS, len + 1, as `pipelines.summary.quantile` takes them."""
        return tuple(b - a for a, b in pairwise((0, *self.latency_le, self.parts)))

    def score_buckets(self) -> tuple[int, ...]:
        """Counts a bucket of SCORE_BOUNDS, len + 1."""
        return tuple(b - a for a, b in pairwise((0, *self.score_le, self.score_count)))


@dataclass(frozen=True, slots=True)
class Tally:
    """The few counts that a list of all stations shows."""

    parts: int = 0
    ok: int = 0
    ng: int = 0
    unsure: int = 0
    missed: int = 0
    first_pass: int = 0
    first_pass_ok: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in Tally.__slots__))

    @property
    def yield_share(self) -> float | None:
        """OK over parts, 0..1; None without parts."""
        return self.ok / self.parts if self.parts else None


@dataclass(frozen=True, slots=True)
class Sync:
    """How sure it is that the centre holds all that a box has sent."""

    complete_ms: int
    """It holds everything up to here, by the station's clock; 0: nothing yet."""
    held: int
    """Highest number below which there is no gap."""
    highest: int
    """Highest number that came."""
    missing: int
    """How many are missing between the two."""
    gap_since_us: int
    """Since when something is missing, by the centre's clock; 0: nothing is."""
    asked_us: int
    """When the station was last asked for what is missing; 0: not yet."""
    epoch: str

    @property
    def complete(self) -> bool:
        return self.missing == 0


@dataclass(frozen=True, slots=True)
class Presence:
    """What a station's newest status said."""

    online: bool
    since_ms: int
    """Since when the connection stands, or stood."""
    why: str
    """Offline only: stopped, or lost."""
    version: str
    boot: str
    instance: str
    status_us: int
    """When the status came; 0: none ever did."""
    heard_us: int
    """When anything came."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What a lane's newest window said."""

    name: str
    camera: str
    models: tuple[str, ...]
    """NAME-VERSION."""
    recipes: tuple[str, ...]
    """NAME@HASH."""
    until_ms: int
    """End of the window."""
    last_part_ms: int
    """0: it never had one."""
    temperature_c: float | None


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of a box."""

    box: Box
    name: str
    lane: str
    """Empty: of the whole station."""
    since_ms: int
    detail: str
    ended_ms: int = 0
    """0: it stands."""
    known_ms: int = 0
    """When a person said "I know"; 0: nobody did."""
    known_by: str = ""
    known_note: str = ""


@dataclass(frozen=True, slots=True)
class Glance:
    """One box in the list of all."""

    box: Box
    presence: Presence
    """Of the station: where two machines use one name, nobody can tell whose it is."""
    conflict: bool
    """Lately two machines have spoken in this name."""
    sync: Sync
    lanes: tuple[Lane, ...]
    now: Tally
    """This hour so far and the one before."""
    trend: tuple[Tally, ...]
    """24 hours, the oldest first, the last is this hour so far."""
    alarms: tuple[Alarm, ...]
    """Those that stand."""

    @property
    def last_part_ms(self) -> int:
        return max((lane.last_part_ms for lane in self.lanes), default=0)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(sorted({model for lane in self.lanes for model in lane.models}))

    @property
    def recipes(self) -> tuple[str, ...]:
        return tuple(sorted({recipe for lane in self.lanes for recipe in lane.recipes}))


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: empty and None do not restrict."""

    site: str = ""
    line: str = ""
    station: str = ""
    box: int | None = None
    lane: str = ""
    since_ms: int | None = None
    """Sums are by the hour: the hour that this is in counts as a whole."""
    until_ms: int | None = None
    """Exclusive; the hour that this is in counts as a whole, unless it is the hour's beginning."""


By = Literal["site", "line", "box", "lane", "hour", "models", "recipes"]
"""By what sums are told apart."""


@dataclass(frozen=True, slots=True)
class Group:
    """Sums of what has the same values of the fields that were asked for; the others are empty."""

    sums: Sums
    site: str = ""
    line: str = ""
    box: Box | None = None
    lane: str = ""
    hour_ms: int = 0
    """When the hour begins."""
    models: str = ""
    recipes: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """How often something was found: one bar of a Pareto chart."""

    kind: Kind
    slug: str
    name: str
    """The class as the stations call it, or the rule."""
    n: int


@dataclass(frozen=True, slots=True)
class WindowSums:
    """One window of one lane."""

    box: Box
    lane: str
    seq: int
    start_ms: int
    end_ms: int
    models: str
    recipes: str
    sums: Sums
    found: Mapping[str, int]
    """defect_SLUG, missing_SLUG, unsure_RULE -> how often."""
    temperature_c: float | None


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """What a station said happened to it."""

    box: Box
    seq: int
    ts_ms: int
    name: str
    lane: str
    detail: Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events; the newest first."""

    scope: Scope = field(default_factory=Scope)
    name: str = ""
    before_ms: int | None = None
    """The next page: only what is older. At most `limit` of one millisecond are seen."""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Aside:
    """A message that was not taken."""

    id: int
    utc_us: int
    cause: str
    reason: str
    topic: str
    station: Address | None
    """None: of no station that is known."""
    size: int
    """Bytes of the whole message."""
    head: bytes
    """The first 4 KiB."""


@dataclass(frozen=True, slots=True)
class Collector:
    """One collector, as it said itself last."""

    name: str
    started_us: int
    seen_us: int
    """When it said this; it does every 10 s."""
    broker: str
    """State of its connection: connecting, online, offline, refused."""
    detail: str
    """Why it is not online; empty when it is."""
    stored: int
    """New messages since its start."""
    again: int
    set_aside: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """How many messages of a station were set aside for one cause."""

    cause: str
    station: Address | None
    n: int
    last_us: int
