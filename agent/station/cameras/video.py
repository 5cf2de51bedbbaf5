"""A video file, at its own pace or as fast as it is read.

[lanes.replay.camera]
kind = "video"
file = "/srv/line.mp4"
pace = "own"      # or fast
loop = true
"""

import logging

import cv2
import numpy as np

from agent.config import VideoConfig
from agent.errors import CameraGone, EndOfPictures
from agent.ports import CameraInfo, Clock, Setting, Shot
from agent.station.cameras.decode import broken
from agent.station.cameras.pace import Pace
from pipelines.values import Stamp

log = logging.getLogger(__name__)

_FPS_UNKNOWN = 25.0
"""For a file that does not say its rate."""


class Video:
    """Driver `video`.

    At its own pace frame i is due i / fps s after `open` and stamped with that moment; frames whose
    time has passed are skipped and counted as lost. Fast: every frame, stamped at its grab. A frame that
    cannot be decoded is a Shot with a fault, but where FFmpeg conceals the damage it is judged as it looks,
    and a file damaged in its middle ends there (logged). `source` is FILE:FRAME. After `close`, `open` starts from
    the beginning. Reading a file from a network that hangs can block longer than the time-out.
    """

    def __init__(self, config: VideoConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._capture: cv2.VideoCapture | None = None
        self._pace = Pace(clock, _FPS_UNKNOWN)
        self._next = 0
        """The next frame to take from the file, counted over all loops."""
        self._position = 0
        """Its place in the file."""
        self._held = False
        """It is grabbed already and waits for its time."""
        self._lost = 0

    def open(self) -> CameraInfo:
        file = self._config.file
        self.close()
        if not file.is_file():
            raise CameraGone(f"video {file}: no such file")
        capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise CameraGone(f"video {file}: not a video that can be read")
        said_fps = capture.get(cv2.CAP_PROP_FPS)
        fps = said_fps if 0.01 <= said_fps <= 1000 else _FPS_UNKNOWN
        self._capture = capture
        self._pace = Pace(self._clock, fps)
        self._pace.start()
        self._next = self._position = self._lost = 0
        self._held = False
        width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return CameraInfo(
            str(file), width, height, (Setting("fps", "file", "file" if fps == said_fps else f"{fps:g}"),)
        )

    def read(self, timeout_s: float) -> Shot | None:
        if self._capture is None:
            raise CameraGone(f"video {self._config.file}: not open")
        if self._config.pace == "own":
            return self._read_paced(self._capture, timeout_s)
        self._grab(self._capture)
        return self._shoot(self._capture, self._clock.now())

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _read_paced(self, capture: cv2.VideoCapture, timeout_s: float) -> Shot | None:
        self._hold(capture)
        while self._next < self._pace.newest() and not self._holds_last(capture):
            self._next += 1
            self._lost += 1
            self._held = False
            self._hold(capture)
        if not self._pace.wait(self._next, timeout_s):
            return None
        return self._shoot(capture, self._pace.stamp(self._next))

    def _holds_last(self, capture: cv2.VideoCapture) -> bool:
        """The last frame is never skipped: what was lost before it is reported with it."""
        return not self._config.loop and self._position >= capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0

    def _hold(self, capture: cv2.VideoCapture) -> None:
        """Grab the next frame before its time, so that finding it costs no latency."""
        if not self._held:
            self._grab(capture)
            self._held = True

    def _grab(self, capture: cv2.VideoCapture) -> None:
        if capture.grab():
            self._position += 1
            return
        if self._position == 0:
            raise CameraGone(f"video {self._config.file}: not one frame can be read")
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if promised > self._position + 1:
            log.warning("video %s: ends after %d of %d frames", self._config.file, self._position, promised)
        if not self._config.loop:
            raise EndOfPictures(f"video {self._config.file}: all {self._position} frames were read")
        self._position = 0
        if not capture.open(str(self._config.file), cv2.CAP_FFMPEG):
            raise CameraGone(f"video {self._config.file}: cannot be read again from its beginning")
        self._grab(capture)

    def _shoot(self, capture: cv2.VideoCapture, at: Stamp) -> Shot:
        done, pixels = capture.retrieve()
        lost, self._lost = self._lost, 0
        self._next += 1
        self._held = False
        source = f"{self._config.file.name}:{self._position - 1}"
        if not done or pixels is None:
            bad = broken(f"frame {self._position - 1} of {self._config.file.name} cannot be decoded")
            return Shot(bad.pixels, at, lost, source, fault=bad.fault, note=bad.note)
        return Shot(np.asarray(pixels, np.uint8), at, lost, source)
