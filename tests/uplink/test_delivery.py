"""From the outbox to the centre over a real broker: order, rate, acknowledgements, and the process itself."""

import contextlib
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.errors import ConfigurationRefused
from agent.uplink.app import make_sender
from agent.uplink.link import prefix_of
from agent.uplink.payload import ResultMessage, decode
from agent.uplink.talk import Talk
from tests import forked
from tests.forked import Forked
from tests.ports import free_port

from .broker import Mosquitto, running
from .rig import PREFIX, MemoryOutbox, Station, config_of, listening, uplink, wait_for

ACK = f"{PREFIX}/ack"
EVENT = f"{PREFIX}/event"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running(tmp_path / "broker") as started:
        yield started


def test_replay_is_in_order_and_at_a_limited_rate(broker: Mosquitto, tmp_path: Path) -> None:
    """FIELD 20: after an outage the backlog comes by seq, no faster than configured."""
    outbox = MemoryOutbox()
    outbox.add(60)
    with listening(broker.port, EVENT) as centre:
        begun = time.monotonic()
        with uplink(config_of(tmp_path, broker.port, rate_per_s=60.0), outbox):
            wait_for(lambda: len(centre.got) >= 60)
        assert time.monotonic() - begun >= 59 / 60.0
        assert [m["seq"] for m in centre.json(EVENT)] == list(range(1, 61))
        assert [m.payload for m in centre.got] == [outbox.rows[n].payload for n in range(1, 61)]


def test_settled_only_when_the_centre_says_so(broker: Mosquitto, tmp_path: Path) -> None:
    """FIELD 19: a PUBACK is not durability."""
    with uplink(config_of(tmp_path, broker.port)) as rig, listening(broker.port, EVENT) as centre:
        rig.outbox.add(10)
        wait_for(lambda: rig.station.uplink()["sent"] == 10)
        assert rig.outbox.settled == set()
        centre.publish(ACK, {"epoch": rig.outbox.epoch, "seq": 4, "missing": [6]})
        wait_for(lambda: rig.outbox.settled == {1, 2, 3, 4})
        wait_for(lambda: len(centre.got) == 11)
        assert centre.json(EVENT)[-1]["seq"] == 6
        wait_for(lambda: rig.station.uplink()["settled"] == 4)


def test_acknowledgements_that_do_not_count(broker: Mosquitto, tmp_path: Path) -> None:
    """Another epoch's, and what is not one: ignored and counted; the next good one counts."""
    with uplink(config_of(tmp_path, broker.port)) as rig, listening(broker.port) as centre:
        rig.outbox.add(3)
        wait_for(lambda: rig.station.uplink()["sent"] == 3)
        centre.publish(ACK, {"epoch": "00000000000000ff", "seq": 3})
        centre.publish(ACK, b"\xff\x00")
        centre.publish(ACK, {"epoch": rig.outbox.epoch, "seq": -1})
        wait_for(lambda: rig.sender.ignored_acks == 3)
        assert rig.station.of("settle") == []
        centre.publish(ACK, {"epoch": rig.outbox.epoch, "seq": 3})
        wait_for(lambda: len(rig.outbox.settled) == 3)


def test_acknowledgement_waits_for_a_station_that_is_away(broker: Mosquitto, tmp_path: Path) -> None:
    with uplink(config_of(tmp_path, broker.port), station=False) as rig, listening(broker.port, EVENT) as centre:
        rig.outbox.add(3)
        wait_for(lambda: len(centre.got) == 3)
        centre.publish(ACK, {"epoch": rig.outbox.epoch, "seq": 3})
        wait_for(lambda: rig.sender.settled == 3)
        rig.station.start()
        wait_for(lambda: len(rig.outbox.settled) == 3)
        rig.station.stop()


def test_settle_puback(broker: Mosquitto, tmp_path: Path) -> None:
    with uplink(config_of(tmp_path, broker.port, settle="puback")) as rig, listening(broker.port) as centre:
        centre.publish(ACK, {"epoch": rig.outbox.epoch, "seq": 0, "missing": [1]})
        rig.outbox.add(25)
        wait_for(lambda: len(rig.outbox.settled) == 25)
        assert rig.station.of("settle")[-1]["seq"] == 25


def test_settle_none_asks_nobody(broker: Mosquitto, tmp_path: Path) -> None:
    with uplink(config_of(tmp_path, broker.port, settle="none")) as rig, listening(broker.port, EVENT) as centre:
        wait_for(lambda: rig.sender.replay.epoch)
        rig.outbox.add(25)
        wait_for(lambda: len(centre.got) == 25)
        assert rig.station.of("settle") == []


def test_nobody_listens_is_shown(broker: Mosquitto, tmp_path: Path) -> None:
    with uplink(config_of(tmp_path, broker.port)) as rig:
        rig.outbox.add(1)
        wait_for(lambda: rig.station.uplink()["sent"] == 1)
        wait_for(lambda: "nobody is subscribed" in rig.detail())
        assert rig.state() == "online"


