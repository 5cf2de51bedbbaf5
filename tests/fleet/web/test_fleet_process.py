"""`okng fleet web` from its command line: begins before there is a store, shows it once there is one, ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.fleet.web.shown import ShownFleet
from tests.ports import free_port


def answer(url: str, wanted: int) -> httpx.Response:
    """What the address says, once it says it with this status."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            found = httpx.get(url, timeout=10)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if found.status_code == wanted:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{url} did not come to answer with {wanted}")


def test_the_page_waits_for_the_collector_and_ends_when_told(tmp_path: Path) -> None:
    port, file = free_port(), tmp_path / "fleet.toml"
    file.write_text(f'[fleet]\ndata = "data"\nname = "Aurora"\n[web]\nport = {port}\n')
    argv = [sys.executable, "-m", "agent.cli", "fleet", "web", "--config", str(file)]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    try:
        health = f"http://127.0.0.1:{port}/healthz"
        assert answer(health, 503).json() == {"web": "ok", "store": "unreadable"}
        ShownFleet(tmp_path / "data")  # its tables are there now
        assert answer(health, 200).json() == {"web": "ok", "store": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        _, said = process.communicate()
    assert "Traceback" not in said
    assert f"the page is at http://127.0.0.1:{port}/" in said


def test_a_wrong_configuration_is_named(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text("[web]\nprot = 1\n")
    argv = [sys.executable, "-m", "agent.cli", "fleet", "web", "--config", str(file)]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 78
    assert "web.prot" in ended.stderr
    assert "port" in ended.stderr
