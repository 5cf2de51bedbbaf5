"""What REST answers, as models: OpenAPI is made from them."""

import math
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from agent.status import Status
from agent.store.values import Outbox, StoredEvent, StoredPart
from agent.web.rest import moment
from pipelines.values import Outcome, Purpose, Rule


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class StatusAnswer(_Answer):
    """How the station is."""

    link: Literal["up", "starting", "silent", "off"]
    why: str
    """Why there is no status; empty when there is one."""
    status: Status | None


class HealthAnswer(_Answer):
    """For monitors, who need no password: it tells nothing but whether the station answers."""

    web: Literal["ok"]
    station: Literal["up", "starting", "silent", "off"]


class ReasonAnswer(_Answer):
    rule: Rule
    measured: float | None
    limit: float | None
    label: str
    region: str
    detection: int | None
    """Index into detections."""


class DetectionAnswer(_Answer):
    """A box in px of the picture."""

    label: str
    score: float | None
    x1: float | None
    y1: float | None
    x2: float | None
    y2: float | None


class QualityAnswer(_Answer):
    sharpness: float | None
    brightness: float | None
    saturated: float | None
    age_ms: float | None
    identical: int


class StagesAnswer(_Answer):
    wait_ms: float | None
    quality_ms: float | None
    prepare_ms: float | None
    infer_ms: float | None
    decode_ms: float | None
    judge_ms: float | None
    total_ms: float | None


class EvidenceAnswer(_Answer):
    """The kept picture, as JPEG."""

    picture: str
    """Address on this server."""
    sha256: str
    bytes: int


class OriginAnswer(_Answer):
    lane: str
    camera: str
    camera_serial: str
    recipe: str
    recipe_hash: str
    model: str
    model_hash: str
    device: str
    software: str


class InspectionAnswer(_Answer):
    """One judged part."""

    id: int
    state: Literal["open", "judged"]
    part_id: str
    blind: bool
    """It waits for its blind review in an audit: until then nothing is told of what was said and measured."""
    outcome: Outcome | None
    """null while `blind`."""
    reasons: tuple[ReasonAnswer, ...]
    purpose: Purpose
    attempt: int
    captured: datetime
    decided: datetime
    captured_utc_us: int
    decided_utc_us: int
    clock_trusted: bool
    origin: OriginAnswer
    run: str
    boot: str
    sequence: int
    missed: int
    width_px: int
    height_px: int
    detections: tuple[DetectionAnswer, ...]
    quality: QualityAnswer | None
    stages: StagesAnswer
    source: str
    note: str
    evidence: EvidenceAnswer | None


class InspectionsAnswer(_Answer):
    """A page of parts, the newest first."""

    inspections: tuple[InspectionAnswer, ...]
    next_before_id: int | None
    """Give it as before_id to get the next page; null on the last one."""


class CountAnswer(_Answer):
    """How many parts a search finds."""

    count: int
    more: bool
    """There are more than were counted."""


class EventAnswer(_Answer):
    id: int
    at: datetime
    utc_us: int
    name: str
    detail: dict[str, str | int | float]


class EventsAnswer(_Answer):
    events: tuple[EventAnswer, ...]
    next_before_id: int | None


class OutboxAnswer(_Answer):
    epoch: str
    last_seq: int
    unsettled: int
    oldest_unsettled: datetime | None


def finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity: they become null."""
    return value if value is not None and math.isfinite(value) else None


def inspection_answer(part: StoredPart) -> InspectionAnswer:
    record, seen = part.record, part.record.inspection
    origin, quality = record.origin, seen.quality
    return InspectionAnswer(
        id=part.id,
        state=part.state,
        part_id=record.part_id,
        blind=False,
        outcome=record.verdict.outcome,
        reasons=_reasons(part),
        purpose=record.purpose,
        attempt=record.attempt,
        captured=moment(record.captured.utc_us),
        decided=moment(record.decided_utc_us),
        captured_utc_us=record.captured.utc_us,
        decided_utc_us=record.decided_utc_us,
        clock_trusted=record.clock_trusted,
        origin=OriginAnswer(**{name: getattr(origin, name) for name in OriginAnswer.model_fields}),
        run=record.run,
        boot=record.captured.boot,
        sequence=record.sequence,
        missed=record.missed,
        width_px=seen.width_px,
        height_px=seen.height_px,
        detections=_detections(part),
        quality=None
        if quality is None
        else QualityAnswer(
            identical=quality.identical,
            **{n: finite(getattr(quality, n)) for n in ("sharpness", "brightness", "saturated", "age_ms")},
        ),
        stages=StagesAnswer(**{name: finite(getattr(seen.stages, name)) for name in StagesAnswer.model_fields}),
        source=record.source,
        note=seen.note,
        evidence=None
        if part.evidence is None
        else EvidenceAnswer(
            picture=f"/api/v1/inspections/{part.id}/picture", sha256=part.evidence.sha256, bytes=part.evidence.bytes
        ),
    )


def blind_answer(part: StoredPart) -> InspectionAnswer:
    """A part of which nothing may be told that its verdict could be read off."""
    untold = StagesAnswer(**dict.fromkeys(StagesAnswer.model_fields))
    hidden = {"reasons": (), "detections": (), "quality": None, "stages": untold, "note": ""}
    return inspection_answer(part).model_copy(update={"blind": True, "outcome": None, **hidden})


def _reasons(part: StoredPart) -> tuple[ReasonAnswer, ...]:
    return tuple(
        ReasonAnswer(
            rule=r.rule,
            measured=finite(r.measured),
            limit=finite(r.limit),
            label=r.label,
            region=r.region,
            detection=r.detection,
        )
        for r in part.record.verdict.reasons
    )


def _detections(part: StoredPart) -> tuple[DetectionAnswer, ...]:
    return tuple(
        DetectionAnswer(
            label=d.label, score=finite(d.score), x1=finite(d.x1), y1=finite(d.y1), x2=finite(d.x2), y2=finite(d.y2)
        )
        for d in part.record.inspection.detections
    )


def event_answer(event: StoredEvent) -> EventAnswer:
    return EventAnswer(id=event.id, at=moment(event.utc_us), utc_us=event.utc_us, name=event.name, detail=event.detail)


def outbox_answer(outbox: Outbox) -> OutboxAnswer:
    oldest = outbox.oldest_unsettled_utc_us
    return OutboxAnswer(
        epoch=outbox.epoch,
        last_seq=outbox.last_seq,
        unsettled=outbox.unsettled,
        oldest_unsettled=moment(oldest) if oldest else None,
    )
