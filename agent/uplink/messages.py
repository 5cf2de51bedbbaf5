"""Every message between a station and its centre: flat JSON objects, described once, here.

A message from a station is one flat object: numbers, flags as 0/1, a few strings, times in unix ms.
The identity stands in the payload as well as in the topic. `schema` names the message and its
version; within a version fields are only added, so a reader ignores what it does not know.
`(site, line, station, epoch, seq)` is the identity of a stored message; twice is harmless.

Histograms are cumulative, as Prometheus has them: `latency_le_50` counts the parts that took at most
50 ms, `latency_count` counts all. They add up over stations, and go on adding up when a bound is added.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.summary import LATENCY_BOUNDS_MS, SCORE_BOUNDS

MAX_MISSING = 1000
_MAX_INT = 2**63 - 1

LATENCY_FIELDS = tuple(f"latency_le_{bound:g}" for bound in LATENCY_BOUNDS_MS)
SCORE_FIELDS = tuple(f"score_le_{round(bound * 100):02d}" for bound in SCORE_BOUNDS)
"""The bound in percent: score_le_05 ... score_le_95."""

Count = Annotated[int, Field(ge=0, le=_MAX_INT)]
Flag = Annotated[int, Field(ge=0, le=1)]
Millis = Annotated[int, Field(ge=0, le=_MAX_INT, description="unix time, ms")]
Epoch = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Name = Annotated[str, Field(min_length=1, max_length=128)]


class Message(BaseModel):
    """Frozen and strict: a text is no number, a boolean neither."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False, serialize_by_alias=True)


class FromStation(Message):
    ts: Millis
    site: Name
    line: Name
    station: Name


class StatusMessage(FromStation):
    """`status`, retained: birth, farewell and last will."""

    schema_: Literal["okng.status/1"] = Field("okng.status/1", alias="schema")
    online: Flag
    since: Millis = Field(description="since when this connection stands; in a last will: since when it stood")
    version: str
    boot: str = Field(description="boot id of the machine")
    instance: str = Field("", description="random, of the process: two at a time are two clients with one name")
    why: str = Field("", description="offline only: stopped, or lost")


class AlarmsMessage(FromStation):
    """`alarms`, retained: what stands now, said anew whenever it changes. For those who do not keep events."""

    schema_: Literal["okng.alarms/1"] = Field("okng.alarms/1", alias="schema")
    up: Flag = Field(description="whether the station's own process answers; with 0 nothing is known of its alarms")
    standing: Count | None = Field(None, description="how many alarms stand")
    unacknowledged: Count | None = Field(None, description="those of them that nobody has acknowledged")
    names: str = Field("", description="comma-separated ALARM or ALARM:LANE")


class _Stored(FromStation):
    id: str = Field(description="epoch-seq, or epoch-r-record: unique in the station")
    epoch: Epoch
    seq: int = Field(ge=1, le=_MAX_INT)


def _counts(prefixes: str, fields: Iterable[str] = ()) -> Any:
    """JSON Schema of the fields whose names depend on classes or bounds."""

    def extend(schema: dict[str, Any]) -> None:
        count = {"type": "integer", "minimum": 0}
        for name in fields:
            schema["properties"][name] = {**count, "description": "cumulative count"}
        schema["required"] = [*schema["required"], *fields]
        schema["patternProperties"] = {rf"^({prefixes})_[a-z0-9_]+$": count}

    return extend


