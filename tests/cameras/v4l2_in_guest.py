"""The v4l2 driver against the kernel's vivid cameras; run by v4l2_guest.sh inside an emulated machine.

An emulated machine is slow and uneven, so nothing here depends on how fast anything is.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agent.clock import SystemClock
from agent.config import V4l2Config
from agent.errors import CameraGone, CameraWrong
from agent.ports import Shot
from agent.station.cameras.v4l2 import V4l2
from agent.udev import video_devices

LONG_S = 60.0


def camera(number: int = 0, **options: object) -> V4l2:
    asked = {"kind": "v4l2", "path": f"/dev/video{number}", "fourcc": "YUYV", "width_px": 640, "height_px": 360}
    return V4l2(V4l2Config.model_validate({**asked, "fps": 25, **options}), SystemClock())


def next_shot(of: V4l2) -> Shot:
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        shot = of.read(2.0)
        if shot is not None:
            return shot
    raise AssertionError("no picture came")


def error_of(act: Callable[[], object]) -> str:
    try:
        return f"none: {act()}"
    except (CameraGone, CameraWrong) as error:
        return f"{type(error).__name__}: {error}"


def devices_are_listed() -> None:
    assert [(d.node, d.captures) for d in video_devices()] == [("/dev/video0", True), ("/dev/video1", True)]


def settings_are_read_back() -> None:
    """FIELD 6: what was asked and what the camera made of it."""
    one = camera(fps=17, controls={"brightness": 100, "saturation": 999, "exposure": 10})
    given = {s.name: (s.asked, s.given) for s in one.open().settings}
    one.close()
    assert given["fourcc"] == ("YUYV", "YUYV")
    assert given["size"] == ("640x360", "640x360")
    assert given["fps"] == ("17", "25")
    assert given["brightness"] == ("100", "100")
    assert given["saturation"] == ("999", "255")
    assert given["exposure"] == ("10", "not available")


def pictures_come_with_the_kernels_time() -> None:
    """FIELD 4: stamps follow each other, lie in the past, and after a pause old pictures are passed over."""
    one = camera()
    one.open()
    shots = [next_shot(one) for _ in range(5)]
    stamps = [shot.at.mono_ns for shot in shots]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] < time.monotonic_ns()
    assert all(shot.pixels.shape == (360, 640, 3) and shot.fault is None for shot in shots)
    assert not np.array_equal(shots[0].pixels, shots[1].pixels)
    paused_ns = time.monotonic_ns()
    time.sleep(2.0)
    after = next_shot(one)
    assert after.lost >= 1
    assert after.at.mono_ns > paused_ns + 1_000_000_000, "a buffered picture was given as new"
    one.close()
    one.open()
    assert next_shot(one).fault is None
    assert "in use" in error_of(camera().open)
    two = camera(1)
    two.open()
    assert next_shot(two).pixels.shape == next_shot(one).pixels.shape
    one.close()
    two.close()


def another_size_is_accepted_or_refused() -> None:
    one = camera(width_px=333, height_px=222)
    info = one.open()
    assert (info.width_px, info.height_px) == (320, 180)
    assert next_shot(one).pixels.shape == (180, 320, 3)
    one.close()
    refused = error_of(camera(width_px=333, height_px=222, wrong_size="refuse").open)
    assert refused.startswith("CameraWrong")
    assert "320 x 180 px, asked were 333 x 222" in refused


def every_format_becomes_bgr() -> None:
    for fourcc in ("BGR3", "NV12", "GREY", "UYVY", "RGGB", "MJPG"):
        one = camera(fourcc=fourcc)
        given = one.open().settings[0]
        assert given.taken == (fourcc != "MJPG"), given
        assert next_shot(one).pixels.shape == (360, 640, 3)
        one.close()


def unplugging_is_noticed() -> None:
    """FIELD 1: the device goes away while it is read, and comes back."""
    one = camera()
    one.open()
    driver = Path("/sys/bus/platform/drivers/vivid")
    threading.Timer(1.0, lambda: (driver / "unbind").write_text("vivid.0")).start()
    end, said = time.monotonic() + LONG_S, ""
    while not said.startswith("CameraGone") and time.monotonic() < end:
        said = error_of(lambda: one.read(0.5))
    assert said.startswith("CameraGone"), said
    one.close()
    assert "no device file" in error_of(one.open)
    (driver / "bind").write_text("vivid.0")
    one.open()
    assert next_shot(one).fault is None
    one.close()


for check in (
    devices_are_listed,
    settings_are_read_back,
    pictures_come_with_the_kernels_time,
    another_size_is_accepted_or_refused,
    every_format_becomes_bgr,
    unplugging_is_noticed,
):
    check()
    print(f"held: {check.__name__}", flush=True)
print("v4l2: all held")
