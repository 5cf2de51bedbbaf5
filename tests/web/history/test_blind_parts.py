"""A part that waits for its blind review tells nobody its verdict in the history; once judged it does."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update

from agent.store import ledger
from agent.store.line import overridden_since
from agent.store.read import Reader
from agent.store.schema import inspections
from agent.store.values import Review, Sampling
from pipelines.values import Detection, Outcome
from tests.web.fake_station import FakeStation, grey_board, running
from tests.web.served import serving

DRAWN = Sampling(1.0, 1.0, 0.02)
FOUND = (Detection("mousebite", 0.97, 100, 100, 140, 140),)
Line = tuple[FakeStation, httpx.Client]
WORDS = ("Mouse bite", "mousebite", "0.97", "Person:", "Overruled", 'class="chip ng"', 'class="chip ok"')


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with (
        running(tmp_path) as station,
        serving(tmp_path) as served,
        httpx.Client(base_url=served.url, timeout=30) as web,
    ):
        yield station, web


def drawn_bad(station: FakeStation) -> int:
    return station.judge(outcome=Outcome.NG, found=FOUND, sampling=DRAWN, pixels=grey_board(seed=3))


def shown(page: str) -> str:
    """What a page says of parts: of the history what is below its form, where every class may be chosen."""
    main = page[page.index("<main") : page.index("</main>")]
    return main.partition('class="found"')[2] or main


def found(web: httpx.Client, **asked: str) -> list[int]:
    return [part["id"] for part in web.get("/api/v1/inspections", params=asked).json()["inspections"]]


def said_in_file(web: httpx.Client, part: int, **asked: str) -> list[dict[str, str]]:
    text = web.get("/api/v1/inspections.csv", params=asked).text.removeprefix("\ufeff")
    return [row for row in csv.DictReader(io.StringIO(text)) if row["id"] == str(part)]


SEARCHES: tuple[dict[str, str], ...] = (
    {"outcome": "NG"},
    {"label": "mousebite"},
    {"overridden": "1"},
    {"outcome": "NG", "recipe": "boards"},
    {"label": "mousebite", "model": "boards-1"},
)


def test_the_page_and_the_lists_tell_after_the_review(line: Line) -> None:
    station, web = line
    part = drawn_bad(station)
    station.judge()
    # Somebody spoke openly of it, as an import does: that would tell too.
    station.review(Review(part, "ok", "Li Wei", stratum="import"))
    main = shown(web.get(f"/parts/{part}").text)
    assert "In a blind audit: shown after the review." in main
    assert f"/review/{part}?pile=audit" in main
    assert not [word for word in WORDS if word in main]
    assert "盲检中：复核后显示。" in web.get(f"/parts/{part}", headers={"accept-language": "zh"}).text
    for view in ("table", "grid"):
        listed = shown(web.get("/parts", params={"view": view}).text)
        assert f"/parts/{part}" in listed
        assert "Blind audit" in listed
        assert not [word for word in WORDS[:5] if word in listed], view
    neighbour = web.get(f"/parts/{part + 1}").text
    assert f'class="mini blind" href="/parts/{part}"' in neighbour

    station.review(Review(part, "ok", "ann", stratum="audit"))
    main = shown(web.get(f"/parts/{part}").text)
    assert all(word in main for word in ("Mouse bite", 'class="chip ng"', "Person: OK"))
    assert "In a blind audit" not in main


def test_a_small_picture_shows_the_whole_part_until_then(line: Line) -> None:
    station, web = line
    part = drawn_bad(station)
    before = web.get(f"/parts/{part}/thumbnail")
    assert before.content == web.get(f"/review/{part}/thumbnail").content
    assert before.headers["cache-control"] == "no-store"
    station.review(Review(part, "ng", "ann", stratum="audit"))
    assert web.get(f"/parts/{part}/thumbnail").content != before.content


def test_a_search_by_what_was_said_does_not_find_it(line: Line) -> None:
    station, web = line
    part, plain = drawn_bad(station), station.judge(outcome=Outcome.NG, found=FOUND)
    for number in (part, plain):
        station.review(Review(number, "ok", "Li Wei", stratum="import"))
    for asked in SEARCHES:
        assert found(web, **asked) == [plain], asked
        assert web.get("/api/v1/inspections/count", params=asked).json()["count"] == 1, asked
        assert not said_in_file(web, part, **asked)
        assert f'/parts/{part}"' not in shown(web.get("/parts", params=asked).text), asked
    assert found(web, recipe="boards", lane="top") == [plain, part]
    station.review(Review(part, "ok", "ann", stratum="audit"))
    for asked in SEARCHES:
        assert found(web, **asked) == [plain, part], asked
        assert said_in_file(web, part, **asked)[0]["outcome"] == "NG"


def test_rest_and_csv_leave_out_what_was_said_and_measured(line: Line) -> None:
    station, web = line
    part = drawn_bad(station)
    answer = web.get(f"/api/v1/inspections/{part}").json()
    (listed,) = web.get("/api/v1/inspections").json()["inspections"]
    assert answer == listed
    assert (answer["blind"], answer["outcome"], answer["quality"]) == (True, None, None)
    assert (answer["reasons"], answer["detections"], answer["note"]) == ([], [], "")
    assert set(answer["stages"].values()) == {None}
    (row,) = said_in_file(web, part)
    assert {row[name] for name in ("outcome", "person", "defects", "reasons", "total_ms", "brightness")} == {""}
    assert row["recipe"] == "boards"


def test_without_its_picture_there_is_no_audit_to_wait_for(line: Line) -> None:
    station, web = line
    part = drawn_bad(station)
    store = station._store
    assert store is not None
    gone = update(inspections).where(inspections.c.id == part).values(evidence_file=None)
    store.state(lambda conn: conn.execute(gone))
    assert web.get(f"/api/v1/inspections/{part}").json()["outcome"] == "NG"


def test_overruled_is_one_count_wherever_it_stands(line: Line) -> None:
    """The line view, the history, the ledger: the same word, and the same parts."""
    station, web = line
    said = ((Outcome.OK, "ng"), (Outcome.NG, "ok"), (Outcome.UNSURE, "ok"), (Outcome.NG, "ng"))
    for outcome, verdict in said:
        station.review(Review(station.judge(outcome=outcome), verdict, "ann"))
    audited, waiting = drawn_bad(station), drawn_bad(station)
    station.review(Review(audited, "ok", "ann", stratum="audit"))
    station.review(Review(waiting, "ok", "ann", stratum="import"))
    reader = Reader(station.data / "results.db")
    counts = reader.ask(ledger.counts(ledger.ALWAYS))
    assert sum(counts.values()) == 4
    assert reader.ask(lambda conn: overridden_since(conn, "top", 0)) == 4
    assert web.get("/api/v1/inspections/count", params={"overridden": "1"}).json()["count"] == 4
    assert "Overruled: <b>4</b>" in web.get("/review/ledger").text