class SummaryMessage(_Stored):
    """`summary/LANE`: one lane's window. Deltas of the window, and rising totals (`_total`).

    Besides: `defect_CLASS` (detections that made parts NG), `missing_CLASS` (parts NG for want of it),
    `unsure_RULE` (parts), `latency_le_MS`, `score_le_PERCENT`. What has no value is left out, never null:
    a mean or yield without parts.
    """

    model_config = ConfigDict(
        extra="allow", json_schema_extra=_counts("defect|missing|unsure", (*LATENCY_FIELDS, *SCORE_FIELDS))
    )
    schema_: Literal["okng.summary/1"] = Field("okng.summary/1", alias="schema")
    lane: Name
    camera: str
    window_start: Millis
    window_end: Millis
    first_id: int = Field(description="first record id of the window")
    last_id: int = Field(description="last record id; first_id - 1 in an empty window")
    parts: Count
    ok: Count
    ng: Count
    unsure: Count
    first_pass: Count
    first_pass_ok: Count
    missed: Count
    other_purposes: Count = Field(description="records that are not production and count nowhere else")
    untrusted_clock: Count
    parts_total: Count
    ok_total: Count
    ng_total: Count
    unsure_total: Count
    missed_total: Count
    yield_pct: float | None = Field(None, ge=0, le=100)
    first_pass_yield_pct: float | None = Field(None, ge=0, le=100)
    first_part_ts: Millis | None = None
    last_part_ts: Millis | None = None
    latency_count: Count
    latency_sum_ms: float
    latency_max_ms: float
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None
    score_count: Count
    quality_parts: Count = Field(description="parts with a measured picture: divisor of the two sums")
    brightness_sum: float
    sharpness_sum: float
    brightness_mean: float | None = None
    sharpness_mean: float | None = None
    temperature_c: float | None = Field(None, description="of the device that answers, where it has a sensor")
    models: str = Field(description="comma-separated NAME-VERSION")
    recipes: str = Field(description="comma-separated NAME@HASH")
    classes: str = Field("", description="SLUG=CLASS;... for classes whose field name differs from their name")

    @model_validator(mode="after")
    def _adds_up(self) -> "SummaryMessage":
        if self.parts != self.ok + self.ng + self.unsure:
            raise ValueError(f"parts {self.parts} is not ok {self.ok} + ng {self.ng} + unsure {self.unsure}")
        if self.latency_count != self.parts:
            raise ValueError(f"latency_count {self.latency_count} is not parts {self.parts}")
        for name, value in self._extra().items():
            counted = (
                name.startswith(("defect_", "missing_", "unsure_")) or name in LATENCY_FIELDS or name in SCORE_FIELDS
            )
            if counted and (type(value) is not int or not 0 <= value <= _MAX_INT):
                raise ValueError(f"{name} must be a whole number from 0, got {value!r:.60}")
        for fields, total in ((LATENCY_FIELDS, self.latency_count), (SCORE_FIELDS, self.score_count)):
            if absent := [f for f in fields if f not in self._extra()]:
                raise ValueError(f"not there: {', '.join(absent)}")
            if any(after < before for before, after in pairwise([*(self._extra()[f] for f in fields), total])):
                raise ValueError(f"{fields[0]} ... must rise: the counts are cumulative")
        return self

    def _extra(self) -> Mapping[str, Any]:
        return self.__pydantic_extra__ or {}

    def defects(self) -> dict[str, int]:
        """Class slug -> detections that made parts NG."""
        return {k.removeprefix("defect_"): v for k, v in self._extra().items() if k.startswith("defect_")}

    def missing(self) -> dict[str, int]:
        """Class slug -> parts that were NG because they had too few of it."""
        return {k.removeprefix("missing_"): v for k, v in self._extra().items() if k.startswith("missing_")}

    def unsure_reasons(self) -> dict[str, int]:
        """Rule -> parts."""
        return {k.removeprefix("unsure_"): v for k, v in self._extra().items() if k.startswith("unsure_")}

    def latency_ms(self) -> tuple[int, ...]:
        """Counts a bucket of LATENCY_BOUNDS_MS, len + 1, as in `pipelines.summary`."""
        return self._buckets(LATENCY_FIELDS, self.latency_count)

    def scores(self) -> tuple[int, ...]:
        """Counts a bucket of SCORE_BOUNDS, len + 1."""
        return self._buckets(SCORE_FIELDS, self.score_count)

    def _buckets(self, fields: tuple[str, ...], total: int) -> tuple[int, ...]:
        rising = [0, *(self._extra()[f] for f in fields), total]
        return tuple(after - before for before, after in pairwise(rising))


