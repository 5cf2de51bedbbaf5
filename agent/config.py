"""What a station can be told: every option with its default, bounds, unit and meaning on one line.

The values are frozen; reading and merging them from files is `agent.settings`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""A level of an MQTT topic and a part of a file name: lower case letters, digits, - and _."""

UpdateHost = Annotated[str, Field(pattern=r"^([a-z0-9-]+(\.[a-z0-9-]+)*)(:[1-9][0-9]{0,4})?$", max_length=260)]
"""A server: its name in lower case or its IPv4 address, and its port where that is not 443."""
DiscoveryPrefix = Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$", max_length=100)]

PublicKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")]
"""32 bytes in base64, which has one form only."""
ACCEPT_UNSIGNED = "yes, accept models that nobody signed"
"""The words that make a station take a model without a signature."""


def opt(default: Any, meaning: str, unit: str = "", **bounds: Any) -> Any:
    """An option: its default, what it means, its unit and its bounds (ge, le, min_length, ...)."""
    extra: dict[str, Any] | None = {"unit": unit} if unit else None
    return Field(default, description=meaning, json_schema_extra=extra, **bounds)


class Section(BaseModel):
    """A part of the configuration: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StationConfig(Section):
    """Who this station is and where it keeps its things."""

    site: Slug = opt("plant", "site, first level of the MQTT topic")
    line: Slug = opt("line1", "production line, second level of the MQTT topic")
    name: Slug = opt("station1", "this station, third level of the MQTT topic; unique in its line")
    data: Path = opt(Path("/var/lib/okng"), "folder of the database, evidence, models and recipes")
    runtime: Path = opt(Path("/run/okng"), "folder of the control socket and live pictures (tmpfs)")
    timezone: str = opt("UTC", "the plant's time zone, an IANA name, used by the page")
    profile: str = opt("auto", "device profile by name, or auto: the best match")
    languages: Literal["auto", "en", "zh"] = opt("auto", "language of the page; auto: the browser's")


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day on the plant's clocks."""


class ShiftConfig(Section):
    """A shift of the plant, [[shifts]]. It belongs to the day on which it begins."""

    name: str = opt(
        ..., "name of the shift, as people call it", min_length=1, max_length=32, pattern=r"^[^\x00-\x1f/]+$"
    )
    start: ClockTime = opt(..., "when it begins, HH:MM in the plant's zone")
    end: ClockTime | Literal[""] = opt(
        "", "when it ends, HH:MM, on the next day where not after start; empty: as the next begins"
    )
    days: tuple[Day, ...] = opt(DAYS, "days on which it begins", min_length=1)


class CameraConfig(Section):
    """What every kind of camera can be told."""

    stall_s: float = opt(20.0, "no picture for this long: the camera is opened anew", "s", ge=0.1)
    retry_min_s: float = opt(0.5, "first wait before opening again", "s", ge=0.01)
    retry_max_s: float = opt(30.0, "longest wait before opening again", "s", ge=0.01)

    @property
    def free_running(self) -> bool:
        """Whether pictures come by a clock of their own, so that a slow lane misses some."""
        return True

    @property
    def hang_s(self) -> float:
        """A driver's call that takes longer, s, has hung: longer than any time-out of its own."""
        return 45.0


class V4l2Config(CameraConfig):
    """A USB or CSI camera by Video4Linux2."""

    kind: Literal["v4l2"]
    serial: str = opt("", "serial number (udev ID_SERIAL or ID_SERIAL_SHORT); empty: by `path`")
    path: str = opt("", "port (udev ID_PATH, for twins without serials) or device file; empty: by `serial`")
    fourcc: str = opt("MJPG", "pixel format, four characters", min_length=4, max_length=4)
    width_px: int = opt(1280, "picture width asked for", "px", ge=16, le=16384)
    height_px: int = opt(720, "picture height asked for", "px", ge=16, le=16384)
    fps: float = opt(30.0, "frame rate asked for", "1/s", gt=0, le=1000)
    controls: dict[str, float] = opt({}, "controls set and read back: auto_exposure, exposure, gain, ...")
    wrong_size: Literal["refuse", "accept"] = opt(
        "accept", "another size than asked: judge with the right geometry, or refuse the camera"
    )


