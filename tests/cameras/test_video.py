"""Video files, drawn and real."""

from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.clock import SystemClock
from agent.config import VideoConfig
from agent.errors import CameraGone, EndOfPictures
from agent.station.cameras.video import Video
from tests.cameras.hand_clock import HandClock

BOTTLES = Path(__file__).parents[3] / "shared/data/bottles/bottle-detection.mp4"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """20 frames at 10 a second; frame i is of grey level 10 i."""
    file = tmp_path_factory.mktemp("video") / "drawn.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for i in range(20):
        writer.write(np.full((48, 64, 3), 10 * i, np.uint8))
    writer.release()
    return file


def video(file, clock=None, **options):
    camera = Video(VideoConfig(kind="video", file=file, **options), clock or SystemClock())
    camera.open()
    return camera


def level(shot):
    return round(shot.pixels.mean() / 10)


def test_fast_gives_every_frame_then_ends(drawn):
    camera = video(drawn, pace="fast")
    shots = [camera.read(1.0) for _ in range(20)]
    assert [level(shot) for shot in shots] == list(range(20))
    assert [shot.source for shot in shots[:2]] == ["drawn.avi:0", "drawn.avi:1"]
    with pytest.raises(EndOfPictures, match="20 frames"):
        camera.read(1.0)


def test_at_its_own_pace_frames_come_by_the_clock(drawn):
    """FIELD 4: what nobody read is skipped and counted, never queued up."""
    clock = HandClock()
    camera, start = video(drawn, clock), clock.mono_ns
    assert level(camera.read(0.0)) == 0
    assert camera.read(0.0) is None
    clock.forward(0.1)
    assert level(camera.read(0.0)) == 1
    clock.forward(0.55)
    shot = camera.read(0.0)
    assert (level(shot), shot.lost, shot.at.mono_ns - start) == (6, 4, 600_000_000)


def test_the_last_frame_reports_what_was_lost_before_it(drawn):
    clock = HandClock()
    camera = video(drawn, clock)
    camera.read(0.0)
    clock.forward(60)
    shot = camera.read(0.0)
    assert (level(shot), shot.lost) == (19, 18)
    with pytest.raises(EndOfPictures):
        camera.read(0.0)


def test_a_loop_goes_on_and_counts(drawn):
    clock = HandClock()
    camera = video(drawn, clock, loop=True)
    camera.read(0.0)
    clock.forward(4.5)
    shot = camera.read(0.0)
    assert (level(shot), shot.lost) == (5, 44)
    fast = video(drawn, pace="fast", loop=True)
    assert [level(fast.read(0.0)) for _ in range(45)] == [i % 20 for i in range(45)]


def test_what_cannot_be_played_is_gone_by_name(tmp_path):
    with pytest.raises(CameraGone, match=r"absent\.mp4: no such file"):
        video(tmp_path / "absent.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("no video at all")
    with pytest.raises(CameraGone, match=r"text\.mp4: not a video"):
        video(text)


def test_a_file_cut_off_ends_without_an_error(drawn, tmp_path):
    cut = tmp_path / "cut.avi"
    whole = drawn.read_bytes()
    cut.write_bytes(whole[: int(len(whole) * 0.75)])
    camera = video(cut, pace="fast")
    shots = []
    with suppress(EndOfPictures):
        while len(shots) < 20:
            shots.append(camera.read(1.0))
    assert 1 < len(shots) < 20
    # The very last one was cut through: FFmpeg shows what it has of it.
    assert [level(shot) for shot in shots[:-1]] == list(range(len(shots) - 1))


@pytest.mark.skipif(not BOTTLES.exists(), reason="../shared/data/bottles/bottle-detection.mp4 is absent")
def test_a_real_video():
    camera = video(BOTTLES, pace="fast")
    shots = [camera.read(5.0) for _ in range(30)]
    assert len({shot.pixels.tobytes() for shot in shots}) == 30
    assert shots[0].pixels.shape[2] == 3
    camera.close()
