"""The shift's pages and REST, on a real station: a run from the set to the release, holds, two editors, bad input."""

from pathlib import Path

import httpx

from tests.station.challenged import DARK, GOOD, PARTS, wait_for
from tests.web.shift_station import Shown, shown


def form(web: httpx.Client, path: str, **fields: str) -> httpx.Response:
    return web.post(path, data=fields, headers={"Origin": str(web.base_url).rstrip("/")})


def set_form(*parts: dict[str, str], revision: str, recipe: str = "trial") -> dict[str, str]:
    lines = {f"{name}.{n}": value for n, part in enumerate(parts) for name, value in part.items()}
    return {"recipe": recipe, "revision": revision, **lines}


def revision(web: httpx.Client) -> str:
    return str(web.get("/api/v1/challenges/parts", params={"recipe": "trial"}).json()["revision"])


def test_a_shift_begins(tmp_path: Path) -> None:
    with shown(tmp_path) as it, httpx.Client(base_url=it.url, timeout=30) as web:
        page = web.get("/shift").text
        assert "Not released" in page
        assert "this lane never passed a run" in page
        assert "has no challenge parts yet" in page
        refused = form(web, "/shift/start", lane="desk")
        assert (refused.status_code, "has no challenge parts" in refused.text) == (409, True)
        _enter_parts(web)
        assert form(web, "/shift/start", lane="desk").headers["location"] == "/shift?lane=desk"
        assert form(web, "/shift/next", lane="desk", part="no such").status_code == 409
        assert form(web, "/shift/next", lane="desk", part="G-1").status_code == 303
        it.desk.present("D-1", DARK)
        wait_for(lambda: "Right" in web.get("/shift/now?lane=desk").text)
        for code in ("G-1", "G-2"):
            it.desk.present(code, GOOD)
        wait_for(lambda: "Released" in web.get("/shift").text)
        _fail(web, it)
        assert form(web, "/shift/override", lane="desk", reason="").status_code == 409
        assert form(web, "/shift/override", lane="desk", reason="<b>lab</b>").status_code == 303
        wait_for(lambda: "Released by hand" in web.get("/shift", headers={"accept-language": "en"}).text)
        page = web.get("/shift").text
        assert "&lt;b&gt;lab&lt;/b&gt;" in page
        assert "<b>lab</b>" not in page
        first = web.get("/api/v1/challenges/runs?limit=2").json()
        assert [run["state"] for run in first["runs"]] == ["overridden", "failed"]
        after = web.get(f"/api/v1/challenges/runs?limit=2&before_id={first['next_before_id']}").json()
        assert ([run["state"] for run in after["runs"]], after["next_before_id"]) == (["passed"], None)


def _enter_parts(web: httpx.Client) -> None:
    seen = revision(web)
    wrong = form(web, "/shift/challenges", **set_form({"id": "A", "expected": "fine"}, revision=seen))
    assert (wrong.status_code, "parts.0.expected" in wrong.text) == (422, True)
    saved = form(web, "/shift/challenges", **set_form(*PARTS, revision=seen))
    assert saved.headers["location"] == "/shift/challenges?recipe=trial&saved=1"
    assert "Saved." in web.get(saved.headers["location"]).text
    second = form(web, "/shift/challenges", **set_form({"id": "B", "expected": "ok"}, revision=seen))
    assert (second.status_code, "somebody has changed the set" in second.text) == (409, True)
    assert 'value="B"' in second.text  # what was typed is not lost


def _fail(web: httpx.Client, it: Shown) -> None:
    made = [it.desk.present(f"=P-{n}") for n in range(3)]
    number = web.post("/api/v1/challenges/start", json={"lane": "desk"}).json()["id"]
    it.desk.present("G-1", DARK)
    assert web.post("/api/v1/challenges/end", json={"lane": "desk"}).json() == {"ended": "failed"}
    page = web.get(f"/shift/runs/{number}").text
    assert "Parts to hold" in page
    assert [f"/parts/{n}" in page for n in made] == [True] * 3
    held = web.get(f"/api/v1/challenges/runs/{number}/hold?limit=2").json()
    assert ([part["record"] for part in held["parts"]], held["next_after_id"]) == (made[:2], made[1])
    rest = web.get(f"/api/v1/challenges/runs/{number}/hold?limit=2&after_id={made[1]}").json()
    assert ([part["record"] for part in rest["parts"]], rest["next_after_id"]) == (made[2:], None)
    lines = web.get(f"/shift/runs/{number}/hold.csv").text.splitlines()
    assert [line.split(",")[:3] for line in lines[1:]] == [[str(n), f"'=P-{i}", "OK"] for i, n in enumerate(made)]
    assert "T" in lines[1].split(",")[3]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with shown(tmp_path, "off") as it, httpx.Client(base_url=it.url, timeout=30) as web:
        assert "No challenge parts are asked for" in web.get("/shift").text
        assert web.get("/shift?lane=nowhere").status_code == 404
        assert web.get("/shift?before_id=x").status_code == 404
        assert web.get("/shift/runs/7").status_code == 404
        assert web.get("/shift/runs/7/hold.csv").status_code == 404
        assert web.get("/shift/challenges?recipe=../../etc/passwd").status_code == 200
        assert web.get("/api/v1/challenges/runs?limit=0").status_code == 422
        assert web.get("/api/v1/challenges/runs/9/hold").status_code == 404
        assert web.get("/api/v1/challenges/parts?recipe=..%2Fx").status_code == 422
        for path, body, code in (
            ("start", {"lane": "desk"}, 409),
            ("start", {"lane": 5}, 422),
            ("start", {"lane": "desk", "by": "root"}, 422),
            ("next", {"lane": "desk"}, 422),
            ("override", {"lane": "desk", "reason": "x" * 501}, 409),
        ):
            answer = web.post(f"/api/v1/challenges/{path}", json=body)
            assert answer.status_code == code, answer.text
        wrong = {"recipe": "trial", "revision": "", "parts": 3}
        assert web.put("/api/v1/challenges/parts", json=wrong).status_code == 422
        assert form(web, "/shift/start", lane="<script>").status_code == 409
        day = web.get("/api/v1/shifts?day=2026-11-30").json()["shifts"]
        assert [shift["key"] for shift in day] == ["2026-11-30/day"]
