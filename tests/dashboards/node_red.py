"""Node-RED with its dashboard, as people have it from npm. Only the tests run it.

`npm ci` fetches the two packages of node-red/package.json into the user's cache folder, held to the hashes in
package-lock.json; a second run finds them there. No script of a package is run.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port

_WANTED = Path(__file__).resolve().parent / "node-red"
_FILES = ("package.json", "package-lock.json")
FLOWS = Path(__file__).parents[2] / "docs" / "dashboards" / "node-red" / "flows.json"
FETCH_S = 420
"""250 MB in some 400 packages: 38 s on a fast line."""
START_S = 120.0
_SETTINGS = {
    "flowFile": "flows.json",
    "uiHost": "127.0.0.1",
    "httpAdminRoot": False,
    "telemetry": {"enabled": False, "updateNotification": False},
    "externalModules": {"autoInstall": False, "palette": {"allowInstall": False}},
    "credentialSecret": "of the tests",
}


def installed() -> Path:
    """The folder that holds it. Skips where it is not there and cannot be had."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed (Debian: nodejs)")
    lock = (_WANTED / "package-lock.json").read_bytes()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = caches / "okng-tests" / f"node-red-{hashlib.sha256(lock).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("Node-RED is not here and npm is not installed (Debian: npm)")
    for name in _FILES:
        shutil.copy(_WANTED / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=FETCH_S, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"Node-RED could not be fetched within {FETCH_S} s")
    if ran.returncode:
        pytest.skip(f"Node-RED could not be fetched: {ran.stderr.strip()[-300:]}")
    (folder / "done").touch()


@contextmanager
def dashboard(folder: Path, broker_port: int) -> Iterator[str]:
    """Node-RED with the documented flows, reading the broker at `broker_port`: the address of its page."""
    program = installed() / "node_modules" / "node-red" / "red.js"
    port = free_port()
    flows = json.loads(FLOWS.read_text())
    (broker,) = (node for node in flows if node["type"] == "mqtt-broker")
    broker["broker"], broker["port"] = "127.0.0.1", str(broker_port)  # what the documents tell people to set
    folder.mkdir()
    (folder / "flows.json").write_text(json.dumps(flows))
    (folder / "settings.js").write_text(f"module.exports = {json.dumps({**_SETTINGS, 'uiPort': port})};\n")
    command = ["node", str(program), "--settings", str(folder / "settings.js"), "--userDir", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        _wait_for(process, port, folder / "log")
        yield f"http://127.0.0.1:{port}/dashboard/okng"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait(10)


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0 and "Started flows" in log.read_text():
                return
        time.sleep(0.1)
    raise AssertionError(f"Node-RED did not start within {START_S:g} s: {log.read_text()}")
