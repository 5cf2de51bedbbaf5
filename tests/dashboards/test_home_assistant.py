"""Home Assistant's discovery: what a station announces is what it sends, and stays true when lanes come and go.

Home Assistant itself is not run here. Its side is held by what its MQTT integration checks (device discovery:
`device` with an identifier, `origin` with a name, `components` with a platform each) and by its own template
language, jinja2, rendered over real payloads.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import jinja2
import pytest
from pydantic import ValidationError

from agent.config import Config
from agent.uplink.discovery import device
from tests.dashboards.real_payloads import CAMERA_GONE, fields_of, messages
from tests.uplink.broker import Mosquitto, running
from tests.uplink.rig import PREFIX, config_of, listening, uplink, wait_for

TOPIC = "homeassistant/device/okng-plant-line1-station1/config"
BIRTH = "homeassistant/status"
PLATFORMS = {
    "sensor": {"state_class", "unit_of_measurement", "suggested_display_precision", "json_attributes_topic"},
    "binary_sensor": set(),
}
EVERY_PLATFORM = {
    *("platform", "name", "unique_id", "state_topic", "value_template", "availability"),
    *("device_class", "entity_category", "icon", "expire_after"),
}
"""Options of an entity, by Home Assistant's documentation of its MQTT sensor and binary sensor."""


def with_lanes(config: Config, *lanes: str) -> Config:
    said = config.model_dump(mode="json")
    said["lanes"] = {lane: {"recipe": "board", "camera": {"kind": "virtual"}} for lane in lanes}
    return Config.model_validate(said)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running(tmp_path / "broker") as made:
        yield made


@pytest.fixture
def announced(tmp_path: Path) -> dict[str, Any]:
    return device(with_lanes(config_of(tmp_path, 1883), "top", "side-2"), PREFIX)


def rendered(template: str, payload: dict[str, Any]) -> str:
    return jinja2.Environment(autoescape=False).from_string(template).render(value_json=payload)


def kind_of(topic: str) -> str:
    assert topic.startswith(f"{PREFIX}/"), topic
    return topic.removeprefix(f"{PREFIX}/").split("/")[0]


def test_its_format_is_home_assistants(announced: dict[str, Any]) -> None:
    assert set(announced) == {"device", "origin", "qos", "components"}
    assert announced["device"]["identifiers"] == ["okng-plant-line1-station1"]
    assert announced["origin"]["name"] == "okng"
    identities = [c["unique_id"] for c in announced["components"].values()]
    assert len(set(identities)) == len(identities) == 3 + 2 * 5
    for key, component in announced["components"].items():
        assert re.fullmatch(r"[A-Za-z0-9_-]+", key)
        assert set(component) <= EVERY_PLATFORM | PLATFORMS[component["platform"]], key
        assert component["name"]
        assert component["state_topic"].startswith(PREFIX)


def test_every_topic_and_field_that_it_names_is_there(announced: dict[str, Any]) -> None:
    named = 0
    for key, component in announced["components"].items():
        readings = [(component["state_topic"], component["value_template"])]
        readings += [(a["topic"], a["value_template"]) for a in component.get("availability", ())]
        for topic, template in readings:
            kind = kind_of(topic)
            fields = re.findall(r"value_json\.([a-z0-9_]+)", template)
            assert fields, key
            assert set(fields) <= fields_of(kind), (key, topic, fields)
            assert any(set(fields) <= payload.keys() for payload in messages()[kind]), (key, fields)
            named += len(fields)
    assert named >= 20


@pytest.mark.parametrize(
    ("key", "kind", "values"),
    [
        ("top-yield", "summary", ["70.0", "None"]),
        ("top-parts", "summary", ["10", "0"]),
        ("top-ng", "summary", ["2", "0"]),
        ("top-unsure", "summary", ["1", "0"]),
        ("online", "status", ["ON", "OFF"]),
        ("running", "alarms", ["ON", "ON", "OFF"]),
        ("alarms", "alarms", ["1", "0", "None"]),
    ],
)
def test_its_templates_read_the_messages(announced: dict[str, Any], key: str, kind: str, values: list[str]) -> None:
    """A window without parts has no yield: "None" is shown as unknown, not as 0."""
    component = announced["components"][key]
    assert kind_of(component["state_topic"]) == kind
    assert [rendered(component["value_template"], payload) for payload in messages()[kind]] == values


