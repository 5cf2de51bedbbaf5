"""A lane's camera: opened, read, numbered, and opened again for ever.

The thread "capture" of a lane is a daemon. A driver that hangs in an open or a read is abandoned
with its thread and a fresh pair starts; the old one closes its camera if it ever comes back.
"""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.clock import ms_between
from agent.config import CameraConfig
from agent.errors import CameraGone, CameraWrong, EndOfPictures, OkngError
from agent.ports import Camera, CameraInfo, Clock, Shot
from agent.status import CameraState
from agent.worker import Worker
from pipelines.values import Frame, Stamp

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 0.5


class Stalled(CameraGone):
    """It is open and silent. The state stays "stalled" until an open fails or a picture comes."""


UNKNOWN = CameraInfo(serial="", width_px=0, height_px=0)


@dataclass(frozen=True, slots=True)
class CaptureView:
    """How the camera is, as others see it: swapped as a whole, so a reader never sees half of it."""

    state: CameraState = "opening"
    detail: str = ""
    info: CameraInfo = UNKNOWN
    newest: Stamp | None = None
    """When the newest picture was grabbed."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a capture needs from its lane."""

    wanted: Callable[[], bool]
    """Whether pictures are judged now: the model is ready and the lane is not paused."""
    every: bool
    """True: nothing is read while pictures are not wanted; False: they are read and let go."""
    deliver: Callable[[Frame, Shot], None]
    """Takes a numbered picture; may block while a queue is full (keep = every)."""
    event: Callable[..., None]


class Capture:
    """One lane's camera and its thread, over all the cameras' deaths."""

    def __init__(
        self, lane: str, make: Callable[[], Camera], config: CameraConfig, hooks: Hooks, clock: Clock, idles: bool
    ) -> None:
        self.lane = lane
        self.view = CaptureView()
        self.captured = 0
        """Pictures numbered so far: the last sequence."""
        self.wake = threading.Event()
        """Set by hotplug: try to open at once."""
        self._make = make
        self._config = config
        self._hooks = hooks
        self._clock = clock
        self._idles = idles
        self._thread: _Thread | None = None

    def start(self) -> None:
        self._thread = _Thread(self, self._make())
        self._thread.worker.start()

    def revive(self) -> str:
        """Called now and then by the main loop: replaces a hung thread. Returns a crash, if any."""
        thread = self._thread
        if thread is None:
            return ""
        if thread.worker.stopping.is_set():  # its source has ended
            return thread.worker.crash
        silent_s, hang_s = (self._clock.now().mono_ns - thread.beat_ns) / 1e9, self._config.hang_s
        if silent_s > hang_s and not thread.delivering and not thread.worker.crash:
            log.warning("lane %s: the camera driver hangs, it is abandoned and opened anew", self.lane)
            self._hooks.event("camera_hung", lane=self.lane, seconds=hang_s)
            self.show("gone", f"the driver did not answer for {hang_s:.0f} s")
            thread.worker.stop(join_s=0.0)
            self.start()
        return thread.worker.crash

    def halt(self) -> None:
        """Let the thread end; `join` waits for it."""
        if self._thread is not None:
            self._thread.worker.stopping.set()
        self.wake.set()

    def join(self, within_s: float) -> None:
        if self._thread is not None:
            self._thread.worker.stop(within_s)

    def show(self, state: CameraState, detail: str = "", info: CameraInfo | None = None) -> None:
        """Change the camera's state; a change is an event (alarms follow from the states)."""
        before = self.view
        self.view = replace(before, state=state, detail=detail, info=info or before.info)
        if before.state != state:
            log.info("lane %s: camera %s%s", self.lane, state, f" ({detail})" if detail else "")
            self._hooks.event(f"camera_{state}", lane=self.lane, detail=detail)