class RtspConfig(CameraConfig):
    """A network camera over RTSP (TCP)."""

    kind: Literal["rtsp"]
    url: str = opt(..., "rtsp:// or rtsps:// address, without user and password", pattern=r"^rtsps?://")
    user: str = opt("", "user name")
    password_file: Path | None = opt(None, "file that holds the password and nothing else")
    open_timeout_s: float = opt(10.0, "an open that takes longer is abandoned", "s", ge=0.5, le=120)
    read_timeout_s: float = opt(5.0, "a read that takes longer is given up", "s", ge=0.5, le=120)

    @property
    def hang_s(self) -> float:
        # Opens of one process come one after another in OpenCV, and one may wait behind another's time-out.
        return 45.0 + self.open_timeout_s + self.read_timeout_s


class VideoConfig(CameraConfig):
    """A video file."""

    kind: Literal["video"]
    file: Path = opt(..., "the video file")
    pace: Literal["own", "fast"] = opt("own", "at the file's own frame rate, or as fast as possible")
    loop: bool = opt(False, "start again at the end")

    @property
    def free_running(self) -> bool:
        return self.pace == "own"


class FolderConfig(CameraConfig):
    """A folder of pictures: read once, or watched (what an FTP camera drops in)."""

    kind: Literal["folder"]
    folder: Path = opt(..., "the folder")
    pattern: str = opt("*", "which file names count, as a glob; also decides whether sub-folders do: **/*")
    watch: bool = opt(False, "go on looking for new pictures; otherwise the folder is read once")
    settle_s: float = opt(0.5, "a file is complete when unchanged for this long (watched only)", "s", ge=0)
    judged: Literal["leave", "move", "delete"] = opt("leave", "what becomes of a judged file")
    move_to: Path | None = opt(None, "where judged files go, for judged = move")

    @model_validator(mode="after")
    def _move_needs_target(self) -> "FolderConfig":
        if (self.judged == "move") != (self.move_to is not None):
            raise ValueError("move_to is needed with judged = move, and only then")
        return self

    @property
    def free_running(self) -> bool:
        return False


class PushConfig(CameraConfig):
    """Pictures handed in through REST or `okng judge`."""

    kind: Literal["push"]
    max_px: int = opt(64_000_000, "largest picture taken, width x height", "px", ge=1024)

    @property
    def free_running(self) -> bool:
        return False


class VirtualFault(Section):
    """One misbehaviour of the virtual line, by schedule."""

    kind: Literal["freeze", "dark", "blur", "tear", "drop", "vanish"] = opt(..., "what goes wrong")
    at_s: float = opt(..., "when it begins, since the start", "s", ge=0)
    for_s: float = opt(..., "how long it lasts", "s", gt=0)
    every_s: float = opt(0.0, "repeat period, 0: once", "s", ge=0)


class VirtualConfig(CameraConfig):
    """The virtual line: drawn boards that pass at a set rate."""

    kind: Literal["virtual"]
    layout: int = opt(1, "seed of the golden layout; below 1000, the bundled model never saw those", ge=0)
    seed: int = opt(1, "seed of the boards: same seed, same boards", ge=0)
    rate_hz: float = opt(10.0, "boards a second", "1/s", gt=0, le=1000)
    free_run: bool = opt(True, "by the clock, so that boards can be missed; else one after the other")
    bad_share: float = opt(0.2, "share of boards with defects", ge=0, le=1)
    drift_to: float = opt(0.2, "share of boards with defects after a drift", ge=0, le=1)
    drift_boards: int = opt(0, "over so many boards the share moves from bad_share to drift_to, 0: it stays", ge=0)
    boards: int = opt(0, "the line ends after so many boards, 0: never", ge=0)
    width_px: int = opt(640, "picture width", "px", ge=64, le=8192)
    height_px: int = opt(640, "picture height", "px", ge=64, le=8192)
    faults: tuple[VirtualFault, ...] = opt((), "misbehaviour by schedule")

    @property
    def free_running(self) -> bool:
        return self.free_run


