"""What a lane shows, as values: its mode, its newest part. In no language yet."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from agent.status import LaneStatus, Status
from agent.store.values import StoredPart, Tally
from agent.web.link import Heard
from agent.web.results import NO_PARTS, Day
from pipelines.values import Detection, Outcome, Reason

IDLE_S = 10.0
"""A verdict older than this is not the line's state any more."""


class Mode(StrEnum):
    """What a lane is doing. Only RUNNING shows a verdict; the others say why there is none."""

    RUNNING = "running"
    IDLE = "idle"
    PAUSED = "paused"
    NOT_RELEASED = "not_released"
    CHALLENGE = "challenge"
    PREPARING = "preparing"
    ENGINE_FAILED = "engine_failed"
    CAMERA_OPENING = "camera_opening"
    CAMERA_STALLED = "camera_stalled"
    CAMERA_GONE = "camera_gone"
    CAMERA_WRONG = "camera_wrong"
    CAMERA_ENDED = "camera_ended"
    STARTING = "starting"
    SILENT = "silent"
    OFF = "off"


Tone = Literal["ok", "ng", "unsure", "calm", "busy", "fault"]
"""ok, ng, unsure: a verdict, a filled panel. calm, busy, fault: none, an outlined panel."""

TONES: dict[Mode, Tone] = {
    Mode.RUNNING: "calm",
    Mode.IDLE: "calm",
    Mode.PAUSED: "busy",
    Mode.NOT_RELEASED: "busy",
    Mode.CHALLENGE: "busy",
    Mode.PREPARING: "busy",
    Mode.ENGINE_FAILED: "fault",
    Mode.CAMERA_OPENING: "busy",
    Mode.CAMERA_STALLED: "fault",
    Mode.CAMERA_GONE: "fault",
    Mode.CAMERA_WRONG: "fault",
    Mode.CAMERA_ENDED: "calm",
    Mode.STARTING: "busy",
    Mode.SILENT: "fault",
    Mode.OFF: "fault",
}
ICONS: dict[Mode, str] = {
    Mode.RUNNING: "idle",
    Mode.IDLE: "idle",
    Mode.PAUSED: "paused",
    Mode.NOT_RELEASED: "paused",
    Mode.CHALLENGE: "busy",
    Mode.PREPARING: "busy",
    Mode.ENGINE_FAILED: "chip-off",
    Mode.CAMERA_OPENING: "busy",
    Mode.CAMERA_STALLED: "camera-off",
    Mode.CAMERA_GONE: "camera-off",
    Mode.CAMERA_WRONG: "camera-off",
    Mode.CAMERA_ENDED: "idle",
    Mode.STARTING: "busy",
    Mode.SILENT: "unlinked",
    Mode.OFF: "off",
}
_CAMERA_MODES: dict[str, Mode] = {
    "opening": Mode.CAMERA_OPENING,
    "stalled": Mode.CAMERA_STALLED,
    "gone": Mode.CAMERA_GONE,
    "wrong_settings": Mode.CAMERA_WRONG,
    "ended": Mode.CAMERA_ENDED,
}
VERDICT_TONES: dict[Outcome, Tone] = {Outcome.OK: "ok", Outcome.NG: "ng", Outcome.UNSURE: "unsure"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A judged part, as far as the line view shows it."""

    id: int
    lane: str
    outcome: Outcome
    reasons: tuple[Reason, ...]
    detections: tuple[Detection, ...]
    width_px: int
    height_px: int
    captured_utc_us: int
    picture: str
    """Address of its picture on this server; empty where there is none."""


@dataclass(frozen=True, slots=True)
class LaneNow:
    """One lane, now."""

    name: str
    mode: Mode
    why: str
    """The station's own words about the mode; may be empty."""
    status: LaneStatus | None
    tally: Tally
    newest: Seen | None
    tape: tuple[tuple[int, Outcome], ...]
    overridden: int = 0
    """Of the day's parts: how many a person overruled."""
    takt_s: float | None = None
    """Seconds from part to part; None where too few came, or the lane does not run."""


@dataclass(frozen=True, slots=True)
class Now:
    """Everything the line view shows."""

    at_utc_us: int
    heard: Heard
    lanes: tuple[LaneNow, ...]
    day: Day | None
    """None while the database cannot be read."""
    trouble: str
    """Why not; empty when it can."""

    @property
    def status(self) -> Status | None:
        return self.heard.status


def seen_of(part: StoredPart) -> Seen:
    """A stored part, with its evidence for a picture where that was kept."""
    record = part.record
    return Seen(
        id=part.id,
        lane=record.origin.lane,
        outcome=record.verdict.outcome,
        reasons=record.verdict.reasons,
        detections=record.inspection.detections,
        width_px=record.inspection.width_px,
        height_px=record.inspection.height_px,
        captured_utc_us=record.captured.utc_us,
        picture=f"/parts/{part.id}/picture" if part.evidence else "",
    )


def mode_of(heard: Heard, lane: LaneStatus | None, newest: Seen | None, now_utc_us: int) -> tuple[Mode, str]:
    """The mode and the reason for it; the most serious one wins."""
    if heard.link != "up":
        return Mode(heard.link), heard.why
    if lane is None:
        return Mode.OFF, "the running station does not have this lane"
    if lane.engine == "failed":
        return Mode.ENGINE_FAILED, lane.engine_detail
    if lane.engine == "compiling":
        return Mode.PREPARING, lane.engine_detail
    if lane.paused:
        return Mode.PAUSED, lane.paused_why
    if lane.challenge.run:
        return Mode.CHALLENGE, ""
    if lane.challenge.mode == "block" and not lane.challenge.released:
        return Mode.NOT_RELEASED, ""
    if camera := _CAMERA_MODES.get(lane.camera):
        return camera, lane.camera_detail
    if newest is not None and (now_utc_us - newest.captured_utc_us) / 1e6 > IDLE_S:
        return Mode.IDLE, ""
    return Mode.RUNNING, ""


def lane_names(configured: tuple[str, ...], heard: Heard, wanted: str) -> tuple[str, ...]:
    """Which lanes to show: the station's own, else the configured ones; one only where that is wanted."""
    names = tuple(lane.name for lane in heard.status.lanes) if heard.status else configured
    return (wanted,) if wanted in names else names


def lane_now(name: str, heard: Heard, day: Day | None, live: Seen | None, now_utc_us: int) -> LaneNow:
    """Put one lane together from what the station says, what is stored and what was drawn."""
    status = next((lane for lane in heard.status.lanes if lane.name == name), None) if heard.status else None
    results = next((lane for lane in day.lanes if lane.lane == name), None) if day else None
    stored = seen_of(results.newest) if results and results.newest else None
    newest = live if live and (stored is None or live.id >= stored.id) else stored
    mode, why = mode_of(heard, status, newest, now_utc_us)
    return LaneNow(
        name=name,
        mode=mode,
        why=why,
        status=status,
        tally=results.tally if results else NO_PARTS,
        newest=newest,
        tape=results.tape if results else (),
        overridden=results.overridden if results else 0,
        takt_s=results.takt_s if results and mode is Mode.RUNNING else None,
    )
