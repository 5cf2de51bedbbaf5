"""The documented Node-RED flows, run by Node-RED itself and looked at in Chromium, fed by a live station.

Fetching Node-RED is a test of its own, because it may take minutes the first time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.living import IDENTITY, demo, end
from tests.dashboards.node_red import FETCH_S, dashboard, installed
from tests.dashboards.real_payloads import CAMERA_GONE, ENCODER, NOW_US, summary
from tests.uplink.broker import Mosquitto, running
from tests.uplink.rig import PREFIX, Listener, listening, wait_for
from tests.web.browsing import opened, says, shot, sync_api

LIVE = f"okng/{IDENTITY}"
OTHER = PREFIX.removeprefix("okng/")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running(tmp_path / "broker") as made:
        yield made


@pytest.mark.slow
@pytest.mark.timeout(FETCH_S + 60)
def test_node_red_is_here_or_fetched() -> None:
    assert (installed() / "node_modules" / "@flowfuse" / "node-red-dashboard").is_dir()


def cells(page: "sync_api.Page", station: str) -> list[str]:
    """The texts of a station's row; empty while it is not there, or just being drawn anew."""
    row = page.locator(".okng-stations tbody tr", has_text=station)
    return [text.strip() for text in row.locator("td").all_inner_texts()]


def expected(said: dict[str, Any]) -> list[str]:
    """A station's row with one lane, whose newest window is `said`: up to its latency."""
    judged = f"{100 * said['ok'] / said['parts']:.1f} %" if said["parts"] else "no parts"
    totals = [str(said[f"{name}_total"]) for name in ("parts", "ng", "unsure")]
    return [IDENTITY, "judging", judged, *totals]


def counters(page: "sync_api.Page") -> dict[str, str]:
    names = ("online", "parts", "ng", "unsure")
    return {name: page.locator(f".okng-{name} .nrdb-ui-text-value").inner_text() for name in names}


def sums(heard: Listener, other: dict[str, int]) -> dict[str, str]:
    newest = heard.json(f"{LIVE}/summary/board1")[-1]
    return {"online": "2 of 2"} | {name: str(newest[f"{name}_total"] + count) for name, count in other.items()}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_its_page_shows_a_live_station(broker: Mosquitto, tmp_path: Path, browser: "sync_api.Browser") -> None:
    """The demo's station judges; another one, with an alarm, is known by its messages alone."""
    with (
        demo(tmp_path / "demo", "--headless", "--rate", "5", "--broker", f"127.0.0.1:{broker.port}") as station,
        listening(broker.port, "okng/#") as heard,
        dashboard(tmp_path / "nodered", broker.port) as address,
        opened(browser, address, viewport={"width": 1280, "height": 900}) as page,
    ):
        says(page, ".okng-yield .nrdb-ui-gauge-title", "No parts in the newest windows")
        topic = f"{LIVE}/summary/board1"
        wait_for(lambda: station.poll() is not None or any(s["parts"] for s in heard.json(topic)), 120, "first parts")
        wait_for(lambda: cells(page, IDENTITY)[:6] == expected(heard.json(topic)[-1]), 60, "the live station's row")
        says(page, ".okng-yield .nrdb-ui-gauge-title", "Yield, newest windows")

        heard.publish(f"{PREFIX}/status", ENCODER.status(True, NOW_US // 1000, "0.1.0", "boot", "one"), retain=True)
        heard.publish(f"{PREFIX}/alarms", ENCODER.alarms(NOW_US // 1000, [CAMERA_GONE]), retain=True)
        heard.publish(f"{PREFIX}/summary/top", summary(ok=7, ng=2, unsure=1))
        heard.publish(f"{PREFIX}/summary/top", b"not JSON")
        heard.publish(f"{PREFIX}/summary/top", b'"text"')
        wait_for(lambda: cells(page, OTHER)[:6] == [OTHER, "judging", "70.0 %", "10", "2", "1"], 60, "the other's row")
        wait_for(lambda: counters(page) == sums(heard, {"parts": 10, "ng": 2, "unsure": 1}), 60, "the counters")
        alarms = page.locator(".okng-alarms tbody tr", has_text=OTHER)
        assert [text.split() for text in alarms.all_inner_texts()] == [[OTHER, "camera_gone", "top"]]
        shot(page, "node-red")

        end(station)
        wait_for(lambda: cells(page, IDENTITY)[1:2] == ["offline"], 60, "offline")
        wait_for(lambda: counters(page)["online"] == "1 of 2", 60)
        wait_for(lambda: page.locator(".okng-yield .nrdb-ui-gauge-value span").inner_text() == "70", 60, "its yield")
