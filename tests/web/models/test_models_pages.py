"""The models' pages and REST on a station whose answers are chosen: what is shown, refused, paged, and written down."""

import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.status import BesideStatus
from agent.store.beside import disagreements
from agent.store.read import Reader
from agent.store.values import SecondOpinion
from pipelines.values import Outcome, Verdict
from tests.station.rig import wait_for
from tests.web.fake_station import FakeStation, running
from tests.web.models.said import HASH, Answers, a_model, lay_backtest
from tests.web.served import Served, serving


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def line(tmp_path: Path, answers: Answers) -> Iterator[tuple[FakeStation, Served]]:
    with running(tmp_path) as station:
        station.stop()
        station.more = answers.table()
        station.start()
        evidence: dict[str, object] = {"record_folder": str(tmp_path)}
        with serving(tmp_path, evidence=evidence) as served:
            yield station, served


def get(served: Served, path: str, language: str = "en") -> str:
    answer = httpx.get(served.url + path, headers={"cookie": f"okng_language={language}"}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.text


def post(served: Served, path: str, **form: str) -> httpx.Response:
    return httpx.post(served.url + path, data=form, timeout=30)


def ended(served: Served) -> dict[str, Any]:
    end = time.monotonic() + 20
    while (now := httpx.get(f"{served.url}/api/v1/models/errand", timeout=30).json())["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.05)
    return dict(now)


def test_every_model_and_who_judges_are_shown(line: tuple[FakeStation, Served], answers: Answers) -> None:
    _, served = line
    answers.models.append(a_model("broken-1", problem="graph.xml: another hash", gates=[]))
    answers.recipe["condemned"] = {"ef" * 32: "too many NG <b>"}
    for language, words in (("en", ("Who judges", "Taken back for recipe boards")), ("zh", ("当前判定模型", "被撤回"))):
        page = get(served, "/setup/models", language)
        assert all(word in page for word in words)
        assert "boards-2" in page
        assert "graph.xml: another hash" in page
    one = get(served, "/setup/models/m/boards-2")
    assert "too many NG &lt;b&gt;" in one
    for said in ("Classes that are new: short", "it does not know: open", "spur 0.5 → 0.7", "0.9130"):
        assert said in one, said
    assert httpx.get(f"{served.url}/setup/models/m/nobody-1", timeout=30).status_code == 404
    first = httpx.get(f"{served.url}/api/v1/models", timeout=30).json()
    assert (first["models"][0]["id"], first["more"]) == ("boards-1", "boards-1")
    assert httpx.get(f"{served.url}/api/v1/models?after=boards-1", timeout=30).json()["models"][0]["id"] == "boards-2"


def test_an_upload_goes_to_the_station_by_its_plain_name(
    line: tuple[FakeStation, Served], answers: Answers, tmp_path: Path
) -> None:
    _, served = line
    url = f"{served.url}/api/v1/models/import"
    for name, body, status, why in (
        ("../x.okng", b"x", 422, "NAME-VERSION.okng is allowed"),
        ("x.zip", b"x", 422, "NAME-VERSION.okng is allowed"),
        ("x-1.okng", b"", 400, "the file is empty"),
    ):
        refused = httpx.post(url, params={"name": name}, content=body, timeout=30)
        assert (refused.status_code, why in refused.text) == (status, True), refused.text
    said = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
    said.putrequest("POST", "/api/v1/models/import?name=x-1.okng")
    said.putheader("Content-Length", "500000001")
    said.endheaders()
    assert said.getresponse().status == 413
    said.close()
    taken = httpx.post(url, params={"name": "boards-2.okng"}, content=b"x" * 100_000, timeout=30)
    assert taken.status_code == 202
    assert ended(served)["state"] == "done"
    (told,) = answers.told
    assert (told["verb"], told["file"], told["of"]) == ("model_import", "boards-2.okng", "uploads")
    answers.refuses = "model bundle boards-2: signature: nobody's"
    httpx.post(url, params={"name": "boards-2.okng"}, content=b"x", timeout=30)
    assert (ended(served)["state"], ended(served)["why"]) == ("refused", answers.refuses)
    assert list((tmp_path / "data" / "uploads").iterdir()) == []
    assert "nobody&#39;s" in get(served, "/setup/models")


def test_acts_are_told_and_refusals_shown_with_a_way_to_insist(
    line: tuple[FakeStation, Served], answers: Answers
) -> None:
    _, served = line
    asked = post(served, "/setup/models/activate", id="boards-2", recipe="boards", expect_change="on")
    assert (asked.status_code, asked.headers["location"]) == (303, "/setup/models/m/boards-2")
    assert ended(served)["state"] == "done"
    assert answers.told[-1] == {
        "verb": "model_activate", "id": "boards-2", "recipe": "boards", "expect_change": True, "again": False,
    }  # fmt: skip
    answers.refuses = "model boards-2 was taken back for recipe boards: too slow; activate it again to insist"
    post(served, "/setup/models/canary", id="boards-2", recipe="boards", share="25")
    assert ended(served)["why"] == answers.refuses
    assert answers.told[-1]["share"] == 0.25
    page = get(served, "/setup/models/m/boards-2")
    assert "Do it all the same" in page
    assert 'name="share" value="25.0"' in page
    assert post(served, "/setup/models/canary", id="boards-2", recipe="boards", share="0").status_code == 422
    answers.refuses = ""
    assert httpx.post(f"{served.url}/api/v1/models/shadow", json={"id": "off"}, timeout=30).status_code == 202
    assert ended(served)["subject"] == "off"
    post(served, "/setup/models/rollback", recipe="boards")
    assert ended(served)["act"] == "rollback"
    assert httpx.post(f"{served.url}/api/v1/models/activate", json={"id": 1}, timeout=30).status_code == 422


def test_parts_of_a_model_that_was_taken_back_are_listed_for_hold(
    line: tuple[FakeStation, Served], answers: Answers
) -> None:
    station, served = line
    ids = [station.judge(outcome=Outcome.OK if n % 4 else Outcome.NG, part_id=f"=SN{n}", keep=False) for n in range(8)]
    assert httpx.get(f"{served.url}/api/v1/models/held?recipe=boards", timeout=30).status_code == 404
    back = {"model": "boards-1", "digest": HASH, "to": "boards-0", "why": "NG rate", "at_utc_us": 1, "seen": False}
    answers.recipe["rolled_back"] = {**back, "first_id": ids[1], "last_id": ids[6], "parts": 6, "passed": 5}
    page = get(served, "/setup/models")
    assert "it judged 6 parts and passed 5 of them" in page
    url = f"{served.url}/api/v1/models/held?recipe=boards&limit=3"
    first = httpx.get(url, timeout=30).json()
    rest = httpx.get(f"{url}&after_id={first['next_after_id']}", timeout=30).json()
    assert [p["id"] for p in (*first["parts"], *rest["parts"])] == [ids[n] for n in (1, 2, 3, 5, 6)]
    assert rest["next_after_id"] is None
    lines = get(served, "/setup/models/held.csv?recipe=boards&all=1").splitlines()
    assert len(lines) == 7
    assert "'=SN1" in lines[1]
    post(served, "/setup/models/seen", recipe="boards")
    assert answers.told[-1]["verb"] == "model_seen"


def test_where_a_shadow_disagreed_is_shown(line: tuple[FakeStation, Served]) -> None:
    station, served = line
    for outcome, would_be in ((Outcome.OK, Outcome.OK), (Outcome.OK, Outcome.NG), (Outcome.NG, Outcome.OK)):
        number = station.judge(outcome=outcome)
        verdict = Verdict(would_be, ())
        station.second_opinion(SecondOpinion(number, "boards-2", "ef" * 32, "shadow", verdict, (), 3.0, 1))
    reader, end = Reader(station.data / "results.db"), time.monotonic() + 20
    while len(reader.ask(lambda conn: disagreements(conn, "ef" * 32, "shadow", None, 9))) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    url = f"{served.url}/api/v1/models/disagreements?model=boards-2&limit=1"
    first = httpx.get(url, timeout=30).json()
    assert [(p["was"], p["would_be"], p["picture"]) for p in first["parts"]] == [("NG", "OK", True)]
    second = httpx.get(f"{url}&before={first['next_before']}", timeout=30).json()
    assert [(p["was"], p["would_be"]) for p in second["parts"]] == [("OK", "NG")]
    page = get(served, "/setup/models/m/boards-2")
    assert "Where the shadow came to another verdict" in page
    assert "The newest 3 parts that it judged beside" in page
    assert page.count('<td class="num differs">1</td>') == 2


def test_what_judges_beside_is_shown_with_its_figures(line: tuple[FakeStation, Served], answers: Answers) -> None:
    station, served = line
    answers.recipe |= {"shadow": "boards-2", "canary": {"id": "boards-2", "share": 0.1}}
    beside = BesideStatus(model="boards-2", state="judging", compared=200, agreed=199, passes_more=1, p99_ms=7.25)
    dropped = {"dropped": 1_234, "dropped_busy": 1_200, "dropped_unseen": 34, "restarts": 2}
    shadow, canary = beside.model_copy(update=dropped), beside.model_copy(update={"share": 0.1, "dropped": 7})
    station.set_lane("top", shadow=shadow, canary=canary)
    wait_for(lambda: "99.50 %" in get(served, "/setup/models"))
    for path in ("/setup/models", "/setup/models/m/boards-2"):
        page = get(served, path)
        for said in ("99.50 %", "10.0 % of the parts", "p99 7.2 ms", "End the shadow", "End the canary"):
            assert said in page, said
        assert "1,200: it was still busy" in page
        assert "34: triggered before it was there" in page
        assert "7: too late already when it would have begun" in page
        assert "its process was loading" not in page, "no part was lost for that"
        assert "1,200 件：影子仍在处理" in get(served, path, "zh")


def test_that_an_older_model_judges_is_shown_until_a_person_knows(
    line: tuple[FakeStation, Served], answers: Answers
) -> None:
    station, served = line
    assert "end the alarm" not in get(served, "/setup/models")
    station.set_lane("top", model_trouble="boards-1 cannot judge, boards-0 does: <cut>")
    wait_for(lambda: "boards-0 does: &lt;cut&gt;" in get(served, "/setup/models"))
    assert "It is known: end the alarm" in get(served, "/setup/models")
    assert "已知悉，解除报警" in get(served, "/setup/models", "zh")
    post(served, "/setup/models/seen", recipe="boards")
    assert answers.told[-1] == {"verb": "model_seen", "recipe": "boards"}


def test_backtests_are_asked_for_and_their_answers_shown(
    line: tuple[FakeStation, Served], answers: Answers, tmp_path: Path
) -> None:
    _, served = line
    said = {"id": "boards-2", "model": "boards-2", "since": "2026-11-01T08:00", "limit": "100"}
    assert post(served, "/setup/models/backtest", **said).status_code == 303
    told = answers.told[-1]
    assert (told["since_utc_us"], told["limit"], told["lossy"]) == (1_793_491_200_000_000, 100, False)
    assert post(served, "/setup/models/backtest", **{**said, "since": "yesterday"}).status_code == 422
    folder, name = tmp_path / "data" / "backtests", lay_backtest(tmp_path / "data")
    (folder / "20261130T140501Z-boards-2.json").write_text("{")
    assert name in get(served, "/setup/models/m/boards-2")
    assert "3 to 55 of 100; 2 of 10 replayed" in get(served, f"/setup/models/backtests/{name}")
    page = httpx.get(f"{served.url}/setup/models/backtests/{name}/report.html", timeout=30)
    assert page.headers["content-disposition"].startswith("attachment")
    kept = httpx.get(f"{served.url}/api/v1/backtests", timeout=30).json()
    assert (kept["now"], kept["names"][-1]) == (None, name)
    assert httpx.get(f"{served.url}/api/v1/backtests/{name}", timeout=30).json()["counts"] == {"replayed": 10}
    for wrong in ("20261130T140501Z-boards-2", "..%2f..%2fstation", "x"):
        assert httpx.get(f"{served.url}/api/v1/backtests/{wrong}", timeout=30).status_code == 404


def test_a_recording_is_asked_for_and_ended(line: tuple[FakeStation, Served], answers: Answers) -> None:
    _, served = line
    assert post(served, "/setup/record", lane="top", minutes="30").status_code == 303
    assert (answers.told[-1]["lane"], answers.told[-1]["minutes"]) == ("top", 30)
    answers.refuses = "lane top is being recorded already"
    assert post(served, "/setup/record", lane="top", minutes="30").status_code == 409
    url = f"{served.url}/api/v1/recordings"
    assert httpx.post(url, json={"lane": "top", "minutes": 241}, timeout=30).status_code == 422
    assert httpx.post(url, json={"lane": "top", "minutes": 0}, timeout=30).status_code == 409
    assert httpx.get(url, timeout=30).json()["recordings"] == []


def test_the_pages_stand_without_a_station(line: tuple[FakeStation, Served]) -> None:
    """FIELD 2: nothing of the page needs the station to be alive."""
    station, served = line
    station.stop()
    for path in ("/setup/models", "/setup/models/m/boards-1", "/setup/record"):
        assert "does not answer" in get(served, path)
    assert httpx.get(f"{served.url}/api/v1/models", timeout=30).status_code == 503
    assert post(served, "/setup/record", lane="top", minutes="5").status_code == 503
    station.start()
