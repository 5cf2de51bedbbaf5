"""A station is asked for a backtest: a process of its own, one at a time, whose answer is kept."""

import json
from pathlib import Path

import pytest

from agent.control import ask
from agent.errors import StationRefused
from tests.station.rig import running, virtual

LANE = virtual(rate_hz=20)
KEEPS = "[evidence]\nlossless_share = 1.0\nreserve_mb = 0\n"
NG = 'canned = [["spur", 0.9, 10, 10, 30, 30]]\n'


def test_a_model_is_tried_on_stored_parts_beside_the_station(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, LANE, NG + KEEPS) as rig:
        rig.until(lambda: rig.station.lanes["top"].judged > 5)
        assert ask(rig.runtime, "backtests")["backtest"] is None
        said = ask(rig.runtime, "backtest", id="canned-1", since_utc_us=0, lossy=False)
        assert said["running"]
        with pytest.raises(StationRefused, match="one at a time"):
            ask(rig.runtime, "backtest", id="canned-1", since_utc_us=0)
        rig.until(lambda: not ask(rig.runtime, "backtests")["backtest"]["running"], 120)
        ended = ask(rig.runtime, "backtests")["backtest"]
        assert ended["why"] == ""
        assert ended["done"] == ended["total"] > 0
        figures = json.loads((data / "backtests" / f"{said['name']}.json").read_text())
        assert figures["candidate"]["id"] == "canned-1"
        assert figures["table"]["NG->NG"] == ended["done"]
        assert (data / "backtests" / f"{said['name']}.html").read_text().startswith("<!doctype html>")
        rig.until(lambda: "backtest_ended" in {event.name for event in rig.reader.events(50)})


def test_what_cannot_be_tried_is_said(tmp_path: Path) -> None:
    with running(tmp_path / "data", LANE) as rig:
        for asked, why in (
            ({"id": "../x"}, "allowed: NAME-VERSION"),
            ({"id": "canned-1", "lane": "side"}, "unknown lane 'side'"),
            ({"id": "canned-1", "since_utc_us": 5, "until_utc_us": 4}, "after since is allowed"),
            ({"id": "canned-1", "limit": -1}, "limit -1"),
        ):
            with pytest.raises(StationRefused, match=why):
                ask(rig.runtime, "backtest", 10, **asked)
        assert not ask(rig.runtime, "backtest", id="off")["ended"]
        ask(rig.runtime, "backtest", id="nobody-1")
        rig.until(lambda: not ask(rig.runtime, "backtests")["backtest"]["running"], 120)
        assert "there is no such bundle" in ask(rig.runtime, "backtests")["backtest"]["why"]
