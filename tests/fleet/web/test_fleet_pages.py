"""The fleet's pages, REST and files, over a store that the real intake filled: what they say is what was sent."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fleet.store.values import Sums
from tests.fleet.stored import added
from tests.fleet.web.shown import ShownFleet, serving

PAGES = (
    "/", "/?order=yield", "/?show=attention", "/?text=aoi1+wuxi", "/sites/wuxi", "/sites/wuxi/smt1",
    "/sites/wuxi/smt1/aoi1", "/sites/wuxi/smt1/aoi1?range=hours&lane=top", "/sites/suzhou/smt1/aoi1?range=month",
    "/compare", "/compare?with=wuxi&with=suzhou&with=wuxi/smt1/aoi2&range=hours", "/alarms", "/alarms?site=wuxi",
    "/models", "/models/rollouts/1",
    "/export", "/setup/sync", "/setup/aside", "/setup/notices", "/setup/people", "/setup/tokens", "/setup/acts", "/me",
)  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ShownFleet, httpx.Client]]:
    fleet = ShownFleet(Path(tmp_path_factory.mktemp("fleet")))
    fleet.fill()
    with serving(fleet) as served, httpx.Client(base_url=served.url, timeout=60) as client:
        yield fleet, client


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_drawn_in_both_languages(
    shown: tuple[ShownFleet, httpx.Client], path: str, language: str
) -> None:
    answer = shown[1].get(path, headers={"accept": "text/html", "accept-language": language})
    assert answer.status_code == 200, answer.text[:500]
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text
    assert "Aurora" in answer.text
    assert "<script>alert" not in answer.text


def totals(sums: dict[str, float]) -> Sums:
    """REST's sums as values."""
    thousandths = {f"{name}_e3": round(1000 * sums.pop(name)) for name in ("latency_sum_ms", "brightness_sum")}
    thousandths["sharpness_sum_e3"] = round(1000 * sums.pop("sharpness_sum"))
    lists = {name: tuple(sums.pop(name)) for name in ("latency_le", "score_le")}  # type: ignore[arg-type]
    return Sums(**sums, **thousandths, **lists)  # type: ignore[arg-type]


def test_what_rest_adds_up_is_what_the_stations_said(shown: tuple[ShownFleet, httpx.Client]) -> None:
    fleet, client = shown
    groups = client.get("/api/v1/sums", params={"by": "box"}).json()["groups"]
    assert len(groups) == len(fleet.stations)
    by_place = {tuple(group[name] for name in ("site", "line", "station")): group for group in groups}
    for station in fleet.stations:
        group = by_place[station.site, station.line, station.name]
        lost = 3 if station is fleet.stations[1] else 0
        said = added(station.said)
        assert group["sums"]["windows"] == said.windows - lost
        if not lost:
            assert totals(group["sums"]) == said


def test_the_overview_says_how_each_station_is(shown: tuple[ShownFleet, httpx.Client]) -> None:
    text = shown[1].get("/", headers={"accept-language": "en"}).text
    rows = dict(re.findall(r'<tr data-key="([^"]+)">(.*?)</tr>', text, re.S))
    assert set(rows) == {"wuxi/smt1/aoi1", "wuxi/smt1/aoi2", "wuxi/smt2/aoi1", "suzhou/smt1/aoi1", "suzhou/smt1/aoi2"}
    assert "Disk space is running out" in rows["wuxi/smt1/aoi1"]
    assert "3 missing" in rows["wuxi/smt1/aoi2"]
    assert "connection lost" in rows["suzhou/smt1/aoi1"]
    assert "the rest waits on the station" in rows["suzhou/smt1/aoi1"]
    only = shown[1].get("/?show=gaps").text
    assert re.findall(r'<tr data-key="([^"]+)">', only) == ["wuxi/smt1/aoi2"]


def test_the_lists_part_that_changes_is_sent_once(shown: tuple[ShownFleet, httpx.Client]) -> None:
    client = shown[1]
    first = client.get("/live/stations?show=all")
    assert "<html" not in first.text
    again = client.get("/live/stations?show=all", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) in ((304, b""), (200, again.content))
    assert re.fullmatch(r"\d\d:\d\d:\d\d", again.headers["x-okng-clock"])


