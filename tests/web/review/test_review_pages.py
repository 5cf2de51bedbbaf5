"""The review over HTTP: what waits, what is told of it, what a word does; blind where it is an audit."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.store.read import Reader
from agent.store.values import Sampling
from pipelines.values import Detection, Outcome, Purpose
from tests.web.fake_station import SPUR, FakeStation, grey_board, running
from tests.web.served import serving

DRAWN = Sampling(1.0, 1.0, 0.02)
Line = tuple[FakeStation, httpx.Client]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("review") / "station"
    with running(folder) as station, serving(folder) as served, httpx.Client(base_url=served.url, timeout=30) as client:
        station.judge(outcome=Outcome.NG, found=(SPUR,))  # a class that the audits' pages may know of
        yield station, client


def reader(station: FakeStation) -> Reader:
    return Reader(station.data / "results.db")


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def waiting(client: httpx.Client, pile: str, **more: object) -> list[int]:
    answer = client.get("/api/v1/review/queue", params={"pile": pile, "limit": 200, **more})
    assert answer.status_code == 200, answer.text
    return [part["id"] for part in answer.json()["parts"]]


def test_what_waits_for_a_person(line: Line) -> None:
    """NG and UNSURE with a picture, newest first; not passes, not other purposes, not what has no picture."""
    station, client = line
    bad, unsure = station.judge(outcome=Outcome.NG), station.judge(outcome=Outcome.UNSURE)
    others = [
        station.judge(),
        station.judge(outcome=Outcome.NG, keep=False),
        station.judge(outcome=Outcome.NG, purpose=Purpose.SETUP),
        station.judge(outcome=Outcome.NG, sampling=DRAWN),
    ]
    found = waiting(client, "queue")
    assert found[:2] == [unsure, bad]
    assert not set(others) & set(found)
    assert waiting(client, "queue", order="doubt").index(unsure) < waiting(client, "queue", order="doubt").index(bad)
    page = client.get("/review").text
    assert f"/review/{bad}" in page
    assert f"/review/{others[3]}" not in page


def test_pages_of_the_queue_go_on_where_the_last_one_ended(line: Line) -> None:
    station, client = line
    for _ in range(3):
        station.judge(outcome=Outcome.NG)
    whole, after, got = waiting(client, "queue"), None, []
    while True:
        answer = client.get("/api/v1/review/queue", params={"limit": 2} | ({"after": after} if after else {})).json()
        got += [part["id"] for part in answer["parts"]]
        after = answer["next_after"]
        if after is None:
            break
    assert got == whole


def test_a_word_by_the_form_is_stored_once_and_the_next_part_comes(line: Line) -> None:
    """FIELD 25. Without a script: two buttons, a class, and the machine's boxes as they were."""
    station, client = line
    first, second = station.judge(outcome=Outcome.NG), station.judge(outcome=Outcome.NG)
    page = client.get(f"/review/{second}")
    assert page.status_code == 200
    form = {"token": token_of(page.text), "verdict": "ng", "boxes": "", "note": "by hand"}
    answer = client.post(f"/review/{second}", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/review/{first}?done={second}&said=ng"
    again = client.post(f"/review/{second}", data=form)
    assert again.status_code == 303
    (review,) = reader(station).review_history(second)
    assert (review.verdict, review.note, review.stratum) == ("ng", "by hand", "queue")
    assert [(b.label, b.change) for b in review.boxes] == [("spur", "kept")]
    assert reader(station).part(second).record.verdict.outcome is Outcome.NG  # type: ignore[union-attr]
    assert second not in waiting(client, "queue")
    following = client.get(answer.headers["location"])
    assert f'href="/review/{second}"' in following.text  # the way back


def test_taking_back_is_one_more_review(line: Line) -> None:
    station, client = line
    part = station.judge(outcome=Outcome.NG)
    for verdict in ("ok", "ng"):
        page = client.get(f"/review/{part}").text
        client.post(f"/review/{part}", data={"token": token_of(page), "verdict": verdict})
    newest, before = reader(station).review_history(part)
    assert (newest.verdict, before.verdict) == ("ng", "ok")
    assert [b.change for b in before.boxes] == ["removed"]
    assert [b.change for b in newest.boxes] == ["kept"]  # the machine's boxes were there again


def test_boxes_that_a_person_left(line: Line) -> None:
    station, client = line
    found = (SPUR, Detection("open", 0.8, 10, 10, 60, 60))
    part = station.judge(outcome=Outcome.NG, found=found)
    rows = [["spur", 301, 200, 341, 236], ["copper", 400.5, 400, 420, 430]]
    page = client.get(f"/review/{part}").text
    client.post(f"/review/{part}", data={"token": token_of(page), "verdict": "ng", "boxes": json.dumps(rows)})
    (review,) = reader(station).review_history(part)
    changes = {(b.label, b.change) for b in review.boxes}
    assert changes == {("spur", "nudged"), ("copper", "added"), ("open", "removed")}


def test_a_class_without_a_box_stands_in_the_note(line: Line) -> None:
    station, client = line
    part = station.judge(outcome=Outcome.UNSURE)
    page = client.get(f"/review/{part}").text
    client.post(f"/review/{part}", data={"token": token_of(page), "verdict": "ng", "label": "short", "note": "edge"})
    (review,) = reader(station).review_history(part)
    assert review.note == "class: short\nedge"


def test_an_audit_tells_nothing_until_it_is_judged(line: Line) -> None:
    """Whatever the machine said, the page, the pile, the picture of the pile and REST say the same."""
    station, client = line
    told = []
    for outcome in Outcome:
        found = (Detection("mousebite", 0.97, 100, 100, 140, 140),) if outcome is Outcome.NG else ()
        part = station.judge(outcome=outcome, found=found, pixels=grey_board(seed=7), sampling=DRAWN, part_id="SN-1")
        page = client.get(f"/review/{part}?pile=audit")
        assert page.status_code == 200
        main = page.text[page.text.index("<main") : page.text.index("</main>")]
        own = rf"(?:/review/|/parts/|data-id=\"|Part |part |after=){part}\b"  # and not rows="2" of the second part
        told.append(re.sub(rf"\d{{2}}:\d{{2}}:\d{{2}}|[0-9a-f]{{24}}|{own}", "", main))
        for word in ("NG", "UNSURE", "0.97", "mousebite", "Mouse bite", "Too dark", "unsure", f'/parts/{part}"'):
            assert word not in main, word
        (entry,) = [
            p for p in client.get("/api/v1/review/queue?pile=audit&limit=200").json()["parts"] if p["id"] == part
        ]
        assert entry["outcome"] is None
        assert "detections" not in entry
        small = client.get(f"/review/{part}/thumbnail")
        assert small.status_code == 200
        told.append(small.content)  # type: ignore[arg-type]
        pile = client.get("/review/audit").text
        assert f"/parts/{part}/thumbnail" not in pile
    assert told[0] == told[2] == told[4]
    assert told[1] == told[3] == told[5]


def test_an_audit_is_judged_blind_corrected_blind_and_then_open(line: Line) -> None:
    station, client = line
    part = station.judge(outcome=Outcome.NG, found=(SPUR,), sampling=DRAWN)
    assert part in waiting(client, "audit")
    assert part not in waiting(client, "queue")
    page = client.get(f"/review/{part}?pile=audit").text
    client.post(f"/review/{part}?pile=audit", data={"token": token_of(page), "verdict": "ok"})
    assert part not in waiting(client, "audit")
    undo = client.get(f"/review/{part}?pile=audit").text
    assert 'class="bench"' in undo, undo
    assert "spur" not in undo[undo.index('class="bench"') : undo.index('class="classes"')].lower()
    client.post(f"/review/{part}?pile=audit", data={"token": token_of(undo), "verdict": "ng"})
    assert [(r.verdict, r.stratum) for r in reader(station).review_history(part)] == [("ng", "audit"), ("ok", "audit")]


def test_rest_takes_a_word_and_lists_what_was_said(line: Line) -> None:
    station, client = line
    part, drawn = station.judge(outcome=Outcome.NG), station.judge(sampling=DRAWN)
    body = {"part": part, "verdict": "ok", "token": "rest-1"}
    first = client.post("/api/v1/reviews", json=body)
    assert first.status_code == 200, first.text
    assert client.post("/api/v1/reviews", json=body).json()["id"] == first.json()["id"]
    assert (first.json()["outcome"], first.json()["stratum"]) == ("NG", "queue")
    audit = client.post("/api/v1/reviews", json={"part": drawn, "verdict": "ok"}).json()
    assert (audit["stratum"], audit["outcome"]) == ("audit", "OK")
    listed = client.get("/api/v1/reviews", params={"part": part}).json()["reviews"]
    assert [r["id"] for r in listed] == [first.json()["id"]]
    two = client.get("/api/v1/reviews", params={"limit": 1}).json()
    assert two["reviews"][0]["id"] == audit["id"]
    assert two["next_before_id"] == audit["id"]


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"verdict": "ok"}, 422, "part"),
        ({"part": 99999, "verdict": "ok"}, 404, "no judged part 99999"),
        ({"part": 1, "verdict": "maybe"}, 422, "'maybe': allowed are ok, ng"),
        ({"part": 1, "verdict": "ng", "boxes": [["spur", 1, 2, 3]]}, 422, "a label and four numbers"),
        ({"part": 1, "verdict": "ng", "boxes": [["spur", 1, 2, 9000, 40]]}, 409, "outside of the picture"),
        ({"part": 1, "verdict": "ng", "boxes": [["spur", 5, 2, 1, 40]]}, 422, "x1 < x2"),
        ({"part": 1, "verdict": "ok", "note": 7}, 422, "note"),
        ({"part": 1, "verdict": "ok", "colour": 1}, 422, "colour: unknown"),
        ({"part": 1, "verdict": "ng", "boxes": [["a" * 65, 1, 2, 3, 4]]}, 422, "1 to 64"),
    ],
)
def test_a_wrong_word_is_named_and_nothing_is_stored(
    line: Line, body: dict[str, object], status: int, why: str
) -> None:
    station, client = line
    if not reader(station).part(1):
        station.judge(outcome=Outcome.NG)
    before = client.get("/api/v1/reviews").json()
    answer = client.post("/api/v1/reviews", json=body)
    assert answer.status_code == status, answer.text
    assert why in answer.json()["error"]
    assert client.get("/api/v1/reviews").json() == before


