"""A signed model over the air, with nothing in memory: station, uplink, broker and HTTPS server are processes' own."""

import hashlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agent.control import ask
from agent.errors import ControlFailed
from agent.station.models.archive import pack
from tests.station.squares import key_in, make, network, write_settings

from .broker import running
from .https import Answer, certificate, serving
from .rig import PREFIX, Listener, listening, wait_for

UPLINK = """
[uplink]
host = "127.0.0.1"
port = {port}
user = "okng"
password_file = "{password}"
retry_min_s = 0.05
retry_max_s = 0.5
[uplink.update]
hosts = ["{host}"]
ca = "{ca}"
"""
MODELS = "activate_on_import = true\nhealth_s = 3600\nhealth_parts = 1000"
LONG_S = 300.0
"""A model is tried by processes of their own, on whatever machine this is."""


@contextmanager
def process(verb: str, settings: Path) -> Iterator[None]:
    """`okng station` or `okng uplink`, ended by SIGTERM."""
    command = (sys.executable, "-W", "error", "-m", "agent.cli", verb, "--config", str(settings))
    with (settings.parent / f"{verb}.log").open("wb") as log:
        started = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        yield
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            ended = started.wait(LONG_S)
        finally:
            started.kill()
        assert ended == 0, (settings.parent / f"{verb}.log").read_text()


def steps(centre: Listener) -> list[dict[str, Any]]:
    """The events that a centre has got, each once, in their order."""
    return list({event["seq"]: event for event in centre.json(f"{PREFIX}/event")}.values())


def names(centre: Listener) -> list[str]:
    return [event["name"] for event in steps(centre)]


def update(centre: Listener, command_id: str, url: str, content: bytes) -> dict[str, Any]:
    """Command an update until it is accepted: the one before may just be ending."""
    answers = f"{PREFIX}/cmd/update/answer"
    for number in range(600):
        order = {"id": f"{command_id}-{number}", "expires": time.time_ns() // 1_000_000 + 60_000, "url": url}
        order |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content), "activate": 1}
        before = len(centre.json(answers))
        centre.publish(f"{PREFIX}/cmd/update", order)
        wait_for(lambda seen=before: len(centre.json(answers)) > seen)
        if (answer := centre.json(answers)[-1])["ok"]:
            return answer
        assert "busy" in answer["error"], answer
        time.sleep(0.1)
    raise AssertionError("never accepted")


def judges(runtime: Path) -> str:
    """The model that judges; empty while the station starts."""
    try:
        return str(ask(runtime, "status")["status"]["lanes"][0]["model"])
    except ControlFailed:
        return ""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_a_command_to_a_model_that_judges(tmp_path: Path) -> None:
    """FIELD 15: cut and resumed, verified before it is unpacked, imported, activated; each step is an event that the
    centre gets. What nobody signed is loaded as well, and refused by the station: nothing of it stays."""
    key, data = key_in(tmp_path / "key"), tmp_path / "data"
    (data / "models").mkdir(parents=True)
    make(tmp_path / "made", "1", network(), key).rename(data / "models" / "squares-1")
    signed = pack(make(tmp_path / "made", "2", network(0.98), key), tmp_path / "2.okng").read_bytes()
    unsigned = pack(make(tmp_path / "made", "3", network(0.96), None), tmp_path / "3.okng").read_bytes()
    certificate(tmp_path, "ca")
    paper = certificate(tmp_path, authority=tmp_path / "ca.pem")
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(tmp_path / "users"), "okng", "secret"], check=True, capture_output=True
    )
    (tmp_path / "users").chmod(0o644)
    (tmp_path / "password").write_text("secret\n")
    with ExitStack() as stack:
        runtime = Path(stack.enter_context(TemporaryDirectory(prefix="okng-")))
        broker = stack.enter_context(
            running(tmp_path / "broker", f"allow_anonymous false\npassword_file {tmp_path / 'users'}")
        )
        server = stack.enter_context(serving(signed, paper))
        settings = write_settings(data, runtime, key, MODELS)
        told = UPLINK.format(port=broker.port, password=tmp_path / "password", host=server.host, ca=tmp_path / "ca.pem")
        settings.write_text(settings.read_text() + told)
        topics = (f"{PREFIX}/event", f"{PREFIX}/cmd/+/answer", f"{PREFIX}/status")
        centre = stack.enter_context(listening(broker.port, *topics, user="okng", password="secret"))
        stack.enter_context(process("station", settings))
        stack.enter_context(process("uplink", settings))
        wait_for(lambda: any(said["online"] for said in centre.json(f"{PREFIX}/status")), LONG_S)
        wait_for(lambda: judges(runtime) == "squares-1", LONG_S)

        server.answers = [Answer(cut_after=len(signed) // 3), Answer(cut_after=len(signed) // 3)]
        assert update(centre, "u1", server.url, signed)["accepted"] == 1
        wait_for(lambda: "update_done" in names(centre), LONG_S, "squares-2 over the air")
        came = [name for name in names(centre) if name.startswith(("update_", "model_"))]
        kept = [name for name in came if name not in ("update_progress", "update_waiting", "model_proved")]
        whole = ["update_started", "update_downloaded", "model_importing", "model_imported", "model_activated"]
        assert kept == [*whole, "update_done"]
        done = next(event for event in steps(centre) if event["name"] == "update_done")
        assert (done["detail_model"], done["detail_activated"]) == ("squares-2", 1)
        wait_for(lambda: judges(runtime) == "squares-2")
        assert sum(asked.sent for asked in server.asked) == len(signed), "resumed: not a byte came twice"
        assert [("Range" in asked.headers) for asked in server.asked] == [False, True, True]
        wait_for(lambda: not any((data / "incoming").iterdir()))

        server.content = unsigned
        update(centre, "u2", server.url, unsigned)
        wait_for(lambda: "update_refused" in names(centre), LONG_S, "squares-3 refused")
        refused = next(event for event in steps(centre) if event["name"] == "update_refused")
        assert "nobody signed it" in refused["detail_why"]
        assert names(centre).count("model_refused") == 1
        assert judges(runtime) == "squares-2"
        assert sorted(folder.name for folder in (data / "models").iterdir()) == ["squares-1", "squares-2"]
        wait_for(lambda: not any((data / "incoming").iterdir()))
    shutil.rmtree(data)
