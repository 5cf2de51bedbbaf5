"""Collectors for tests: the real process, started, stopped and killed by its pid."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIGURATION = """\
[fleet]
data = "data"
[broker]
port = {port}
collector = "{name}"
retry_min_s = 0.05
retry_max_s = 0.5
{broker}
[store]
url = "{url}"
{store}
{more}
"""


def wait_for(what: Callable[[], Any], timeout_s: float = 60.0, why: str = "") -> Any:
    """Wait until it is true; what it was."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if got := what():
            return got
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {timeout_s} s: {why or what}")


class Collector:
    """`okng fleet collect` as a process."""

    def __init__(
        self, folder: Path, port: int, url: str, name: str = "one", broker: str = "", store: str = "", more: str = ""
    ) -> None:
        self.folder = folder / f"collector-{name}"
        self.folder.mkdir()
        self.file = self.folder / "fleet.toml"
        filled = CONFIGURATION.format(port=port, name=name, url=url, broker=broker, store=store, more=more)
        self.file.write_text(filled)
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def start(self) -> "Collector":
        argv = [sys.executable, "-m", "agent.cli", "fleet", "collect", "--config", str(self.file)]
        self._starts += 1
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, env=environment, cwd=self.folder)
        return self

    def online(self, timeout_s: float = 60.0) -> "Collector":
        """Wait until it has connected since its start."""
        wait_for(lambda: self.log().count("connected to") >= self._starts, timeout_s, f"connected: {self.log()}")
        return self

    def kill(self, number: int = signal.SIGKILL) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(30)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@contextmanager
def collecting(folder: Path, port: int, url: str, name: str = "one", **options: str) -> Iterator[Collector]:
    made = Collector(folder, port, url, name, **options)
    try:
        yield made.start()
    finally:
        code = made.kill(signal.SIGTERM)
    assert code == 0, made.log()