AnyCamera = Annotated[
    V4l2Config | RtspConfig | VideoConfig | FolderConfig | PushConfig | VirtualConfig,
    Field(discriminator="kind"),
]


Occasion = Literal["shift_start", "shift_end", "recipe", "model", "restart"]
OCCASIONS: tuple[Occasion, ...] = get_args(Occasion)


class LaneConfig(Section):
    """One camera with its recipe."""

    recipe: str = opt(..., "name of the recipe at the first start; later the page or MQTT may change it")
    keep: Literal["auto", "newest", "every"] = opt(
        "auto", "newest: a slot of one; every: a queue; auto: newest for a camera that runs free, else every"
    )
    queue: int = opt(64, "pictures that may wait with keep = every", ge=1, le=10_000)
    commit: Literal["auto", "grouped", "opened"] = opt(
        "auto", "opened: a row is durable before the judging; auto: opened with keep = every"
    )
    challenge: Literal["off", "warn", "block"] = opt(
        "off", "challenge parts: never asked for; an alarm until they were judged right; or nothing passes until then"
    )
    challenge_at: tuple[Occasion, ...] = opt(OCCASIONS, "when challenge parts are asked for")
    challenge_end_min: float = opt(
        20.0, "so long before the shift's end the closing run is asked for", "min", ge=1, le=240
    )
    camera: AnyCamera = opt(..., "the camera")

    @property
    def keeps_every(self) -> bool:
        if self.keep != "auto":
            return self.keep == "every"
        return not self.camera.free_running

    @property
    def opens_rows(self) -> bool:
        return self.commit == "opened" or (self.commit == "auto" and self.keeps_every)


DEVICES: Mapping[str, tuple[str, ...]] = {
    "openvino": ("NPU", "GPU", "CPU"),
    "onnxruntime": ("TENSORRT", "CUDA", "ROCM", "MIGRAPHX", "QNN", "VITISAI", "CPU"),
    "torch": ("CUDA", "CPU"),
}
"""Kind of engine -> the devices that it knows; GPU.1 and CUDA.1 are the second of theirs."""


class EngineConfig(Section):
    """What runs the model. Empty device order: the device profile's."""

    kind: Literal["openvino", "canned", "onnxruntime", "torch"] = opt(
        "openvino", "openvino; onnxruntime or torch, where that extra is installed; canned answers for trials"
    )
    devices: tuple[str, ...] = opt((), "devices in the order they are tried: NPU, GPU, CPU; CUDA and others by kind")
    precision: Literal["auto", "f32", "bf16", "f16"] = opt("auto", "inference precision; auto: the device's own")
    threads: int = opt(0, "CPU threads for inference, 0: the device's own choice", ge=0, le=512)
    streams: int = opt(0, "CPU streams with several requests at a time, 0: one each, up to the cores", ge=0, le=512)
    properties: dict[str, dict[str, bool | int | float | str]] = opt(
        {}, "device -> the engine's own properties of it as they stand: power, cores, turbo"
    )
    cache_mb: int = opt(512, "size cap of the compiled-model cache", "MB", ge=0)
    canned: tuple[tuple[str, float, float, float, float, float], ...] = opt(
        (), "canned answers: (label, score, x1, y1, x2, y2) in px of the model's input"
    )
    canned_ms: float = opt(0.0, "canned: a run takes so long", "ms", ge=0, le=60_000)
    canned_fail_after: int = opt(0, "canned: every run of a session after so many fails, 0: none does", ge=0)
    hang_s: float = opt(10.0, "a device that has not answered for this long has failed", "s", gt=0, le=600)


