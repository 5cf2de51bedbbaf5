"""What the options of a configuration must be to each other, and to this machine."""

import ipaddress
import math
import re
import zoneinfo
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from agent.config import (
    ACCEPT_UNSIGNED,
    DEVICES,
    CameraConfig,
    Config,
    FolderConfig,
    LaneConfig,
    RtspConfig,
    V4l2Config,
    VirtualConfig,
)
from agent.findings import Finding, file_findings, secret_findings
from agent.options import suggest
from agent.problems import shown
from agent.shifts import clashes

_DEVICES = tuple(dict.fromkeys(device for known in DEVICES.values() for device in known))
_DEVICE = re.compile(rf"^({'|'.join(_DEVICES)})(\.\d+)?$")
_IDENTITY = ("kind", "serial", "path", "url", "folder")
"""Options that say which camera it is."""
_FIELDS = frozenset({"site", "line", "station"})


def check(config: Config) -> list[Finding]:
    """Everything that is wrong between the options, and everything that looks unintended."""
    return [
        *_numbers(config, ""),
        *_station(config),
        *_lanes(config),
        *_shifts(config),
        *_engine(config),
        *_models(config),
        *_uplink(config),
        *_web(config),
        *_storage(config),
    ]


def _numbers(value: Any, name: str) -> Iterator[Finding]:
    """TOML knows inf and nan; no option may be either."""
    if isinstance(value, BaseModel):
        for inner in type(value).model_fields:
            yield from _numbers(getattr(value, inner), f"{name}.{inner}".lstrip("."))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}")
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _numbers(inner, f"{name}.{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Finding(name, f"is {value}, allowed: a finite number")


def _station(config: Config) -> Iterator[Finding]:
    station = config.station
    zones = zoneinfo.available_timezones() | {"UTC"}
    if station.timezone not in zones:
        meant = suggest(station.timezone, sorted(zones)) or ", for example Europe/Berlin or Asia/Shanghai"
        lacking = " (this machine has no time zones: package tzdata)" if len(zones) == 1 else ""
        yield Finding("station.timezone", f"is {shown(station.timezone)}, not an IANA time zone{meant}{lacking}")
    if station.data == station.runtime or station.runtime in station.data.parents:
        what = f"is {station.data}, inside station.runtime ({station.runtime}), which is emptied at every boot"
        yield Finding("station.data", what, ("station.runtime",))


def _lanes(config: Config) -> Iterator[Finding]:
    if not config.lanes:
        yield Finding("lanes", "there is none; a station needs at least one, [lanes.NAME] with a recipe and a camera")
    taken: dict[tuple[str, str], str] = {}
    for name, lane in config.lanes.items():
        where = f"lanes.{name}.camera"
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,62}", lane.recipe):
            yield Finding(f"lanes.{name}.recipe", f"is {shown(lane.recipe)}, allowed: the name of a recipe")
        yield from _camera(where, lane.camera)
        yield from _keeping(f"lanes.{name}", lane)
        key = _physical(lane)
        if key is not None and key in taken:
            what = f"{key[0]} {key[1]} is the camera of lane {taken[key]} already; a camera has one lane"
            both = (where, f"lanes.{taken[key]}.camera")
            yield Finding(where, what, tuple(f"{one}.{option}" for one in both for option in _IDENTITY))
        elif key is not None:
            taken[key] = name


def _shifts(config: Config) -> Iterator[Finding]:
    for index, wrong in clashes(config.shifts):
        yield Finding(f"shifts.{index}", wrong, ("shifts",))


def _physical(lane: LaneConfig) -> tuple[str, str] | None:
    """What two lanes cannot share; None where sharing does no harm."""
    camera = lane.camera
    if isinstance(camera, V4l2Config):
        return ("v4l2", camera.serial or camera.path) if camera.serial or camera.path else None
    if isinstance(camera, RtspConfig):
        return ("rtsp", shown(camera.url))
    if isinstance(camera, FolderConfig):
        return ("folder", str(camera.folder))
    return None


def _keeping(where: str, lane: LaneConfig) -> Iterator[Finding]:
    """No picture may be dropped that nobody counts, and no row opened that nobody closes."""
    kind = lane.camera.kind
    also = tuple(f"{where}.{option}" for option in ("keep", "camera.kind", "camera.pace", "camera.free_run"))
    if lane.keep == "newest" and not lane.camera.free_running:
        why = f"this {kind} camera does not run free, so pictures would be dropped unjudged"
        yield Finding(f"{where}.keep", f"is newest, allowed: auto or every; {why}", also)
    elif lane.commit == "opened" and not lane.keeps_every:
        why = "the lane keeps the newest picture only, so each picture passed over would leave an open row"
        yield Finding(f"{where}.commit", f"is opened, allowed: auto or grouped, or keep = every; {why}", also)


def _camera(where: str, camera: CameraConfig) -> Iterator[Finding]:
    yield from _retry(where, camera.retry_min_s, camera.retry_max_s)
    if isinstance(camera, V4l2Config) and not camera.serial and not camera.path:
        what = "serial and path are both empty; name the camera by one of them"
        yield Finding(where, what, (f"{where}.serial", f"{where}.path"))
    if isinstance(camera, RtspConfig):
        if "@" in urlsplit(camera.url).netloc:
            yield Finding(f"{where}.url", f"is {shown(camera.url)}, with a user in it; use user and password_file")
        yield from secret_findings(f"{where}.password_file", camera.password_file)
    if isinstance(camera, FolderConfig) and camera.move_to is not None:
        inside = camera.move_to == camera.folder or (camera.folder in camera.move_to.parents and "**" in camera.pattern)
        if inside:
            what = f"is {camera.move_to}, where the camera would find the judged pictures again"
            yield Finding(f"{where}.move_to", what, (f"{where}.folder", f"{where}.pattern"))
    if isinstance(camera, VirtualConfig):
        for index, fault in enumerate(camera.faults):
            if 0 < fault.every_s <= fault.for_s:
                what = f"is {fault.every_s}, allowed: above for_s ({fault.for_s}), or 0 for once"
                yield Finding(f"{where}.faults.{index}.every_s", what)


