"""Stations whose uplink is the real one: real messages, real replay, real settling, over a real broker.

Only what lies before the uplink is made up: the outbox is in memory, and survives everything as a disk would.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.config import Config
from agent.station.server import ControlServer
from agent.store.values import Message, Outbox
from agent.uplink.app import make_sender
from agent.uplink.sender import Sender
from agent.uplink.talk import Talk
from agent.worker import Worker
from benchmarks.fleet.simulated import Simulated


@dataclass(slots=True)
class Kept:
    """An outbox as the store keeps it, in memory."""

    epoch: str
    _rows: list[Message] = field(default_factory=list)
    _settled: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, topic: str, payload: bytes) -> None:
        with self._lock:
            self._rows.append(Message(self.epoch, len(self._rows) + 1, topic, payload, 0))

    def outbox(self) -> Outbox:
        with self._lock:
            return Outbox(self.epoch, len(self._rows), len(self._rows) - len(self._settled), 0)

    def unsettled(self, after_seq: int, limit: int) -> tuple[Message, ...]:
        with self._lock:
            waiting = (m for m in self._rows[after_seq:] if m.seq not in self._settled)
            return tuple(m for m, _ in zip(waiting, range(limit), strict=False))

    def messages(self, from_seq: int, to_seq: int) -> tuple[Message, ...]:
        with self._lock:
            return tuple(self._rows[from_seq - 1 : to_seq])

    def settle(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        with self._lock:
            if said["epoch"] != self.epoch:
                return {"settled": 0}
            held = set(range(1, min(said["seq"], len(self._rows)) + 1)) - set(said["missing"])
            self._settled |= held
            self._settled -= set(said["missing"])
            return {"settled": len(held)}

    @property
    def waits(self) -> int:
        return self.outbox().unsettled


@dataclass(slots=True)
class Uplinked:
    """One simulated station with its outbox and uplink."""

    station: Simulated
    kept: Kept
    sender: Sender

    def window(self, start_us: int, lane: str = "top") -> None:
        """A window has ended: its summary waits to be sent."""
        self.kept.add(*self.station.window(start_us, lane))

    def event(self, utc_us: int, name: str, **detail: str | int | float) -> None:
        self.kept.add(*self.station.event(utc_us, name, **detail))


@contextmanager
def uplinked(stations: Sequence[Simulated], folder: Path, port: int, **uplink: Any) -> Iterator[list[Uplinked]]:
    """Their uplinks, connected to a broker of this machine as long as the block lasts."""
    with ExitStack() as stack:
        made = []
        for n, station in enumerate(stations):
            kept = Kept(station.epoch)
            config = _config(station, folder / str(n), port, uplink)
            # The socket's path must be short: a test's folder is long, and the system allows 107 bytes.
            (folder / str(n)).mkdir(parents=True)
            server = ControlServer(config.station.runtime, {"settle": kept.settle, "uplink": lambda _: {}})
            server.start()
            stack.callback(server.stop)
            made.append(Uplinked(station, kept, _sender(stack, config, kept)))
        yield made


def _sender(stack: ExitStack, config: Config, kept: Kept) -> Sender:
    talk = Talk(config.station.runtime)
    sender = make_sender(config, talk, kept)
    stack.callback(sender.close)
    for name, turn in (("station", talk.turn), ("slow", talk.slow_turn), ("broker", sender.turn)):
        stack.callback(Worker(name, turn).start().stop)
    return sender


def _config(station: Simulated, folder: Path, port: int, uplink: Mapping[str, Any]) -> Config:
    who = {"site": station.site, "line": station.line, "name": station.name}
    often = {"host": "127.0.0.1", "port": port, "retry_min_s": 0.05, "retry_max_s": 1.0, "rate_per_s": 200.0}
    places = {"data": folder / "data", "runtime": folder / "run"}
    return Config.model_validate({"station": {**who, **places}, "uplink": {**often, **uplink}})
