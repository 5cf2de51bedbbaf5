"""RTSP against a real server: password, pause, death and return."""

import socket
import threading
import time

import pytest

from agent.clock import SystemClock
from agent.config import RtspConfig
from agent.errors import CameraGone, CameraWrong
from agent.station.cameras.rtsp import Rtsp
from tests.cameras.rtsp_running import RunningRtsp, lacking
from tests.ports import free_port

LACKING = lacking()
needs_server = pytest.mark.skipif(bool(LACKING), reason=LACKING or "-")
SECRET = "p@ss:w/o%rd#1"


def rtsp(url, **options):
    options = {"open_timeout_s": 10, "read_timeout_s": 3, **options}
    return Rtsp(RtspConfig(kind="rtsp", url=url, **options), SystemClock())


def opened(camera):
    """Open within a generous time; a server just started needs a moment."""
    end = time.monotonic() + 30
    while True:
        try:
            return camera.open()
        except CameraGone:
            assert time.monotonic() < end
            camera.close()
            time.sleep(0.2)


def read_on(camera):
    """Until the camera is gone: what came before its end is still given."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        camera.read(1.0)


@needs_server
@pytest.mark.parametrize("codec", ["jpeg", "h264"])
def test_live_pictures(codec):
    """FIELD 4: the first picture given is a live one, not one from the buffer that opening filled."""
    with RunningRtsp(codec) as server:
        camera = rtsp(server.url)
        info = opened(camera)
        assert (info.width_px, info.height_px, info.serial) == (320, 240, server.url)
        shots = [camera.read(1.0) for _ in range(10)]
        assert all(shot.pixels.shape == (240, 320, 3) for shot in shots)
        assert sum(shot.lost for shot in shots) <= 1
        apart_s = (shots[-1].at.mono_ns - shots[0].at.mono_ns) / 1e9
        assert apart_s > 0.3, "ten pictures at 20 a second that came at once were buffered"
        camera.close()


@needs_server
def test_old_pictures_after_a_pause_of_the_reader_are_passed_over():
    """FIELD 3, 4: what waited in a buffer is not given as if it were live, and is counted as lost."""
    with RunningRtsp() as server:
        camera = rtsp(server.url)
        opened(camera)
        before = [camera.read(1.0) for _ in range(10)][-1]
        time.sleep(2.0)
        after = camera.read(1.0)
        assert after.lost >= 20
        assert (after.at.mono_ns - before.at.mono_ns) / 1e9 > 1.5
        assert camera.read(1.0).lost <= 1
        camera.close()


@needs_server
def test_a_server_that_pauses_and_goes_on():
    """FIELD 3: the burst of old pictures after a pause is passed over."""
    with RunningRtsp() as server:
        camera = rtsp(server.url)
        opened(camera)
        for _ in range(5):
            camera.read(1.0)
        server.pause()
        threading.Timer(1.5, server.go_on).start()
        shots = [camera.read(1.0) for _ in range(12)]
        assert sum(shot.lost for shot in shots) >= 10
        camera.close()


@needs_server
def test_a_dead_server_is_gone_and_found_again():
    """FIELD 1: killed, gone by name, opened anew when it is back."""
    with RunningRtsp() as server:
        camera = rtsp(server.url)
        opened(camera)
        camera.read(1.0)
        server.kill()
        with pytest.raises(CameraGone, match=f"127.0.0.1:{server.port}/line"):
            read_on(camera)
        camera.close()
        with pytest.raises(CameraGone, match="refused"):
            camera.open()
        server.start()
        opened(camera)
        assert camera.read(1.0) is not None
        camera.close()


@needs_server
def test_a_frozen_server_is_gone_within_the_read_time_out():
    """FIELD 2: a server that is silent is given up, not waited for for ever."""
    with RunningRtsp() as server:
        camera = rtsp(server.url, read_timeout_s=1)
        opened(camera)
        server.pause()
        with pytest.raises(CameraGone, match="no picture for"):
            read_on(camera)
        camera.close()
        with pytest.raises(CameraGone, match="no answer within 1 s"):
            rtsp(server.url, open_timeout_s=1).open()


@needs_server
def test_the_password_opens_and_is_never_shown(tmp_path, capfd, caplog):
    """A password in a log is a password lost: neither errors nor any library's own words hold it."""
    caplog.set_level(0)
    secret = tmp_path / "password"
    secret.write_text(SECRET + "\n")
    with RunningRtsp("jpeg", "us er", SECRET) as server:
        camera = rtsp(server.url, user="us er", password_file=secret)
        info = opened(camera)
        assert camera.read(1.0) is not None
        camera.close()
        with pytest.raises(CameraGone, match="user or password"):
            rtsp(server.url).open()
        secret.write_text("Wr0ng-" + SECRET)
        with pytest.raises(CameraGone, match="user or password") as refused:
            rtsp(server.url, user="us er", password_file=secret).open()
    output = capfd.readouterr()
    said = "".join([output.out, output.err, caplog.text, str(refused.value), repr(info)])
    for trace in (SECRET, "ss:w", "ss%3Aw", "o%25rd", "Wr0ng"):
        assert trace not in said


def test_a_password_in_the_url_is_refused_without_repeating_it():
    with pytest.raises(CameraWrong, match="password_file") as refused:
        rtsp("rtsp://okng:hunter2@127.0.0.1/line").open()
    assert "hunter2" not in str(refused.value)


def test_a_password_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CameraWrong, match=r"absent: No such file"):
        rtsp("rtsp://127.0.0.1/line", user="okng", password_file=tmp_path / "absent").open()


def test_nobody_there_and_somebody_else_there():
    with pytest.raises(CameraGone, match="refused"):
        rtsp(f"rtsp://127.0.0.1:{free_port()}/line").open()
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.sendall(b"220 an FTP server\r\n")

        threading.Thread(target=answer).start()
        with pytest.raises(CameraGone, match="does not speak RTSP"):
            rtsp(f"rtsp://127.0.0.1:{other.getsockname()[1]}/line").open()


def test_one_that_never_answers_does_not_hold_up_the_others():
    """FIELD 2: OpenCV opens one stream at a time, so a silent camera must be found before."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        camera = rtsp(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/line", open_timeout_s=0.5)
        with pytest.raises(CameraGone, match=r"no answer within 0\.5 s"):
            camera.open()
