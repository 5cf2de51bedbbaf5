"""The page as a process of its own, for the tests: `agent.web.app.run` on a free port of 127.0.0.1.

`serving` forks it off one that has imported it already; `start` begins as a station does.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from agent.config import Config
from agent.log import set_up
from tests.forked import Forked
from tests.ports import free_port

_PROGRAM = """
import sys
from pathlib import Path
from agent.config import Config
from agent.log import set_up
from agent.web.app import run
set_up("info")
sys.exit(run(Config.model_validate_json(sys.argv[1]), sys.argv[2], *map(Path, sys.argv[3:])))
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A running page."""

    url: str
    process: Forked

    def stop(self) -> int:
        """TERM, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def start(
    config: dict[str, object], problem: str = "", file: Path | None = None, **environment: str
) -> "subprocess.Popen[str]":
    """A process with imports of its own; its messages are kept for who waits for it."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _PROGRAM, json.dumps(config), problem, *([str(file)] if file else [])],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )


@contextmanager
def serving(
    folder: Path,
    problem: str = "",
    lanes: tuple[str, ...] = ("top",),
    data: Path | None = None,
    runtime: Path | None = None,
    evidence: dict[str, object] | None = None,
    **web: object,
) -> Iterator[Served]:
    """The page of the station in this folder (`fake_station.running`), or of another's data and runtime."""
    port = web.pop("port", None) or free_port()
    config: dict[str, object] = {
        "station": {
            "data": str(data or folder / "data"),
            "runtime": str(runtime or folder / "run"),
            "timezone": "Asia/Shanghai",
        },
        "lanes": {name: {"recipe": "boards", "camera": {"kind": "push", "max_px": 1_000_000}} for name in lanes},
        "web": {"port": port, "this_machine": "admin", **web},
        "evidence": evidence or {},
    }
    file = folder / "station.toml"
    file.write_text(_toml(config))
    process = Forked(_page, json.dumps(config), problem, file)
    scheme = "https" if web.get("tls") == "on" else "http"
    served = Served(f"{scheme}://127.0.0.1:{port}", process)
    try:
        wait_for(served)
        yield served
    finally:
        process.send_signal(signal.SIGTERM)
        messages = process.ended(20)
        assert "Traceback" not in messages, messages


def _page(config: str, problem: str, file: Path) -> int:
    from agent.web.app import run

    set_up("info")
    return run(Config.model_validate_json(config), problem, file)


def _toml(config: dict[str, object]) -> str:
    """The same configuration as a file: JSON's texts, numbers and lists are TOML's too."""
    lines = []
    for section, options in config.items():
        assert isinstance(options, dict)
        for name, value in options.items():
            if section == "lanes":
                camera = ", ".join(f"{key} = {json.dumps(each)}" for key, each in value["camera"].items())
                lines.append(f'lanes.{name} = {{ recipe = "{value["recipe"]}", camera = {{ {camera} }} }}')
            elif not isinstance(value, dict):
                lines.append(f"{section}.{name} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def wait_for(served: Served) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and served.process.poll() is None:
        try:
            httpx.get(f"{served.url}/healthz", timeout=5, verify=not served.url.startswith("https"))
            return
        except httpx.TransportError:
            time.sleep(0.05)
    messages = served.process.said.read() if served.process.poll() is not None else ""
    raise AssertionError(f"the page did not start: {messages}")