class _Thread:
    """One generation of the capture thread, with a camera of its own."""

    def __init__(self, owner: Capture, camera: Camera) -> None:
        self._owner = owner
        self._camera = camera
        self._opened = False
        self._failures = 0
        self._last_picture = owner._clock.now()
        self.beat_ns = self._last_picture.mono_ns
        self.delivering = False
        """It waits for the lane, not for the driver."""
        self.worker = Worker(f"capture-{owner.lane}", self._turn)

    def _turn(self) -> None:
        owner = self._owner
        self.beat_ns = owner._clock.now().mono_ns
        try:
            self._read() if self._opened else self._open()
        except EndOfPictures:
            self._close()
            if not self.worker.stopping.is_set():
                owner.show("ended")
            self.worker.stopping.set()
        except (CameraGone, CameraWrong) as error:
            self._close()
            if not self.worker.stopping.is_set():
                if not isinstance(error, Stalled):
                    owner.show("wrong_settings" if isinstance(error, CameraWrong) else "gone", str(error))
                self._wait()
        if self.worker.stopping.is_set():
            self._close()

    def _open(self) -> None:
        owner = self._owner
        if self._failures == 0:
            owner.show("opening")
        owner.wake.clear()  # before the open: a camera that is plugged in while this one fails is not overheard
        info = self._camera.open()
        self._opened = True
        self._last_picture = owner._clock.now()
        for setting in info.settings:
            if not setting.taken:
                log.warning("lane %s: %s asked %s, got %s", owner.lane, setting.name, setting.asked, setting.given)
        owner.view = replace(owner.view, info=info)
        if owner._idles:  # a folder that is there is live, with or without pictures
            owner.show("live")

    def _read(self) -> None:
        owner, hooks = self._owner, self._owner._hooks
        wanted = hooks.wanted()
        if not wanted and hooks.every:
            self.worker.stopping.wait(0.05)
            return
        shot = self._camera.read(READ_TIMEOUT_S)
        if self.worker.stopping.is_set():
            return
        now = owner._clock.now()
        if shot is None:
            self._check_stall(now)
            return
        self._failures = 0
        self._last_picture = now
        owner.view = replace(owner.view, newest=shot.at)
        if owner.view.state != "live":
            owner.show("live")
        if wanted:
            owner.captured += 1 + shot.lost
            self.delivering = True
            hooks.deliver(self._numbered(shot), shot)
            self.delivering = False

    def _numbered(self, shot: Shot) -> Frame:
        return Frame(
            camera=self._owner.lane,
            sequence=self._owner.captured,
            pixels=shot.pixels,
            at=shot.at,
            source=shot.source,
            fault=shot.fault,
            part_id=shot.part_id,
            purpose=shot.purpose,
        )

    def _check_stall(self, now: Stamp) -> None:
        owner = self._owner
        if owner._idles:
            return
        silent_s = ms_between(self._last_picture, now) / 1e3
        if silent_s > owner._config.stall_s:
            owner.show("stalled", f"no picture for {silent_s:.1f} s")
            raise Stalled(f"no picture for {silent_s:.1f} s")

    def _wait(self) -> None:
        config = self._owner._config
        cap = min(config.retry_max_s, config.retry_min_s * 2.0 ** min(self._failures, 16))
        self._failures += 1
        # Full jitter would retry at once now and then; half keeps a floor under a dead camera's load.
        self._pause(cap * random.uniform(0.5, 1.0))

    def _pause(self, seconds: float) -> None:
        """Wait in short steps: hotplug, stop and the heartbeat all stay alive."""
        owner = self._owner
        end_ns = owner._clock.now().mono_ns + int(seconds * 1e9)
        while not self.worker.stopping.is_set():
            self.beat_ns = owner._clock.now().mono_ns
            left_s = (end_ns - self.beat_ns) / 1e9
            if left_s <= 0 or owner.wake.wait(min(left_s, 0.25)):
                return

    def _close(self) -> None:
        try:
            self._camera.close()
        except OkngError as error:
            log.warning("lane %s: closing the camera failed: %s", self._owner.lane, error)
        self._opened = False