def test_a_place_shows_its_sums_and_what_it_is_made_of(shown: tuple[ShownFleet, httpx.Client]) -> None:
    fleet, client = shown
    text = client.get("/sites/suzhou/smt1", headers={"accept-language": "en"}).text
    said = added(s for station in fleet.stations[3:] for s in station.said)
    assert f'<dd class="value">{said.parts:,}</dd>' in text
    assert all(f'id="{name}"' in text for name in ("yields", "causes-defect", "control-first", "latency", "scores"))
    assert 'href="/sites/suzhou/smt1/aoi2"' in text


def test_a_station_names_the_messages_that_are_missing(shown: tuple[ShownFleet, httpx.Client]) -> None:
    text = shown[1].get("/sites/wuxi/smt1/aoi2", headers={"accept-language": "en"}).text
    assert "Missing: 11–13" in text


@pytest.mark.parametrize(("path", "what"), [
    ("/sites/nowhere", "nowhere"), ("/sites/wuxi/smt9", "smt9"), ("/export/x.csv", ""), ("/setup/nowhere", ""),
])  # fmt: skip
def test_what_is_not_there_is_said(shown: tuple[ShownFleet, httpx.Client], path: str, what: str) -> None:
    answer = shown[1].get(path, headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert what in answer.text


@pytest.mark.parametrize(("path", "named"), [
    ("/?show=red", "red"), ("/?order=size", "size"), ("/sites/wuxi?range=year", "year"),
    ("/sites/wuxi/smt1/aoi1?box=x", "box"), ("/compare?with=a/b/c/d", "a/b/c/d"), ("/export/hours.csv?hue=1", "hue"),
    ("/setup/aside?before_id=0", "before_id"), ("/export/windows.csv?since=2026-01-01&until=2026-06-01", "31"),
])  # fmt: skip
def test_what_is_asked_wrongly_is_named(shown: tuple[ShownFleet, httpx.Client], path: str, named: str) -> None:
    answer = shown[1].get(path, headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert named in answer.text


@pytest.mark.parametrize(("path", "where"), [
    ("/api/v1/sums?by=colour", "by"), ("/api/v1/sums?colour=red", "colour"), ("/api/v1/windows?limit=0", "limit"),
    ("/api/v1/events?before=soon", "before"), ("/api/v1/alarms?site=%00", "site"), ("/api/v1/pareto?since=x", "since"),
])  # fmt: skip
def test_rest_names_what_is_wrong(shown: tuple[ShownFleet, httpx.Client], path: str, where: str) -> None:
    answer = shown[1].get(path)
    assert answer.status_code == 422
    assert [problem["where"] for problem in answer.json()["problems"]] == [where]


def test_rest_knows_every_station_alarm_and_refusal(shown: tuple[ShownFleet, httpx.Client]) -> None:
    client = shown[1]
    stations = client.get("/api/v1/stations", params={"site": "wuxi"}).json()["stations"]
    assert [(s["at"]["line"], s["at"]["station"], s["state"]) for s in stations] == [
        ("smt1", "aoi1", "online"), ("smt1", "aoi2", "online"), ("smt2", "aoi1", "online"),
    ]  # fmt: skip
    assert stations[1]["sync"]["missing"] == 3
    alarms = client.get("/api/v1/alarms").json()["alarms"]
    assert {a["name"]: a["ended"] is None for a in alarms} == {"disk_low": True, "camera_gone": False}
    assert {r["cause"]: r["n"] for r in client.get("/api/v1/refusals").json()["refusals"]} == {
        "schema": 1, "not_utf8": 1,
    }  # fmt: skip
    assert len(client.get("/api/v1/set-aside").json()["set_aside"]) == 2
    assert client.get("/api/v1/events", params={"site": "wuxi"}).json()["events"][0]["name"] == "alarm_end"
    assert len(client.get("/api/v1/windows", params={"station": "aoi2", "limit": 7}).json()["windows"]) == 7
    assert client.get("/api/v1/pareto").json()["found"]


def test_hours_and_windows_can_be_taken_away(shown: tuple[ShownFleet, httpx.Client]) -> None:
    fleet, client = shown
    answer = client.get("/export/windows.csv", params={"site": "wuxi", "line": "smt2"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    station = fleet.stations[2]
    assert [int(row["parts"]) for row in rows] == [said.parts for said in station.said]
    hours = client.get("/export/hours.csv", params={"site": "wuxi", "line": "smt2"})
    counted = list(csv.DictReader(io.StringIO(hours.content.decode("utf-8-sig"))))
    assert sum(int(row["parts"]) for row in counted) == added(station.said).parts
    pq = pytest.importorskip("pyarrow.parquet")
    file = client.get("/export/hours.parquet", params={"site": "wuxi", "line": "smt2"})
    assert 'filename="okng-wuxi-smt2-hours.parquet"' in file.headers["content-disposition"]
    table = pq.read_table(io.BytesIO(file.content))
    assert sum(table["parts"].to_pylist()) == added(station.said).parts
    assert table.num_rows == len(counted)


def test_prometheus_and_monitors_are_answered(shown: tuple[ShownFleet, httpx.Client]) -> None:
    client = shown[1]
    assert client.get("/healthz").json() == {"web": "ok", "store": "ok"}
    text = client.get("/metrics").text
    assert 'okng_fleet_stations{state="lost"} 1.0' in text
    assert 'okng_fleet_station_missing_messages{box="1",line="smt1",site="wuxi",station="aoi2"} 3.0' in text
    assert 'okng_fleet_set_aside_total{cause="not_utf8"} 1.0' in text


def test_two_machines_of_one_name_are_shown_apart(tmp_path: Path) -> None:
    fleet = ShownFleet(tmp_path)
    fleet.fill()
    first = fleet.stations[4]
    second = replace(first, epoch="00000000000000bb", said=[])
    at_us = fleet.reader.glances(0)[0].presence.heard_us - 120_000_000
    fleet.store(second, *(second.window(at_us + n * 1_000_000) for n in range(2)))
    fleet.store(first, first.window(at_us + 5_000_000))
    fleet.store(second, second.window(at_us + 6_000_000))
    with serving(fleet) as served, httpx.Client(base_url=served.url, timeout=60) as client:
        page = client.get("/", headers={"accept-language": "en"}).text
        assert "Two machines use one name" in page
        assert 'href="/sites/suzhou/smt1/aoi2?box=2"' in page
        both = client.get("/sites/suzhou/smt1/aoi2?box=2", headers={"accept-language": "en"}).text
        assert f'<dd class="value">{added(second.said).parts:,}</dd>' in both
        compared = client.get("/compare?with=suzhou/smt1/aoi2").text
        assert "suzhou/smt1/aoi2#2" in compared


def test_without_a_store_the_page_says_so(tmp_path: Path) -> None:
    fleet = ShownFleet(tmp_path)
    (tmp_path / "fleet.db").unlink()
    with serving(fleet) as served, httpx.Client(base_url=served.url, timeout=60) as client:
        assert client.get("/healthz").json() == {"web": "ok", "store": "unreadable"}
        assert client.get("/", headers={"accept": "text/html"}).status_code == 503
        assert client.get("/api/v1/stations").status_code == 503
        assert "okng_fleet_store_readable 0.0" in client.get("/metrics").text


def test_who_is_not_logged_in_gets_nothing(tmp_path: Path) -> None:
    fleet = ShownFleet(tmp_path)
    with serving(fleet, this_machine="none") as served, httpx.Client(base_url=served.url, timeout=60) as client:
        for path in ("/api/v1/stations", "/export/hours.csv", "/live/stations", "/metrics"):
            assert client.get(path).status_code == 401, path
        assert client.get("/", headers={"accept": "text/html"}).headers["location"] == "/first"
        assert client.get("/healthz").status_code == 200
