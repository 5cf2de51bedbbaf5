"""Which video device is the camera meant: by serial, by port, by device file.

Device numbers change after a replug, serials do not. Where serial and port are both given, the
camera must be at that port: two cameras swapped are noticed and refused.
"""

import os
from collections.abc import Sequence

from agent.errors import CameraGone, CameraWrong
from agent.udev import VideoDevice


def choose(devices: Sequence[VideoDevice], serial: str, path: str) -> VideoDevice:
    """The device for pictures of the camera meant.

    Raises CameraGone (not there) or CameraWrong (another camera is there, or two fit).
    """
    if not serial and not path:
        raise CameraWrong(f"v4l2: neither serial nor path says which camera; there is {_listed(devices)}")
    usable = [device for device in devices if device.captures]
    if serial and path:
        return _at_port(usable, serial, path)
    what = f"serial {serial!r}" if serial else f"path {path!r}"
    fitting = [d for d in usable if (serial in (d.serial, d.long_serial) if serial else _is_at(d, path))]
    if not fitting:
        raise CameraGone(f"v4l2: no camera with {what}; there is {_listed(usable)}")
    if len({device.port or device.node for device in fitting}) > 1:
        raise CameraWrong(f"v4l2: {len(fitting)} cameras have {what}, bind them by path: {_listed(fitting)}")
    return min(fitting, key=lambda device: device.index)


def _at_port(usable: Sequence[VideoDevice], serial: str, path: str) -> VideoDevice:
    here = sorted((d for d in usable if _is_at(d, path)), key=lambda device: device.index)
    if not here:
        raise CameraGone(f"v4l2: no camera at path {path!r}; there is {_listed(usable)}")
    right = [device for device in here if serial in (device.serial, device.long_serial)]
    if not right:
        other = here[0].serial or here[0].long_serial or "without a serial"
        raise CameraWrong(f"v4l2: at path {path!r} is camera {other!r}, asked for is {serial!r}: were two swapped?")
    return right[0]


def _is_at(device: VideoDevice, path: str) -> bool:
    if path.startswith("/"):
        return os.path.realpath(path) == device.node
    return path == device.port


def identity(device: VideoDevice) -> str:
    """What a camera is called in records: its serial, else its port, else its device file."""
    return device.serial or device.long_serial or device.port or device.node


def _listed(devices: Sequence[VideoDevice]) -> str:
    if not devices:
        return "none"
    return "; ".join(f"{d.name or 'camera'} serial={d.serial!r} path={d.port!r} {d.node}" for d in devices)
