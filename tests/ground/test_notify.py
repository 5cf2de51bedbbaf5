"""sd_notify: a real datagram socket hears it."""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.notify import watchdog_s

SAY = (
    "from agent import notify; notify.extend_timeout(30); notify.ready('two\\nlines'); "
    "notify.status('x'); notify.watchdog(); notify.stopping()"
)


@pytest.mark.parametrize("abstract", [False, True])
def test_messages_reach_the_service_manager(tmp_path: Path, abstract: bool) -> None:
    name = f"okng-{secrets.token_hex(8)}"
    address, shown = (f"\0{name}", f"@{name}") if abstract else (str(tmp_path / "n"), str(tmp_path / "n"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(20)
        subprocess.run([sys.executable, "-c", SAY], env={**os.environ, "NOTIFY_SOCKET": shown}, check=True, timeout=60)
        heard = [manager.recv(4096).decode() for _ in range(5)]
    assert heard == [
        "EXTEND_TIMEOUT_USEC=30000000",
        "READY=1\nSTATUS=two lines",
        "STATUS=x",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "@nobody", "vsock:2:1"])
def test_nobody_listening_is_no_error(address: str) -> None:
    subprocess.run([sys.executable, "-c", SAY], env={**os.environ, "NOTIFY_SOCKET": address}, check=True, timeout=60)


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdogs_time(environment: dict[str, str], seconds: float) -> None:
    assert watchdog_s(environment, pid=7) == seconds
