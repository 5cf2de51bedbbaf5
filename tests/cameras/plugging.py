"""Plugs cameras in and out without hardware; prints what okng saw as JSON.

    umockdev-wrapper /usr/bin/python3 plugging.py

Needs Debian's umockdev and gir1.2-umockdev-1.0, and pyudev and the repository on PYTHONPATH.
"""

import json
import threading
from dataclasses import asdict

import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

from agent.errors import OkngError  # noqa: E402
from agent.station.cameras.binding import choose  # noqa: E402
from agent.station.cameras.hotplug import Hotplug  # noqa: E402
from agent.udev import video_devices  # noqa: E402


def plug(bed: UMockdev.Testbed, number: int, port: str, serial: str) -> list[str]:
    """A USB camera as UVC shows it: /dev/videoN for pictures, the next one for metadata."""
    usb = bed.add_device("usb", f"usb{port}", None, ["serial", serial, "idVendor", "046d"], ["DEVTYPE", "usb_device"])
    made = [usb]
    for index, capabilities in ((0, ":capture:"), (1, ":")):
        node = f"video{number + index}"
        said = {
            "DEVNAME": f"/dev/{node}",
            "ID_SERIAL": f"Maker_Cam_{serial}" if serial else "Maker_Cam",
            "ID_SERIAL_SHORT": serial,
            "ID_PATH": f"pci-0000:00:14.0-usb-0:{port}:1.0",
            "ID_V4L_CAPABILITIES": capabilities,
        }
        properties = [part for key, value in said.items() if value for part in (key, value)]
        made.append(bed.add_device("video4linux", node, usb, ["index", str(index), "name", "Cam"], properties))
    return made


def unplug(bed: UMockdev.Testbed, made: list[str]) -> None:
    for path in reversed(made):
        bed.uevent(path, "remove")
        bed.remove_device(path)


def bound(serial: str, path: str = "") -> str:
    try:
        return choose(video_devices(), serial, path).node
    except OkngError as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    bed, seen, woken = UMockdev.Testbed.new(), {}, threading.Semaphore(0)
    first = plug(bed, 0, "1", "AAA")
    second = plug(bed, 2, "2", "BBB")
    seen["devices"] = [asdict(device) for device in video_devices()]
    seen["before"] = [bound("AAA"), bound("Maker_Cam_BBB")]
    with Hotplug(woken.release, debounce_s=0.05) as hotplug:
        seen["trouble"] = hotplug.trouble
        unplug(bed, first)
        seen["unplugged"] = bound("AAA")
        seen["woken by remove"] = woken.acquire(timeout=1.0)
        first = plug(bed, 6, "1", "AAA")
        seen["woken by add"] = woken.acquire(timeout=10.0)
        seen["renumbered"] = bound("AAA")
        seen["woken once"] = not woken.acquire(timeout=1.0)
        port = "pci-0000:00:14.0-usb-0:{}:1.0".format
        seen["right place"] = bound("AAA", port(1))
        unplug(bed, first)
        unplug(bed, second)
        plug(bed, 0, "1", "BBB")
        plug(bed, 2, "2", "AAA")
        seen["swapped"] = [bound("AAA", port(1)), bound("BBB", port(2))]
        seen["by serial"] = [bound("AAA"), bound("BBB")]
    print(json.dumps(seen))


main()