def test_wrong_addresses_are_refused_in_words(line: Line) -> None:
    _, client = line
    for path, status in (
        ("/review?order=best", 422), ("/review?until=never", 422), ("/review/9999999", 404), ("/review/0", 422),
        ("/review/audit?colour=red", 422), ("/api/v1/review/queue?pile=all", 422), ("/api/v1/reviews?stratum=x", 422),
        ("/review/next?after=x", 422),
    ):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == status, (path, answer.text)


def test_two_persons_before_one_part_are_told(line: Line) -> None:
    """And the next part of one is not the one that the other has open."""
    station, client = line
    older, newer = station.judge(outcome=Outcome.NG), station.judge(outcome=Outcome.NG)
    with httpx.Client(base_url=client.base_url, timeout=30) as other:
        assert "hidden" in re.search(r'id="other"[^>]*', client.get(f"/review/{newer}").text)[0]  # type: ignore[index]
        assert "hidden" not in re.search(r'id="other"[^>]*', other.get(f"/review/{newer}").text)[0]  # type: ignore[index]
        assert other.post(f"/review/{newer}/claim").json()["other"] is not None
        assert client.post(f"/review/{newer}/claim").json()["other"] is None
        assert other.get("/review/next").headers["location"] == f"/review/{older}"


def test_audits_that_are_off_are_explained(tmp_path: Path) -> None:
    with running(tmp_path), serving(tmp_path) as served:
        assert "audit_share = 0.01" in httpx.get(f"{served.url}/review/audit").text
        assert "Nothing waits" in httpx.get(f"{served.url}/review").text


