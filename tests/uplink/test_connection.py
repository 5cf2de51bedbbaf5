"""The connection to a real mosquitto: birth and will, both versions, TLS, refusals, take-over."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from agent.uplink.app import make_sender
from agent.uplink.link import backoff_s
from agent.uplink.payload import StatusMessage, decode
from agent.uplink.probe import try_once
from agent.uplink.talk import Talk
from tests.ports import free_port

from .broker import Mosquitto, running
from .rig import PREFIX, MemoryOutbox, config_of, listening, uplink, wait_for

STATUS = f"{PREFIX}/status"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running(tmp_path / "broker") as started:
        yield started


class Wire:
    """A wire between the uplink and its broker that can be cut."""

    def __init__(self, to_port: int) -> None:
        self._to = to_port
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._open += [near, far]
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _carry(self, a: socket.socket, b: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := a.recv(65536):
                b.sendall(chunk)
        for end in (a, b):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()


@pytest.mark.parametrize("protocol", [5, 3])
def test_birth_and_farewell_are_retained(broker: Mosquitto, tmp_path: Path, protocol: Literal[5, 3]) -> None:
    with uplink(config_of(tmp_path, broker.port, protocol=protocol)) as rig:
        wait_for(lambda: rig.state() == "online")
        with listening(broker.port, STATUS) as late:
            born = decode(StatusMessage, wait_for(lambda: late.got)[0].payload)
            assert late.got[0].retain
            assert (born.online, born.station, len(born.boot)) == (1, "station1", 36)
    with listening(broker.port, STATUS) as later:
        gone = decode(StatusMessage, wait_for(lambda: later.got)[0].payload)
    assert (gone.online, gone.why) == (0, "stopped")


@pytest.mark.parametrize("protocol", [5, 3])
def test_last_will_is_retained(broker: Mosquitto, tmp_path: Path, protocol: Literal[5, 3]) -> None:
    wire = Wire(broker.port)
    config = config_of(tmp_path, wire.port, protocol=protocol, will_delay_s=1)
    with uplink(config) as rig:
        wait_for(lambda: rig.state() == "online")
        wire.close()
        wait_for(lambda: rig.state() == "offline")
        assert "nothing listens" in wait_for(lambda: rig.detail() if "nothing" in rig.detail() else "")
        with listening(broker.port, STATUS) as late:
            gone = wait_for(lambda: [s for s in late.json(STATUS) if s["online"] == 0])[0]
    assert gone["why"] == "lost"


def test_short_interruption_sends_no_will(broker: Mosquitto, tmp_path: Path) -> None:
    """FIELD 21: last will flaps: a reconnect within the will's delay is not seen by anybody."""
    wire = Wire(broker.port)
    with listening(broker.port, STATUS) as watching, uplink(config_of(tmp_path, wire.port)) as rig:
        for births in (1, 2, 3):
            wait_for(lambda births=births: len(watching.json(STATUS)) >= births and rig.state() == "online")
            wire.cut()
        wait_for(lambda: len(watching.json(STATUS)) >= 4)
        assert [s["online"] for s in watching.json(STATUS)] == [1, 1, 1, 1]
    wire.close()


@pytest.mark.parametrize("protocol", [5, 3])
def test_two_clients_with_one_id(broker: Mosquitto, tmp_path: Path, protocol: Literal[5, 3]) -> None:
    """FIELD 21: two clients with one id: both notice it, although the broker does not say why it hangs up."""
    one, two = (config_of(tmp_path / name, broker.port, protocol=protocol) for name in ("one", "two"))
    with uplink(one) as here:
        wait_for(lambda: here.state() == "online")
        with uplink(two) as there:
            wait_for(lambda: any("two stations with one name" in s["detail"] for s in here.station.of("uplink")))
            wait_for(lambda: any("two stations with one name" in s["detail"] for s in there.station.of("uplink")))
        wait_for(lambda: here.state() == "refused" and here.sender.broker.online)


def test_own_restart_is_no_take_over(broker: Mosquitto, tmp_path: Path) -> None:
    """FIELD 21: the birth that a killed process left retained is not taken for a second client's."""
    config = config_of(tmp_path, broker.port)
    killed = make_sender(config, Talk(config.station.runtime), MemoryOutbox())
    wait_for(lambda: killed.turn() or killed.broker.online)
    killed.turn()
    with uplink(config) as rig:
        wait_for(lambda: rig.state() == "online")
        wait_for(lambda: len(rig.station.of("uplink")) > 2)
        assert {s["state"] for s in rig.station.of("uplink")} <= {"connecting", "online"}


