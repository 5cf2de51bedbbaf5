"""Video4Linux2 without hardware: which camera is meant, plugging, and what is refused."""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.config import V4l2Config
from agent.errors import CameraGone, CameraWrong
from agent.station.cameras.binding import choose, identity
from agent.station.cameras.hotplug import Hotplug
from agent.station.cameras.v4l2 import V4l2
from agent.udev import VideoDevice
from pipelines.values import Rule

ROOT = Path(__file__).parents[2]


def device(number, serial="", port="1", index=0, captures=True):
    long_serial = f"Maker_{serial}" if serial else ""
    return VideoDevice(f"/dev/video{number}", serial, long_serial, f"usb-0:{port}", "Cam", index, captures)


def v4l2(**options):
    return V4l2(V4l2Config(kind="v4l2", **options), SystemClock())


def test_bound_by_serial_wherever_it_is():
    """FIELD 5: the number of the device does not matter, its serial does."""
    devices = [device(0, "B", "2"), device(1, "B", "2", 1, captures=False), device(4, "A", "7")]
    assert choose(devices, "A", "").node == "/dev/video4"
    assert choose(devices, "Maker_B", "").node == "/dev/video0"


def test_bound_by_port_for_twins():
    twins = [device(0, "", "1"), device(2, "", "2")]
    assert choose(twins, "", "usb-0:2").node == "/dev/video2"
    with pytest.raises(CameraWrong, match=r"2 cameras have serial 'S'.*bind them by path"):
        choose([device(0, "S", "1"), device(2, "S", "2")], "S", "")
    assert choose([device(0, "S", "1"), device(2, "S", "2")], "S", "usb-0:2").node == "/dev/video2"


def test_two_cameras_swapped_are_noticed():
    """FIELD 5: the right camera at the wrong port, or the wrong one at the right port, is refused."""
    with pytest.raises(CameraWrong, match=r"at path 'usb-0:1' is camera 'B', asked for is 'A': were two swapped\?"):
        choose([device(0, "B", "1"), device(2, "A", "2")], "A", "usb-0:1")


def test_swapped_twins_bound_by_port_alone_are_noticed():
    """FIELD 5: another serial at the same port within one run."""
    camera = v4l2(path="usb-0:1")
    camera._same_as_before(identity(device(0, "A")))
    camera._same_as_before(identity(device(3, "A")))
    with pytest.raises(CameraWrong, match=r"was camera 'A', now 'B'"):
        camera._same_as_before(identity(device(0, "B")))


def test_the_metadata_node_is_never_taken():
    devices = [device(0, "A", captures=False, index=1), device(1, "A"), device(2, "A", index=2)]
    assert choose(devices, "A", "").node == "/dev/video1"
    with pytest.raises(CameraGone, match="there is none"):
        choose(devices[:1], "A", "")


def test_a_camera_that_is_not_there_names_those_that_are():
    with pytest.raises(CameraGone, match=r"serial 'X'; there is Cam serial='A' path='usb-0:1' /dev/video0"):
        choose([device(0, "A")], "X", "")
    with pytest.raises(CameraWrong, match="neither serial nor path"):
        choose([device(0, "A")], "", "")


@given(st.permutations([device(0, "A", "1"), device(2, "B", "2"), device(3, "B", "2", 1), device(5, "", "3")]))
def test_the_order_of_the_devices_does_not_matter(devices):
    assert choose(devices, "B", "").node == "/dev/video2"
    assert choose(devices, "", "usb-0:3").node == "/dev/video5"


def test_a_missing_camera_is_gone_by_name():
    with pytest.raises(CameraGone, match="no-such-serial"):
        v4l2(serial="no-such-serial").open()
    with pytest.raises(CameraGone, match="/dev/video-none"):
        v4l2(path="/dev/video-none").open()


def test_a_device_file_that_is_no_camera_is_gone():
    with pytest.raises(CameraGone, match="/dev/null: cannot be opened"):
        v4l2(path="/dev/null").open()


def test_an_unknown_control_is_named_with_the_nearest_one():
    with pytest.raises(CameraWrong, match="unknown control 'exposre', did you mean exposure"):
        v4l2(path="/dev/null", controls={"exposre": 1}).open()
    with pytest.raises(CameraWrong, match="known are auto_exposure"):
        v4l2(path="/dev/null", controls={"qqq": 1}).open()


def drawn(file: Path, codec: str) -> cv2.VideoCapture:
    """A capture of OpenCV's that knows nothing of cameras: it takes no setting."""
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 10.0, (64, 48))
    for i in range(4):
        writer.write(np.full((48, 64, 3), 60 * i, np.uint8))
    writer.release()
    return cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)


