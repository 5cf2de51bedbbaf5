"""Sends the outbox, takes acknowledgements and commands: one turn after the other, in one thread."""

import logging
import time
from dataclasses import dataclass, field

from agent.config import Config
from agent.errors import StoreFailed
from agent.ports import Clock
from agent.status import COMMANDS_OFF, NOBODY_LISTENS
from agent.uplink.commands import Answer, Desk
from agent.uplink.discovery import Discovery
from agent.uplink.link import Acknowledged, Arrived, Happening, Offline, Online, may_command
from agent.uplink.mqtt import Broker
from agent.uplink.payload import AckMessage, PayloadRefused, StationEncoder, decode
from agent.uplink.presence import Presence
from agent.uplink.replay import Replay
from agent.uplink.results import Results
from agent.uplink.standing import Standing
from agent.uplink.talk import Says, Settle, Talk
from agent.uplink.update import Updates

log = logging.getLogger(__name__)

IDLE_S = 0.1
"""Longest wait of a turn, s."""
STORE_RETRY_S = 1.0


@dataclass(slots=True)
class Sender:
    """One station's way to its broker."""

    config: Config
    prefix: str
    broker: Broker
    replay: Replay
    talk: Talk
    presence: Presence
    standing: Standing
    encoder: StationEncoder
    clock: Clock
    updates: Updates
    results: Results | None = None
    """Live results, where they are asked for."""
    discovery: Discovery | None = None
    """Home Assistant's, where it is asked for."""
    puback_s: float = 30.0
    """A broker that acknowledges nothing for so long, with messages in flight, is given up, s."""
    turned_at: float = field(default_factory=time.monotonic)
    """When the last turn began, monotonic, s."""
    settled: int = 0
    ignored_acks: int = 0
    """Of another epoch, or not understood."""
    _desk: Desk = field(init=False)
    _next_s: float = 0.0
    _more: bool = False
    _last_puback_s: float = 0.0
    _topics: dict[int, str] = field(default_factory=dict)
    _refused: dict[str, str] = field(default_factory=dict)
    _unheard: bool = False
    _store: str = ""
    _epoch: str = ""

    def __post_init__(self) -> None:
        self._desk = Desk(self.prefix, self.encoder)

    def turn(self) -> None:
        """Move the network, note what happened, send what may be sent, say how it is."""
        self.turned_at = time.monotonic()
        patience_s = min(IDLE_S, max(0.0, self._next_s - self.turned_at)) if self._more else IDLE_S
        for happening in self.broker.turn(patience_s):
            self._note(happening)
        for done in [*self.talk.done(), *self.updates.orders.done()]:
            if done.order.name == "resend" and not done.error:
                self.replay.resend(done.order.arguments["from_seq"], done.order.arguments["to_seq"])
            self._answer(self._desk.done(done.order, done.said, done.error, self._now_ms()))
        self._send()
        self._show_results()
        self._tell()
        self._settle_by_broker()
        self.talk.say(self.says())

    def close(self) -> None:
        """Say goodbye to the broker; called once no thread makes turns any more."""
        self.broker.close((self.presence.topic, self.presence.farewell()))

    def says(self) -> Says:
        """How the uplink is, for the station's status."""
        state, details = self.broker.state, [self.broker.detail]
        if self.broker.online:
            if self.presence.double():
                state = "refused"
                details.append("another client takes over our id: are there two stations with one name?")
            if self._refused:
                state = "refused"
                details += [f"the broker refuses {topic}: {why}" for topic, why in self._refused.items()]
            if self._unheard:
                details.append(NOBODY_LISTENS)
            if self.config.uplink.commands and not may_command(self.config):
                details.append(COMMANDS_OFF)
        details.append(self._store)
        if self._desk.refused:
            details.append(f"the last refused command: {self._desk.last_refusal}")
        detail = "; ".join(d for d in details if d)[:1000]
        return Says(state, detail, self.replay.sent, self.settled, self._desk.refused)

    # -- inside ---------------------------------------------------------------------------------

    def _note(self, happening: Happening) -> None:
        match happening:
            case Online(window):
                self._topics.clear()
                self._refused.clear()
                self._unheard = False
                self.replay.connected(window)
                self._publish(self.presence.topic, self.presence.birth(), retain=True)
                self.standing.connected()
                if self.discovery is not None:
                    self.discovery.connected()
            case Offline():
                self.replay.disconnected()
            case Acknowledged():
                self._landed(happening)
            case Arrived(topic=topic) if topic == self.presence.topic:
                if self.presence.heard(happening.payload):
                    log.warning("another client speaks as this station")
            case Arrived(topic=topic) if topic == f"{self.prefix}/ack":
                self._ack(happening)
            case Arrived(topic=topic) if self.discovery is not None and topic in self.discovery.topics:
                self.discovery.heard(topic, happening.payload)
            case Arrived():
                order, answers = self._desk.take(happening, self._now_ms())
                self._answer(answers)
                if order is not None and order.name == "update":
                    self.updates.orders.order(order)
                elif order is not None and order.name == "cancel":
                    self.updates.orders.cancel(order)
                elif order is not None:
                    self.talk.order(order)

    def _landed(self, puback: Acknowledged) -> None:
        topic = self._topics.pop(puback.mid, "")
        if not topic:  # a live result at QoS 0: it was written, nobody acknowledged it
            return
        self._last_puback_s = time.monotonic()
        if self.replay.landed(puback.mid, refused=bool(puback.refused)):
            self._unheard = puback.unheard
        if puback.refused:
            if topic not in self._refused:
                log.warning("the broker refuses %s: %s", topic, puback.refused)
            self._refused[topic] = puback.refused
        else:
            self._refused.pop(topic, None)

    def _ack(self, arrived: Arrived) -> None:
        if self.config.uplink.settle != "centre":
            return
        try:
            ack = decode(AckMessage, arrived.payload)
        except PayloadRefused as refusal:
            self.ignored_acks += 1
            log.warning("an acknowledgement was not understood: %s", refusal)
            return
        if ack.epoch != self.replay.epoch:
            self.ignored_acks += 1
            log.info("an acknowledgement of epoch %s is ignored; ours is %s", ack.epoch, self.replay.epoch or "unknown")
            return
        self.settled = ack.seq
        self.talk.settle(Settle(ack.epoch, ack.seq, ack.missing))
        self.replay.missing(ack.missing, time.monotonic())

    def _send(self) -> None:
        now = time.monotonic()
        self._more = False
        if not self.broker.online:
            return
        if self.replay.in_flight and now - self._last_puback_s > self.puback_s:
            self.broker.drop(f"the broker has acknowledged nothing for {self.puback_s:g} s")
            return
        if now < self._next_s:
            self._more = True
            return
        try:
            message = self.replay.take(now)
            self._store = ""
        except StoreFailed as error:
            self._store, self._next_s = str(error), now + STORE_RETRY_S
            return
        if self.replay.epoch != self._epoch:
            self._epoch, self.settled = self.replay.epoch, 0
        if message is None:
            return
        mid = self._publish(f"{self.prefix}/{message.topic}", message.payload)
        if mid is None:
            return
        if not self.replay.in_flight:
            self._last_puback_s = now
        self.replay.flying(mid, message)
        self._more = True
        self._next_s = now + 1.0 / self.config.uplink.rate_per_s

    def _show_results(self) -> None:
        if self.results is None:
            return
        if not self.broker.online or not self._epoch:
            self.results.skip()
            return
        try:
            for topic, payload in self.results.due(self._epoch, time.monotonic()):
                self.broker.publish(f"{self.prefix}/{topic}", payload, qos=0)
        except StoreFailed as error:
            self._store = str(error)

    def _tell(self) -> None:
        """What is kept by the broker: the alarms that stand, and the announcement to Home Assistant."""
        if not self.broker.online:
            return
        alarms = self.standing.due(self.talk.seen)
        if alarms is not None:
            self._publish(self.standing.topic, alarms, retain=True)
        found = self.discovery.due(time.monotonic()) if self.discovery is not None else None
        if self.discovery is not None and found is not None:
            self._publish(self.discovery.topic, found, retain=True)

    def _settle_by_broker(self) -> None:
        """settle = puback: the broker's word is taken for the centre's."""
        if self.config.uplink.settle == "puback" and self._epoch and self.replay.floor > self.settled:
            self.settled = self.replay.floor
            self.talk.settle(Settle(self._epoch, self.settled))

    def _answer(self, answers: tuple[Answer, ...]) -> None:
        for answer in answers:
            self._publish(answer.to.topic, answer.payload, correlation=answer.to.correlation)

    def _publish(self, topic: str, payload: bytes, retain: bool = False, correlation: bytes = b"") -> int | None:
        mid = self.broker.publish(topic, payload, retain=retain, correlation=correlation)
        if mid is not None:
            self._topics[mid] = topic
        return mid

    def _now_ms(self) -> int:
        return self.clock.now().utc_us // 1000
