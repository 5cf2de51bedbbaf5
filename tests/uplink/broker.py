"""A mosquitto of the tests' own: a free port, a folder of its own, started and killed by its pid."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port


class Mosquitto:
    """One broker; `settings` are further lines of its configuration."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true", tls: str = "") -> None:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed (Debian: mosquitto)")
        self._program = program
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.store = folder / "store"
        self.store.mkdir(parents=True)
        user = "user root\n" if os.geteuid() == 0 else ""
        (folder / "mosquitto.conf").write_text(
            f"{user}persistence true\npersistence_location {self.store}/\nautosave_interval 1\n"
            f"max_queued_messages 100000\nlog_dest file {folder}/log\nlog_type all\n"
            f"listener {self.port} 127.0.0.1\n{tls}\n{settings}\n"
        )

    def start(self) -> "Mosquitto":
        conf = str(self.folder / "mosquitto.conf")
        self._process = subprocess.Popen([self._program, "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                raise AssertionError(f"mosquitto ended: {self._process.stderr.read()!r}")
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """A power cut: what it had not saved is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(10)
            assert process.stderr is not None
            process.stderr.close()

    def wipe(self) -> None:
        """Lose its store: sessions, queued and retained messages."""
        shutil.rmtree(self.store)
        self.store.mkdir()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@contextmanager
def running(folder: Path, settings: str = "allow_anonymous true", tls: str = "") -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, settings, tls)
    try:
        yield broker.start()
    finally:
        broker.kill()
