"""The connection to the broker: the only importer of paho.

One thread uses a `Broker`: it calls `turn` again and again and gets told what happened; no callback
leaves this module. Each connection has a client of its own, so that nothing waits in paho's memory:
the store is the queue.

A clean start is asked for at the first connection of a process. Later ones take the session up again,
which lives as long as the will's delay: otherwise the broker would publish the last will at each short
interruption (MQTT 5, 3.1.2.5: the will is sent when the session ends, and a clean start ends it).
"""

import contextlib
import logging
import random
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.exception import MQTTException
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.config import UplinkConfig
from agent.status import UplinkState
from agent.uplink.causes import cause_of_connect, cause_of_loss, cause_of_refusal
from agent.uplink.link import Acknowledged, Arrived, Happening, Offline, Online, backoff_s, password, tls_context

log = logging.getLogger(__name__)

MAX_PACKET_BYTES = 1 << 20
"""MQTT 5: the broker does not send larger packets, so that nobody fills this process's memory."""
CONNECT_S = 5.0
"""Longest wait for the network and the TLS handshake, s."""
CONNACK_S = 10.0
STEADY_S = 60.0
"""A connection that held for so long was a good one: the next wait is the shortest again."""
RECEIVE_MAXIMUM = 20
_TAKEN_OVER = 0x8E
_NOBODY_LISTENS = 0x10

_NETWORK_ERRORS = (OSError, ValueError, IndexError, KeyError, AssertionError, struct.error)
_PROTOCOL_ERRORS = (*_NETWORK_ERRORS, MQTTException)
"""What paho raises on a packet that is not MQTT."""


