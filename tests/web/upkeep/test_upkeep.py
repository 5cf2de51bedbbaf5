"""The set-up's pages of the box: events and alarms that persons deal with, storage, device, what can be taken along."""

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.backup.restore import look
from agent.station.alarms import Alarms, Cause
from agent.status import Alarm
from tests.web.fake_station import FakeStation, running
from tests.web.served import Served, serving

SINCE = 1_790_000_000_000_000
GONE = Alarm(name="camera_gone", lane="top", since_utc_us=SINCE, detail="no device with serial 12")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[FakeStation, Served]]:
    with running(tmp_path) as station, serving(tmp_path) as served:
        station.judge()
        yield station, served


def get(served: Served, path: str, **headers: str) -> httpx.Response:
    return httpx.get(served.url + path, headers=headers, timeout=30)


def until_says(served: Served, path: str, text: str) -> str:
    end = time.monotonic() + 20
    while text not in (page := get(served, path).text):
        assert time.monotonic() < end, page
        time.sleep(0.1)
    return page


def test_an_alarm_says_what_to_do_and_who_deals_with_it(line: tuple[FakeStation, Served]) -> None:
    station, served = line
    station.said = {"alarms": (GONE,)}
    page = until_says(served, "/setup/events", "Camera gone")
    assert "Check cable and power" in page
    form = {"alarm": "camera_gone", "lane": "top", "since_utc_us": str(SINCE), "note": "cable <b>swapped</b>"}
    answer = httpx.post(f"{served.url}/setup/events/acknowledge", data=form, timeout=30)
    assert (answer.status_code, answer.headers["location"]) == (303, "/setup/events")
    page = until_says(served, "/setup/events", "deals with it")
    assert "cable &lt;b&gt;swapped&lt;/b&gt;" in page
    assert "I am on it" not in page


def test_an_alarm_is_acknowledged_over_rest(line: tuple[FakeStation, Served]) -> None:
    station, served = line
    station.said = {"alarms": (GONE,)}
    until_says(served, "/setup/events", "Camera gone")
    url = f"{served.url}/api/v1/alarms/acknowledge"
    said = {"alarm": "camera_gone", "lane": "top", "since_utc_us": SINCE, "note": ""}
    assert httpx.post(url, json=said, timeout=30).json() == {"acknowledged": "camera_gone"}
    assert httpx.post(url, json={**said, "what": 1}, timeout=30).status_code == 422
    assert httpx.get(f"{served.url}/api/v1/alarms", timeout=30).json()["alarms"][0]["acknowledged_by"]


def test_an_acknowledged_alarm_stands_until_it_ends_and_another_one_is_another() -> None:
    said: list[tuple[str, dict[str, object]]] = []
    alarms = Alarms(lambda name, **detail: said.append((name, detail)))
    alarms.update([Cause("camera_gone", "top")], 10)
    assert not alarms.acknowledge("camera_gone", "top", 9, "ann", "", 11)
    assert not alarms.acknowledge("camera_gone", "side", 10, "ann", "", 11)
    assert alarms.acknowledge("camera_gone", "top", 10, "ann", "cable", 11)
    alarms.update([Cause("camera_gone", "top", "still")], 12)
    assert alarms.standing == (
        Alarm(
            name="camera_gone",
            lane="top",
            since_utc_us=10,
            detail="still",
            acknowledged_by="ann",
            acknowledged_note="cable",
            acknowledged_utc_us=11,
        ),
    )
    alarms.update([], 13)
    alarms.update([Cause("camera_gone", "top")], 14)
    assert alarms.standing[0].acknowledged_by == ""
    assert [name for name, _ in said] == ["alarm", "alarm_acknowledged", "alarm_end", "alarm"]


def test_events_are_searched_paged_and_taken_along(line: tuple[FakeStation, Served]) -> None:
    station, served = line
    for number in range(60):
        station.event("paused", lane="top", why=f"=cmd {number}")
    station.event("recipe_changed", recipe="50%_off")
    page = until_says(served, "/setup/events?name=recipe_changed", "50%_off")
    assert "=cmd 1" not in page
    assert "Recipe changed" in get(served, "/setup/events?contains=%25_o").text
    assert "No event matches" in get(served, "/setup/events?contains=0_off").text
    first = get(served, "/setup/events?name=paused").text
    assert first.count("<time>") == 50
    assert "before_id=" in first
    rows = get(served, "/setup/events.csv?name=paused").text.splitlines()
    assert len(rows) == 61
    assert ",why: =cmd" in rows[1] or "'=cmd" in rows[1] or "通道" in rows[1] or "top" in rows[1]
    wrong = get(served, "/setup/events?since=yesterday&colour=red")
    assert wrong.status_code == 422
    assert "since" in wrong.text
    assert "colour" in wrong.text
    api = get(served, "/api/v1/events?contains=50%25_off").json()
    assert [event["name"] for event in api["events"]] == ["recipe_changed"]


@pytest.mark.parametrize("path", ["/setup/events", "/setup/storage", "/setup/device"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_stand_with_and_without_a_station(line: tuple[FakeStation, Served], path: str, language: str) -> None:
    """FIELD 2: nothing of the page needs the station to be alive."""
    station, served = line
    there = get(served, path, cookie=f"okng_language={language}")
    assert there.status_code == 200
    assert {"en": "Storage and broker", "zh": "存储与通信"}[language] in there.text
    station.stop()
    away = get(served, path, cookie=f"okng_language={language}")
    assert away.status_code == 200
    station.start()


def test_what_is_taken_along_is_whole(line: tuple[FakeStation, Served], tmp_path: Path) -> None:
    _, served = line
    support = httpx.post(f"{served.url}/setup/device/support.zip", timeout=60)
    assert support.status_code == 200, support.text
    with zipfile.ZipFile(io.BytesIO(support.content)) as archive:
        assert "about.json" in archive.namelist()
    backup = httpx.post(f"{served.url}/setup/device/backup", timeout=60)
    (tmp_path / "b").write_bytes(backup.content)
    assert look(tmp_path / "b").station.endswith("/station1")


def test_rest_tells_the_box(line: tuple[FakeStation, Served]) -> None:
    _, served = line
    device = get(served, "/api/v1/device").json()
    assert device["versions"]["okng"]
    assert device["memory_mb"] > 0
    assert get(served, "/api/v1/storage").json()["quota_mb"] > 0