def test_the_ledger_over_http(tmp_path: Path) -> None:
    with running(tmp_path) as station, serving(tmp_path) as served, httpx.Client(base_url=served.url) as client:
        for outcome, verdict in ((Outcome.OK, "ng"), (Outcome.OK, "ok"), (Outcome.NG, "ok"), (Outcome.UNSURE, "ok")):
            part = station.judge(outcome=outcome, sampling=DRAWN, part_id="=1+1")
            assert client.post("/api/v1/reviews", json={"part": part, "verdict": verdict}).status_code == 200
        queued = station.judge(outcome=Outcome.NG)
        client.post("/api/v1/reviews", json={"part": queued, "verdict": "ok"})
        station.judge(sampling=DRAWN)
        found = client.get("/api/v1/review/ledger").json()
        assert found["disputed"] == {"escape": 1, "overkill": 2, "unsure": 1}
        total = found["total"]
        assert (total["escapes"]["hits"], total["escapes"]["parts"], found["waiting"]) == (1, 2, 1)
        assert (total["overkills"]["hits"], total["overkills"]["parts"]) == (1, 3)
        assert found["by_machine"][0]["recipe"] == "boards"
        page = client.get("/review/ledger?kind=overkill&bound=0.02")
        assert page.status_code == 200
        assert "2 rejected parts that a person found good: 1 of them in the audit" in page.text
        table = client.get("/review/ledger.csv?kind=escape")
        assert table.headers["content-type"].startswith("text/csv")
        assert "'=1+1" in table.text
        assert len(table.text.strip().splitlines()) == 2
        listed = client.get("/api/v1/review/ledger/overkill", params={"limit": 1}).json()
        assert [e["part"] for e in listed["entries"]] == [queued]
        behind = client.get("/api/v1/review/ledger/overkill", params={"before_id": listed["next_before_id"]}).json()
        assert [e["drawn"] for e in behind["entries"]] == [True]
        assert client.get("/review/ledger?bound=0.03").status_code == 422
        assert client.get("/api/v1/review/ledger/other").status_code == 422


def test_the_page_of_a_drawn_part_leads_to_no_audit(line: Line) -> None:
    """Who has seen the verdict there is not led to judge the part blind."""
    station, client = line
    drawn, plain = station.judge(outcome=Outcome.NG, sampling=DRAWN), station.judge(outcome=Outcome.NG)
    assert f'href="/review/{drawn}"' not in client.get(f"/parts/{drawn}").text
    assert f'href="/review/{plain}"' in client.get(f"/parts/{plain}").text