def test_availability_follows_the_status(announced: dict[str, Any]) -> None:
    """All but the entity that says so: it would be unavailable whenever it had to say "off"."""
    for key, component in announced["components"].items():
        assert ("availability" not in component) == (key == "online")
        for topic in component.get("availability", ()):
            assert topic["topic"] == f"{PREFIX}/status"
            says = [rendered(topic["value_template"], payload) for payload in messages()["status"]]
            assert says == ["online", "offline"]


@pytest.mark.parametrize("protocol", [5, 3])
def test_it_is_retained_and_said_again_at_home_assistants_birth(
    broker: Mosquitto, tmp_path: Path, announced: dict[str, Any], protocol: Literal[5, 3]
) -> None:
    config = with_lanes(
        config_of(tmp_path, broker.port, protocol=protocol, home_assistant="homeassistant"), "top", "side-2"
    )
    with uplink(config) as rig:
        wait_for(lambda: rig.state() == "online")
        with listening(broker.port, TOPIC) as ha:
            wait_for(lambda: ha.got)
            assert ha.got[0].retain
            assert ha.json(TOPIC) == [announced]
            ha.publish(BIRTH, b"offline")
            ha.publish(BIRTH, b"online")
            wait_for(lambda: len(ha.got) == 2)
            assert ha.json(TOPIC)[1] == announced


def test_a_lane_that_is_gone_is_taken_back(broker: Mosquitto, tmp_path: Path) -> None:
    config = config_of(tmp_path, broker.port, home_assistant="homeassistant")
    with uplink(with_lanes(config, "top", "side-2")) as rig:
        wait_for(lambda: rig.state() == "online")
        with listening(broker.port, TOPIC) as ha:
            wait_for(lambda: ha.got)
    gone = {f"side-2-{what}": {"platform": "sensor"} for what in ("yield", "parts", "ng", "unsure", "latency")}
    with listening(broker.port, TOPIC) as ha:
        with uplink(with_lanes(config, "top")):
            left = wait_for(lambda: [p for p in ha.json(TOPIC) if "side-2-yield" in p["components"]][1:])[0]
        assert {k: c for k, c in left["components"].items() if k.startswith("side-2")} == gone
        assert left["components"]["top-yield"]["unique_id"]
        heard = len(ha.got)
        # The next start has nothing left to take back.
        with uplink(with_lanes(config, "top")) as rig:
            wait_for(lambda: rig.state() == "online" and len(ha.got) > heard)
            rig.station.alarms = (CAMERA_GONE,)
            with listening(broker.port, f"{PREFIX}/alarms") as later:
                wait_for(lambda: any(a.get("standing") for a in later.json(f"{PREFIX}/alarms")))
        assert len(ha.got) == heard + 1
        assert not any(key.startswith("side-2") for key in ha.json(TOPIC)[-1]["components"])


@pytest.mark.parametrize("payload", [b"", b"no JSON", b"[]", b"{}", b'{"components": 1}', b'{"components": {"a": 1}}'])
def test_what_else_stands_on_its_topic_harms_nobody(broker: Mosquitto, tmp_path: Path, payload: bytes) -> None:
    config = with_lanes(config_of(tmp_path, broker.port, home_assistant="homeassistant"), "top")
    with uplink(config) as rig, listening(broker.port, TOPIC) as ha:
        wait_for(lambda: ha.got)
        ha.publish(TOPIC, payload, retain=True)
        ha.publish(BIRTH, b"online")
        wait_for(lambda: len(ha.got) >= 3)
        assert json.loads(ha.got[-1].payload)["components"].keys() >= {"online", "top-yield"}
        assert rig.state() == "online"


def test_nothing_is_announced_unasked(broker: Mosquitto, tmp_path: Path) -> None:
    with listening(broker.port, "homeassistant/#", f"{PREFIX}/alarms") as ha:
        with uplink(config_of(tmp_path, broker.port)):
            wait_for(lambda: ha.got)
        assert {message.topic for message in ha.got} == {f"{PREFIX}/alarms"}


@pytest.mark.parametrize("prefix", ["home assistant", "home/#", "/home", "home/", "+"])
def test_a_prefix_that_is_no_topic_is_refused(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(ValidationError, match="home_assistant"):
        config_of(tmp_path, 1883, home_assistant=prefix)
