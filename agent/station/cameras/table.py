"""Which driver serves which kind of camera. A driver is imported when it is chosen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from agent.config import FolderConfig, PushConfig, RtspConfig, V4l2Config, VideoConfig, VirtualConfig
from agent.ports import Camera, Clock


class MakeCamera(Protocol):
    """Makes the camera of a configuration of its kind; nothing is opened yet."""

    def __call__(self, config: Any, clock: Clock, state: Path | None = None) -> Camera:
        """`state` is a folder in which the camera may remember things over restarts."""
        ...


def _v4l2(config: V4l2Config, clock: Clock, state: Path | None = None) -> Camera:  # noqa: ARG001
    from agent.station.cameras.v4l2 import V4l2

    return V4l2(config, clock)


def _rtsp(config: RtspConfig, clock: Clock, state: Path | None = None) -> Camera:  # noqa: ARG001
    from agent.station.cameras.rtsp import Rtsp

    return Rtsp(config, clock)


def _video(config: VideoConfig, clock: Clock, state: Path | None = None) -> Camera:  # noqa: ARG001
    from agent.station.cameras.video import Video

    return Video(config, clock)


def _folder(config: FolderConfig, clock: Clock, state: Path | None = None) -> Camera:
    from agent.station.cameras.folder import Folder

    return Folder(config, clock, state)


def _push(config: PushConfig, clock: Clock, state: Path | None = None) -> Camera:  # noqa: ARG001
    from agent.station.cameras.push import Push

    return Push(config, clock)


def _virtual(config: VirtualConfig, clock: Clock, state: Path | None = None) -> Camera:  # noqa: ARG001
    from agent.station.cameras.virtual_line import VirtualLine

    return VirtualLine(config, clock)


CAMERAS: Mapping[str, MakeCamera] = {
    "v4l2": _v4l2,
    "rtsp": _rtsp,
    "video": _video,
    "folder": _folder,
    "push": _push,
    "virtual": _virtual,
}
