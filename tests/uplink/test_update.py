"""Models over the air: the command, its steps, and what is left after a refusal and after kill -9."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.uplink.commands import Order
from agent.uplink.incoming import JOB as JOB_FILE
from agent.uplink.incoming import LEFT_S, Incoming, Job
from agent.uplink.update import Updates
from tests import forked
from tests.forked import Forked

from .broker import Mosquitto, running
from .https import Answer, Https, certificate, serving
from .rig import PREFIX, Listener, MemoryOutbox, Station, config_of, listening, uplink, wait_for

CONTENT = random.Random(2).randbytes(400_000)


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


def cancel(centre: Listener, command_id: str, update: str) -> dict[str, Any]:
    """Command the end of an update, and wait for the answer."""
    before = len(centre.got)
    order = {"id": command_id, "expires": time.time_ns() // 1_000_000 + 60_000, "update": update}
    centre.publish(f"{PREFIX}/cmd/cancel", order)
    wait_for(lambda: len(centre.got) > before)
    return centre.json(f"{PREFIX}/cmd/cancel/answer")[-1]


def give(centre: Listener, command_id: str, server: Https, **said: Any) -> dict[str, Any]:
    """Command an update, and wait for the answer."""
    order = {"id": command_id, "expires": time.time_ns() // 1_000_000 + 60_000, "url": server.url}
    order |= {"sha256": hashlib.sha256(CONTENT).hexdigest(), "bytes": len(CONTENT), **said}
    before = len(centre.got)
    centre.publish(f"{PREFIX}/cmd/update", order)
    wait_for(lambda: len(centre.got) > before)
    return centre.json(f"{PREFIX}/cmd/update/answer")[-1]


def give_next(centre: Listener, command_id: str, server: Https, **said: Any) -> None:
    """Command an update after another one, which is under way until its last file is gone."""
    ids = (f"{command_id}-{n}" for n in range(1000))
    wait_for(lambda: give(centre, next(ids), server, **said)["ok"] == 1)


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
        give_next(centre, "u2", server)
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


def start(folder: Path, config: Config) -> Forked:
    return forked.uplink(config, folder / "uplink.log")


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
        process.ended(10)
        process = start(tmp_path, config)
        wait_for(lambda: "update_done" in there.steps(), 60)
        assert "update_resumed" in there.steps()
        assert there.models == [CONTENT]
        assert server.asked[-1].headers["Range"] == "bytes=200000-"
        assert server.asked[-1].headers["If-Range"] == '"one"'
        wait_for(lambda: left(tmp_path) == [])
    finally:
        process.send_signal(signal.SIGTERM)
        process.ended(20)
        there.stop()


def test_an_update_that_loads_can_be_cancelled(
    tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener
) -> None:
    """FIELD 15: nothing of it stays, the next one is taken; one that has ended or is another's is not cancelled."""
    with uplink(configured(tmp_path, broker, server)) as rig:
        wait_for(lambda: rig.state() == "online")
        answer = cancel(centre, "c0", "u1")
        assert (answer["ok"], answer["error"]) == (0, "update u1 is not under way; none is")
        server.answers = [Answer(cut_after=100_000), Answer(piece=1000, pause_s=60)]
        assert give(centre, "u1", server)["ok"] == 1
        wait_for(lambda: len(server.asked) == 2)
        assert cancel(centre, "c1", "u2")["error"] == "update u2 is not under way; u1 is"
        answer = cancel(centre, "c2", "u1")
        assert (answer["ok"], answer["cancelled"]) == (1, 1)
        wait_for(lambda: "update_cancelled" in rig.station.steps())
        wait_for(lambda: left(tmp_path) == [])
        assert rig.station.models == []
        give_next(centre, "u3", server)
        wait_for(lambda: "update_done" in rig.station.steps())
        assert rig.station.models == [CONTENT]


def test_an_update_that_waits_for_its_server_can_be_cancelled(
    tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener
) -> None:
    config = configured(tmp_path, broker, server)
    patient = config.uplink.model_copy(update={"retry_min_s": 600.0, "retry_max_s": 600.0})
    with uplink(config.model_copy(update={"uplink": patient})) as rig:
        wait_for(lambda: rig.state() == "online")
        server.answers = [Answer(status=503)]
        give(centre, "u1", server)
        wait_for(lambda: "update_waiting" in rig.station.steps())
        assert cancel(centre, "c1", "u1")["ok"] == 1
        wait_for(lambda: "update_cancelled" in rig.station.steps())
        wait_for(lambda: left(tmp_path) == [])


def test_what_the_station_takes_in_is_not_cancelled_any_more(
    tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener
) -> None:
    with uplink(configured(tmp_path, broker, server)) as rig:
        wait_for(lambda: rig.state() == "online")
        rig.station.taking_in.clear()
        give(centre, "u1", server)
        wait_for(lambda: rig.station.models)
        answer = cancel(centre, "c1", "u1")
        assert (answer["ok"], answer["error"]) == (0, "too late: update u1 is loaded, and the station is importing it")
        rig.station.taking_in.set()
        wait_for(lambda: rig.station.steps()[-1] == "update_done")