class ModelsConfig(Section):
    """Models that come later: whose are taken, what they may cost, and how a new one is watched."""

    trusted_keys: dict[Slug, PublicKey] = opt({}, "name -> public key (of `okng bundle keygen`) whose models are taken")
    accept_unsigned: str = opt("", f'"{ACCEPT_UNSIGNED}" takes models without a signature; empty: none')
    activate_on_import: bool = opt(False, "an import may activate the model as well: so that the centre may, by MQTT")
    trial_s: float = opt(300.0, "a model that has not proven itself on a device by then has failed", "s", ge=5, le=3600)
    budget_memory_mb: int = opt(2000, "memory that a model may take when it is loaded", "MB", ge=1)
    budget_share: float = opt(0.8, "share of a recipe's deadline that its model may take", ge=0.01, le=1)
    health_s: float = opt(60.0, "a new model is watched at least so long", "s", ge=0.1, le=86_400)
    health_parts: int = opt(200, "a new model is watched for at least so many parts", ge=1, le=1000)
    health_errors: int = opt(3, "parts that a new model may fail to judge before it is taken back", ge=1, le=4)
    keep: int = opt(3, "good models before the active one that are kept, a recipe, and others that nothing needs", ge=1)
    cap_mb: int = opt(4000, "space for installed models; those that nothing needs go first", "MB", ge=1)


class EvidenceConfig(Section):
    """Pictures kept as proof."""

    enabled: bool = opt(True, "keep pictures of NG, UNSURE and sampled OK parts")
    jpeg_quality: int = opt(90, "JPEG quality", "%", ge=10, le=100)
    lossless_share: float = opt(
        0.1, "share of NG and UNSURE parts whose picture is kept lossless (PNG); sampled OK ones always are", ge=0, le=1
    )
    audit_share: float = opt(
        0.0, "share of parts drawn for an audit before they are judged; kept lossless until reviewed", ge=0, le=1
    )
    audit_waiting: int = opt(1_000, "so many unreviewed audit pictures, then no more are drawn", ge=1, le=1_000_000)
    quota_mb: int = opt(20_000, "space for pictures; the oldest good ones go first", "MB", ge=1)
    keep_days: float = opt(90.0, "age at which pictures go", "d", gt=0)
    reserve_mb: int = opt(1_000, "free space that pictures never use; below it only judging goes on", "MB", ge=0)
    record_folder: Path | None = opt(
        None, "where `record everything` puts a lane's pictures: a folder or a mounted share, which is never made"
    )
    record_lossless: bool = opt(True, "record everything: PNG, pixel for pixel; false: JPEG of jpeg_quality")


class StoreConfig(Section):
    """The database."""

    keep_days: float = opt(730.0, "age at which settled rows go", "d", gt=0)
    group_ms: float = opt(50.0, "longest wait of a record for its group commit", "ms", ge=0, le=1000)
    group_max: int = opt(64, "most records in one commit", ge=1, le=1000)
    unsettled_max: int = opt(100_000, "unsettled messages kept before they are rolled up into hours", ge=100)
    window_s: float = opt(60.0, "length of a summary window, aligned to UTC", "s", ge=0.2, le=3600)


class TlsConfig(Section):
    """TLS of the broker's connection."""

    ca: Path | None = opt(None, "file with the CA's certificates; none: the system's")
    certificate: Path | None = opt(None, "client certificate (PEM)")
    key: Path | None = opt(None, "client key (PEM)")
    minimum: Literal["1.2", "1.3"] = opt("1.3", "lowest TLS version")


class UpdateConfig(Section):
    """Models over the air: the command `update` names an HTTPS address. Without hosts it is refused."""

    hosts: tuple[UpdateHost, ...] = opt((), "servers that a model may come from: NAME (port 443) or NAME:PORT")
    ca: Path | None = opt(None, "file with further CAs' certificates for them; none: the system's CAs only")
    cap_mb: int = opt(500, "largest file that is taken", "MB", ge=1, le=100_000)
    rate_kb_s: int = opt(0, "most that is loaded, so that a thin line stays usable, 0: no limit", "kB/s", ge=0)
    slowest_b_s: int = opt(200, "a connection that gives less is ended and tried anew", "B/s", ge=1)
    timeout_s: float = opt(30.0, "longest wait for the server: to connect, and for the next bytes", "s", ge=0.1, le=600)
    patience_s: float = opt(86_400.0, "an update that is not loaded by then is given up", "s", ge=1)


