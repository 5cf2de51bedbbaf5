"""A USB or CSI camera by Video4Linux2, through OpenCV.

    [lanes.top.camera]
    kind = "v4l2"
    serial = "0A1B2C3D"            # udev's ID_SERIAL_SHORT or ID_SERIAL; twins: path = ID_PATH
    fourcc = "MJPG"
    width_px = 1280
    height_px = 720
    controls = { auto_exposure = 1, exposure = 120, gain = 0 }

Values of controls are the driver's own (v4l2-ctl -L): auto_exposure 1 is manual, 3 is automatic.
"""

import difflib
import os
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.config import V4l2Config
from agent.errors import CameraGone, CameraWrong
from agent.ports import CameraInfo, Clock, Setting, Shot
from agent.station.cameras.binding import choose, identity
from agent.station.cameras.decode import Decoded, broken, decode
from agent.station.cameras.pace import stamp_at
from agent.udev import UdevMissing, VideoDevice, video_devices
from pipelines.values import Rule, Stamp

CONTROLS = {
    "auto_exposure": cv2.CAP_PROP_AUTO_EXPOSURE,
    "auto_white_balance": cv2.CAP_PROP_AUTO_WB,
    "autofocus": cv2.CAP_PROP_AUTOFOCUS,
    "exposure": cv2.CAP_PROP_EXPOSURE,
    "gain": cv2.CAP_PROP_GAIN,
    "brightness": cv2.CAP_PROP_BRIGHTNESS,
    "contrast": cv2.CAP_PROP_CONTRAST,
    "saturation": cv2.CAP_PROP_SATURATION,
    "hue": cv2.CAP_PROP_HUE,
    "gamma": cv2.CAP_PROP_GAMMA,
    "sharpness": cv2.CAP_PROP_SHARPNESS,
    "backlight": cv2.CAP_PROP_BACKLIGHT,
    "white_balance": cv2.CAP_PROP_WB_TEMPERATURE,
    "focus": cv2.CAP_PROP_FOCUS,
    "zoom": cv2.CAP_PROP_ZOOM,
    "iris": cv2.CAP_PROP_IRIS,
}
"""In the order in which they are set: what is automatic is switched off before its value is written."""

_COMPRESSED = ("MJPG", "JPEG")
_FIRST_PICTURE_S = "3"
_BUFFERS = 16
"""More pictures than a driver ever holds back (OpenCV asks for 4, at most 10)."""
_STALE_STAMP_S = 5.0
"""A kernel time stamp further back than this is of another clock, not of an old picture."""


