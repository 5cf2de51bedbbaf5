"""The station's state as one value: what `status` answers, and what the alarms follow from."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.clock import ms_between
from agent.ports import Clock
from agent.settings import Loaded
from agent.station.alarms import Cause
from agent.station.beside.canary import Canary
from agent.station.beside.shadow import Shadow
from agent.station.lane import Lane
from agent.station.modelling import Modelling
from agent.station.models.activation import RolledBack
from agent.status import (
    Alarm,
    BesideState,
    BesideStatus,
    ChallengeStatus,
    DiskStatus,
    LaneStatus,
    RecordingStatus,
    SettingStatus,
    Status,
    UplinkState,
    UplinkStatus,
)
from agent.store.values import Outbox
from agent.version import __version__
from pipelines.values import Stamp

UPLINK_SILENT_S = 15.0
OUTBOX_OLD_S = 900.0


@dataclass(frozen=True, slots=True)
class UplinkSays:
    """What the uplink process last said of itself."""

    state: UplinkState = "off"
    detail: str = ""
    sent: int = 0
    at: Stamp | None = None
    refused: int = 0
    """Commands refused since it started."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for the whole run."""

    loaded: Loaded
    run: str
    started: Stamp


def lane_status(lane: Lane, clock: Clock, models: Modelling, challenge: ChallengeStatus) -> LaneStatus:
    """One lane now."""
    view, job, now = lane.capture.view, lane.job, clock.now()
    pace = lane.meter.pace(now.mono_ns)
    config = lane.config.camera
    return LaneStatus(
        name=lane.name,
        camera_kind=config.kind,
        camera=view.state,
        camera_detail=view.detail,
        camera_serial=view.info.serial,
        settings=tuple(SettingStatus(name=s.name, asked=s.asked, given=s.given) for s in view.info.settings),
        width_px=view.info.width_px,
        height_px=view.info.height_px,
        engine="ready" if job else ("failed" if lane.trouble else "compiling"),
        engine_detail=lane.trouble,
        capacity_per_s=round(job.capacity_per_s, 1) if job else 0.0,
        device=job.origin.device if job else "",
        fallback=job.fallback if job else "",
        model=job.origin.model if job else "",
        recipe=job.recipe.name if job else lane.config.recipe,
        recipe_hash=job.origin.recipe_hash if job else "",
        recipe_trouble=lane.recipe_trouble,
        promise=job.promise if job else "",
        model_stage=models.watch.stage(lane),
        model_trouble=lane.model_trouble,
        model_rolled_back=_back(models.rollout.back.rolled_back(lane)),
        shadow=_shadow(models.company.shadow(lane.name)),
        canary=_canary(models.company.canary(lane.name)),
        canary_trouble=models.company.trouble(lane),
        paused=lane.paused.on,
        paused_why=lane.paused.why,
        setting_up=lane.paused.setting_up,
        challenge=challenge,
        captured=lane.capture.captured,
        judged=lane.judged,
        missed=lane.missed,
        parts_per_s=round(pace.parts_per_s, 2),
        latency_p50_ms=round(pace.latency_p50_ms, 2),
        latency_p99_ms=round(pace.latency_p99_ms, 2),
        deadline_ms=job.recipe.deadline_ms if job else 0.0,
        frame_age_ms=round(ms_between(view.newest, now), 1) if view.newest else -1.0,
        brightness=round(lane.seen.brightness, 1),
        sharpness=round(lane.seen.sharpness, 1),
    )


def _back(back: RolledBack | None) -> str:
    if back is None:
        return ""
    hold = f"; hold records {back.first_id} to {back.last_id} ({back.parts}, {back.passed} OK)" if back.parts else ""
    return f"{back.model}: {back.why}{hold}"


def _shadow(side: Shadow | None) -> BesideStatus | None:
    if side is None:
        return None
    state: BesideState = "judging" if side.device else "starting"
    model, figures = str(side.task.recipe["model"]), asdict(side.figures())
    return BesideStatus(model=model, state=state, device=side.device, trouble=side.away, **figures)


def _canary(side: Canary | None) -> BesideStatus | None:
    if side is None:
        return None
    origin, share = side.job.origin, side.terms.share
    figures = asdict(side.figures())
    return BesideStatus(model=origin.model, state="judging", share=share, device=origin.device, **figures)


