"""The cameras that the kernel knows, and the news of them: the only importer of pyudev.

Needs libudev and, for the news, AF_NETLINK and the host's network namespace. Without a running udev
the serial is read from the USB device itself; without libudev everything here raises UdevMissing and
cameras are found by device file only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyudev

from agent.errors import OkngError

_SUBSYSTEM = "video4linux"


class UdevMissing(OkngError):
    """There is no libudev, or it may not be used; says why."""


@dataclass(frozen=True, slots=True)
class VideoDevice:
    """One video4linux device; a camera often has several (pictures, metadata)."""

    node: str
    """/dev/video0"""
    serial: str
    """ID_SERIAL_SHORT: the maker's number; empty where there is none."""
    long_serial: str
    """ID_SERIAL: maker, model and number."""
    port: str
    """ID_PATH: where it is plugged in."""
    name: str
    """For people."""
    index: int
    """Which of its camera's devices: 0 is the one for pictures."""
    captures: bool
    """It gives pictures, not metadata."""


def _context() -> pyudev.Context:
    try:
        return pyudev.Context()
    except (ImportError, OSError) as error:
        raise UdevMissing(f"udev cannot be asked for cameras: {error}") from error


def video_devices() -> tuple[VideoDevice, ...]:
    """All video devices now, by node; radio and teletext are not among them. Raises UdevMissing."""
    found = (_described(device) for device in _context().list_devices(subsystem=_SUBSYSTEM))
    return tuple(sorted((d for d in found if "/video" in d.node), key=lambda d: (len(d.node), d.node)))


def _described(device: pyudev.Device) -> VideoDevice:
    said = device.properties
    capabilities = said.get("ID_V4L_CAPABILITIES", "")
    index = _attribute(device, "index")
    return VideoDevice(
        node=device.device_node or "",
        serial=said.get("ID_SERIAL_SHORT") or _usb_serial(device),
        long_serial=said.get("ID_SERIAL", ""),
        port=said.get("ID_PATH", ""),
        name=_attribute(device, "name") or said.get("ID_V4L_PRODUCT", ""),
        index=int(index) if index.isdigit() else 0,
        captures=":capture:" in capabilities if capabilities else index in ("", "0"),
    )


def _attribute(device: pyudev.Device, name: str) -> str:
    value = device.attributes.get(name)
    return value.decode(errors="replace").strip() if value else ""


def _usb_serial(device: pyudev.Device) -> str:
    parent = device.find_parent("usb", "usb_device")
    return _attribute(parent, "serial") if parent is not None else ""


class VideoNews:
    """Cameras that come and go. Made first, then the cameras are listed: so none is missed."""

    def __init__(self) -> None:
        context = _context()
        try:
            self._monitor = pyudev.Monitor.from_netlink(context)
            self._monitor.filter_by(_SUBSYSTEM)
            self._monitor.start()
        except (OSError, ValueError) as error:
            raise UdevMissing(f"udev gives no news of cameras: {error}") from error

    def wait(self, timeout_s: float) -> tuple[str, str] | None:
        """The next (action, node), "add" or "remove" or another; None after the time-out."""
        device = self._monitor.poll(timeout=timeout_s)
        return None if device is None else (device.action or "", device.device_node or "")

    def drain(self) -> Iterator[tuple[str, str]]:
        """What came meanwhile."""
        while (news := self.wait(0)) is not None:
            yield news
