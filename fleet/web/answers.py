"""What the fleet's REST answers, as models: OpenAPI is made from them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fleet.web.how import Proof, State


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class HealthAnswer(_Answer):
    """For monitors, who need no password."""

    web: Literal["ok"]
    store: Literal["ok", "unreadable"]


class BoxAnswer(_Answer):
    """One machine of a name."""

    site: str
    line: str
    station: str
    box: int
    """1, unless two machines use one name."""


class CountsAnswer(_Answer):
    """Production parts. UNSURE is not a pass."""

    parts: int
    ok: int
    ng: int
    unsure: int
    missed: int
    first_pass: int
    """Judged at attempt 1."""
    first_pass_ok: int


class SyncAnswer(_Answer):
    """How sure it is that everything is there."""

    proof: Proof
    complete_until: datetime | None
    """Everything is there up to here, by the station's clock."""
    epoch: str
    held: int
    highest: int
    missing: int
    gap_since: datetime | None
    asked: datetime | None
    """When the station was last asked for what is missing."""


class LaneAnswer(_Answer):
    name: str
    camera: str
    models: tuple[str, ...]
    recipes: tuple[str, ...]
    last_part: datetime | None


class AlarmAnswer(_Answer):
    at: BoxAnswer
    name: str
    lane: str
    since: datetime
    ended: datetime | None
    detail: str
    known: datetime | None
    known_by: str


class StationAnswer(_Answer):
    """One box as it is now."""

    at: BoxAnswer
    state: State
    conflict: bool
    """Lately two machines have spoken in this name."""
    since: datetime | None
    """Since when its connection stands, or stood."""
    version: str
    last_part: datetime | None
    last_hour: CountsAnswer
    sync: SyncAnswer
    lanes: tuple[LaneAnswer, ...]
    alarms: tuple[AlarmAnswer, ...]


class StationsAnswer(_Answer):
    at: datetime
    stations: tuple[StationAnswer, ...]


class SumsAnswer(CountsAnswer):
    """Everything that adds up. Histograms are cumulative, as in the messages."""

    windows: int
    other_purposes: int
    untrusted_clock: int
    latency_sum_ms: float
    latency_max_ms: float
    latency_le: tuple[int, ...]
    """Parts that took at most 2, 5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000 ms."""
    score_count: int
    score_le: tuple[int, ...]
    """Detections with a score of at most 0.05, 0.10, ... 0.95."""
    quality_parts: int
    brightness_sum: float
    sharpness_sum: float


class GroupAnswer(_Answer):
    """Sums of what has the same values of the fields that were asked for; the others are empty."""

    site: str
    line: str
    station: str
    box: int
    lane: str
    hour: datetime | None
    models: str
    recipes: str
    sums: SumsAnswer


class GroupsAnswer(_Answer):
    since: datetime
    until: datetime
    groups: tuple[GroupAnswer, ...]


class FoundAnswer(_Answer):
    kind: Literal["defect", "missing", "unsure"]
    slug: str
    name: str
    n: int


class ParetoAnswer(_Answer):
    since: datetime
    until: datetime
    found: tuple[FoundAnswer, ...]


class WindowAnswer(_Answer):
    at: BoxAnswer
    lane: str
    seq: int
    start: datetime
    end: datetime
    models: str
    recipes: str
    found: dict[str, int]
    sums: SumsAnswer


class WindowsAnswer(_Answer):
    """The newest of the time that was asked for, the oldest first."""

    windows: tuple[WindowAnswer, ...]


class AlarmsAnswer(_Answer):
    alarms: tuple[AlarmAnswer, ...]


class EventAnswer(_Answer):
    at: BoxAnswer
    seq: int
    time: datetime
    name: str
    lane: str
    detail: dict[str, str | int | float]


class EventsAnswer(_Answer):
    events: tuple[EventAnswer, ...]


class AsideAnswer(_Answer):
    id: int
    time: datetime
    cause: str
    reason: str
    topic: str
    station: str | None
    bytes: int


class AsidesAnswer(_Answer):
    set_aside: tuple[AsideAnswer, ...]
    next_before_id: int | None


class RefusalAnswer(_Answer):
    cause: str
    station: str | None
    n: int
    last: datetime


class RefusalsAnswer(_Answer):
    refusals: tuple[RefusalAnswer, ...]
