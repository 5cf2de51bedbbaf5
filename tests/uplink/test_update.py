"""Models over the air: the command, its steps, and what is left after a refusal and after kill -9."""

import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config

from .broker import Mosquitto, running
from .https import Answer, Https, certificate, serving
from .rig import PREFIX, Listener, MemoryOutbox, Station, config_of, listening, uplink, wait_for

CONTENT = random.Random(2).randbytes(400_000)
PROCESS = (
    "import sys; from agent.config import Config; from agent.uplink.app import run; "
    "raise SystemExit(run(Config.model_validate_json(open(sys.argv[1]).read())))"
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "okng", "secret"], check=True, capture_output=True)
    users.chmod(0o644)
    (tmp_path / "password").write_text("secret\n")
    with running(tmp_path / "broker", f"allow_anonymous false\npassword_file {users}") as started:
        yield started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Https]:
    with serving(CONTENT, certificate(tmp_path)) as started:
        yield started


@pytest.fixture
def centre(broker: Mosquitto) -> Iterator[Listener]:
    with listening(broker.port, f"{PREFIX}/cmd/+/answer", user="okng", password="secret") as listener:
        yield listener


def configured(folder: Path, broker: Mosquitto, server: Https, **update: Any) -> Config:
    (folder / "data").mkdir(exist_ok=True)
    told = {"hosts": (server.host,), "ca": folder / "server.pem", "timeout_s": 10.0, **update}
    return config_of(folder, broker.port, user="okng", password_file=folder / "password", update=told)


def give(centre: Listener, command_id: str, server: Https, **said: Any) -> dict[str, Any]:
    """Command an update, and wait for the answer."""
    order = {"id": command_id, "expires": time.time_ns() // 1_000_000 + 60_000, "url": server.url}
    order |= {"sha256": hashlib.sha256(CONTENT).hexdigest(), "bytes": len(CONTENT), **said}
    before = len(centre.got)
    centre.publish(f"{PREFIX}/cmd/update", order)
    wait_for(lambda: len(centre.got) > before)
    return centre.json(f"{PREFIX}/cmd/update/answer")[-1]


def left(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "data" / "incoming").iterdir())


def test_a_model_comes_over_the_air(tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener) -> None:
    """FIELD 15: cut twice, it goes on, is checked, handed over once; nothing is left in the folder."""
    server.answers = [Answer(cut_after=150_000), Answer(status=503), Answer(cut_after=100_000)]
    with uplink(configured(tmp_path, broker, server)) as rig:
        wait_for(lambda: rig.state() == "online")
        answer = give(centre, "u1", server)
        assert (answer["ok"], answer["accepted"]) == (1, 1)
        wait_for(lambda: "update_done" in rig.station.steps())
        steps = rig.station.steps()
        assert [s for s in steps if s not in ("update_waiting", "update_progress")] == [
            "update_started",
            "update_downloaded",
            "update_done",
        ]
        told = [said["detail"] for said in rig.station.of("update")]
        assert [d["percent"] for d in told if "percent" in d] == [25, 50, 75]
        assert "xyzzy" not in str(told), "what may be a password is not told"
        assert rig.station.models == [CONTENT]
        wait_for(lambda: left(tmp_path) == [])
        rig.station.refuses_models = "model new-1: nobody signed it"
        assert give(centre, "u2", server)["ok"] == 1
        wait_for(lambda: rig.station.steps()[-1] == "update_refused")
        assert rig.station.of("update")[-1]["detail"]["why"] == "model new-1: nobody signed it"
        wait_for(lambda: left(tmp_path) == [])


def test_what_is_refused(tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener) -> None:
    with uplink(configured(tmp_path, broker, server, cap_mb=1)) as rig:
        wait_for(lambda: rig.state() == "online")
        for said, words in (
            ({"url": "https://evil.example/x"}, "host evil.example:443 is not allowed"),
            ({"url": "http://127.0.0.1/x"}, "url"),
            ({"bytes": 1_000_001}, "at most 1 MB (uplink.update.cap_mb)"),
            ({"activate": 1}, "models.activate_on_import is false"),
            ({"sha256": "x"}, "sha256"),
        ):
            answer = give(centre, f"r{len(centre.got)}", server, **said)
            assert answer["ok"] == 0
            assert words in answer["error"]
        assert server.asked == []
        server.answers = [Answer(piece=1000, pause_s=30)]
        assert give(centre, "slow", server)["ok"] == 1
        wait_for(lambda: server.asked)
        answer = give(centre, "second", server)
        assert (answer["ok"], answer["error"]) == (0, "busy: update slow is under way")
        assert rig.station.models == []


def test_another_file_than_announced_is_refused(
    tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener
) -> None:
    with uplink(configured(tmp_path, broker, server)) as rig:
        wait_for(lambda: rig.state() == "online")
        give(centre, "u1", server, sha256="0" * 64)
        wait_for(lambda: "update_refused" in rig.station.steps())
        assert "announced was 000" in rig.station.of("update")[-1]["detail"]["why"]
        wait_for(lambda: left(tmp_path) == [])
        assert rig.station.models == []


def start(folder: Path, config: Config) -> "subprocess.Popen[bytes]":
    settings = folder / "config.json"
    settings.write_text(config.model_dump_json())
    return subprocess.Popen([sys.executable, "-W", "error", "-c", PROCESS, str(settings)])


def test_killed_in_the_middle_it_goes_on_from_there(
    tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener
) -> None:
    """FIELD 15: kill -9 of the uplink while it loads; the next process asks for the rest only."""
    config = configured(tmp_path, broker, server)
    there = Station(config.station.runtime, MemoryOutbox()).start()
    server.answers = [Answer(cut_after=200_000), Answer(piece=1, pause_s=60)]
    process = start(tmp_path, config)
    try:
        wait_for(lambda: there.uplink()["state"] == "online", 60)
        assert give(centre, "u1", server)["ok"] == 1
        wait_for(lambda: len(server.asked) == 2)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        process = start(tmp_path, config)
        wait_for(lambda: "update_done" in there.steps(), 60)
        assert "update_resumed" in there.steps()
        assert there.models == [CONTENT]
        assert server.asked[-1].headers["Range"] == "bytes=200000-"
        assert server.asked[-1].headers["If-Range"] == '"one"'
        wait_for(lambda: left(tmp_path) == [])
    finally:
        process.terminate()
        process.wait(20)
        there.stop()
