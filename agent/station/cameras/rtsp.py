"""A network camera over RTSP, by OpenCV's FFmpeg.

[lanes.gate.camera]
kind = "rtsp"
url = "rtsp://192.168.1.20:554/stream1"   # without user and password
user = "okng"
password_file = "/etc/okng/gate.password"
"""

import os
import socket
import time
import urllib.parse

import cv2
import numpy as np

from agent.config import RtspConfig
from agent.errors import CameraGone, CameraWrong
from agent.ports import CameraInfo, Clock, Shot
from agent.station.cameras.decode import broken
from agent.station.cameras.pace import stamp_at
from agent.station.cameras.staleness import Staleness
from pipelines.values import Rule

_PORTS = {"rtsp": 554, "rtsps": 322}
_FPS_UNKNOWN = 25.0
_OLD_S = 0.25
"""A picture that waited longer than this, or 2.5 pictures' time, is passed over for the next one."""
_DRAIN_S = 3.0
"""Passing over ends after so long: what comes then is given with its true age."""


class Rtsp:
    """Driver `rtsp`.

    TCP, so that no picture arrives in pieces; one decoding thread, because each further one holds back
    a picture. A picture is stamped with its arrival less the time that it waited on its way
    (`Staleness`); old ones, as they come in a burst after a pause, are passed over and counted as lost.

    FFmpeg cannot wait for less than `read_timeout_s`: a `read` on a silent stream comes back after that,
    with CameraGone. OpenCV opens one FFmpeg source at a time in the whole process: a camera that does not
    answer RTSP is found before, so that it does not hold up the others.
    """

    def __init__(self, config: RtspConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._staleness = Staleness()
        self._interval_s = 1 / _FPS_UNKNOWN
        parts = urllib.parse.urlsplit(config.url)
        host = parts.hostname or ""
        self._host, self._port = host, parts.port or _PORTS[parts.scheme]
        self._shown = f"{parts.scheme}://{host}:{self._port}{parts.path}"
        """The address as it may be shown: no user, no password, no query."""

    def open(self) -> CameraInfo:
        self.close()
        config = self._config
        address = self._address()
        self._knock()
        # OpenCV takes FFmpeg's own options from here only, at each open.
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
        limits = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(config.open_timeout_s * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(config.read_timeout_s * 1000)),
            *(cv2.CAP_PROP_N_THREADS, 1),
        ]
        capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            raise CameraGone(f"{self._shown}: no stream (wrong path, user or password, or not within the time-out)")
        fps = capture.get(cv2.CAP_PROP_FPS)
        self._interval_s = 1 / (fps if 0.1 <= fps <= 1000 else _FPS_UNKNOWN)
        self._staleness = Staleness()
        self._capture = capture
        self._come_up_to_date(capture)
        width, height = (round(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return CameraInfo(self._shown, width, height)

    def read(self, timeout_s: float) -> Shot | None:  # noqa: ARG002 - see the class
        if self._capture is None:
            raise CameraGone(f"{self._shown}: not open")
        capture = self._capture
        self._grab(capture)
        waited_s, lost, blocked = self._waited(capture), 0, 0
        give_up = time.monotonic() + _DRAIN_S
        while waited_s > max(_OLD_S, 2.5 * self._interval_s) and time.monotonic() < give_up:
            blocked = blocked + 1 if self._grab(capture) > self._interval_s / 2 else 0
            waited_s, lost = self._waited(capture), lost + 1
            if blocked >= 2:
                # Waited for twice in a row: nothing is buffered, it is the stream's clock that stood still.
                self._staleness.settle()
                waited_s = 0.0
        now = self._clock.now()
        at = stamp_at(now, now.mono_ns - int(waited_s * 1e9))
        done, pixels = capture.retrieve()
        if not done or pixels is None:
            bad = broken(f"{self._shown}: a picture cannot be decoded", Rule.INCOMPLETE)
            return Shot(bad.pixels, at, lost, self._shown, fault=bad.fault, note=bad.note)
        return Shot(np.asarray(pixels, np.uint8), at, lost, self._shown)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _address(self) -> str:
        """The URL with user and password, which FFmpeg takes in no other way; never shown."""
        config, parts = self._config, urllib.parse.urlsplit(self._config.url)
        if parts.username or parts.password:
            raise CameraWrong(f"{self._shown}: user and password do not belong into url: use user and password_file")
        if not config.user:
            return config.url
        password = ""
        if config.password_file is not None:
            try:
                password = config.password_file.read_text().strip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "is not text"
                raise CameraWrong(f"{self._shown}: password_file {config.password_file}: {why}") from error
        secret = ":".join(urllib.parse.quote(part, safe="") for part in (config.user, password))
        return urllib.parse.urlunsplit(parts._replace(netloc=f"{secret}@{parts.netloc}"))

    def _knock(self) -> None:
        """Ask OPTIONS (RFC 2326, 10.1): a camera that is not there is found here, within the time-out."""
        timeout_s = min(self._config.open_timeout_s, 5.0)
        try:
            with socket.create_connection((self._host, self._port), timeout=timeout_s) as connection:
                if self._config.url.startswith("rtsp:"):
                    connection.sendall(f"OPTIONS {self._shown} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
                    if not connection.recv(64).startswith(b"RTSP/"):
                        raise CameraGone(f"{self._shown}: what answers there does not speak RTSP")
        except TimeoutError as error:
            raise CameraGone(f"{self._shown}: no answer within {timeout_s:g} s") from error
        except OSError as error:
            raise CameraGone(f"{self._shown}: {error.strerror or error}") from error

    def _grab(self, capture: cv2.VideoCapture) -> float:
        """Take the next picture off the stream; how long it had to be waited for, s. Raises CameraGone."""
        begun = time.monotonic()
        if not capture.grab():
            waited_s = time.monotonic() - begun
            raise CameraGone(f"{self._shown}: the stream ended, or gave no picture for {waited_s:.1f} s")
        return time.monotonic() - begun

    def _waited(self, capture: cv2.VideoCapture) -> float:
        """How long the picture just grabbed waited on its way, s."""
        return self._staleness.of(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, self._clock.now().mono_ns / 1e9)

    def _come_up_to_date(self, capture: cv2.VideoCapture) -> None:
        """Pass over what was buffered while FFmpeg looked at the stream, until a picture must be waited for."""
        give_up = time.monotonic() + _DRAIN_S
        while self._grab(capture) < self._interval_s / 2 and time.monotonic() < give_up:
            self._waited(capture)
        self._waited(capture)
