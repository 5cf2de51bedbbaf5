"""The quality page, its tables and REST over a real page: what is counted, what is refused, what is said of nothing."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.web.quality.tables import TABLES
from pipelines.values import Outcome, Purpose
from tests.web.fake_station import FakeStation, running
from tests.web.served import serving

REST = "/api/v1/quality"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quality")


@pytest.fixture(scope="module")
def station(folder: Path) -> Iterator[FakeStation]:
    with running(folder) as station:
        for n in range(40):
            station.judge(outcome=Outcome.NG if n % 10 == 9 else Outcome.OK, keep=n == 9)
        station.judge(outcome=Outcome.UNSURE, keep=False)
        station.judge(outcome=Outcome.NG, purpose=Purpose.CHALLENGE, keep=False)
        yield station


@pytest.fixture(scope="module")
def web(folder: Path, station: FakeStation) -> Iterator[httpx.Client]:
    del station
    with serving(folder, lanes=("top", "side")) as served, httpx.Client(base_url=served.url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("period", ["shift", "today", "week", "month"])
def test_the_page_shows_production_parts_only(web: httpx.Client, period: str, language: str) -> None:
    answer = web.get("/quality", params={"range": period}, headers={"accept-language": language})
    assert answer.status_code == 200
    assert '<dd class="value">41</dd>' in answer.text
    assert '<dd class="value">87.80 %</dd>' in answer.text  # 36 of 41, cut and not rounded
    for figure in ("ng", "unsure", "defects", "unsure-causes", "hour", "shift", "recipe", "places", "brightness"):
        assert f'id="{figure}"' in answer.text
    assert answer.text.count('<svg class="chart ') >= 10
    assert " style=" not in answer.text
    assert "/parts/10/picture" in answer.text
    assert ("4 defects of 4 NG parts." if language == "en" else "共 4 件 NG，4 处缺陷。") in answer.text


def test_nothing_is_said_in_words(web: httpx.Client) -> None:
    for params in ({"lane": "side"}, {"recipe": "another"}, {"until": "2020-01-02", "since": "2020-01-01"}):
        answer = web.get("/quality", params=params)
        assert answer.status_code == 200
        assert "No production part in this time." in answer.text
        assert "<figure" not in answer.text


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"lane": "<i>nowhere</i>"}, "lane: &#39;&lt;i&gt;nowhere&lt;/i&gt;&#39;: allowed are top, side"),
        ({"range": "year"}, "allowed are shift, today, week, month"),
        ({"since": "yesterday"}, "is not a time like"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "allowed is a time after since"),
        ({"since": "2020-01-02", "until": "2026-01-01"}, "at most 366 days"),
        ({"colour": "red"}, "colour: unknown"),
        ({"recipe": "x" * 200}, "200 characters, at most 128"),
        ({"recipe": "a\0b"}, "holds a NUL character"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(web: httpx.Client, params: dict[str, str], said: str) -> None:
    page = web.get("/quality", params=params)
    assert page.status_code == 422
    assert said in page.text.replace("&amp;", "&")
    rest = web.get(REST, params=params)
    assert rest.status_code == 422
    assert rest.json()["problems"]
    assert web.get("/quality/ng.csv", params=params).status_code == 422


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_a_file(web: httpx.Client, table: str) -> None:
    answer = web.get(f"/quality/{table}.csv", params={"range": "today"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head
    assert rows
    assert {len(row) for row in rows} == {len(head)}
    assert web.get("/quality/nothing.csv").status_code == 404


def test_rest_has_the_numbers_of_the_page(web: httpx.Client) -> None:
    whole = web.get(REST).json()["whole"]
    assert (whole["parts"], whole["ok"], whole["ng"], whole["unsure"]) == (41, 36, 4, 1)
    assert whole["passed"] == pytest.approx(36 / 41)
    chart = web.get(f"{REST}/control", params={"measure": "ng"}).json()
    (stretch,) = chart["stretches"]
    # Four hits are rare: the parts from one to the next, and those since the last.
    assert (stretch["kind"], stretch["frozen"]) == ("g", False)
    assert [(p["parts"], p["hits"]) for p in stretch["points"]] == [(10, 1), (10, 1), (10, 1), (1, 0)]
    (light,) = web.get(f"{REST}/control", params={"measure": "brightness"}).json()["stretches"]
    assert light["kind"] == "individuals"
    assert light["points"][0]["lower"] is None
    assert web.get(f"{REST}/causes").json()["causes"][0] == {
        "name": "spur",
        "parts": 4,
        "share": 1.0,
        "cumulative": 1.0,
    }
    assert web.get(f"{REST}/causes", params={"unsure": "true"}).json()["causes"][0]["name"] == "too_dark"
    places = web.get(f"{REST}/places").json()
    assert sum(cell["defects"] for cell in places["cells"]) == 4
    assert (places["defects"], places["parts"], places["all_looked_at"]) == (4, 4, True)
    assert web.get(f"{REST}/places", params={"label": "short"}).json()["cells"] == []
    (spur,) = web.get(f"{REST}/scores").json()["classes"]
    assert (spur["label"], spur["threshold"], sum(spur["counts"])) == ("spur", 0.45, 4)
    assert web.get(f"{REST}/control", params={"measure": "weight"}).status_code == 422
