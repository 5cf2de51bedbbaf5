"""Starts the tests' RTSP server, or says which packages it lacks."""

import signal
import subprocess
from pathlib import Path
from types import TracebackType

from tests.ports import free_port

PYTHON = "/usr/bin/python3"
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"


def lacking() -> str:
    """Empty when the server can run; else what to install."""
    code = "import gi; gi.require_version('Gst','1.0'); gi.require_version('GstRtspServer','1.0')\n"
    code += "from gi.repository import Gst, GstRtspServer; Gst.init(None)\n"
    code += "assert all(map(Gst.ElementFactory.find, ['videotestsrc','jpegenc','rtpjpegpay','x264enc','rtph264pay']))"
    if Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", code], capture_output=True, check=False).returncode == 0:
        return ""
    return f"no RTSP server: apt-get install --no-install-recommends {PACKAGES}"


class RunningRtsp:
    """A real RTSP server in a process of its own, which can be paused, killed and started again."""

    def __init__(self, codec: str = "jpeg", *credentials: str) -> None:
        self.port = free_port()
        self.url = f"rtsp://127.0.0.1:{self.port}/line"
        self._arguments = [codec, *credentials]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "RunningRtsp":
        script = Path(__file__).with_name("rtsp_server.py")
        command = [PYTHON, str(script), str(self.port), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "ready"
        return self

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def __enter__(self) -> "RunningRtsp":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
