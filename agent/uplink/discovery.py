"""Home Assistant finds the station by itself: MQTT discovery, one retained message for the whole device.

The format is Home Assistant's "device discovery payload" (its MQTT integration, since 2024.11): topic
`PREFIX/device/ID/config`, with `device`, `origin` and `components`. A component that says nothing but its
platform is removed. Its values are read by templates off the messages that a station sends anyway, so
nothing else is published for it.
"""

import json
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.config import Config
from agent.uplink.link import client_id_of
from agent.version import __version__

SPREAD_S = 3.0
"""After Home Assistant's start the stations of a plant announce themselves within so long, not all at once, s."""
EXPIRES_WINDOWS = 3
"""A value that was not renewed for so many windows is shown as not available."""
_SHORTEST_EXPIRY_S = 30
_ONLINE = "{{ 'online' if value_json.online == 1 else 'offline' }}"

_LANE: Mapping[str, Mapping[str, Any]] = {
    "yield": {"unit_of_measurement": "%", "state_class": "measurement", "suggested_display_precision": 1},
    "parts": {"state_class": "total_increasing"},
    "ng": {"state_class": "total_increasing"},
    "unsure": {"state_class": "total_increasing"},
    "latency": {"unit_of_measurement": "ms", "state_class": "measurement", "device_class": "duration"},
}
_NAMES = {"yield": "yield", "parts": "parts", "ng": "NG", "unsure": "UNSURE", "latency": "latency p99"}
_FIELDS = {
    "yield": "yield_pct",
    "parts": "parts_total",
    "ng": "ng_total",
    "unsure": "unsure_total",
    "latency": "latency_p99_ms",
}


def device(config: Config, prefix: str) -> dict[str, Any]:
    """The discovery payload of a station whose topics begin with `prefix`."""
    who, identity = config.station, client_id_of(config)
    expires_s = max(_SHORTEST_EXPIRY_S, round(EXPIRES_WINDOWS * config.store.window_s))
    components = _station(prefix)
    for lane in config.lanes:
        components |= _lane(prefix, lane, expires_s)
    for key, component in components.items():
        component["unique_id"] = f"{identity}-{key}"
    return {
        "device": {
            "identifiers": [identity],
            "name": f"{who.name} ({who.site} {who.line})",
            "manufacturer": "okng",
            "model": "inspection station",
            "sw_version": __version__,
        },
        "origin": {"name": "okng", "sw_version": __version__},
        "qos": 1,
        "components": components,
    }


def _station(prefix: str) -> dict[str, dict[str, Any]]:
    alarms = f"{prefix}/alarms"
    return {
        "online": {
            "platform": "binary_sensor",
            "name": "online",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": f"{prefix}/status",
            "value_template": "{{ 'ON' if value_json.online == 1 else 'OFF' }}",
        },
        "running": {
            "platform": "binary_sensor",
            "name": "judging process",
            "device_class": "running",
            "entity_category": "diagnostic",
            "state_topic": alarms,
            "value_template": "{{ 'ON' if value_json.up == 1 else 'OFF' }}",
            **_available(prefix),
        },
        "alarms": {
            "platform": "sensor",
            "name": "alarms standing",
            "state_class": "measurement",
            "icon": "mdi:alert",
            "state_topic": alarms,
            "value_template": _value("standing"),
            "json_attributes_topic": alarms,
            **_available(prefix),
        },
    }


def _lane(prefix: str, lane: str, expires_s: int) -> dict[str, dict[str, Any]]:
    return {
        f"{lane}-{what}": {
            "platform": "sensor",
            "name": f"{lane} {_NAMES[what]}",
            "state_topic": f"{prefix}/summary/{lane}",
            "value_template": _value(_FIELDS[what]),
            "expire_after": expires_s,
            **shown,
            **_available(prefix),
        }
        for what, shown in _LANE.items()
    }


def _value(name: str) -> str:
    """What is left out of a payload (a yield without parts) has no value: "None" is Home Assistant's "unknown"."""
    return f"{{{{ value_json.{name} | default(none) }}}}"


def _available(prefix: str) -> dict[str, Any]:
    return {"availability": [{"topic": f"{prefix}/status", "value_template": _ONLINE}]}


@dataclass(slots=True)
class Discovery:
    """When a station announces itself, and what it takes back. One thread uses it."""

    prefix: str
    """Home Assistant's, `uplink.home_assistant`."""
    identity: str
    payload: Mapping[str, Any]
    _due_s: float | None = None
    """Monotonic; None: nothing is to be said."""
    _gone: dict[str, str] = field(default_factory=dict)
    """Components that an earlier start of this station announced, and their platforms."""

    @classmethod
    def of(cls, config: Config, prefix: str) -> "Discovery":
        return cls(config.uplink.home_assistant, client_id_of(config), device(config, prefix))

    @property
    def topic(self) -> str:
        return f"{self.prefix}/device/{self.identity}/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self.prefix}/status"

    @property
    def topics(self) -> tuple[str, str]:
        """What is listened to: the broker's copy of our own tells which lanes are gone."""
        return self.topic, self.birth

    def connected(self) -> None:
        """To be said at once."""
        self._due_s = 0.0

    def heard(self, topic: str, payload: bytes) -> None:
        """A message on one of `topics`."""
        now = time.monotonic()
        if topic == self.birth and payload == b"online":
            self._due_s = now + random.SystemRandom().uniform(0.0, SPREAD_S)
        elif topic == self.topic:
            gone = dict(_left_over(payload, self.payload["components"]))
            if gone.keys() - self._gone.keys():
                self._gone |= gone
                self._due_s = now

    def due(self, now: float) -> bytes | None:
        """The message that is to be published now, retained; `now` is monotonic, s."""
        if self._due_s is None or now < self._due_s:
            return None
        self._due_s = None
        removed = {key: {"platform": platform} for key, platform in self._gone.items()}
        return json.dumps({**self.payload, "components": {**self.payload["components"], **removed}}).encode()


def _left_over(payload: bytes, ours: Iterable[str]) -> Iterable[tuple[str, str]]:
    """(key, platform) of what an announcement has beyond `ours`, and does not take back already."""
    try:
        components = json.loads(payload)["components"]
        for key, component in components.items():
            if key not in ours and len(component) > 1:
                yield key, str(component["platform"])
    except (ValueError, KeyError, TypeError, AttributeError):  # somebody else's, or none
        return