def _retry(where: str, least_s: float, most_s: float) -> Iterator[Finding]:
    if least_s > most_s:
        what = f"is {least_s}, allowed: at most retry_max_s ({most_s})"
        yield Finding(f"{where}.retry_min_s", what, (f"{where}.retry_max_s",))


def _engine(config: Config) -> Iterator[Finding]:
    for device in config.engine.devices:
        if not _DEVICE.match(device):
            known = DEVICES.get(config.engine.kind, _DEVICES)
            meant = suggest(device.upper(), known)
            yield Finding(
                "engine.devices", f"names {shown(device)}, allowed: {', '.join(known)} (.1: the second){meant}"
            )


def _models(config: Config) -> Iterator[Finding]:
    models = config.models
    holders: dict[str, str] = {}
    for name, key in models.trusted_keys.items():
        if key in holders:
            yield Finding(f"models.trusted_keys.{name}", f"is the key of {holders[key]} too", only_warns=True)
        holders.setdefault(key, name)
    if models.accept_unsigned == ACCEPT_UNSIGNED:
        what = "takes models that nobody signed: whoever can hand one in decides what is OK"
        yield Finding("models.accept_unsigned", what, only_warns=True)
    elif models.accept_unsigned:
        what = f'is {shown(models.accept_unsigned)}, allowed: empty, or the very words "{ACCEPT_UNSIGNED}"'
        yield Finding("models.accept_unsigned", what)


def _uplink(config: Config) -> Iterator[Finding]:
    uplink = config.uplink
    yield from _retry("uplink", uplink.retry_min_s, uplink.retry_max_s)
    yield from _topic(uplink.topic)
    yield from secret_findings("uplink.password_file", uplink.password_file)
    if re.search(r"[/\s@]|:\d+$", uplink.host) and not _is_address(uplink.host):
        what = f"is {shown(uplink.host)}, allowed: a host name or address alone; the port is uplink.port"
        yield Finding("uplink.host", what)
    if uplink.password_file is not None and not uplink.user:
        yield Finding("uplink.user", "is empty, but there is a password_file", ("uplink.password_file",))
    tls = uplink.tls
    if tls is not None:
        if (tls.certificate is None) != (tls.key is None):
            what = "certificate and key are needed together"
            yield Finding("uplink.tls", what, ("uplink.tls.certificate", "uplink.tls.key"))
        for name in ("ca", "certificate", "key"):
            yield from file_findings(f"uplink.tls.{name}", getattr(tls, name))
        if uplink.port == 1883:
            yield Finding(
                "uplink.port", "is 1883, where brokers speak plain text; TLS is usually 8883", only_warns=True
            )
    if uplink.host and uplink.commands and uplink.password_file is None and (tls is None or tls.certificate is None):
        what = "is true, but without a password or a client certificate no command is taken"
        also = ("uplink.password_file", "uplink.tls.certificate")
        yield Finding("uplink.commands", what, also, only_warns=True)


def _topic(topic: str) -> Iterator[Finding]:
    unknown = [n for n in re.findall(r"\{([^{}]*)\}", topic) if n not in _FIELDS]
    bare = re.sub(r"\{[^{}]*\}", "x", topic)
    if unknown:
        yield Finding("uplink.topic", f"names {{{unknown[0]}}}, allowed: {{site}}, {{line}}, {{station}}")
    elif not re.fullmatch(r"[^/+#$\s{}]+(/[^/+#$\s{}]+)*", bare):
        what = f"is {shown(topic)}, allowed: levels parted by /, none empty, without spaces and + # $ {{ }}"
        yield Finding("uplink.topic", what)


def _web(config: Config) -> Iterator[Finding]:
    web = config.web
    seen_by_others = web.enabled and not is_loopback(web.host)
    if seen_by_others and web.tls == "off":
        what = f"is off, and web.host is {shown(web.host)}: passwords and sessions can be read on their way"
        yield Finding("web.tls", what, ("web.host", "web.enabled"), only_warns=True)
    if (web.certificate is None) != (web.key is None):
        given, lacking = ("certificate", "key") if web.key is None else ("key", "certificate")
        yield Finding(f"web.{lacking}", f"is missing: web.{given} is given, and one is of no use without the other")
    yield from file_findings("web.certificate", web.certificate)
    yield from secret_findings("web.key", web.key)
    if web.this_machine == "admin":
        what = "is admin: whoever uses this machine may do everything without a name, even make others admins"
        yield Finding("web.this_machine", what, only_warns=True)
    if 0 < web.port < 1024:
        what = f"is {web.port}; below 1024 only root may listen, and the page does not run as root"
        yield Finding("web.port", what, only_warns=True)


def _storage(config: Config) -> Iterator[Finding]:
    if config.store.keep_days < config.evidence.keep_days:
        what = f"is {config.store.keep_days}, below evidence.keep_days: pictures would outlive their rows"
        yield Finding("store.keep_days", what, ("evidence.keep_days",), only_warns=True)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