class Broker:
    """The way to one broker, kept up for ever. Not thread-safe: one thread makes all calls."""

    def __init__(
        self,
        config: UplinkConfig,
        client_id: str,
        subscriptions: Sequence[str] = (),
        will: Callable[[], tuple[str, bytes]] | None = None,
    ) -> None:
        self._config = config
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._will = will
        self._client: paho.Client | None = None
        self._happened: list[Happening] = []
        self._attempt = 0
        self._due = 0.0
        self._begun = 0.0
        self._first = True
        self._gone = False
        self._noise = ""
        self._window = RECEIVE_MAXIMUM
        self._random = random.SystemRandom()
        self.online = False
        self.state: UplinkState = "connecting"
        self.detail = f"{config.host}:{config.port}"
        """Why it is not online; or what does not work although it is."""

    def turn(self, timeout_s: float) -> tuple[Happening, ...]:
        """Connect when it is time to, else move what is to be moved; what happened, in order.

        Comes back after `timeout_s`, but an attempt to connect may take CONNECT_S (and a resolver's time).
        """
        if self._client is not None:
            self._move(self._client, timeout_s)
        elif (wait_s := self._due - time.monotonic()) > 0:
            time.sleep(min(wait_s, timeout_s))
        else:
            self._connect()
        happened, self._happened = tuple(self._happened), []
        return happened

    def publish(
        self, topic: str, payload: bytes, qos: int = 1, retain: bool = False, correlation: bytes = b""
    ) -> int | None:
        """Hand a message to the network; its id, which `Acknowledged` names later; None while offline.

        Raises ValueError for a topic that MQTT does not allow.
        """
        if self._client is None or not self.online:
            return None
        properties = None
        if correlation and self._config.protocol == 5:
            properties = _properties(PacketTypes.PUBLISH, CorrelationData=correlation)
        info = self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else None

    def drop(self, why: str) -> None:
        """Give this connection up and make a new one."""
        if self._client is not None:
            self._lost("offline", why)

    def close(self, farewell: tuple[str, bytes] | None, timeout_s: float = 1.0) -> None:
        """Say goodbye (retained), wait for its PUBACK, and leave; the last will is not sent then."""
        client = self._client
        if client is None:
            return
        until = time.monotonic() + timeout_s
        mid = self.publish(farewell[0], farewell[1], retain=True) if farewell else None
        while mid is not None and time.monotonic() < until:
            if any((isinstance(h, Acknowledged) and h.mid == mid) or isinstance(h, Offline) for h in self.turn(0.1)):
                break
        with contextlib.suppress(*_PROTOCOL_ERRORS):
            client.disconnect()
            client.loop(0.1)
        self._client, self.online = None, False

    # -- one connection -------------------------------------------------------------------------

    def _connect(self) -> None:
        self.state, self._gone, self._noise = "connecting", False, ""
        self._begun = time.monotonic()
        try:
            client = self._new_client()
            self._dial(client)
        except _NETWORK_ERRORS as error:
            self._lost(*cause_of_connect(error, self._config))
            return
        self._client = client

    def _dial(self, client: paho.Client) -> None:
        host, port, keepalive_s = self._config.host, self._config.port, self._config.keepalive_s
        if self._config.protocol == 3:
            client.connect(host, port, keepalive_s)
            return
        delay_s = self._config.will_delay_s
        session = _properties(
            PacketTypes.CONNECT,
            SessionExpiryInterval=delay_s,
            ReceiveMaximum=RECEIVE_MAXIMUM,
            MaximumPacketSize=MAX_PACKET_BYTES,
        )
        client.connect(host, port, keepalive_s, clean_start=self._first or delay_s == 0, properties=session)

    def _new_client(self) -> paho.Client:
        five = self._config.protocol == 5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if five else True,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(1000)
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_log = self._on_log
        if self._config.user:
            client.username_pw_set(self._config.user, password(self._config.password_file))
        if self._config.tls is not None:
            client.tls_set_context(tls_context(self._config.tls))
        if self._will is not None:
            topic, payload = self._will()
            delay = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=self._config.will_delay_s)
            client.will_set(topic, payload, qos=1, retain=True, properties=delay if five else None)
        return client

    def _move(self, client: paho.Client, timeout_s: float) -> None:
        try:
            rc = client.loop(timeout_s)
        except _PROTOCOL_ERRORS as error:
            if self._client is not None:
                self._lost("offline", f"{self._where()} sent something that is not MQTT: {error!r}")
            return
        if self._client is None:  # a callback has given it up, and said why
            return
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or self._gone:
            self._lost(*cause_of_loss(self.online, self._noise, self._config))
        elif not self.online and time.monotonic() - self._begun > CONNACK_S:
            self._lost("offline", f"{self._where()} took the connection but did not answer within {CONNACK_S:g} s")

    def _lost(self, state: UplinkState, detail: str) -> None:
        """Forget the connection and plan the next one. The first cause named is kept."""
        client, self._client = self._client, None
        now = time.monotonic()
        if self.online:
            self._happened.append(Offline())
            if now - self._begun > STEADY_S:
                self._attempt = 0
        self.online, self.state, self.detail = False, state, detail
        # what a person has to mend is not asked again at once, by chance: the state would not even be seen
        share = self._random.uniform(0.5 if state == "refused" else 0.0, 1.0)
        wait_s = backoff_s(self._attempt, self._config.retry_min_s, self._config.retry_max_s, share)
        self._attempt += 1
        self._due = now + wait_s
        log.warning("%s; next try in %.1f s", detail, wait_s)
        if client is not None:
            client.on_disconnect = None
            _hang_up(client)

    def _where(self) -> str:
        return f"{self._config.host}:{self._config.port}"

    # -- what paho says, always inside `turn` ---------------------------------------------------

    def _on_connect(self, client: paho.Client, _: Any, __: Any, code: ReasonCode, said: Properties | None) -> None:
        if code.is_failure:
            self._lost(*cause_of_refusal(code.value, str(code), self._config))
            return
        self._first = False
        self._window = min(RECEIVE_MAXIMUM, getattr(said, "ReceiveMaximum", RECEIVE_MAXIMUM))
        if not self._subscriptions:
            self._come_online()
        elif self._config.protocol == 5:
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            client.subscribe([(topic, options) for topic in self._subscriptions])
        else:
            client.subscribe([(topic, 1) for topic in self._subscriptions])

    def _on_subscribe(self, _: paho.Client, __: Any, ___: int, codes: Sequence[ReasonCode], ____: Any) -> None:
        refused = [f"{t} ({c})" for t, c in zip(self._subscriptions, codes, strict=False) if c.is_failure]
        self._come_online(f"the broker refuses the subscription to {', '.join(refused)}" if refused else "")

    def _come_online(self, detail: str = "") -> None:
        """Only once we would hear an answer: who sees us online may give a command."""
        self.online, self.state, self.detail = True, "online", detail
        log.info("connected to %s, MQTT %s %s", self._where(), self._config.protocol, detail)
        self._happened.append(Online(self._window))

    def _on_disconnect(self, _: paho.Client, __: Any, flags: Any, code: ReasonCode, ___: Any) -> None:
        self._gone = True
        if not flags.is_disconnect_packet_from_server:
            return
        if code.value == _TAKEN_OVER:
            self._attempt = 32  # two that fight for one id: not at full speed
            self._lost(
                "refused", f"another client takes over our id {self._client_id}: are there two stations with one name?"
            )
        else:
            self._lost("offline", f"{self._where()} ended the connection: {code}")

    def _on_publish(self, _: paho.Client, __: Any, mid: int, code: ReasonCode, ___: Any) -> None:
        refused = str(code) if code.is_failure else ""
        self._happened.append(Acknowledged(mid, refused, code.value == _NOBODY_LISTENS))

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        properties = message.properties
        self._happened.append(
            Arrived(
                topic=topic,
                payload=bytes(message.payload),
                retained=bool(message.retain),
                response_topic=getattr(properties, "ResponseTopic", ""),
                correlation=getattr(properties, "CorrelationData", b""),
            )
        )

    def _on_log(self, _: paho.Client, __: Any, level: int, line: str) -> None:
        if level in (paho.MQTT_LOG_ERR, paho.MQTT_LOG_WARNING) and not self._noise:
            self._noise = line


def _properties(packet: int, **values: object) -> Properties:
    """MQTT 5 properties of one packet, by paho's names."""
    made = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(made, name, value)
    return made


def _hang_up(client: paho.Client) -> None:
    """Close the socket without a DISCONNECT: the broker keeps the session and the will's delay."""
    connection = client.socket()
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.close()