def test_a_setting_that_is_ignored_is_shown_as_asked_and_given(tmp_path):
    """FIELD 6: what a camera accepts and ignores is read back."""
    capture = drawn(tmp_path / "v.avi", "XVID")
    camera = v4l2(path="/dev/video0", width_px=640, height_px=480, fps=30, fourcc="YUYV", controls={"gain": 7})
    info = camera._set_up(capture, device(0, "A"))
    assert (info.serial, info.width_px, info.height_px) == ("A", 64, 48)
    settings = {setting.name: (setting.asked, setting.given) for setting in info.settings}
    assert settings["size"] == ("640x480", "64x48")
    assert settings["fps"] == ("30", "10")
    assert settings["gain"][0] == "7"
    assert not any(setting.taken for setting in info.settings)


def test_another_size_is_refused_where_that_is_configured(tmp_path):
    capture = drawn(tmp_path / "v.avi", "XVID")
    camera = v4l2(path="/dev/video0", width_px=640, height_px=480, wrong_size="refuse")
    with pytest.raises(CameraWrong, match="gives 64 x 48 px, asked were 640 x 480"):
        camera._set_up(capture, device(0, "A"))


def test_compressed_pictures_are_decoded_here_and_cut_ones_noticed(tmp_path):
    """FIELD 3: OpenCV would give the picture before once more, or a grey lower half."""
    capture = drawn(tmp_path / "v.avi", "MJPG")
    capture.set(cv2.CAP_PROP_FORMAT, -1)
    camera = v4l2(path="/dev/video0")
    camera._raw, camera._size = True, (48, 64)
    assert capture.grab()
    sent = camera._retrieve(capture)
    assert sent.shape[0] == 1 or sent.ndim == 1
    whole = camera._decoded(sent)
    assert (whole.fault, whole.pixels.shape) == (None, (48, 64, 3))
    assert camera._decoded(sent.reshape(-1)[:-40]).fault is Rule.INCOMPLETE
    assert camera._decoded(None).fault is Rule.INCOMPLETE
    camera._size = (480, 640)
    wrong = camera._decoded(sent)
    assert (wrong.fault, wrong.pixels.size) == (Rule.WRONG_SIZE, 0)


def test_hotplug_starts_and_stops_wherever_it_runs():
    with Hotplug(lambda: None) as hotplug:
        assert isinstance(hotplug.trouble, str)


@pytest.fixture(scope="module")
def seen():
    """What okng saw while cameras were plugged in and out of a machine that umockdev pretends."""
    wrapper, python = shutil.which("umockdev-wrapper"), "/usr/bin/python3"
    code = "import sys, gi; gi.require_version('UMockdev', '1.0'); sys.exit(sys.version_info < (3, 11))"
    works = [python, "-c", code]
    if wrapper is None or subprocess.run(works, capture_output=True, check=False).returncode != 0:
        pytest.skip("umockdev is missing: apt-get install umockdev gir1.2-umockdev-1.0 python3-gi")
    paths = os.pathsep.join([str(ROOT), str(Path(importlib.util.find_spec("pyudev").origin).parents[1])])
    command = [wrapper, python, str(ROOT / "tests/cameras/plugging.py")]
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_udev_tells_serial_port_and_which_node_has_pictures(seen):
    first, second = seen["devices"][:2]
    assert (first["node"], first["serial"], first["long_serial"]) == ("/dev/video0", "AAA", "Maker_Cam_AAA")
    assert (first["port"], first["captures"]) == ("pci-0000:00:14.0-usb-0:1:1.0", True)
    assert (second["node"], second["captures"], second["index"]) == ("/dev/video1", False, 1)


def test_a_camera_plugged_in_wakes_the_lanes_once(seen):
    """FIELD 1: woken at once on udev's `add`, once for all the nodes of a camera, and not by a removal."""
    assert seen["trouble"] == ""
    assert seen["woken by add"]
    assert seen["woken once"]
    assert not seen["woken by remove"]


def test_a_camera_replugged_is_found_under_its_new_number(seen):
    """FIELD 5: bound by serial, not by number."""
    assert seen["before"] == ["/dev/video0", "/dev/video2"]
    assert seen["unplugged"].startswith("CameraGone: v4l2: no camera with serial 'AAA'")
    assert seen["renumbered"] == seen["right place"] == "/dev/video6"


def test_two_cameras_swapped_on_their_ports(seen):
    """FIELD 5: noticed where serial and port are given; by serial alone they are simply found."""
    assert all("were two swapped?" in said for said in seen["swapped"])
    assert seen["by serial"] == ["/dev/video2", "/dev/video0"]