def uplink_status(says: UplinkSays, outbox: Outbox, now: Stamp, facts: Facts) -> UplinkStatus:
    """The way to the centre; an uplink process that is silent for 15 s counts as offline."""
    expected = bool(facts.loaded.config.uplink.host)
    ago_s = ms_between(says.at, now) / 1e3 if says.at else -1.0
    silent = expected and ms_between(says.at or facts.started, now) / 1e3 > UPLINK_SILENT_S
    starting: UplinkState = "connecting" if expected and says.at is None else says.state
    return UplinkStatus(
        state="offline" if silent else starting,
        detail="the uplink process is silent" if silent else says.detail,
        said_s_ago=round(ago_s, 1),
        epoch=outbox.epoch,
        queued=outbox.last_seq,
        unsettled=outbox.unsettled,
        sent=says.sent,
        refused=says.refused,
    )


def status(
    *,
    facts: Facts,
    lanes: tuple[LaneStatus, ...],
    disk: DiskStatus,
    uplink: UplinkStatus,
    alarms: tuple[Alarm, ...],
    recordings: tuple[RecordingStatus, ...],
    now: Stamp,
    clock_trusted: bool,
) -> Status:
    """All of it."""
    station, loaded = facts.loaded.config.station, facts.loaded
    return Status(
        version=__version__,
        site=station.site,
        line=station.line,
        station=station.name,
        pid=os.getpid(),
        run=facts.run,
        boot=now.boot,
        started_utc_us=facts.started.utc_us,
        now_utc_us=now.utc_us,
        clock_trusted=clock_trusted,
        profile=loaded.profile.name,
        profile_why=loaded.profile_why,
        lanes=lanes,
        disk=disk,
        uplink=uplink,
        alarms=alarms,
        recordings=recordings,
        resident_mb=resident_mb(),
        safe_mode=loaded.safe_mode,
    )


def causes(now: Status, outbox: Outbox, store_trouble: str) -> Iterator[Cause]:
    """Every reason for an alarm that holds in this state."""
    for lane in now.lanes:
        yield from _of_lane(lane)
    yield from _of_disk(now.disk)
    for recording in now.recordings:
        if recording.running and recording.trouble:
            yield Cause("recording_trouble", recording.lane, recording.trouble)
    if now.uplink.state in ("offline", "refused"):
        yield Cause(f"broker_{now.uplink.state}", "", now.uplink.detail)
    waiting_s = (now.now_utc_us - outbox.oldest_unsettled_utc_us) / 1e6 if outbox.oldest_unsettled_utc_us else 0.0
    if now.uplink.state != "off" and waiting_s > OUTBOX_OLD_S:
        yield Cause("outbox_old", "", f"{outbox.unsettled} messages, the oldest {waiting_s / 60:.0f} min")
    if store_trouble:
        yield Cause("store_failing", "", store_trouble)
    if now.safe_mode:
        yield Cause("safe_mode", "", now.safe_mode)
    if not now.clock_trusted:
        yield Cause("clock_untrusted")


def _of_lane(lane: LaneStatus) -> Iterator[Cause]:
    if lane.camera in ("gone", "stalled", "wrong_settings"):
        yield Cause(f"camera_{lane.camera}", lane.name, lane.camera_detail)
    if lane.engine == "failed":
        yield Cause("engine_failed", lane.name, lane.engine_detail)
    if lane.recipe_trouble:
        yield Cause("recipe_refused", lane.name, lane.recipe_trouble)
    if lane.model_rolled_back:
        yield Cause("model_rolled_back", lane.name, lane.model_rolled_back)
    if lane.canary_trouble:
        yield Cause("canary_ended", lane.name, lane.canary_trouble)
    if lane.model_trouble:
        yield Cause("model_fallback", lane.name, lane.model_trouble)
    if lane.fallback:
        yield Cause("engine_fallback", lane.name, lane.fallback)
    yield from _of_challenge(lane.name, lane.challenge)
    if lost := [s.name for s in lane.settings if s.asked != s.given]:
        yield Cause("settings_not_taken", lane.name, ", ".join(lost))


def _of_challenge(lane: str, challenge: ChallengeStatus) -> Iterator[Cause]:
    if not challenge.released and challenge.why:
        yield Cause("not_released", lane, ", ".join(challenge.why))
    if challenge.overridden_by:
        yield Cause("released_by_hand", lane, f"{challenge.overridden_by}: {challenge.overridden_reason}"[:300])
    if challenge.closing_until_utc_us:
        yield Cause("closing_run_due", lane)


def _of_disk(disk: DiskStatus) -> Iterator[Cause]:
    if disk.evidence == "stopped":
        yield Cause("disk_full", "", f"{disk.free_mb} MB free")
    elif disk.evidence == "on" and disk.free_mb < 2 * disk.reserve_mb:
        yield Cause("disk_low", "", f"{disk.free_mb} MB free")


def resident_mb() -> float:
    """Resident memory of this process, MB (proc(5), statm)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