def test_take_over_that_the_broker_names(tmp_path: Path) -> None:
    """FIELD 21: MQTT 5 has a reason for it (0x8E), which newer brokers give."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def throw_out() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(bytes.fromhex("2003000000"))  # CONNACK
                    connection.recv(1000)
                    connection.sendall(bytes.fromhex("e0028e00"))  # DISCONNECT, session taken over
                    connection.recv(1000)

        threading.Thread(target=throw_out, daemon=True).start()
        config = config_of(tmp_path, server.getsockname()[1], retry_min_s=60)
        with uplink(config) as rig:
            said = "another client takes over our id okng-plant-line1-station1"
            wait_for(lambda: [s for s in rig.station.of("uplink") if s["state"] == "refused" and said in s["detail"]])


def test_broker_that_comes_late(tmp_path: Path) -> None:
    """FIELD 19: the broker is away: tried for ever, and what was made meanwhile is sent then."""
    broker = Mosquitto(tmp_path / "broker")
    with uplink(config_of(tmp_path, broker.port)) as rig:
        rig.outbox.add(3)
        wait_for(lambda: rig.state() == "offline" and "nothing listens" in rig.detail())
        broker.start()
        wait_for(lambda: rig.station.uplink()["sent"] == 3)
    broker.kill()


def test_wrong_password_is_named(tmp_path: Path) -> None:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "okng", "right"], check=True, capture_output=True)
    users.chmod(0o644)
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    with running(tmp_path / "broker", f"allow_anonymous false\npassword_file {users}") as broker:
        config = config_of(tmp_path, broker.port, user="okng", password_file=secret)
        with uplink(config) as rig:
            wait_for(lambda: rig.state() == "refused")
            assert "does not accept user 'okng'" in rig.detail()
            assert "wrong" not in rig.detail()
            secret.write_text("right\n")  # read anew at each connection
            wait_for(lambda: rig.state() == "online")
        assert try_once(config.uplink, "okng-check") == ""
        three = config_of(tmp_path, broker.port, user="okng", password_file=tmp_path / "none", protocol=3)
        assert "uplink.password_file" in try_once(three.uplink, "okng-check")
        stranger = config_of(tmp_path, broker.port, protocol=3)
        assert "does not accept a client without a user name" in try_once(stranger.uplink, "okng-check")


def test_publish_refused_by_the_broker_is_visible(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text(f"topic readwrite {PREFIX}/status\ntopic readwrite {PREFIX}/summary/#\ntopic read {PREFIX}/ack\n")
    with (
        running(tmp_path / "broker", f"allow_anonymous true\nacl_file {acl}") as broker,
        uplink(config_of(tmp_path, broker.port)) as rig,
    ):
        rig.outbox.add(1)
        wait_for(lambda: rig.state() == "refused")
        assert f"the broker refuses {PREFIX}/event: Not authorized" in rig.detail()
        assert rig.station.uplink()["sent"] == 0


@pytest.mark.parametrize("protocol", [5, 3])
def test_broker_that_drops_the_version(tmp_path: Path, protocol: Literal[5, 3]) -> None:
    """Some brokers hang up on a version that they do not speak, as a bad link would: the cause is named."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.recv(1000)
                    connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        said = try_once(config_of(tmp_path, server.getsockname()[1], protocol=protocol).uplink, "okng-check")
        server.shutdown(socket.SHUT_RDWR)
    assert ("uplink.protocol = 3" in said) == (protocol == 5)
    assert "hung up" in said


def test_server_that_is_no_broker(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak_http() -> None:
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)
                    connection.recv(100000)

        threading.Thread(target=speak_http, daemon=True).start()
        said = try_once(config_of(tmp_path, server.getsockname()[1]).uplink, "okng-check")
    assert said


def test_unknown_host_is_named(tmp_path: Path) -> None:
    config = config_of(tmp_path, free_port(), host="no-such-host.invalid")
    assert "uplink.host 'no-such-host.invalid'" in try_once(config.uplink, "okng-check")


@pytest.mark.parametrize("attempt", [0, 1, 5, 40])
def test_backoff_is_capped_and_fully_jittered(attempt: int) -> None:
    """FIELD 20: reconnect storms: waits spread over the whole, doubled and capped interval."""
    longest = min(120.0, 2.0**attempt)
    assert backoff_s(attempt, 1.0, 120.0, 0.0) == 0.0
    assert backoff_s(attempt, 1.0, 120.0, 1.0) == longest
