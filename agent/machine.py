"""Facts about this computer that decide which device profile fits, read once from /proc, /sys and /dev."""

import platform
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")


@dataclass(frozen=True, slots=True, order=True)
class PciDevice:
    """A device on the PCI bus; all in hex, lower case, without 0x."""

    vendor: str
    """Four digits: 8086 is Intel."""
    device: str
    """Four digits."""
    klass: str
    """Six digits, base class first: 03xxxx is a display controller (PCI Code and ID Assignment)."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the match rules of a device profile look at."""

    architecture: str
    """As `uname -m` says: x86_64, aarch64."""
    cpu: str
    """The processor's name, for people; may be empty."""
    cpu_flags: frozenset[str]
    """`flags` (x86) or `Features` (ARM) of /proc/cpuinfo."""
    pci: tuple[PciDevice, ...]
    usb: frozenset[str]
    """vendor:product, four hex digits each."""
    nodes: frozenset[str]
    """Device files under /dev/accel and /dev/dri: "/dev/accel/accel0"."""


def read_machine(root: Path = ROOT) -> Machine:
    """Read the facts of this machine. What is not there, or may not be read, is left empty."""
    cpuinfo = _cpuinfo(_text(root / "proc/cpuinfo"))
    flags = cpuinfo.get("flags", "") or cpuinfo.get("Features", "")
    return Machine(
        architecture=platform.machine(),
        cpu=cpuinfo.get("model name", "") or cpuinfo.get("Model", ""),
        cpu_flags=frozenset(flags.split()),
        pci=_pci(root / "sys/bus/pci/devices"),
        usb=_usb(root / "sys/bus/usb/devices"),
        nodes=_nodes(root),
    )


def _cpuinfo(text: str) -> dict[str, str]:
    """First value of each key: the processors of one machine say the same, and 128 of them say it long."""
    pairs: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            pairs.setdefault(key.strip(), value.strip())
    return pairs


def _pci(folder: Path) -> tuple[PciDevice, ...]:
    found = [
        PciDevice(_hex(device / "vendor"), _hex(device / "device"), _hex(device / "class"))
        for device in _entries(folder)
    ]
    return tuple(sorted(device for device in found if device.vendor))


def _usb(folder: Path) -> frozenset[str]:
    ids = {(_hex(device / "idVendor"), _hex(device / "idProduct")) for device in _entries(folder)}
    return frozenset(f"{vendor}:{product}" for vendor, product in ids if vendor and product)


def _nodes(root: Path) -> frozenset[str]:
    found = [*_entries(root / "dev/accel"), *_entries(root / "dev/dri")]
    return frozenset(f"/{node.relative_to(root)}" for node in found)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _hex(file: Path) -> str:
    return _text(file).strip().lower().removeprefix("0x")


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
