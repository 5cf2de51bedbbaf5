"""Bytes in, a message or a cause out: nothing that anybody can send raises."""

import hashlib
import re

from pydantic import ValidationError

from agent.uplink.messages import AlarmsMessage, AnswerMessage, EventMessage, StatusMessage, SummaryMessage
from agent.uplink.payload import MAX_PAYLOAD_BYTES, PayloadRefused, decode
from fleet.intake.bounds import out_of_bounds
from fleet.intake.topics import Address, Topic, Topics
from fleet.intake.values import Answered, Cause, Heard, Item, SetAside, Taken

MAX_DEPTH = 4
"""The messages are flat; a newer version may hold a list or a table."""
ANSWERS = ("cmd/update/answer", "cmd/cancel/answer")
"""Topics of answers that are taken, below a station's prefix."""
_STRUCTURE = re.compile(r'["\\{}\[\]]')
Said = SummaryMessage | EventMessage | StatusMessage | AlarmsMessage | AnswerMessage
_KINDS: dict[str, type[Said]] = {
    "summary": SummaryMessage,
    "event": EventMessage,
    "status": StatusMessage,
    "alarms": AlarmsMessage,
    "answer": AnswerMessage,
}


def read(topics: Topics, topic: str, payload: bytes, retained: bool = False) -> Item:
    """What a message says, or why it is set aside."""
    where = topics.parse(topic)
    kind = _kind(where)
    if where is None or kind is None:
        return SetAside("unknown_topic", "no topic that the centre reads", topic, payload)
    cause, reason = _unreadable(payload)
    if cause is not None:
        return SetAside(cause, reason, topic, payload, where.address)
    try:
        said = decode(_KINDS[kind], payload)
    except PayloadRefused as refused:
        return SetAside(_cause_of(refused), str(refused), topic, payload, where.address)
    if wrong := out_of_bounds(said):
        return SetAside("schema", wrong, topic, payload, where.address)
    if wrong := _another(where, said):
        return SetAside("identity", wrong, topic, payload, where.address)
    if isinstance(said, StatusMessage | AlarmsMessage):
        return Heard(where.address, said, retained)
    if isinstance(said, AnswerMessage):
        return Answered(where.address, said)
    return Taken(where.address, said, topic, payload, hashlib.sha256(payload).digest())


def _kind(where: Topic | None) -> str | None:
    if where is None:
        return None
    if where.below in ANSWERS:
        return "answer"
    kind, _, lane = where.below.partition("/")
    known = kind in ("summary", "event", "status", "alarms") and (kind == "summary") == bool(lane) and "/" not in lane
    return kind if known else None


def _unreadable(payload: bytes) -> tuple[Cause | None, str]:
    """What keeps it from the parser."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        return "too_large", f"{len(payload)} bytes, allowed: at most {MAX_PAYLOAD_BYTES}"
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        return "not_utf8", f"byte {error.start}: {error.reason}"
    if (depth := depth_of(text)) > MAX_DEPTH:
        return "too_deep", f"{depth} levels deep, allowed: at most {MAX_DEPTH}"
    return None, ""


def depth_of(text: str) -> int:
    """How deep lists and tables of a JSON text lie in each other; of what is no JSON, a guess."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return 1
    depth = deepest = 0
    quoted, skip = False, -1
    for found in _STRUCTURE.finditer(text):
        sign, at = found[0], found.start()
        if at == skip:
            continue
        if sign == "\\":
            skip = at + 1
        elif sign == '"':
            quoted = not quoted
        elif not quoted:
            depth += 1 if sign in "{[" else -1
            deepest = max(deepest, depth)
    return deepest


def _cause_of(refused: PayloadRefused) -> Cause:
    error = refused.__cause__
    unreadable = isinstance(error, ValidationError) and any(e["type"] == "json_invalid" for e in error.errors())
    return "not_json" if unreadable else "schema"


def _another(where: Topic, said: Said) -> str:
    """What the payload's identity has against the topic's; empty when it is the same."""
    inside = Address(said.site, said.line, said.station)
    if inside != where.address:
        return f"the payload is of {inside}, the topic of {where.address}"
    if isinstance(said, SummaryMessage) and where.below != f"summary/{said.lane}":
        return f"the payload is of lane {said.lane!r}, the topic is {where.below}"
    if isinstance(said, AnswerMessage):
        named = where.below.split("/")[1]
        return "" if said.command == named else f"the payload answers {said.command!r:.80}, the topic {named}"
    if isinstance(said, SummaryMessage | EventMessage) and said.id != f"{said.epoch}-{said.seq}":
        return f"id is {said.id!r:.80}, allowed: epoch-seq, {said.epoch}-{said.seq}"
    return ""
