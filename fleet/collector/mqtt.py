"""The collector's connection to the broker: the centre's only importer of paho.

A message is acknowledged to the broker only when it is stored (manual acknowledgement), and the broker keeps
the collector's session while it is away: what a killed collector had not stored is delivered again. One thread
makes all calls of a `Link`, except that any may put orders.
"""

import contextlib
import logging
import random
import struct
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.status import UplinkState
from agent.uplink.causes import cause_of_connect, cause_of_loss, cause_of_refusal
from agent.uplink.link import backoff_s, password, tls_context
from fleet.config import BrokerConfig
from fleet.intake.topics import Topics

log = logging.getLogger(__name__)

MAX_PACKET_BYTES = 1 << 20
CONNECT_S, CONNACK_S = 5.0, 10.0
STEADY_S = 60.0
IDLE_S, BUSY_S = 0.1, 0.01
"""Longest wait for the network, s; less while the store has messages that are to be acknowledged soon."""
READ_AT_ONCE = 200
_TAKEN_OVER = 0x8E
_ERRORS = (OSError, ValueError, IndexError, KeyError, AssertionError, struct.error, MQTTException)
"""What paho raises on a network that fails and on a packet that is not MQTT."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message from the broker, not acknowledged yet."""

    connection: int
    """Counts the connections of this process: an acknowledgement of an older one means nothing."""
    mid: int
    qos: int
    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """Order: this message is stored, acknowledge it to the broker."""

    connection: int
    mid: int
    qos: int


@dataclass(frozen=True, slots=True)
class Say:
    """Order: publish this, at QoS 1."""

    topic: str
    payload: bytes


