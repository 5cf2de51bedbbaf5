"""How many messages collectors take a second, and what a message costs one of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.fleet.servers import Broker, Collecting, until
from benchmarks.fleet.simulated import MINUTE_US, START_US, Simulated
from fleet.store.database import Database
from fleet.store.read import Reader
from fleet.store.values import Scope


@dataclass(frozen=True, slots=True)
class Drained:
    """A backlog that collectors took in."""

    collectors: int
    messages: int
    wall_s: float
    """From the first batch to the last."""
    cpu_s: float
    """Of the collectors' processes, all together."""

    @property
    def per_s(self) -> float:
        return self.messages / self.wall_s

    @property
    def stations(self) -> float:
        """At one summary a minute, as many as it took in the time."""
        return self.per_s * 60

    @property
    def stations_a_core(self) -> float:
        """At one summary a minute, if one core did nothing but collect."""
        return self.messages / self.cpu_s * 60


def messages(stations: int, minutes: int) -> list[tuple[str, bytes]]:
    """(topic, payload), minute by minute, one summary a station."""
    made = [Simulated(f"s{n}", line=f"line{n % 25}", epoch=f"{n + 1:016x}") for n in range(stations)]
    return [
        (f"{each.prefix}/{topic}", payload)
        for minute in range(minutes)
        for each in made
        for topic, payload in [each.window(START_US + minute * MINUTE_US)]
    ]


def drain(broker: Broker, folder: Path, url: str, collectors: int, sent: Sequence[tuple[str, bytes]]) -> Drained:
    """Let a backlog wait at the broker for collectors that are away, then start them and watch them."""
    made = [Collecting(folder, broker.port, url, f"c{collectors}{n}") for n in range(collectors)]
    for each in made:
        each.start().online()
        each.stop()
    publish(broker.port, sent)
    database = Database(url)
    reader = Reader(database)

    def windows() -> int:
        return sum(group.sums.windows for group in reader.counts(Scope()))

    for each in made:
        each.start()
    try:
        until(windows, 120, "the first batch")
        first, cpu_s, begun = windows(), sum(each.cpu_s() for each in made), time.monotonic()
        until(lambda: windows() >= len(sent), 600, f"{len(sent)} messages are stored")
        wall_s = time.monotonic() - begun
        return Drained(collectors, len(sent) - first, wall_s, sum(each.cpu_s() for each in made) - cpu_s)
    finally:
        for each in made:
            each.stop()
        database.close()


def publish(port: int, sent: Sequence[tuple[str, bytes]]) -> None:
    """Hand them to the broker, each acknowledged by it."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", port)
    client.loop_start()
    last = [client.publish(topic, payload, qos=1) for topic, payload in sent][-1]
    last.wait_for_publish(300)
    until(lambda: not client.want_write(), 60, "everything is sent")
    client.disconnect()
    client.loop_stop()


def latencies(broker: Broker, folder: Path, url: str, stations: int, rate_per_s: float, for_s: float) -> list[float]:
    """Time from a summary's publish to the centre's word that it is held, ms: after the commit, and on the way back."""
    collector = Collecting(folder, broker.port, url, "latency")
    collector.start().online()
    sent_s: dict[str, float] = {}
    took_ms: list[float] = []

    def heard(_: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        if (at := sent_s.pop(message.topic.removesuffix("/ack"), None)) is not None:
            took_ms.append((time.monotonic() - at) * 1e3)

    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message = heard
    client.connect("127.0.0.1", broker.port)
    client.subscribe("okng/+/+/+/ack", 1)
    client.loop_start()
    made = [Simulated(f"t{n}", epoch=f"{n + 1:016x}") for n in range(stations)]
    begun, count = time.monotonic(), 0
    while time.monotonic() - begun < for_s:
        each = made[count % stations]
        topic, payload = each.window(START_US + count // stations * MINUTE_US)
        sent_s[each.prefix] = time.monotonic()
        client.publish(f"{each.prefix}/{topic}", payload, qos=1)
        count += 1
        time.sleep(max(0.0, begun + count / rate_per_s - time.monotonic()))
    until(lambda: len(sent_s) == 0, 30, "every summary is acknowledged")
    client.disconnect()
    client.loop_stop()
    collector.stop()
    return took_ms
