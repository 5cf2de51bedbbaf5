"""What the intake makes of a message: taken, or set aside with its cause."""

from dataclasses import dataclass
from typing import Literal, get_args

from agent.uplink.messages import AlarmsMessage, AnswerMessage, EventMessage, StatusMessage, SummaryMessage
from fleet.intake.topics import Address

Cause = Literal["unknown_topic", "too_large", "not_utf8", "too_deep", "not_json", "schema", "identity", "differs"]
"""Why a message is set aside. schema: not the message that its topic carries, or of a newer version; identity: its
topic names another station than its payload, as a forged one does; differs: a number that came with other bytes
before, as after a restored backup, or replayed and altered. The first one stays."""
CAUSES: tuple[Cause, ...] = get_args(Cause)
HEAD_BYTES = 4096
"""So much of a message that was set aside is kept."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A status, or which alarms stand: retained, has no number, the newest counts."""

    address: Address
    said: StatusMessage | AlarmsMessage
    retained: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """A station's answer to a command."""

    address: Address
    said: AnswerMessage


@dataclass(frozen=True, slots=True)
class Taken:
    """A summary or an event: has a number, is stored once."""

    address: Address
    said: SummaryMessage | EventMessage
    topic: str
    payload: bytes
    digest: bytes
    """SHA-256 of the payload."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A message that is not taken."""

    cause: Cause
    reason: str
    """In words, naming field, value and what is allowed."""
    topic: str
    payload: bytes
    address: Address | None = None
    """Of whom the topic says it is."""


Item = Heard | Answered | Taken | SetAside
