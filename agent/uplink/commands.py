"""Checks commands, answers them, and never lets one be carried out twice. Neither sends nor waits."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from agent.clock import EARLIEST_TRUSTED_UTC_US
from agent.uplink.link import Arrived
from agent.uplink.messages import COMMANDS, CommandId, Message
from agent.uplink.payload import PayloadRefused, StationEncoder, decode

LONGEST_LIFE_MS = 3_600_000
"""A command may expire at most this far ahead: its id is remembered until then, ms."""
REMEMBERED = 1000
_MAX_RESPONSE_TOPIC = 512


@dataclass(frozen=True, slots=True)
class Reply:
    """Where an answer goes."""

    topic: str
    correlation: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to publish."""

    to: Reply
    payload: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """A command that was checked and is to be carried out by the station."""

    id: str
    name: str
    """Also the verb of the control socket."""
    arguments: dict[str, Any]


@dataclass(slots=True)
class _Known:
    digest: bytes
    expires_ms: int
    replies: list[Reply]
    answer: bytes = b""
    """Empty while it is being carried out."""


class _Identity(Message):
    id: CommandId


@dataclass(slots=True)
class Desk:
    """Where commands arrive. One thread uses it; times are unix ms."""

    prefix: str
    encoder: StationEncoder
    refused: int = 0
    """Commands that were not carried out, since the start: refused here or by the station."""
    last_refusal: str = ""
    _known: dict[str, _Known] = field(default_factory=dict)

    def take(self, arrived: Arrived, now_ms: int) -> tuple[Order | None, tuple[Answer, ...]]:
        """What a message on `cmd/NAME` leads to: an order, answers, or nothing (it is being carried out)."""
        name = arrived.topic.removeprefix(f"{self.prefix}/cmd/")
        reply = self._reply(arrived, name)
        digest = hashlib.sha256(name.encode("utf-8", "replace") + b"\0" + arrived.payload).digest()
        try:
            command = self._check(arrived, name, now_ms)
            known = self._recall(command.id, digest, now_ms)
        except PayloadRefused as refusal:
            return None, (self._refuse(reply, arrived.payload, name, str(refusal), now_ms),)
        if known is None:
            self._known[command.id] = _Known(digest, command.expires, [reply])
            arguments = command.model_dump(exclude={"id", "expires", "schema_"})
            return Order(command.id, name, arguments), ()
        if known.answer:
            return None, (Answer(reply, known.answer),)
        known.replies.append(reply)
        return None, ()

    def done(self, order: Order, said: dict[str, Any], error: str, now_ms: int) -> tuple[Answer, ...]:
        """The answers to everybody who gave this command; kept for those who give it again."""
        if error:
            self._count(error)
        payload = self.encoder.answer(now_ms, order.id, order.name, error, said)
        known = self._known.get(order.id)
        if known is None:
            return ()
        known.answer, replies, known.replies = payload, known.replies, []
        return tuple(Answer(reply, payload) for reply in replies)

    # -- inside ---------------------------------------------------------------------------------

    def _check(self, arrived: Arrived, name: str, now_ms: int) -> Any:
        if name not in COMMANDS:
            raise PayloadRefused(f"unknown command {name!r:.60}; there are: {', '.join(sorted(COMMANDS))}")
        if arrived.retained:
            raise PayloadRefused("a retained command is refused: it would be given again at every connection")
        command = decode(COMMANDS[name], arrived.payload)
        if now_ms * 1000 < EARLIEST_TRUSTED_UTC_US:
            raise PayloadRefused("the station's clock is not set, so that it cannot tell whether a command expired")
        if command.expires <= now_ms:
            raise PayloadRefused(f"expired {now_ms - command.expires} ms ago by the station's clock")
        if command.expires > now_ms + LONGEST_LIFE_MS:
            raise PayloadRefused(f"expires {command.expires}: at most {LONGEST_LIFE_MS} ms from now ({now_ms})")
        return command

    def _recall(self, command_id: str, digest: bytes, now_ms: int) -> _Known | None:
        """What is known of this id; None when it is new."""
        for old in [k for k, v in self._known.items() if v.expires_ms <= now_ms and v.answer]:
            del self._known[old]
        known = self._known.get(command_id)
        if known is None and len(self._known) >= REMEMBERED:
            raise PayloadRefused(f"too many commands: {REMEMBERED} have not expired yet")
        if known is not None and known.digest != digest:
            raise PayloadRefused(f"id {command_id!r} was already used for another command")
        return known

    def _refuse(self, reply: Reply, payload: bytes, name: str, why: str, now_ms: int) -> Answer:
        self._count(why)
        try:
            command_id = decode(_Identity, payload).id
        except PayloadRefused:
            command_id = ""
        return Answer(reply, self.encoder.answer(now_ms, command_id, name, why, {}))

    def _count(self, why: str) -> None:
        self.refused += 1
        self.last_refusal = why

    def _reply(self, arrived: Arrived, name: str) -> Reply:
        """The response topic where one was given that may be answered on, else cmd/NAME/answer."""
        asked = arrived.response_topic
        if asked and len(asked) <= _MAX_RESPONSE_TOPIC and not re.search(r"[+#\0]|^\$", asked):
            ours = asked.startswith(f"{self.prefix}/") and not asked.endswith("/answer")
            if not ours:
                return Reply(asked, arrived.correlation)
        return Reply(f"{self.prefix}/cmd/{name}/answer", arrived.correlation)
