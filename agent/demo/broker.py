"""The demo's broker: Debian's mosquitto on a free port of 127.0.0.1, with a folder of its own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import OkngError

START_S = 10.0
CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 5
log_dest file {folder}/mosquitto.log
"""


def find_mosquitto() -> str | None:
    """The broker's program; Debian puts it into /usr/sbin, which is not on every user's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("mosquitto", path=path)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mosquitto(program: str, folder: Path) -> Iterator[int]:
    """Run a broker as long as the block lasts; yields its port. Raises OkngError when it does not start."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = folder / "mosquitto.conf"
    text = CONFIGURATION.format(port=port, folder=folder)
    if os.getuid() == 0:
        text += "user root\n"  # else it would drop to a user who may not write its folder
    settings.write_text(text)
    broker = subprocess.Popen([program, "-c", str(settings)], start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        _wait(broker, port, folder)
        yield port
    finally:
        broker.terminate()
        try:
            broker.wait(5.0)
        except subprocess.TimeoutExpired:
            broker.kill()
            broker.wait()


def _wait(broker: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and broker.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise OkngError(f"mosquitto did not start on port {port}; see {folder / 'mosquitto.log'}")
