"""The settings that the demo writes: each is one that okng takes."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.config import VirtualConfig
from agent.demo.broker import NONE, Broker, find_amqtt, own_broker
from agent.demo.plant import commands, places, write
from agent.demo.wishes import Wishes
from agent.errors import OkngError
from agent.settings import load
from tests.ports import free_port

BROKER = Broker("127.0.0.1", 1883, 5, "one")


def wishes(**changes: object) -> Wishes:
    asked = Wishes(
        parts=0,
        rate_hz=10.0,
        lanes=1,
        page=True,
        json=None,
        port=free_port(),
        data=None,
        broker="",
        stations=0,
        fleet_port=free_port(),
    )
    return replace(asked, **changes)  # type: ignore[arg-type]


def test_every_station_has_settings_and_processes_of_its_own(tmp_path: Path) -> None:
    asked = wishes(stations=4)
    plant = places(asked, tmp_path, tmp_path / "run")
    names = []
    for place in plant:
        write(place, asked, BROKER)
        config = load(place.settings, environment={}).config
        names.append((config.station.name, config.station.data, config.station.runtime))
        assert config.uplink.settle == "centre"
        assert config.web.enabled is (place.number == 1)
    assert len({each for name in names for each in name}) == 12
    assert [c.name for place in plant for c in commands(place, asked, BROKER)][:5] == [
        "station",
        "uplink",
        "web",
        "station2 station",
        "station2 uplink",
    ]
    drifting = load(plant[1].settings, environment={}).config.lanes["board1"].camera
    assert isinstance(drifting, VirtualConfig)
    assert drifting.drift_to > 5 * drifting.bad_share
    assert plant[2].kind.flaky


def test_a_run_for_its_figures_is_one_station_alone(tmp_path: Path) -> None:
    asked = wishes(parts=7, lanes=2)
    (place,) = places(asked, tmp_path, tmp_path / "run")
    write(place, asked, NONE)
    config = load(place.settings, environment={}).config
    assert not asked.fleet
    assert (config.uplink.host, config.uplink.settle, set(config.lanes)) == ("", "puback", {"board1", "board2"})
    assert [lane.camera.boards for lane in config.lanes.values() if isinstance(lane.camera, VirtualConfig)] == [4, 4]
    assert [c.name for c in commands(place, asked, NONE)] == ["station", "web"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stations": 17}, "--stations 17: allowed are 1 to 16"),
        ({"stations": -1}, "--stations -1: allowed are 1 to 16"),
        ({"lanes": 0}, "--lanes 0"),
        ({"rate_hz": 0.0}, "--rate 0"),
        ({"port": 70_000}, "port 70000 cannot be used .allowed are 0 to 65535.; another one: --port N"),
        ({"port": 12_345, "fleet_port": 12_345}, "--fleet-port 12345: the station's page has it already"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, object], says: str) -> None:
    with pytest.raises(OkngError, match=says):
        wishes(**changes).check()


@pytest.mark.skipif(find_amqtt() is None, reason="amqtt is not installed (extra demo)")
def test_where_there_is_no_mosquitto_another_broker_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.demo.broker.find_mosquitto", lambda: None)
    with own_broker(tmp_path / "broker") as broker:
        assert (broker.host, broker.protocol) == ("127.0.0.1", 3)
        assert "amqtt" in broker.words