def test_broker_that_stops_acknowledging(tmp_path: Path) -> None:
    """It answers pings and takes everything, but no PUBACK comes: given up, and tried anew."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = 0

        def swallow() -> None:
            nonlocal connections
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connections += 1
                    with connection:
                        connection.recv(4096)
                        connection.sendall(bytes.fromhex("2003000000"))  # CONNACK
                        subscribe = connection.recv(4096)
                        connection.sendall(bytes.fromhex("9005") + subscribe[2:4] + bytes.fromhex("000101"))
                        while connection.recv(4096):
                            pass

        threading.Thread(target=swallow, daemon=True).start()
        config = config_of(tmp_path, server.getsockname()[1])
        sender = make_sender(config, Talk(config.station.runtime), outbox := MemoryOutbox())
        sender.puback_s = 0.3
        outbox.add(1)
        wait_for(lambda: sender.turn() or "acknowledged nothing" in sender.says().detail)
        wait_for(lambda: sender.turn() or connections == 2)
        sender.close()
        server.shutdown(socket.SHUT_RDWR)


# -- the process --------------------------------------------------------------------------------


@contextlib.contextmanager
def process(config: Config, folder: Path) -> Iterator[Forked]:
    started = forked.uplink(config, folder / "log")
    try:
        yield started
    finally:
        started.send_signal(signal.SIGKILL)
        started.ended(10)


@contextlib.contextmanager
def station(config: Config) -> Iterator[Station]:
    made = Station(config.station.runtime, MemoryOutbox()).start()
    try:
        yield made
    finally:
        made.stop()


def test_without_a_broker_it_says_off(tmp_path: Path) -> None:
    config = config_of(tmp_path, 1883, host="")
    with station(config) as there, process(config, tmp_path) as running_one:
        wait_for(lambda: there.uplink()["state"] == "off")
        running_one.send_signal(signal.SIGTERM)
        assert running_one.wait(10) == 0


def test_process_without_database_or_broker(tmp_path: Path) -> None:
    """FIELD 19: the broker is away and the program dies: it does not; SIGINT ends it at once."""
    config = config_of(tmp_path, free_port())
    with station(config) as there, process(config, tmp_path) as running_one:
        wait_for(lambda: there.uplink()["state"] == "offline")
        running_one.send_signal(signal.SIGINT)
        assert running_one.wait(10) == 0
        assert there.uplink()["detail"] == "stopped"


def test_database_that_is_not_there_yet_is_named(broker: Mosquitto, tmp_path: Path) -> None:
    config = config_of(tmp_path, broker.port)
    with station(config) as there, process(config, tmp_path):
        wait_for(lambda: there.uplink()["state"] == "online")
        wait_for(lambda: "results.db" in there.uplink()["detail"])


def test_killed_process_leaves_its_will(broker: Mosquitto, tmp_path: Path) -> None:
    """FIELD 21: kill -9: after the will's delay the station is offline for everybody."""
    config = config_of(tmp_path, broker.port, will_delay_s=1)
    with listening(broker.port, f"{PREFIX}/status") as watching:
        with process(config, tmp_path) as running_one:
            wait_for(lambda: watching.json(f"{PREFIX}/status"))
            running_one.send_signal(signal.SIGKILL)
        wait_for(lambda: watching.json(f"{PREFIX}/status")[-1]["online"] == 0)


@pytest.mark.parametrize("topic", ["okng/{plant}/x", "okng/+/x", "Okng/x", "okng//x", "/okng", "okng/", "", "a b"])
def test_bad_topic_is_refused(tmp_path: Path, topic: str) -> None:
    config = config_of(tmp_path, 1883, topic=topic)
    with pytest.raises(ConfigurationRefused, match=r"uplink\.topic"):
        prefix_of(config)


def test_bad_topic_ends_the_process_with_78(tmp_path: Path) -> None:
    with process(config_of(tmp_path, 1883, topic="okng/#"), tmp_path) as running_one:
        assert running_one.wait(20) == 78
    assert "uplink.topic" in (tmp_path / "log").read_text()


# -- live results -------------------------------------------------------------------------------


def test_live_results_come_from_committed_rows(broker: Mosquitto, tmp_path: Path) -> None:
    from agent.clock import SystemClock
    from agent.store.read import Reader
    from agent.store.write import Writer
    from agent.uplink.payload import StationEncoder

    from .test_whole_path import record

    config = config_of(tmp_path, broker.port, results=True)
    config.station.data.mkdir(parents=True)
    encoder = StationEncoder.of(config.station)
    writer = Writer(
        config.station.data, config.store, "centre", lanes=("top",), encoder=encoder, clock=SystemClock()
    ).start()
    writer.add(record("top", 1), None)
    wait_for(lambda: Reader(config.station.data / "results.db").last_ids())
    topic = f"{PREFIX}/result/top"
    with listening(broker.port, topic) as centre, station(config), process(config, tmp_path):
        wait_for(lambda: centre.got or _born(broker))
        sequence = 1
        while not centre.got:  # the first look only notes where things stand
            sequence += 1
            writer.add(record("top", sequence), None)
            time.sleep(0.3)
        got: list[dict[str, Any]] = wait_for(lambda: centre.json(topic))
        read = decode(ResultMessage, json.dumps(got[0]).encode())
        assert (read.lane, read.outcome, read.ok) == ("top", "OK", 1)
        assert read.record > 1
    writer.close()


def _born(broker: Mosquitto) -> bool:
    with listening(broker.port, f"{PREFIX}/status") as watching:
        return bool(wait_for(lambda: watching.got))
