"""Commands from the centre: checked, carried out once, answered; and what bad ones get."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.commands import LONGEST_LIFE_MS, REMEMBERED, Desk
from agent.uplink.link import Arrived
from agent.uplink.payload import COMMANDS, AnswerMessage, StationEncoder, decode
from agent.uplink.talk import ORDER_S

from .broker import Mosquitto, running
from .rig import PREFIX, Listener, Rig, config_of, listening, uplink, wait_for

NOW_MS = 1_800_000_000_000
LOGIN = {"user": "okng", "password": "secret"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "okng", "secret"], check=True, capture_output=True)
    users.chmod(0o644)
    (tmp_path / "password").write_text("secret\n")
    with running(tmp_path / "broker", f"allow_anonymous false\npassword_file {users}") as started:
        yield started


@pytest.fixture(params=[5, 3])
def protocol(request: pytest.FixtureRequest) -> Literal[5, 3]:
    return 5 if request.param == 5 else 3


@pytest.fixture
def rig(broker: Mosquitto, tmp_path: Path, protocol: Literal[5, 3]) -> Iterator[Rig]:
    config = config_of(tmp_path, broker.port, protocol=protocol, user="okng", password_file=tmp_path / "password")
    with uplink(config) as made:
        wait_for(lambda: made.state() == "online")
        yield made


@pytest.fixture
def commander(broker: Mosquitto) -> Iterator[Listener]:
    with listening(broker.port, f"{PREFIX}/cmd/+/answer", "centre/answers", **LOGIN) as listener:
        yield listener


def order(command_id: str, **arguments: Any) -> dict[str, Any]:
    return {"id": command_id, "expires": time.time_ns() // 1_000_000 + 60_000, **arguments}


def answers(commander: Listener) -> list[AnswerMessage]:
    return [decode(AnswerMessage, bytes(m.payload)) for m in commander.got]


def give(commander: Listener, name: str, payload: Any, **more: Any) -> AnswerMessage:
    """Publish a command, and wait for its answer."""
    before = len(commander.got)
    commander.publish(f"{PREFIX}/cmd/{name}", payload, **more)
    wait_for(lambda: len(commander.got) > before)
    return answers(commander)[-1]


def test_commands_are_answered(rig: Rig, commander: Listener) -> None:
    paused = give(commander, "pause", order("a1", lane="top", why="audit"))
    assert (paused.ok, paused.id, paused.command, paused.model_extra) == (1, "a1", "pause", {"paused": "top"})
    assert rig.station.of("pause")[0] == {"verb": "pause", "lane": "top", "why": "audit"}
    assert give(commander, "resume", order("a2")).ok
    assert give(commander, "recipe", order("a3", lane="top", name="board")).model_extra == {"revision": "abc"}
    wrong = give(commander, "pause", order("a4", lane="nowhere"))
    assert (wrong.ok, wrong.error) == (0, "unknown lane 'nowhere'; there is: top")
    wait_for(lambda: rig.station.uplink()["refused"] == 1)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [5], indirect=True)
def test_slow_recipe_holds_up_nothing_and_is_answered_as_it_went(rig: Rig, commander: Listener) -> None:
    """A model that compiles longer than other commands may take; settling and a pause go on beside it."""
    rig.station.compiled.clear()
    commander.publish(f"{PREFIX}/cmd/recipe", order("s1", lane="top", name="board"))
    wait_for(lambda: rig.station.of("recipe"))
    assert give(commander, "pause", order("s2", lane="top")).ok
    rig.outbox.add(3)
    wait_for(lambda: rig.station.uplink()["sent"] == 3)
    commander.publish(f"{PREFIX}/ack", {"epoch": rig.outbox.epoch, "seq": 3})
    wait_for(lambda: len(rig.outbox.settled) == 3)
    time.sleep(ORDER_S + 0.5)
    assert [said.id for said in answers(commander)] == ["s2"]
    rig.station.compiled.set()
    wait_for(lambda: len(commander.got) == 2)
    assert (answers(commander)[-1].id, answers(commander)[-1].ok) == ("s1", 1)


def test_response_topic_and_correlation(rig: Rig, commander: Listener, protocol: int) -> None:
    """MQTT 5 answers where it was asked to; 3.1.1 has no such thing and answers on cmd/NAME/answer."""
    asked = {"ResponseTopic": "centre/answers", "CorrelationData": b"\x00\x01"}
    give(commander, "resume", order("b1"), **asked)
    last = commander.got[-1]
    if protocol == 5:
        assert (last.topic, last.properties.CorrelationData) == ("centre/answers", b"\x00\x01")
    else:
        assert last.topic == f"{PREFIX}/cmd/resume/answer"
    assert rig.sender.broker.online


def test_resend_sends_again(rig: Rig, commander: Listener, broker: Mosquitto) -> None:
    rig.outbox.add(30)
    wait_for(lambda: rig.station.uplink()["sent"] == 30)
    rig.outbox.settle({"epoch": rig.outbox.epoch, "seq": 30, "missing": []})
    with listening(broker.port, f"{PREFIX}/event", **LOGIN) as centre:
        done = give(commander, "resend", order("c1", from_seq=3, to_seq=29))
        assert done.model_extra == {"queued": 27}
        wait_for(lambda: len(centre.got) >= 27)
        assert [m["seq"] for m in centre.json(f"{PREFIX}/event")] == list(range(3, 30))


def test_bad_payloads_are_refused_counted_and_answered(rig: Rig, commander: Listener) -> None:
    for payload, why in (
        (b"pause!", "Invalid JSON"),
        (b"", "Invalid JSON"),
        (b"[" * 60_000, "Invalid JSON"),
        (b'{"id":"x","expires":1}' + b" " * 70_000, "at most 65536"),
        (order("d1", lane="top", speed=3), "speed: Extra inputs are not permitted"),
        (order("d2", lane=7), "lane: Input should be a valid string (got 7)"),
        ({"id": "d3"}, "expires: Field required"),
        ({"id": "d4", "expires": 1000}, "expired"),
        ({**order("d5"), "expires": 10**15}, "at most"),
    ):
        said = give(commander, "pause", payload)
        assert (said.ok, why in said.error) == (0, True), said
        if isinstance(payload, dict):
            assert said.id == payload["id"]
    assert (
        "unknown command 'reboot'; there are: cancel, pause, recipe, resend, resume"
        in give(commander, "reboot", {}).error
    )
    assert rig.station.of("pause") == []
    assert wait_for(lambda: rig.station.uplink()["refused"] == 10)
    assert "the last refused command: unknown command 'reboot'" in rig.detail()


def test_retained_command_is_refused(broker: Mosquitto, tmp_path: Path, commander: Listener) -> None:
    commander.publish(f"{PREFIX}/cmd/pause", order("e1"), retain=True)
    config = config_of(tmp_path, broker.port, user="okng", password_file=tmp_path / "password")
    with uplink(config) as rig:
        wait_for(lambda: commander.got)
        assert "retained" in answers(commander)[0].error
        assert "retained" in give(commander, "pause", order("e2"), retain=True).error
        assert rig.station.of("pause") == []
        wait_for(lambda: rig.station.uplink()["refused"] == 2)


def test_same_id_is_carried_out_once(rig: Rig, commander: Listener) -> None:
    payload = order("f1", lane="top")
    rig.station.hold.clear()
    for _ in range(3):  # while it is being carried out
        commander.publish(f"{PREFIX}/cmd/pause", payload)
    wait_for(lambda: rig.station.of("pause"))
    rig.station.hold.set()
    wait_for(lambda: len(commander.got) == 3)
    assert give(commander, "pause", payload).ok  # and after that
    assert "already used" in give(commander, "pause", {**payload, "why": "other"}).error
    assert "already used" in give(commander, "resume", order("f1")).error
    assert len(rig.station.of("pause")) == 1


def test_station_that_is_away(broker: Mosquitto, tmp_path: Path, commander: Listener) -> None:
    """The command is answered with the error, and the stored outbox goes on."""
    config = config_of(tmp_path, broker.port, user="okng", password_file=tmp_path / "password")
    with uplink(config, station=False) as rig, listening(broker.port, f"{PREFIX}/event", **LOGIN) as centre:
        wait_for(lambda: rig.sender.broker.online)
        assert "no station answers" in give(commander, "pause", order("g1")).error
        rig.outbox.add(5)
        wait_for(lambda: len(centre.got) >= 5)


def test_no_commands_without_a_password(tmp_path: Path) -> None:
    with (
        running(tmp_path / "broker") as broker,
        listening(broker.port, f"{PREFIX}/cmd/+/answer") as commander,
        uplink(config_of(tmp_path, broker.port)) as rig,
    ):
        wait_for(lambda: "commands are off" in rig.detail())
        commander.publish(f"{PREFIX}/cmd/pause", order("h1"))
        rig.outbox.add(1)
        wait_for(lambda: rig.station.uplink()["sent"] == 1)
        assert rig.station.of("pause") == []
        assert commander.got == []


# -- the desk alone -----------------------------------------------------------------------------


def desk() -> Desk:
    return Desk(PREFIX, StationEncoder("plant", "line1", "station1"))


def arrived(name: str, payload: Any, **more: Any) -> Arrived:
    return Arrived(f"{PREFIX}/cmd/{name}", json.dumps(payload).encode(), retained=False, **more)


@given(
    topic=st.text(max_size=80),
    payload=st.one_of(
        st.binary(max_size=200),
        st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists).map(
            lambda value: json.dumps(value).encode()
        ),
        st.dictionaries(st.sampled_from(["id", "expires", "lane", "why", "x"]), st.integers() | st.text()).map(
            lambda value: json.dumps(value).encode()
        ),
    ),
    name=st.sampled_from([*COMMANDS, "", "x", "é/+"]),
)
def test_anything_is_answered_or_ordered(topic: str, payload: bytes, name: str) -> None:
    """Whatever arrives: one order or one answer, never an error, never an answer on a topic of our own."""
    made = desk()
    command, said = made.take(Arrived(f"{PREFIX}/cmd/{name}", payload, False, topic, b"c"), NOW_MS)
    assert (command is None) == (len(said) == 1)
    for answer in said:
        assert decode(AnswerMessage, answer.payload).ok == 0
        assert not set(answer.to.topic) & set("+#\0") or answer.to.topic.startswith(f"{PREFIX}/cmd/")


@pytest.mark.parametrize("topic", [f"{PREFIX}/ack", f"{PREFIX}/cmd/pause", f"{PREFIX}/status", "a/#", "$SYS/x", ""])
def test_no_answer_is_sent_where_it_would_be_believed(topic: str) -> None:
    _, (answer,) = desk().take(arrived("pause", {}, response_topic=topic), NOW_MS)
    assert answer.to.topic == f"{PREFIX}/cmd/pause/answer"


def test_desk_is_bounded_and_forgets_what_expired() -> None:
    made = desk()
    for i in range(REMEMBERED):
        command, _ = made.take(arrived("resume", {"id": str(i), "expires": NOW_MS + 1000}), NOW_MS)
        assert command is not None
        made.done(command, {"ok": True}, "", NOW_MS)
    _, (full,) = made.take(arrived("resume", {"id": "more", "expires": NOW_MS + 5000}), NOW_MS)
    assert "too many commands" in decode(AnswerMessage, full.payload).error
    command, _ = made.take(arrived("resume", {"id": "more", "expires": NOW_MS + 5000}), NOW_MS + 1000)
    assert command is not None


def test_clock_that_is_not_set_takes_no_commands() -> None:
    """FIELD 23: a clock in 1970 cannot tell what has expired."""
    _, (said,) = desk().take(arrived("resume", {"id": "1", "expires": LONGEST_LIFE_MS}), 1000)
    assert "clock is not set" in decode(AnswerMessage, said.payload).error
