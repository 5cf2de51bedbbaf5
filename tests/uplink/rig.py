"""What the uplink's tests are built of: a station in memory, an uplink in threads, a listener."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.config import Config
from agent.station.server import ControlServer
from agent.status import Alarm, DiskStatus, Status, UplinkStatus
from agent.store.values import Message, Outbox, StoredEvent
from agent.uplink.app import make_sender
from agent.uplink.payload import StationEncoder
from agent.uplink.sender import Sender
from agent.uplink.talk import Talk
from agent.worker import Worker

PREFIX = "okng/plant/line1/station1"


def wait_for(what: Callable[[], Any], timeout_s: float = 60.0, why: str = "") -> Any:
    """Wait until it is true; what it was."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if got := what():
            return got
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {timeout_s} s: {why or what}")


@dataclass
class MemoryOutbox:
    """An outbox as the store keeps it, in memory."""

    epoch: str = "00000000000000aa"
    rows: dict[int, Message] = field(default_factory=dict)
    settled: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int = 1, name: str = "camera_gone") -> None:
        with self.lock:
            for _ in range(count):
                seq = max(self.rows, default=0) + 1
                event = StoredEvent(seq, 1_800_000_000_000_000, name, {})
                topic, payload = StationEncoder("plant", "line1", "station1").event(self.epoch, seq, event)
                self.rows[seq] = Message(self.epoch, seq, topic, payload, event.utc_us)

    def outbox(self) -> Outbox:
        with self.lock:
            return Outbox(self.epoch, max(self.rows, default=0), len(self.rows) - len(self.settled), 0)

    def unsettled(self, after_seq: int, limit: int) -> tuple[Message, ...]:
        with self.lock:
            seqs = [s for s in sorted(self.rows) if s > after_seq and s not in self.settled]
            return tuple(self.rows[s] for s in seqs[:limit])

    def messages(self, from_seq: int, to_seq: int) -> tuple[Message, ...]:
        with self.lock:
            return tuple(self.rows[s] for s in sorted(self.rows) if from_seq <= s <= to_seq)

    def settle(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        with self.lock:
            if said["epoch"] != self.epoch:
                return {"settled": 0}
            held = {s for s in self.rows if s <= said["seq"]} - set(said["missing"])
            self.settled |= held
            return {"settled": len(held)}


def status_with(alarms: tuple[Alarm, ...]) -> Status:
    """What a station without lanes says of itself."""
    return Status(
        version="0.0.0",
        site="plant",
        line="line1",
        station="station1",
        pid=1,
        run="run",
        boot="boot",
        started_utc_us=0,
        now_utc_us=0,
        clock_trusted=True,
        profile="x86",
        profile_why="the only one",
        lanes=(),
        disk=DiskStatus(free_mb=9000, reserve_mb=1000, evidence_mb=0, quota_mb=2000, evidence="on"),
        uplink=UplinkStatus(state="online", detail="", said_s_ago=0, epoch="e", queued=0, unsettled=0, sent=0),
        alarms=alarms,
        resident_mb=100.0,
        safe_mode="",
    )


class Station:
    """Answers the control socket as a station does, and remembers what was said."""

    def __init__(self, runtime: Path, outbox: MemoryOutbox) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.outbox = outbox
        self.hold = threading.Event()
        self.hold.set()
        self.compiled = threading.Event()
        """Cleared: a recipe waits for it, as for a model."""
        self.compiled.set()
        self.models: list[bytes] = []
        """What was imported."""
        self.refuses_models = ""
        self.refuses_activation = ""
        self.taking_in = threading.Event()
        """Cleared: an import waits for it, as for a model that is tried."""
        self.taking_in.set()
        self._data = runtime.parent / "data"
        self._runtime = runtime
        self._server: ControlServer | None = None
        self.alarms: tuple[Alarm, ...] = ()
        self._verbs = {
            "status": lambda _: {"status": json.loads(status_with(self.alarms).model_dump_json())},
            "settle": self._kept("settle", outbox.settle),
            "uplink": self._kept("uplink", lambda _: {}),
            "pause": self._kept("pause", lambda r: self._lanes(r, "paused")),
            "resume": self._kept("resume", lambda r: self._lanes(r, "resumed")),
            "recipe": self._kept("recipe", self._compile),
            "update": self._kept("update", lambda _: {}),
            "model_import": self._kept("model_import", self._import),
            "resend": self._kept("resend", lambda r: {"queued": r["to_seq"] - r["from_seq"] + 1}),
        }

    def _import(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        if self.refuses_models:
            raise ValueError(self.refuses_models)
        self.models.append((self._data / "incoming" / str(said["file"])).read_bytes())
        self.taking_in.wait(60)
        became = {"activation_refused": self.refuses_activation} if self.refuses_activation else {"activated": {}}
        return {"id": "new-1", "digest": "d" * 64, **(became if said["activate"] else {})}

    def _compile(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        self.compiled.wait(60)
        return {"revision": "abc"}

    def _lanes(self, request: Mapping[str, Any], what: str) -> Mapping[str, object]:
        self.hold.wait(20)
        if request["lane"] not in ("", "top"):
            raise ValueError(f"unknown lane {request['lane']!r}; there is: top")
        return {what: ["top"]}

    def _kept(self, verb: str, act: Callable[[Mapping[str, Any]], Mapping[str, object]]) -> Any:
        def answer(request: Mapping[str, Any]) -> Mapping[str, object]:
            self.said.append((verb, dict(request)))
            return act(request)

        return answer

    def start(self) -> "Station":
        self._server = ControlServer(self._runtime, self._verbs)
        self._server.start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def of(self, verb: str) -> list[dict[str, Any]]:
        return [request for v, request in self.said if v == verb]

    def steps(self) -> list[str]:
        """What was told of updates, in order."""
        return [str(said["event"]) for said in self.of("update")]

    def uplink(self) -> dict[str, Any]:
        """What the uplink said last of itself."""
        said = self.of("uplink")
        return said[-1] if said else {"state": "", "detail": "", "sent": 0, "settled": 0, "refused": 0}


@dataclass
class Rig:
    """An uplink with its station."""

    outbox: MemoryOutbox
    station: Station
    sender: Sender

    def state(self) -> str:
        return str(self.station.uplink()["state"])

    def detail(self) -> str:
        return str(self.station.uplink()["detail"])


def config_of(folder: Path, port: int, **uplink: Any) -> Config:
    settings = {"host": "127.0.0.1", "port": port, "retry_min_s": 0.05, "retry_max_s": 0.4, "rate_per_s": 500.0}
    return Config.model_validate(
        {"station": {"data": folder / "data", "runtime": folder / "run"}, "uplink": {**settings, **uplink}}
    )


@contextmanager
def uplink(config: Config, outbox: MemoryOutbox | None = None, station: bool = True) -> Iterator[Rig]:
    """An uplink in this process, on its two threads, beside a station in memory."""
    outbox = outbox or MemoryOutbox()
    there = Station(config.station.runtime, outbox)
    talk = Talk(config.station.runtime)
    sender = make_sender(config, talk, outbox)
    turns = {"station": talk.turn, "slow": talk.slow_turn, "update": sender.updates.turn, "broker": sender.turn}
    workers = [Worker(name, turn) for name, turn in turns.items()]
    if station:
        there.start()
    for worker in workers:
        worker.start()
    try:
        yield Rig(outbox, there, sender)
    finally:
        sender.updates.stop()
        for worker in reversed(workers):
            assert worker.stop(10)
            assert not worker.crash, worker.crash
        sender.close()
        if station:
            there.stop()


class Listener:
    """Somebody else at the broker."""

    def __init__(self, port: int, *topics: str, five: bool = True, **login: str) -> None:
        self.got: list[paho.MQTTMessage] = []
        self._topics = topics
        self._subscribed = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5 if five else paho.MQTTv311)
        if login:
            self.client.username_pw_set(login["user"], login["password"])
        self.client.on_message = lambda _, __, message: self.got.append(message)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(10)

    def _on_connect(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(topic, 1) for topic in self._topics] or [("nothing/here", 1)])

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def json(self, topic: str) -> list[dict[str, Any]]:
        """The payloads that came on a topic."""
        return [json.loads(m.payload) for m in self.got if m.topic == topic]

    def publish(self, topic: str, payload: Any, retain: bool = False, **properties: Any) -> None:
        made = None
        if properties:
            made = Properties(PacketTypes.PUBLISH)
            for name, value in properties.items():
                setattr(made, name, value)
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.client.publish(topic, body, qos=1, retain=retain, properties=made).wait_for_publish(10)


@contextmanager
def listening(port: int, *topics: str, five: bool = True, **login: str) -> Iterator[Listener]:
    listener = Listener(port, *topics, five=five, **login)
    try:
        yield listener
    finally:
        listener.close()