class V4l2:
    """Driver `v4l2`.

    Pictures are stamped with the kernel's own time of capture where its clock is the monotonic one,
    else at the grab. Compressed pictures are decoded here and not by OpenCV, which would give the
    picture before once more for one that cannot be decoded, and a grey lower half for one that was cut
    off: both are Shots with a fault. Old pictures in the driver's buffers are passed over and counted.
    `read` keeps its time-out; `open` waits up to about 10 s for a first picture.
    """

    def __init__(self, config: V4l2Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._node = ""
        self._identity = ""
        """The camera first seen at a path, if it is bound by path alone."""
        self._raw = False
        self._size = (0, 0)
        self._interval_s = 1 / config.fps

    def open(self) -> CameraInfo:
        self.close()
        self._check_controls()
        device = self._find()
        # How long OpenCV waits for a picture; it reads this once, at the process's first wait.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", _FIRST_PICTURE_S)
        capture = cv2.VideoCapture(device.node, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise CameraGone(f"v4l2 {device.node}: cannot be opened (in use, or no camera)")
        try:
            info = self._set_up(capture, device)
        except (CameraGone, CameraWrong):
            capture.release()
            raise
        self._capture, self._node = capture, device.node
        return info

    def read(self, timeout_s: float) -> Shot | None:
        if self._capture is None:
            raise CameraGone("v4l2: not open")
        give_up, lost = time.monotonic() + timeout_s, 0
        if not self._wait(self._capture, timeout_s):
            return None
        at = self._grabbed(self._capture)
        raw = self._retrieve(self._capture)
        # Not decoded yet: how long decoding takes says nothing of the picture's age.
        while self._is_old(at) and lost < _BUFFERS and (left_s := give_up - time.monotonic()) > 0:
            if not self._wait(self._capture, left_s):
                break
            at, lost = self._grabbed(self._capture), lost + 1
            raw = self._retrieve(self._capture)
        decoded = self._decoded(raw)
        return Shot(decoded.pixels, at, lost, self._node, fault=decoded.fault, note=decoded.note)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _check_controls(self) -> None:
        for name in self._config.controls:
            if name not in CONTROLS:
                near = difflib.get_close_matches(name, CONTROLS, 1)
                hint = f", did you mean {near[0]}?" if near else f"; known are {', '.join(CONTROLS)}"
                raise CameraWrong(f"v4l2: unknown control {name!r}{hint}")

    def _find(self) -> VideoDevice:
        config = self._config
        try:
            devices = video_devices()
        except UdevMissing as error:
            if config.serial or not config.path.startswith("/"):
                raise CameraGone(f"v4l2: a camera can only be bound by device file here: {error}") from error
            devices = ()
        if not devices and config.path.startswith("/") and not config.serial:
            node = os.path.realpath(config.path)
            if not Path(node).exists():
                raise CameraGone(f"v4l2: no device file {config.path}")
            return VideoDevice(node, "", "", "", "", 0, True)
        device = choose(devices, config.serial, config.path)
        if not config.serial:
            self._same_as_before(identity(device))
        return device

    def _same_as_before(self, now: str) -> None:
        """Bound by path alone, another camera at that path is noticed as long as this process runs."""
        if self._identity and self._identity != now:
            raise CameraWrong(
                f"v4l2: at path {self._config.path!r} was camera {self._identity!r}, now {now!r}: were two swapped? "
                "(set serial to accept it)"
            )
        self._identity = now

    def _set_up(self, capture: cv2.VideoCapture, device: VideoDevice) -> CameraInfo:
        config = self._config
        self._raw = config.fourcc in _COMPRESSED
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*config.fourcc))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, config.width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height_px)
        capture.set(cv2.CAP_PROP_FPS, config.fps)
        fourcc = _fourcc_text(capture.get(cv2.CAP_PROP_FOURCC))
        width, height = (round(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        settings = [
            Setting("fourcc", config.fourcc, fourcc),
            Setting("size", f"{config.width_px}x{config.height_px}", f"{width}x{height}"),
            Setting("fps", f"{config.fps:g}", f"{capture.get(cv2.CAP_PROP_FPS):g}"),
        ]
        if (width, height) != (config.width_px, config.height_px) and config.wrong_size == "refuse":
            asked = f"{config.width_px} x {config.height_px}"
            raise CameraWrong(f"v4l2 {device.node}: gives {width} x {height} px, asked were {asked} (wrong_size)")
        settings += self._controlled(capture)
        self._raw = fourcc in _COMPRESSED
        if self._raw:
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        self._size = (height, width)
        given_fps = capture.get(cv2.CAP_PROP_FPS)
        self._interval_s = 1 / (given_fps if 0.1 <= given_fps <= 1000 else config.fps)
        if not capture.grab():
            raise CameraGone(f"v4l2 {device.node}: opened, but gives no picture")
        return CameraInfo(identity(device), width, height, tuple(settings))

    def _controlled(self, capture: cv2.VideoCapture) -> list[Setting]:
        settings = []
        for name, number in CONTROLS.items():
            if name not in self._config.controls:
                continue
            asked = self._config.controls[name]
            taken = capture.set(number, asked)
            given = capture.get(number)
            # -1 is OpenCV's answer for a control that the camera does not have.
            settings.append(Setting(name, f"{asked:g}", f"{given:g}" if taken or given != -1 else "not available"))
        return settings

    def _wait(self, capture: cv2.VideoCapture, timeout_s: float) -> bool:
        """Wait for a picture and grab it. Raises CameraGone when the device reports an error."""
        begun = time.monotonic()
        try:
            # 0 would mean for ever; poll(2) counts in ms and rounds up.
            _, ready = cv2.VideoCapture.waitAny([capture], max(1, int(timeout_s * 1e9)))
        except cv2.error as error:
            raise CameraGone(f"v4l2 {self._node}: the camera is lost ({error.err})") from error
        if len(ready):
            return True
        if not Path(self._node).exists():
            raise CameraGone(f"v4l2 {self._node}: the camera was unplugged")
        # A device that hangs up is "ready" at once, again and again: no busy loop on it.
        time.sleep(max(0.0, min(0.05, timeout_s - (time.monotonic() - begun))))
        return False

    def _grabbed(self, capture: cv2.VideoCapture) -> Stamp:
        """When the picture just grabbed was taken: the kernel's stamp (V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC)."""
        now = self._clock.now()
        taken_ns = int(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        if 0 <= now.mono_ns - taken_ns < _STALE_STAMP_S * 1e9:
            return stamp_at(now, taken_ns)
        return now

    def _is_old(self, at: Stamp) -> bool:
        """It waited in the driver's buffers: fresh ones come at least every second interval."""
        return (self._clock.now().mono_ns - at.mono_ns) / 1e9 > 2 * self._interval_s

    def _retrieve(self, capture: cv2.VideoCapture) -> NDArray[np.uint8] | None:
        """What the camera sent, (1, bytes) where it is compressed; None where OpenCV cannot convert it."""
        try:
            done, sent = capture.retrieve()
        except cv2.error:
            return None
        return np.asarray(sent, np.uint8) if done and sent is not None and sent.size else None

    def _decoded(self, sent: NDArray[np.uint8] | None) -> Decoded:
        if sent is None:
            return broken(f"{self._node}: the picture cannot be decoded", Rule.INCOMPLETE)
        decoded = decode(sent.tobytes()) if self._raw else Decoded(sent)
        height, width = decoded.pixels.shape[:2]
        if decoded.fault is None and (height, width) != self._size:
            said = f"{self._size[1]} x {self._size[0]}"
            return broken(f"{self._node}: a picture of {width} x {height} px, said was {said}", Rule.WRONG_SIZE)
        return decoded


def _fourcc_text(code: float) -> str:
    return int(code).to_bytes(4, "little", signed=int(code) < 0).decode("latin-1").rstrip("\0 ")
