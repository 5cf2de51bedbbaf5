"""A centre: takes what stations send, keeps it, and acknowledges after it has it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.uplink.payload import AckMessage, EventMessage, SummaryMessage, decode, encode

from .rig import PREFIX

Identity = tuple[str, str, int]


class Centre:
    """Its session outlives its connections; its memory outlives everything."""

    def __init__(self, port: int) -> None:
        self.summaries: dict[Identity, SummaryMessage] = {}
        self.events: dict[Identity, EventMessage] = {}
        self.arrivals = 0
        self.refused: list[str] = []
        self._lock = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="centre", protocol=paho.MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"{PREFIX}/summary/#", 1), (f"{PREFIX}/event", 1)]
        )
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self._client.loop_start()

    def _on_message(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        kind = SummaryMessage if "/summary/" in message.topic else EventMessage
        made = decode(kind, message.payload)
        with self._lock:
            self.arrivals += 1
            kept: dict[Identity, Any] = self.summaries if isinstance(made, SummaryMessage) else self.events
            key = (made.station, made.epoch, made.seq)
            if kept.setdefault(key, made) != made:
                self.refused.append(f"{key}: {json.dumps(made.model_dump())}")
            ack = self._ack(made.station, made.epoch)
        client.publish(f"{PREFIX}/ack", encode(ack), qos=1)

    def _ack(self, station: str, epoch: str) -> AckMessage:
        seqs = self.seqs(station, epoch)
        held = next((n for n in range(1, max(seqs) + 1) if n not in seqs), max(seqs) + 1) - 1
        gaps = tuple(n for n in range(held + 1, max(seqs)) if n not in seqs)[:1000]
        return AckMessage.model_validate({"schema": "okng.ack/1", "epoch": epoch, "seq": held, "missing": gaps})

    def seqs(self, station: str, epoch: str) -> set[int]:
        return {key[2] for key in (*self.summaries, *self.events) if key[:2] == (station, epoch)}

    def epochs(self) -> set[str]:
        with self._lock:
            return {key[1] for key in (*self.summaries, *self.events)}

    def parts(self, epoch: str = "") -> int:
        """Sum over all summaries, each counted once."""
        with self._lock:
            return sum(s.parts for key, s in self.summaries.items() if epoch in ("", key[1]))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def centre(port: int) -> Iterator[Centre]:
    made = Centre(port)
    try:
        yield made
    finally:
        made.close()
