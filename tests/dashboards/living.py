"""A live station for those who read it from outside: the demo's real processes on a virtual line."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.run import okng

IDENTITY = "demo/line1/station1"


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`okng demo`, ended by Ctrl-C where the test has not done it itself."""
    folder.mkdir()
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OKNG_")}  # not its options
    command = okng("demo", "--data", str(folder / "data"), *arguments).argv
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=ours)
    try:
        yield process
    finally:
        end(process)
    assert process.returncode == 0, (folder / "log").read_text()


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C, and wait."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