class UplinkConfig(Section):
    """The central server's broker. Without a host, summaries wait in the outbox."""

    host: str = opt("", "broker's host name or address; empty: no broker")
    port: int = opt(1883, "broker's port", ge=1, le=65535)
    protocol: Literal[5, 3] = opt(5, "MQTT 5, or 3 for 3.1.1 (RabbitMQ 3.10 and older)")
    tls: TlsConfig | None = opt(None, "TLS; none: plain text")
    user: str = opt("", "user name")
    password_file: Path | None = opt(None, "file that holds the password and nothing else")
    topic: str = opt("okng/{site}/{line}/{station}", "topic prefix; {site}, {line} and {station} are filled in")
    settle: Literal["centre", "puback", "none"] = opt(
        "centre", "when a message is settled: the centre says so, the broker says so, or never asked"
    )
    commands: bool = opt(True, "take commands; needs a password or a client certificate")
    update: UpdateConfig = opt(UpdateConfig(), "models over the air")
    results: bool = opt(False, "publish one message a part as well")
    home_assistant: DiscoveryPrefix = opt(
        "", 'Home Assistant\'s discovery prefix, there "homeassistant"; empty: nothing is announced'
    )
    rate_per_s: float = opt(50.0, "most messages a second in a replay", "1/s", gt=0)
    keepalive_s: int = opt(30, "MQTT keep-alive", "s", ge=5, le=3600)
    retry_min_s: float = opt(1.0, "first wait before connecting again", "s", ge=0.01)
    retry_max_s: float = opt(120.0, "longest wait before connecting again", "s", ge=0.01)
    will_delay_s: int = opt(10, "MQTT 5: the last will waits this long", "s", ge=0, le=3600)


class WebConfig(Section):
    """The local page."""

    enabled: bool = opt(True, "show the page")
    host: str = opt("127.0.0.1", "address to listen on; 0.0.0.0: for others too, by HTTPS and with a log-in")
    port: int = opt(8080, "port to listen on", ge=0, le=65535)
    this_machine: Literal["none", "viewer", "operator", "engineer", "admin"] = opt(
        "viewer", "role of who uses the page on this machine itself without logging in (a kiosk)"
    )
    open: Literal["none", "viewer"] = opt("none", "role of who uses it from elsewhere without logging in")
    session_idle_min: float = opt(240.0, "a log-in that is not used for this long ends", "min", ge=1, le=100_000)
    session_hours: float = opt(12.0, "a log-in ends after this long, used or not", "h", ge=0.1, le=10_000)
    acts_days: float = opt(3650.0, "age at which what persons did is forgotten", "d", ge=1)
    tls: Literal["auto", "on", "off"] = opt("auto", "HTTPS; auto: where others than this machine see the page")
    certificate: Path | None = opt(None, "own certificate with its chain (PEM); none: a self-made one, kept renewed")
    key: Path | None = opt(None, "the certificate's key (PEM), readable by the page's process only")
    names: tuple[str, ...] = opt((), "further host names the page is called by, besides addresses and this machine's")


class LogConfig(Section):
    """Messages on stderr (the journal)."""

    level: Literal["debug", "info", "warning", "error"] = opt("info", "least severity that is logged")


class Config(Section):
    """The whole configuration of a station: `station.toml`."""

    station: StationConfig = opt(StationConfig(), "who and where")
    lanes: dict[Slug, LaneConfig] = opt({}, "the lanes, by name")
    shifts: tuple[ShiftConfig, ...] = opt((), "the plant's shifts; none: the day is one")
    engine: EngineConfig = opt(EngineConfig(), "what runs the model")
    models: ModelsConfig = opt(ModelsConfig(), "models that come later")
    store: StoreConfig = opt(StoreConfig(), "the database")
    evidence: EvidenceConfig = opt(EvidenceConfig(), "pictures kept as proof")
    uplink: UplinkConfig = opt(UplinkConfig(), "the broker")
    web: WebConfig = opt(WebConfig(), "the page")
    log: LogConfig = opt(LogConfig(), "messages")
