"""The demo's broker on a free port of 127.0.0.1, with a folder of its own: Debian's mosquitto, else amqtt.

amqtt (extra `demo`) is a broker in Python that speaks MQTT 3.1.1 and keeps everything in memory: enough to look at.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
AMQTT = """\
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is; `host` is empty when there is none."""

    host: str
    port: int
    protocol: int
    """5, or 3 for MQTT 3.1.1."""
    words: str
    """What it is, for people."""


NONE = Broker("", 1883, 5, "none (mosquitto is not installed, nor is the extra demo): summaries wait in the outbox")


def find_mosquitto() -> str | None:
    """The broker's program; Debian puts it into /usr/sbin, which is not on every user's PATH."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("mosquitto", path=path)


def find_amqtt() -> str | None:
    """The broker's program: beside this Python, or on the PATH."""
    beside = Path(sys.executable).with_name("amqtt")
    return str(beside) if beside.exists() else shutil.which("amqtt")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def own_broker(folder: Path) -> Iterator[Broker]:
    """The best broker that is installed, as long as the block lasts. Raises OkngError when it does not start."""
    mosquitto_program, amqtt_program = find_mosquitto(), find_amqtt()
    if mosquitto_program is not None:
        with mosquitto(mosquitto_program, folder) as port:
            yield Broker("127.0.0.1", port, 5, f"own mosquitto on port {port}")
    elif amqtt_program is not None:
        with amqtt(amqtt_program, folder) as port:
            yield Broker("127.0.0.1", port, 3, f"own amqtt on port {port} (MQTT 3.1.1, in memory)")
    else:
        yield NONE


@contextmanager
def mosquitto(program: str, folder: Path) -> Iterator[int]:
    """Run mosquitto as long as the block lasts; yields its port. Raises OkngError when it does not start."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = folder / "mosquitto.conf"
    text = CONFIGURATION.format(port=port, folder=folder)
    if os.getuid() == 0:
        text += "user root\n"  # else it would drop to a user who may not write its folder
    settings.write_text(text)
    with _running([program, "-c", str(settings)], port, folder / "mosquitto.log"):
        yield port


@contextmanager
def amqtt(program: str, folder: Path) -> Iterator[int]:
    """Run amqtt as long as the block lasts; yields its port. Raises OkngError when it does not start."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = folder / "amqtt.yaml"
    settings.write_text(AMQTT.format(port=port))
    with _running([program, "-c", str(settings)], port, folder / "amqtt.log", its_own_log=False):
        yield port


@contextmanager
def _running(command: list[str], port: int, log: Path, its_own_log: bool = True) -> Iterator[None]:
    with (Path(os.devnull) if its_own_log else log).open("wb") as said:
        broker = subprocess.Popen(command, start_new_session=True, stdout=said, stderr=said)
    try:
        _wait(broker, port, log)
        yield
    finally:
        broker.terminate()
        try:
            broker.wait(5.0)
        except subprocess.TimeoutExpired:
            broker.kill()
            broker.wait()


def _wait(broker: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and broker.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise OkngError(f"the broker did not start on port {port}; see {log}")