class Link:
    """The way to the broker, kept up for ever."""

    def __init__(self, config: BrokerConfig, name: str, below: tuple[str, ...] = ()) -> None:
        """`name`: of this collector, the same at each start; `below`: further topics of each station's to hear."""
        self._below = ("summary/+", "event", *below)
        self._config = config
        self.name = name
        self.client_id = f"{config.group}-{name}"
        self.arrived: SimpleQueue[Arrived] = SimpleQueue()
        self.orders: SimpleQueue[Settled | Say] = SimpleQueue()
        self.state: UplinkState = "connecting"
        self.detail = f"{config.host}:{config.port}"
        self._client: paho.Client | None = None
        self._connection = 0
        self._unsettled = 0
        self._attempt = 0
        self._due = self._begun = 0.0
        self._gone = False
        self._noise = ""
        self._random = random.SystemRandom()

    @property
    def online(self) -> bool:
        return self.state == "online"

    def turn(self) -> None:
        """Connect when it is time to, else move what is to be moved."""
        if self._client is not None:
            self._follow_orders(self._client)
            self._move(self._client)
        elif (wait_s := self._due - time.monotonic()) > 0:
            time.sleep(min(wait_s, IDLE_S))
            self._drop_orders()
        else:
            self._connect()

    def close(self) -> None:
        """Leave, with the last orders carried out. The broker keeps the session."""
        client = self._client
        if client is None:
            return
        self._follow_orders(client)
        with contextlib.suppress(*_ERRORS):
            client.loop(0.1)
            client.disconnect()
            client.loop(0.1)
        self._client, self.state = None, "offline"

    # -- orders ---------------------------------------------------------------------------------

    def _follow_orders(self, client: paho.Client) -> None:
        if not self.online:
            return self._drop_orders()
        with contextlib.suppress(Empty):
            while True:
                match self.orders.get_nowait():
                    case Settled(connection, mid, qos):
                        if connection == self._connection:
                            self._unsettled -= 1
                            client.ack(mid, qos)
                    case Say(topic, payload):
                        client.publish(topic, payload, qos=1)

    def _drop_orders(self) -> None:
        """Without a connection they mean nothing: the broker delivers again, and stations are told again."""
        with contextlib.suppress(Empty):
            while True:
                self.orders.get_nowait()

    # -- one connection -------------------------------------------------------------------------

    def _connect(self) -> None:
        self.state, self._gone, self._noise = "connecting", False, ""
        self._begun = time.monotonic()
        self._connection += 1
        self._unsettled = 0
        try:
            client = self._new_client()
            self._dial(client)
        except _ERRORS as error:
            self._lost(*cause_of_connect(error, self._config, "broker"))
            return
        self._client = client

    def _new_client(self) -> paho.Client:
        config, five = self._config, self._config.protocol == 5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self.client_id,
            clean_session=None if five else False,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(1000)
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_log = self._on_log
        if config.user:
            client.username_pw_set(config.user, password(config.password_file))
        if config.tls is not None:
            client.tls_set_context(tls_context(config.tls))
        return client

    def _dial(self, client: paho.Client) -> None:
        config = self._config
        if config.protocol == 3:
            client.connect(config.host, config.port, config.keepalive_s)
            return
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = config.session_s
        session.ReceiveMaximum = config.receive_max
        session.MaximumPacketSize = MAX_PACKET_BYTES
        client.connect(config.host, config.port, config.keepalive_s, clean_start=False, properties=session)

    def _filters(self) -> list[str]:
        """What is retained never comes by a shared subscription: each collector hears it."""
        topics = Topics(self._config.topic)
        share = f"$share/{self._config.group}/" if self._config.protocol == 5 else ""
        shared = [f"{share}{topics.every(below)}" for below in self._below]
        return [*shared, topics.every("status"), topics.every("alarms")]

    def _move(self, client: paho.Client) -> None:
        try:
            before = self.arrived.qsize()
            rc = client.loop(BUSY_S if self._unsettled else IDLE_S)
            for _ in range(READ_AT_ONCE):
                if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or self.arrived.qsize() <= before:
                    break
                before = self.arrived.qsize()
                rc = client.loop_read()
        except _ERRORS as error:
            if self._client is not None:
                self._lost("offline", f"{self._where()} sent something that is not MQTT: {error!r}")
            return
        if self._client is None:  # a callback has given it up, and said why
            return
        if rc == MQTTErrorCode.MQTT_ERR_AGAIN:
            return
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or self._gone:
            self._lost(*cause_of_loss(self.online, self._noise, self._config, "broker"))
        elif not self.online and time.monotonic() - self._begun > CONNACK_S:
            self._lost("offline", f"{self._where()} took the connection but did not answer within {CONNACK_S:g} s")

    def _lost(self, state: UplinkState, detail: str) -> None:
        """Forget the connection and plan the next one. The first cause named is kept."""
        client, self._client = self._client, None
        now = time.monotonic()
        if self.online and now - self._begun > STEADY_S:
            self._attempt = 0
        self.state, self.detail = state, detail
        share = self._random.uniform(0.5 if state == "refused" else 0.0, 1.0)
        wait_s = backoff_s(self._attempt, self._config.retry_min_s, self._config.retry_max_s, share)
        self._attempt += 1
        self._due = now + wait_s
        log.warning("%s; next try in %.1f s", detail, wait_s)
        if client is not None:
            client.on_disconnect = None
            if (connection := client.socket()) is not None:
                with contextlib.suppress(OSError):
                    connection.close()

    def _where(self) -> str:
        return f"{self._config.host}:{self._config.port}"

    # -- what paho says, always inside `turn` ---------------------------------------------------

    def _on_connect(self, client: paho.Client, _: Any, __: Any, code: ReasonCode, ___: Any) -> None:
        if code.is_failure:
            self._lost(*cause_of_refusal(code.value, str(code), self._config, "broker"))
            return
        client.subscribe([(topic, 1) for topic in self._filters()])

    def _on_subscribe(self, _: paho.Client, __: Any, ___: int, codes: list[ReasonCode], ____: Any) -> None:
        refused = [f"{t} ({c})" for t, c in zip(self._filters(), codes, strict=False) if c.is_failure]
        if refused:
            self._lost("refused", f"the broker refuses the subscription to {', '.join(refused)}")
            return
        self.state, self.detail = "online", ""
        log.info("connected to %s as %s, MQTT %s", self._where(), self.client_id, self._config.protocol)

    def _on_disconnect(self, _: paho.Client, __: Any, flags: Any, code: ReasonCode, ___: Any) -> None:
        self._gone = True
        if not flags.is_disconnect_packet_from_server:
            return
        if code.value == _TAKEN_OVER:
            self._attempt = 32  # two that fight for one id: not at full speed
            told = "are there two collectors of one name (broker.collector)?"
            self._lost("refused", f"another client takes over our id {self.client_id}: {told}")
        else:
            self._lost("offline", f"{self._where()} ended the connection: {code}")

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._unsettled += 1
        self.arrived.put(
            Arrived(self._connection, message.mid, message.qos, topic, bytes(message.payload), bool(message.retain))
        )

    def _on_log(self, _: paho.Client, __: Any, level: int, line: str) -> None:
        if level in (paho.MQTT_LOG_ERR, paho.MQTT_LOG_WARNING) and not self._noise:
            self._noise = line
