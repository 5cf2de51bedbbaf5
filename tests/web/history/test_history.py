"""The history over a real page: searches, named spans of time, counts, CSV; what one part's page says."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from agent.config import ShiftConfig
from agent.shifts import Calendar
from agent.store.read import Reader
from agent.store.values import PartQuery, Review
from agent.web.history import table
from agent.web.history.ranges import RANGES, Ranges
from agent.web.history.thumbs import Thumbs
from agent.web.query import QueryRefused, read_query
from pipelines.values import Outcome
from tests.web.fake_station import FakeStation, running
from tests.web.served import serving

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history")


@pytest.fixture(scope="module")
def station(folder: Path) -> Iterator[FakeStation]:
    with running(folder) as station:
        for n in range(12):
            station.judge(outcome=tuple(Outcome)[n % 3], part_id=("=1+1", "a,b", '"')[n % 3], keep=n < 2)
        station.review(Review(2, "ok", "Li Wei", note="<b>dust</b>"))
        yield station


@pytest.fixture(scope="module")
def web(folder: Path, station: FakeStation) -> Iterator[httpx.Client]:
    del station
    with serving(folder) as served, httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp() * 1e6)


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("today", "2026-03-29T00:00:00", None),
        ("yesterday", "2026-03-28T00:00:00", "2026-03-29T00:00:00"),
        ("week", "2026-03-23T00:00:00", None),
        ("hour", "2026-03-29T08:30:00", None),
        ("shift", "2026-03-29T06:00:00", "2026-03-29T14:00:00"),
    ],
)
def test_named_spans_are_the_plants(name: str, since: str, until: str | None) -> None:
    """FIELD 23: through the night on which the clocks change, by the plant's days and shifts."""
    shifts = (ShiftConfig(name="early", start="06:00", end="14:00"), ShiftConfig(name="late", start="14:00"))
    ranges = Ranges(Calendar(shifts, BERLIN), BERLIN)
    query = read_query(ranges.resolved({"range": name, "lane": "top"}, at("2026-03-29T09:30:00")), BERLIN)
    assert (query.lane, query.since_utc_us) == ("top", at(since))
    assert query.until_utc_us == (at(until) if until else None)


def test_a_typed_time_wins_and_an_unknown_span_is_named() -> None:
    ranges = Ranges(Calendar((), BERLIN), BERLIN)
    assert ranges.resolved({"range": "today", "since": "2026-01-01"}, 0) == {"since": "2026-01-01"}
    assert set(RANGES) == {"hour", "shift", "today", "yesterday", "week"}
    with pytest.raises(QueryRefused, match=r"year.*allowed are hour, shift"):
        ranges.resolved({"range": "year"}, 0)


def test_a_search_is_counted_up_to_a_bound(web: httpx.Client) -> None:
    assert web.get("/api/v1/inspections/count", params={"range": "today"}).json() == {"count": 12, "more": False}
    assert web.get("/api/v1/inspections/count", params={"overridden": "1"}).json()["count"] == 1
    assert web.get("/api/v1/inspections/count", params={"model": "boards-1", "outcome": "NG"}).json()["count"] == 4
    assert "12 parts" in web.get("/parts", headers={"accept-language": "en"}).text
    assert "1 part<" in web.get("/parts?overridden=1", headers={"accept-language": "en"}).text
    assert "共 4 件" in web.get("/parts?outcome=NG&limit=2", headers={"accept-language": "zh"}).text


def test_the_search_as_a_file_for_a_spreadsheet(web: httpx.Client) -> None:
    answer = web.get("/api/v1/inspections.csv", params={"range": "today"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].endswith('.csv"')
    text = answer.content.decode("utf-8-sig")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert text.count("\ufeff") == 0
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [int(row["id"]) for row in rows] == list(range(12, 0, -1))
    assert tuple(rows[0]) == table.COLUMNS
    # What comes from outside is no formula.
    assert {row["part_id"] for row in rows} == {"'=1+1", "a,b", '"'}
    (overruled,) = [row for row in rows if row["person"]]
    assert (overruled["outcome"], overruled["person"], overruled["reviewer"]) == ("NG", "OK", "Li Wei")
    assert overruled["reasons"] == "spur 0.93 (0.45)"
    assert overruled["captured"].endswith("+08:00")
    assert len(web.get("/api/v1/inspections.csv?outcome=NG").content.splitlines()) == 5
    assert web.get("/api/v1/inspections.csv?lane=none").content.decode("utf-8-sig").count("\r\n") == 1


def test_a_file_is_cut_into_pages_and_at_its_bound(station: FakeStation) -> None:
    results = Reader(station.data / "results.db")

    def ids(most: int) -> list[str]:
        text = "".join(table.lines(results, PartQuery(), UTC, most))
        return [row["id"] for row in csv.DictReader(io.StringIO(text, newline=""))]

    before, table.PAGE = table.PAGE, 5
    try:
        assert ids(100) == [str(n) for n in range(12, 0, -1)]
        assert ids(7) == ["12", "11", "10", "9", "8", "7", "6"]
        assert ids(10) == [str(n) for n in range(12, 2, -1)]
    finally:
        table.PAGE = before


def test_pictures_or_a_table_as_it_was_last_chosen(web: httpx.Client) -> None:
    assert '<table class="list">' in web.get("/parts").text
    assert '<ol class="grid">' in web.get("/parts?view=grid").text
    assert '<ol class="grid">' in web.get("/parts").text
    assert '<table class="list">' in web.get("/parts?view=table").text
    web.cookies.clear()


def test_one_part_says_what_persons_and_machine_said(web: httpx.Client) -> None:
    page = web.get("/parts/2", headers={"accept-language": "en"}).text
    for words in ("A person overruled the machine", "Li Wei", "&lt;b&gt;dust&lt;/b&gt;", "Person: OK"):
        assert words in page
    assert 'href="/parts?recipe=boards"' in page
    assert 'href="/parts?model=boards-1"' in page
    assert page.count('class="mini ') == 7
    assert "<b>dust" not in page
    assert "A person overruled" not in web.get("/parts/3", headers={"accept-language": "en"}).text


def test_small_pictures_are_made_once(station: FakeStation) -> None:
    results, thumbs = Reader(station.data / "results.db"), Thumbs(station.data, most=1)
    first, second, without = (results.part(n) for n in (1, 2, 3))
    assert first is not None
    assert second is not None
    assert without is not None
    made = thumbs.of(first, whole=False)
    assert made is not None
    assert thumbs.of(first, whole=False) is made
    assert thumbs.of(second, whole=False) is not None
    assert thumbs.of(first, whole=False) is not made
    assert thumbs.of(without, whole=False) is None
