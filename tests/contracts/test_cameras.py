"""The contract of `agent.ports.Camera`, over every driver that can run without hardware."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter

from agent.clock import SystemClock
from agent.config import AnyCamera
from agent.errors import CameraGone, EndOfPictures
from agent.ports import Camera, CameraInfo, Shot
from agent.station.cameras.push import Push
from agent.station.cameras.table import CAMERAS
from tests.cameras.rtsp_running import RunningRtsp, lacking
from tests.ports import free_port

PICTURES = 6
GENEROUS_S = 30.0


def no_feed(camera: Camera) -> None:
    """The pictures of this driver come by themselves."""


@dataclass(frozen=True, slots=True)
class Case:
    """One driver with a source behind it."""

    make: Callable[[], Camera]
    feed: Callable[[Camera], None] = no_feed
    """Makes pictures come, where they do not come by themselves."""
    longest_read_s: float = 2.0
    """What `read(0.2)` may take on a loaded machine; RTSP waits for the next picture."""


def made(state: Path, **options: Any) -> Camera:
    config: Any = TypeAdapter(AnyCamera).validate_python(options)
    return CAMERAS[config.kind](config, SystemClock(), state)


def draw_video(file: Path) -> None:
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    for i in range(PICTURES):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()


def draw_folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for i in range(PICTURES):
        cv2.imwrite(str(folder / f"part-{i}.png"), np.full((48, 64, 3), 20 * i, np.uint8))


def hand_in(camera: Camera) -> None:
    assert isinstance(camera, Push)
    for i in range(PICTURES):
        camera.put(np.full((48, 64, 3), 20 * i, np.uint8), f"part-{i}")


def _virtual(tmp: Path, _: ExitStack) -> Case:
    return Case(lambda: made(tmp, kind="virtual", width_px=160, height_px=160, rate_hz=20))


def _virtual_turn(tmp: Path, _: ExitStack) -> Case:
    options = {"kind": "virtual", "width_px": 160, "height_px": 160, "free_run": False, "boards": PICTURES}
    return Case(lambda: made(tmp, **options))


def _video(pace: str) -> Callable[[Path, ExitStack], Case]:
    def case(tmp: Path, _: ExitStack) -> Case:
        draw_video(tmp / "v.avi")
        return Case(lambda: made(tmp, kind="video", file=tmp / "v.avi", pace=pace))

    return case


def _folder(watch: bool) -> Callable[[Path, ExitStack], Case]:
    def case(tmp: Path, _: ExitStack) -> Case:
        draw_folder(tmp / "in")
        options = {"kind": "folder", "folder": tmp / "in", "watch": watch, "settle_s": 0.05}
        return Case(lambda: made(tmp / "state", **options))

    return case


def _push(tmp: Path, _: ExitStack) -> Case:
    return Case(lambda: made(tmp, kind="push"), feed=hand_in)


def _rtsp(tmp: Path, stack: ExitStack) -> Case:
    if why := lacking():
        pytest.skip(why)
    server = stack.enter_context(RunningRtsp())
    return Case(lambda: made(tmp, kind="rtsp", url=server.url, read_timeout_s=3), longest_read_s=5.0)


CASES = {
    "virtual": _virtual,
    "virtual in turn": _virtual_turn,
    "video": _video("own"),
    "video fast": _video("fast"),
    "folder": _folder(watch=False),
    "folder watched": _folder(watch=True),
    "push": _push,
    "rtsp": _rtsp,
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    with ExitStack() as stack:
        yield CASES[request.param](tmp_path, stack)


def opened(camera: Camera) -> CameraInfo:
    end = time.monotonic() + GENEROUS_S
    while True:
        try:
            return camera.open()
        except CameraGone:
            camera.close()
            assert time.monotonic() < end
            time.sleep(0.2)


def shots(camera: Camera, count: int) -> list[Shot]:
    found: list[Shot] = []
    end = time.monotonic() + GENEROUS_S
    while len(found) < count and time.monotonic() < end:
        shot = camera.read(0.2)
        if shot is not None:
            found.append(shot)
    return found


def test_pictures_are_bgr_named_and_in_order_of_time(case: Case) -> None:
    camera = case.make()
    info = opened(camera)
    assert info.serial
    case.feed(camera)
    found = shots(camera, 4)
    assert len(found) == 4
    for shot in found:
        assert shot.pixels.dtype == np.uint8
        assert shot.pixels.ndim == 3
        assert shot.pixels.shape[2] == 3
        assert shot.fault is None
        assert shot.lost >= 0
    assert info.height_px in (0, found[0].pixels.shape[0])
    assert info.width_px in (0, found[0].pixels.shape[1])
    stamps = [shot.at.mono_ns for shot in found]
    assert stamps == sorted(stamps)
    assert all(stamp <= time.monotonic_ns() for stamp in stamps)
    camera.close()


def test_pixels_belong_to_the_caller(case: Case) -> None:
    camera = case.make()
    opened(camera)
    case.feed(camera)
    first = shots(camera, 1)[0]
    kept = first.pixels.copy()
    shots(camera, 3)
    assert np.array_equal(first.pixels, kept)
    camera.close()
    assert np.array_equal(first.pixels, kept)


def test_a_read_comes_back_within_its_time_out(case: Case) -> None:
    """FIELD 2: a camera without a picture does not hold up its lane; the bound is generous on purpose."""
    camera = case.make()
    opened(camera)
    case.feed(camera)
    for _ in range(3 * PICTURES):
        begun = time.monotonic()
        try:
            camera.read(0.2)
        except EndOfPictures:
            break
        assert time.monotonic() - begun < case.longest_read_s
    camera.close()


@pytest.mark.parametrize("case", ["virtual in turn", "video", "video fast", "folder"], indirect=True)
def test_a_source_that_ends_says_so_again_and_again(case: Case) -> None:
    camera = case.make()
    opened(camera)
    found, lost = 0, 0
    for _ in range(3 * PICTURES):
        try:
            shot = camera.read(1.0)
        except EndOfPictures:
            break
        if shot is not None:
            found, lost = found + 1, lost + shot.lost
    assert found + lost == PICTURES
    with pytest.raises(EndOfPictures):
        camera.read(0.1)
    camera.close()


def test_close_may_come_at_any_time(case: Case) -> None:
    camera = case.make()
    camera.close()
    opened(camera)
    camera.close()
    camera.close()


def test_after_close_it_opens_again(case: Case) -> None:
    """FIELD 1: close and open are what a lane does for ever."""
    camera = case.make()
    opened(camera)
    case.feed(camera)
    assert shots(camera, 1)
    camera.close()
    opened(camera)
    assert shots(camera, 1)
    camera.close()


@pytest.mark.parametrize(
    ("kind", "options", "names"),
    [
        ("v4l2", {"path": "/dev/video-none"}, "/dev/video-none"),
        ("v4l2", {"serial": "NO-SUCH-CAMERA"}, "NO-SUCH-CAMERA"),
        ("rtsp", {"url": f"rtsp://127.0.0.1:{free_port()}/line"}, "rtsp://127.0.0.1:"),
        ("video", {"file": "/absent/video.mp4"}, "/absent/video.mp4"),
        ("folder", {"folder": "/absent/folder"}, "/absent/folder"),
        ("virtual", {"faults": [{"kind": "vanish", "at_s": 0, "for_s": 60}]}, "virtual line"),
    ],
)
def test_a_camera_that_is_not_there_is_gone_by_name_and_stays_so(
    tmp_path: Path, kind: str, options: dict[str, Any], names: str
) -> None:
    """FIELD 1: gone is a state with a name; opening is tried for ever, and each try says the same."""
    camera = made(tmp_path, kind=kind, **options)
    for _ in range(3):
        with pytest.raises(CameraGone, match=names):
            camera.open()
        with pytest.raises(CameraGone):
            camera.read(0.1)
        camera.close()


def test_every_kind_of_the_configuration_has_a_driver() -> None:
    schema = TypeAdapter[Any](AnyCamera).json_schema()
    assert set(schema["discriminator"]["mapping"]) == set(CAMERAS)
