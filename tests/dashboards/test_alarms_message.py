"""The retained message on `alarms`: what stands now, for those who come later and keep no events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.uplink.payload import AlarmsMessage, decode
from tests.dashboards.real_payloads import CAMERA_GONE, NOW_US
from tests.uplink.broker import Mosquitto, running
from tests.uplink.rig import PREFIX, config_of, listening, uplink, wait_for

TOPIC = f"{PREFIX}/alarms"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running(tmp_path / "broker") as made:
        yield made


def test_it_begins_is_acknowledged_and_ends(broker: Mosquitto, tmp_path: Path) -> None:
    with uplink(config_of(tmp_path, broker.port)) as rig, listening(broker.port, TOPIC) as heard:
        wait_for(lambda: len(heard.got) == 1)
        rig.station.alarms = (CAMERA_GONE, CAMERA_GONE.model_copy(update={"name": "clock", "lane": ""}))
        wait_for(lambda: len(heard.got) == 2)
        with listening(broker.port, TOPIC) as late:
            wait_for(lambda: late.got)
            assert late.got[0].retain
        rig.station.alarms = (CAMERA_GONE.model_copy(update={"acknowledged_by": "li", "acknowledged_utc_us": NOW_US}),)
        wait_for(lambda: len(heard.got) == 3)
        rig.station.alarms = ()
        wait_for(lambda: len(heard.got) == 4)
        said = [decode(AlarmsMessage, message.payload) for message in heard.got]
    assert [(a.up, a.standing, a.unacknowledged, a.names) for a in said] == [
        (1, 0, 0, ""),
        (1, 2, 2, "camera_gone:top,clock"),
        (1, 1, 0, "camera_gone:top"),
        (1, 0, 0, ""),
    ]


def test_a_detail_that_changes_is_not_said_again(broker: Mosquitto, tmp_path: Path) -> None:
    with uplink(config_of(tmp_path, broker.port)) as rig, listening(broker.port, TOPIC) as heard:
        for detail in ("99 % full", "98 % full"):
            rig.station.alarms = (CAMERA_GONE.model_copy(update={"detail": detail}),)
            wait_for(lambda: rig.sender.talk.seen and rig.sender.talk.seen.alarms == rig.station.alarms)
        rig.station.alarms = ()
        wait_for(lambda: heard.got and heard.json(TOPIC)[-1]["standing"] == 0 and len(heard.got) > 1)
        assert [a["standing"] for a in heard.json(TOPIC)][-2:] == [1, 0]
        assert len(heard.got) <= 3


def test_a_station_that_is_away_has_no_count(broker: Mosquitto, tmp_path: Path) -> None:
    with uplink(config_of(tmp_path, broker.port), station=False), listening(broker.port, TOPIC) as heard:
        (said,) = wait_for(lambda: heard.json(TOPIC))
    assert said["up"] == 0
    assert not {"standing", "unacknowledged"} & said.keys()


def test_a_broker_that_lost_its_store_is_told_again(broker: Mosquitto, tmp_path: Path) -> None:
    with uplink(config_of(tmp_path, broker.port)) as rig:
        rig.station.alarms = (CAMERA_GONE,)
        with listening(broker.port, TOPIC) as heard:
            wait_for(lambda: heard.got and heard.json(TOPIC)[-1]["standing"] == 1)
        broker.kill()
        broker.wipe()
        broker.start()
        with listening(broker.port, TOPIC) as heard:
            wait_for(lambda: heard.got)
            assert heard.json(TOPIC)[0]["standing"] == 1