class EventMessage(_Stored):
    """`event`: an alarm, its end, a state change, a refusal. Its details are `detail_NAME` fields."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={"patternProperties": {"^detail_[a-z0-9_]+$": {"type": ["string", "number"]}}},
    )
    schema_: Literal["okng.event/1"] = Field("okng.event/1", alias="schema")
    name: Name
    event_id: Count
    lane: str = ""

    def detail(self) -> dict[str, str | int | float]:
        extra = self.__pydantic_extra__ or {}
        return {k.removeprefix("detail_"): v for k, v in extra.items() if k.startswith("detail_")}


class ResultMessage(FromStation):
    """`result/LANE`: one part, live, QoS 0, not kept for later.

    Has `defect_CLASS` and `missing_CLASS` counts and `unsure_RULE` flags.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=_counts("defect|missing|unsure"))
    schema_: Literal["okng.result/1"] = Field("okng.result/1", alias="schema")
    id: str
    epoch: Epoch
    record: int = Field(
        ge=1, description="id of the part's row; a gap in a lane's results is a lost message or other lane"
    )
    lane: Name
    camera: str
    part_id: str
    purpose: str
    attempt: int = Field(ge=1)
    outcome: Literal["OK", "NG", "UNSURE"]
    ok: Flag
    ng: Flag
    unsure: Flag
    decided_ts: Millis
    latency_ms: float | None = None
    reasons: str = Field(description="comma-separated RULE or RULE:CLASS")
    detections: Count
    score_max: float | None = None
    brightness: float | None = None
    sharpness: float | None = None
    model: str
    recipe: str
    device: str


class AckMessage(Message):
    """`ack`, from the centre after its own commit: what it holds of an epoch."""

    schema_: Literal["okng.ack/1"] = Field("okng.ack/1", alias="schema")
    epoch: Epoch
    seq: Count = Field(description="highest seq up to which it holds every one")
    missing: tuple[Annotated[int, Field(ge=1, le=_MAX_INT)], ...] = Field(
        (), max_length=MAX_MISSING, description="known gaps above seq"
    )


class Command(Message):
    """What every command carries. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")
    schema_: Literal["okng.command/1"] = Field("okng.command/1", alias="schema")
    id: CommandId = Field(description="chosen by who commands; the same id is never carried out twice")
    expires: Millis


class PauseCommand(Command):
    """`cmd/pause`: nothing passes until resumed."""

    lane: str = Field("", max_length=63, description="empty: all lanes")
    why: str = Field("", max_length=200)


class ResumeCommand(Command):
    """`cmd/resume`"""

    lane: str = Field("", max_length=63, description="empty: all lanes")


class RecipeCommand(Command):
    """`cmd/recipe`: judge by another recipe from the next part on."""

    lane: str = Field(min_length=1, max_length=63)
    name: str = Field(min_length=1, max_length=63)


class ResendCommand(Command):
    """`cmd/resend`: send stored messages again."""

    from_seq: int = Field(ge=1, le=_MAX_INT)
    to_seq: int = Field(ge=1, le=_MAX_INT)

    @model_validator(mode="after")
    def _ordered(self) -> "ResendCommand":
        if self.from_seq > self.to_seq:
            raise ValueError(f"from_seq {self.from_seq} must not be above to_seq {self.to_seq}")
        return self


class UpdateCommand(Command):
    """`cmd/update`: load a signed model from an HTTPS server and take it in. One at a time."""

    url: str = Field(pattern=r"^https://[!-~]+$", max_length=2000, description="the host is to be allowed")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file")
    bytes: int = Field(ge=1, le=_MAX_INT, description="its size")
    activate: Flag = Field(0, description="1: let it judge, where the station's configuration allows that")
    recipe: str = Field("", max_length=63, description="by which recipe; empty: the only one that is in use")


class CancelCommand(Command):
    """`cmd/cancel`: give an update up, as long as the station has not begun to take it in."""

    update: CommandId = Field(description="id of the command `update`")


COMMANDS: Mapping[str, type[Command]] = {
    "pause": PauseCommand,
    "resume": ResumeCommand,
    "recipe": RecipeCommand,
    "resend": ResendCommand,
    "update": UpdateCommand,
    "cancel": CancelCommand,
}


class AnswerMessage(FromStation):
    """The answer to a command; what the station said besides stands in further flat fields."""

    model_config = ConfigDict(extra="allow")
    schema_: Literal["okng.answer/1"] = Field("okng.answer/1", alias="schema")
    id: str = Field(description="the command's id; empty when it had none that could be read")
    command: str
    ok: Flag
    error: str = ""


MESSAGES: Mapping[str, type[Message]] = {
    "status": StatusMessage,
    "alarms": AlarmsMessage,
    "summary": SummaryMessage,
    "event": EventMessage,
    "result": ResultMessage,
    "ack": AckMessage,
    "answer": AnswerMessage,
    **{f"command-{name}": model for name, model in COMMANDS.items()},
}
