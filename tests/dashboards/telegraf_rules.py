"""Telegraf's documented rules of MQTT input and JSON parser, as far as the documented configuration needs them.

Telegraf is in no Debian and is not run here. The rules are those of its README files (plugins/inputs/mqtt_consumer,
plugins/parsers/json): all numbers become floats; texts and booleans are dropped unless `tag_keys` or
`json_string_fields` names them (globs); a key of `tag_keys` is a tag and no field; `json_time_key` gives the time and
is no field either.
"""

import json
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

CONFIGURATION = Path(__file__).parents[2] / "docs" / "dashboards" / "telegraf.conf"
UNDERSTOOD = {
    *("name_override", "servers", "topics", "topic_tag", "qos", "persistent_session", "client_id"),
    *("data_format", "json_time_key", "json_time_format", "tag_keys", "json_string_fields"),
}


@dataclass(frozen=True, slots=True)
class Point:
    """What goes to the database."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, float | str]
    time_ms: int | None
    """None: the time of arrival."""


def inputs() -> list[dict[str, Any]]:
    configured: list[dict[str, Any]] = tomllib.loads(CONFIGURATION.read_text())["inputs"]["mqtt_consumer"]
    for section in configured:
        assert section.keys() <= UNDERSTOOD, section.keys() - UNDERSTOOD
        assert section["data_format"] == "json"
    return configured


def matches(pattern: str, topic: str) -> bool:
    """MQTT's wildcards + (the configuration has no #)."""
    levels, wanted = topic.split("/"), pattern.split("/")
    return len(levels) == len(wanted) and all(w in ("+", level) for level, w in zip(levels, wanted, strict=True))


def points(topic: str, payload: bytes) -> list[Point]:
    """What Telegraf makes of a message, one point an input that has subscribed to its topic."""
    return [
        _point(section, topic, payload)
        for section in inputs()
        if any(matches(pattern, topic) for pattern in section["topics"])
    ]


def _point(section: dict[str, Any], topic: str, payload: bytes) -> Point:
    said: dict[str, Any] = json.loads(payload)
    tags = {} if section.get("topic_tag") == "" else {section.get("topic_tag", "topic"): topic}
    fields: dict[str, float | str] = {}
    time_ms = None
    for key, value in said.items():
        assert not isinstance(value, list | dict), f"{key}: nested values are flattened under other names"
        if key == section.get("json_time_key"):
            assert section["json_time_format"] == "unix_ms"
            time_ms = int(value)
        elif any(fnmatchcase(key, glob) for glob in section["tag_keys"]):
            tags[key] = str(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            fields[key] = float(value)
        elif isinstance(value, str) and any(fnmatchcase(key, g) for g in section.get("json_string_fields", ())):
            fields[key] = value
    return Point(section["name_override"], tags, fields, time_ms)