def test_one_that_the_station_may_have_taken_in_is_never_called_cancelled(
    tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener
) -> None:
    """FIELD 15: the uplink is killed while the station imports; the next one does not know what became of it."""
    config = configured(tmp_path, broker, server)
    there = Station(config.station.runtime, MemoryOutbox()).start()
    there.taking_in.clear()
    process = start(tmp_path, config)
    try:
        wait_for(lambda: there.uplink()["state"] == "online", 60)
        assert give(centre, "u1", server)["ok"] == 1
        wait_for(lambda: there.models)
        process.send_signal(signal.SIGKILL)
        process.ended(10)
        before = len(there.of("uplink"))
        process = start(tmp_path, config)
        wait_for(lambda: "online" in [said["state"] for said in there.of("uplink")[before:]], 60)
        wait_for(lambda: "update_resumed" in there.steps(), 60)
        assert cancel(centre, "c1", "u1")["error"] == "too late: update u1 is loaded, and the station is importing it"
        there.taking_in.set()
        wait_for(lambda: there.steps()[-1] == "update_done", 60)
        wait_for(lambda: left(tmp_path) == [])
    finally:
        there.taking_in.set()
        process.send_signal(signal.SIGTERM)
        process.ended(20)
        there.stop()


def test_one_that_waits_for_a_station_that_is_away_can_be_cancelled(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir()
    config = config_of(tmp_path, 1, update={"hosts": ("h",)})
    job = JOB.model_copy(update={"sha256": hashlib.sha256(CONTENT).hexdigest(), "bytes": len(CONTENT)})
    job = job.model_copy(update={"stage": "loaded", "safe_bytes": len(CONTENT)})
    updates = Updates(config)
    updates._incoming.keep(job)
    updates._incoming.part(job).write_bytes(CONTENT)
    updates._job, updates._found = job, True
    updates.orders.taken_up("u1")
    updates.turn()
    assert updates._incoming.job() == updates._job
    assert updates._job is not None
    assert updates._job.stage == "offered"
    updates.orders.cancel(Order("c1", "cancel", {"update": "u1"}))
    updates.turn()
    (done,) = updates.orders.done()
    assert done.said == {"cancelled": 1, "held_bytes": len(CONTENT)}
    assert left(tmp_path) == ["update.json"]


def test_a_link_is_not_hashed(tmp_path: Path) -> None:
    (tmp_path / "else").write_bytes(b"x")
    incoming = Incoming(tmp_path)
    incoming.part(JOB).symlink_to(tmp_path / "else")
    with pytest.raises(OSError, match="symbolic links"):
        incoming.sha256(JOB)


def test_installed_and_not_activated_is_told_as_it_is(
    tmp_path: Path, broker: Mosquitto, server: Https, centre: Listener
) -> None:
    """The model is there: it is no refused update, and nothing is to be loaded again."""
    config = configured(tmp_path, broker, server)
    config = config.model_copy(update={"models": config.models.model_copy(update={"activate_on_import": True})})
    with uplink(config) as rig:
        wait_for(lambda: rig.state() == "online")
        rig.station.refuses_activation = "model new-1 takes 900 ms a picture on CPU; 400 ms are allowed"
        give(centre, "u1", server, activate=1)
        wait_for(lambda: rig.station.steps()[-1:] == ["update_done"])
        said = rig.station.of("update")[-1]["detail"]
        assert (said["model"], said["activated"]) == ("new-1", 0)
        assert said["activation_refused"] == rig.station.refuses_activation
        wait_for(lambda: left(tmp_path) == [])
        rig.station.refuses_activation = ""
        give_next(centre, "u2", server, activate=1)
        wait_for(lambda: rig.station.steps().count("update_done") == 2)
        said = rig.station.of("update")[-1]["detail"]
        assert (said["activated"], "activation_refused" in said) == (1, False)


# The folder --------------------------------------------------------------------------------------------


JOB = Job(command="u1", url="https://h/x", sha256="a" * 64, bytes=1000)


def test_the_disks_reserve_is_kept(tmp_path: Path) -> None:
    """FIELD 15: twice the file is needed, for it is unpacked; and what others write meanwhile counts."""
    free = shutil.disk_usage(tmp_path).free
    incoming = Incoming(tmp_path)
    assert incoming.room_for(JOB.needs_bytes(0), 0) == ""
    assert (JOB.needs_bytes(0), JOB.needs_bytes(400)) == (2000, 1600)
    assert "evidence.reserve_mb is kept" in incoming.room_for(JOB.needs_bytes(0), free + 10**12)
    config = config_of(tmp_path, 1, update={"hosts": ("h",)})
    full = config.evidence.model_copy(update={"reserve_mb": free // 10**6 + 10**6})
    (tmp_path / "data").mkdir()
    updates = Updates(config.model_copy(update={"evidence": full}))
    said = {"url": JOB.url, "sha256": JOB.sha256, "bytes": JOB.bytes, "activate": 0, "recipe": ""}
    updates.orders.order(Order("u1", "update", said))
    updates.turn()
    (done,) = updates.orders.done()
    assert "have no room" in done.error
    assert left(tmp_path) == []
    updates.orders.order(Order("u2", "update", said))
    assert updates.orders.done() == [], "the refused one is over"


def test_what_nobody_waits_for_goes_after_seven_days(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path)
    old = time.time() - LEFT_S - 60
    mine, others = (
        [incoming.part(JOB), incoming.offered(JOB), tmp_path / f".{JOB_FILE}.x.new"],
        tmp_path / "by-hand.okng",
    )
    young = tmp_path / "update-0123.part"
    for file in (*mine, others, young):
        file.write_bytes(b"x")
    for file in (*mine, others):
        os.utime(file, (old, old))
    incoming.tidy(JOB)
    assert mine[0].exists(), "it is waited for"
    assert not mine[2].exists()
    incoming.tidy(None)
    assert sorted(tmp_path.iterdir()) == sorted([others, young])
