"""The station's state, as the control socket's `status` answers it and the page shows it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

CameraState = Literal["opening", "live", "stalled", "gone", "wrong_settings", "ended"]
EngineState = Literal["compiling", "ready", "failed"]
BesideState = Literal["starting", "judging"]
UplinkState = Literal["off", "connecting", "online", "offline", "refused"]
NOBODY_LISTENS = "the broker takes the messages, but nobody is subscribed to them"
COMMANDS_OFF = "commands are off: they need a password or a client certificate"
"""Details of an uplink that is well; the page says them in the viewer's language."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SettingStatus(_Frozen):
    """A camera setting, asked and read back."""

    name: str
    asked: str
    given: str


class BesideStatus(_Frozen):
    """A second model on a lane. Counts are since it began in this run; what it said of each part is stored."""

    model: str
    state: BesideState
    share: float = 1.0
    """Canary: of the parts that it judges as well."""
    device: str = ""
    compared: int = 0
    agreed: int = 0
    rejects_more: int = 0
    """Parts that passed and that it would not have passed."""
    passes_more: int = 0
    """Parts that did not pass and that it would have passed."""
    differ: int = 0
    """Parts with another outcome, or with a defect in one of the two only."""
    errors: int = 0
    late: int = 0
    dropped: int = 0
    """Parts that it did not judge. Canary: those of its share that were too late before it began. Shadow: `compared`
    and these are all parts that the lane judged since it began; the causes are the next three."""
    dropped_busy: int = 0
    """Shadow: a newer part came before it had taken this one."""
    dropped_away: int = 0
    """Shadow: its process was not there, or went away over this part."""
    dropped_unseen: int = 0
    """Shadow: triggered before it had come to the lane's recipe and model, or not judged by the active model either."""
    restarts: int = 0
    """Shadow: how often its process had to be started anew."""
    trouble: str = ""
    """Shadow: why its process is not there; it is started anew after a pause."""
    pictures: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


class ChallengeStatus(_Frozen):
    """Whether a lane is released, and the challenge run that is on."""

    mode: Literal["off", "warn", "block"] = "off"
    released: bool = True
    """No run of challenge parts is required now. With mode block nothing passes while it is false."""
    why: tuple[str, ...] = ()
    """Why a run is required: first, failed, shift_start, recipe, model, restart."""
    overridden_by: str = ""
    """Not empty: a person has released the lane, without a run."""
    overridden_reason: str = ""
    passed_utc_us: int = 0
    """When the newest run that was passed began; 0: never."""
    closing_until_utc_us: int = 0
    """Not 0: the closing run of the shift is to be made by then."""
    run: int = 0
    """The run that is on; 0: none. While one is, nothing else is judged on the lane."""
    awaited: str = ""
    """Code of the part that the next picture shows, as somebody said; empty: nobody did."""
    parts: int = 0
    judged: int = 0
    mistaken: int = 0


class LaneStatus(_Frozen):
    """One lane. Counts are since the process started; what is stored is asked of the store."""

    name: str
    camera_kind: str
    camera: CameraState
    camera_detail: str
    """Why it is not live: the error in words; empty when it is."""
    camera_serial: str
    settings: tuple[SettingStatus, ...]
    width_px: int
    height_px: int
    engine: EngineState
    engine_detail: str
    capacity_per_s: float = 0.0
    """Pictures a second that the model alone could judge, measured when it was loaded."""
    device: str
    """The device that answers; with a fall-back, `fallback` says why."""
    fallback: str
    model: str
    recipe: str
    recipe_hash: str
    recipe_trouble: str = ""
    """Not empty: the last good revision is used, because the recipe's file was refused, and why."""
    promise: str = ""
    """What became of the model's promise under this recipe: "holds", "void: why", or "" where it has none."""
    model_stage: str = ""
    """What is being done about models: an import, or the health window of a new one; empty: nothing."""
    model_trouble: str = ""
    """Not empty: another model judges than the one that was activated, and why."""
    model_rolled_back: str = ""
    """Not empty: the model that was last taken back by itself, why, and the parts to hold."""
    shadow: BesideStatus | None = None
    canary: BesideStatus | None = None
    canary_trouble: str = ""
    """Not empty: why the last canary has ended by itself."""
    paused: bool
    paused_why: str
    setting_up: bool = False
    """Paused, and pictures are judged for whoever sets up the camera."""
    challenge: ChallengeStatus = ChallengeStatus()
    captured: int
    judged: int
    missed: int
    parts_per_s: float
    """Over the last 10 s."""
    latency_p50_ms: float
    """Frame to verdict, over the last 1,000 parts."""
    latency_p99_ms: float
    deadline_ms: float
    frame_age_ms: float
    """Since the newest frame; -1 before the first."""
    brightness: float
    sharpness: float


class DiskStatus(_Frozen):
    """The data folder's disk."""

    free_mb: int
    reserve_mb: int
    evidence_mb: int
    quota_mb: int
    evidence: Literal["on", "off", "stopped"]
    """stopped: the reserve is touched; judging goes on."""


MOST_RECORDED_MIN = 240
"""For so long one lane can be recorded without being told again."""


class RecordingStatus(_Frozen):
    """A lane of which every picture is kept for a while, or was."""

    lane: str
    folder: str
    running: bool
    begun_utc_us: int
    until_utc_us: int
    kept: int
    bytes: int
    dropped: int
    """Pictures that were not kept: the folder was too slow, or in trouble."""
    trouble: str
    """Not empty: why none can be kept now; it is tried again."""
    ended: Literal["", "time", "stopped", "room", "station"]
    """room: the reserve of free space was reached; station: it was stopped meanwhile."""
    ended_utc_us: int


class UplinkStatus(_Frozen):
    """The way to the centre, as the uplink process last said, and the outbox."""

    state: UplinkState
    detail: str
    said_s_ago: float
    """-1 when it never spoke."""
    epoch: str
    queued: int
    """Messages made in this epoch."""
    unsettled: int
    sent: int
    """Highest seq the broker has acknowledged, as the uplink said; in memory only."""
    refused: int = 0
    """Commands refused since the uplink started."""


class Alarm(_Frozen):
    """Something a person should know, until it ends."""

    name: str
    lane: str
    since_utc_us: int
    detail: str
    acknowledged_by: str = ""
    """Who has said that it is being dealt with; it stands until it ends all the same."""
    acknowledged_note: str = ""
    acknowledged_utc_us: int = 0


class Status(_Frozen):
    """The station now."""

    version: str
    site: str
    line: str
    station: str
    pid: int
    run: str
    boot: str
    started_utc_us: int
    now_utc_us: int
    clock_trusted: bool
    profile: str
    profile_why: str
    lanes: tuple[LaneStatus, ...]
    disk: DiskStatus
    uplink: UplinkStatus
    alarms: tuple[Alarm, ...]
    recordings: tuple[RecordingStatus, ...] = ()
    """What is recorded now, and the last one of each lane in this run."""
    resident_mb: float
    safe_mode: str
    """Not empty: it runs on the last good configuration, and why."""
