"""The box itself, as values: what it is, how it is, what its pictures cost."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from agent.status import LaneStatus, Status
from agent.store.happened import Kept
from agent.temperature import temperature_c
from agent.version import __version__

DAY_S = 86_400
PACKAGES = ("openvino", "onnxruntime", "opencv-python-headless", "numpy", "SQLAlchemy", "paho-mqtt", "fastapi")


@dataclass(frozen=True, slots=True)
class Machine:
    """What this computer says of itself; empty or None where it does not say."""

    name: str
    system: str
    architecture: str
    cores: int
    memory_mb: int
    available_mb: int
    load: float | None
    up_s: float | None
    versions: tuple[tuple[str, str], ...]


def machine() -> Machine:
    """Read now, from /proc."""
    memory = _memory(Path("/proc/meminfo"))
    return Machine(
        name=platform.node(),
        system=_system(),
        architecture=platform.machine(),
        cores=os.cpu_count() or 0,
        memory_mb=memory.get("MemTotal", 0),
        available_mb=memory.get("MemAvailable", 0),
        load=_first(Path("/proc/loadavg")),
        up_s=_first(Path("/proc/uptime")),
        versions=tuple(_versions()),
    )


def temperatures(lanes: Iterable[LaneStatus]) -> tuple[tuple[str, float], ...]:
    """(device, degrees Celsius) of the devices that judge, where they have a sensor."""
    devices = sorted({lane.device for lane in lanes if lane.device} | {"CPU"})
    measured = ((device, temperature_c(device)) for device in devices)
    return tuple((device, celsius) for device, celsius in measured if celsius is not None)


def _versions() -> Iterable[tuple[str, str]]:
    yield "okng", __version__
    yield "Python", platform.python_version()
    for name in PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "") + f", Linux {platform.release()}"
    except OSError:
        return f"{platform.system()} {platform.release()}"


def _memory(file: Path) -> dict[str, int]:
    """MB by name."""
    found = {}
    for line in _text(file).splitlines():
        name, _, rest = line.partition(":")
        if number := rest.split()[:1]:
            found[name] = int(number[0]) // 1024
    return found


def _first(file: Path) -> float | None:
    try:
        return float(_text(file).split()[0])
    except (IndexError, ValueError):
        return None


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast pictures fill the disk, from the last day's."""

    mb_a_day: float
    days_left: float | None
    """Until the quota is full and the oldest good ones go; None where nothing was kept yesterday."""
    tb_a_year: float
    """Written to the disk by pictures: what a flash's endurance (TBW) is to be compared with."""


def pace(kept: Kept, status: Status | None, quota_mb: int) -> Pace:
    """`kept` with `bytes_since` of one day."""
    a_day = kept.bytes_since / 1e6
    used = status.disk.evidence_mb if status else kept.bytes / 1e6
    room = max(0.0, quota_mb - used)
    if status is not None:
        room = min(room, max(0.0, status.disk.free_mb - status.disk.reserve_mb))
    return Pace(a_day, room / a_day if a_day > 0.01 else None, a_day * 365 / 1e6)
