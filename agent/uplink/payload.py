"""The message format: makes a station's messages, reads and checks them, describes them.

This is what a centre imports of okng. The messages themselves stand in `agent.uplink.messages`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from agent.config import StationConfig
from agent.errors import OkngError
from agent.status import Alarm
from agent.store.values import StoredEvent, StoredPart, Totals
from agent.uplink.flat import counts, detail, flat, measures, ms, slug, text, verdict, window
from agent.uplink.messages import (
    COMMANDS,
    MESSAGES,
    AckMessage,
    AlarmsMessage,
    AnswerMessage,
    Command,
    EventMessage,
    FromStation,
    Message,
    ResultMessage,
    StatusMessage,
    SummaryMessage,
)
from pipelines.summary import Summary

__all__ = [
    "COMMANDS",
    "AckMessage",
    "AlarmsMessage",
    "AnswerMessage",
    "Command",
    "EventMessage",
    "FromStation",
    "Message",
    "PayloadRefused",
    "ResultMessage",
    "StationEncoder",
    "StatusMessage",
    "SummaryMessage",
    "decode",
    "encode",
    "schemas",
]

MAX_PAYLOAD_BYTES = 64 * 1024


class PayloadRefused(OkngError):
    """A payload that is too large, not JSON, or not what its topic carries."""


M = TypeVar("M", bound=Message)


def decode(kind: type[M], payload: bytes) -> M:
    """Read one message and check everything about it.

    Raises PayloadRefused, which names every field that is wrong, its value and what is allowed.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadRefused(f"payload of {len(payload)} bytes; at most {MAX_PAYLOAD_BYTES} are taken")
    try:
        return kind.model_validate_json(payload)
    except ValidationError as error:
        problems = (f"{_where(e['loc'])}{e['msg']}{_got(e['input'])}" for e in error.errors(include_url=False)[:10])
        raise PayloadRefused("; ".join(problems)) from error


def encode(message: Message) -> bytes:
    """One flat JSON object as UTF-8; what is None is left out."""
    fields = message.model_dump(exclude_none=True)
    return json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) of every message, by name."""
    return {name: _schema(name, kind) for name, kind in MESSAGES.items()}


def _schema(name: str, kind: type[Message]) -> dict[str, Any]:
    made = kind.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": f"okng {name}"}


def _where(loc: tuple[int | str, ...]) -> str:
    return f"{'.'.join(map(str, loc))}: " if loc else ""


def _got(value: object) -> str:
    return "" if isinstance(value, dict | bytes) else f" (got {value!r:.60})"


@dataclass(frozen=True, slots=True)
class StationEncoder:
    """One station's messages; implements `agent.store.values.Encoder`."""

    site: str
    line: str
    station: str

    @classmethod
    def of(cls, station: StationConfig) -> "StationEncoder":
        """The encoder of a configured station."""
        return cls(station.site, station.line, station.name)

    def summary(self, epoch: str, seq: int, summary: Summary, totals: Totals) -> tuple[str, bytes]:
        """(summary/LANE, payload)."""
        names = {name for name, _ in (*summary.defects, *summary.missing)}
        fields = {
            **self._stored(epoch, seq, summary.window.end_utc_us),
            **window(summary),
            **counts(summary),
            **measures(summary),
            **{f"{n}_total": getattr(totals, n) for n in ("parts", "ok", "ng", "unsure", "missed")},
            "models": text(",".join(summary.models)),
            "recipes": text(",".join(summary.recipes)),
            "classes": text(";".join(f"{slug(n)}={n}" for n in sorted(names) if slug(n) != n)),
        }
        return f"summary/{summary.lane}", encode(SummaryMessage.model_validate(fields))

    def event(self, epoch: str, seq: int, event: StoredEvent) -> tuple[str, bytes]:
        """("event", payload)."""
        details = {f"detail_{slug(name)}": detail(value) for name, value in event.detail.items()}
        fields = {
            **self._stored(epoch, seq, event.utc_us),
            "name": text(event.name, 128),
            "event_id": event.id,
            "lane": text(str(event.detail.get("lane", "")), 128),
            **{name: value for name, value in details.items() if value is not None},
        }
        return "event", encode(EventMessage.model_validate(fields))

    def result(self, epoch: str, part: StoredPart) -> tuple[str, bytes]:
        """(result/LANE, payload) of one committed part."""
        record = part.record
        fields = {
            **self._who(record.captured.utc_us),
            "id": f"{epoch}-r-{part.id}",
            "epoch": epoch,
            "record": part.id,
            "lane": record.origin.lane,
            "camera": text(record.origin.camera, 128),
            "part_id": text(record.part_id, 200),
            "purpose": str(record.purpose),
            "attempt": record.attempt,
            "decided_ts": ms(record.decided_utc_us),
            "model": text(record.origin.model, 200),
            "recipe": text(f"{record.origin.recipe}@{record.origin.recipe_hash[:12]}", 200),
            "device": record.origin.device,
            **verdict(part),
        }
        return f"result/{record.origin.lane}", encode(ResultMessage.model_validate(fields))

    def status(self, online: bool, since_ms: int, version: str, boot: str, instance: str, why: str = "") -> bytes:
        """The retained message on `status`; `since_ms` is also its time (a last will is made beforehand)."""
        made = {"online": int(online), "since": since_ms, "version": version, "boot": boot}
        return encode(
            StatusMessage.model_validate({**self._who(since_ms * 1000), **made, "instance": instance, "why": why})
        )

    def alarms(self, ts_ms: int, alarms: Sequence[Alarm] | None) -> bytes:
        """The retained message on `alarms`; None: the station does not answer."""
        fields: dict[str, Any] = {**self._who(ts_ms * 1000), "up": int(alarms is not None)}
        if alarms is not None:
            fields["standing"] = len(alarms)
            fields["unacknowledged"] = sum(not alarm.acknowledged_by for alarm in alarms)
            fields["names"] = text(",".join(f"{a.name}:{a.lane}" if a.lane else a.name for a in alarms))
        return encode(AlarmsMessage.model_validate(fields))

    def answer(self, ts_ms: int, command_id: str, command: str, error: str, said: dict[str, Any]) -> bytes:
        """The answer to a command; an empty error means that it was carried out."""
        own = AnswerMessage.model_fields
        fields = {
            **{slug(k): flat(v) for k, v in said.items() if k not in own and k != "schema"},
            **self._who(ts_ms * 1000),
            "id": command_id,
            "command": text(command, 128),
            "ok": int(not error),
            "error": text(error),
        }
        return encode(AnswerMessage.model_validate({k: v for k, v in fields.items() if v is not None}))

    def _who(self, utc_us: int) -> dict[str, Any]:
        return {"ts": ms(utc_us), "site": self.site, "line": self.line, "station": self.station}

    def _stored(self, epoch: str, seq: int, utc_us: int) -> dict[str, Any]:
        return {**self._who(utc_us), "id": f"{epoch}-{seq}", "epoch": epoch, "seq": seq}
