"""Logging in: the first admin, guesses, roles, sessions that end; the real page as a process of its own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.web.fake_station import running
from tests.web.people.folk import (
    ADMIN,
    OTHER_SECRET,
    SECRET,
    acts,
    add,
    client,
    closed,
    log_in,
    make_admin,
    set_up_code,
    settled,
)
from tests.web.served import Served, serving


@dataclass(frozen=True, slots=True)
class Rig:
    served: Served
    admin: httpx.Client


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder: Path = tmp_path_factory.mktemp("people")
    with running(folder), closed(folder) as served:
        yield Rig(served, make_admin(served))


def test_without_a_log_in_there_is_only_the_door(tmp_path: Path) -> None:
    """FIELD 24: on a new station the first who comes with the code from its log is the admin, and nobody else."""
    with running(tmp_path), closed(tmp_path) as served:
        stranger = client(served)
        assert stranger.get("/healthz").status_code == 200
        assert stranger.get("/static/okng.css").status_code == 200
        for path in ("/", "/parts", "/setup/people", "/nowhere", "/login"):
            answer = stranger.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/first")
        for path in ("/events", "/metrics", "/api/v1/status", "/api/v1/openapi.json", "/live/x.jpg"):
            answer = httpx.get(served.url + path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="okng"')
        code = set_up_code(served)
        form = {"code": "AAAA-AAAA-AAAA", "name": ADMIN, "password": SECRET, "again": SECRET}
        assert stranger.post("/first", data=form).status_code == 403
        for wrong in ({"password": "short", "again": "short"}, {"name": " "}, {"again": "another one, longer"}):
            answer = stranger.post("/first", data={**form, "code": code, **wrong})
            assert answer.status_code == 422
            assert 'aria-invalid="true"' in answer.text
        typed = {**form, "code": code.lower().replace("-", " ")}
        with ThreadPoolExecutor(4) as pool:  # several at once: one is the admin
            codes = [pool.submit(httpx.post, f"{served.url}/first", data=typed, timeout=60) for _ in range(4)]
            assert sorted(one.result().status_code for one in codes) == [303, 403, 403, 403]
        admin = log_in(served, ADMIN, SECRET)
        assert admin.get("/").status_code == 200
        assert {act["act"] for act in acts(admin, outcome="done")} == {"people.first", "people.login"}
        assert stranger.get("/").headers["location"] == "/login"
        assert stranger.get("/first").headers["location"] == "/login"


def test_the_cookie_is_the_browsers_alone(rig: Rig) -> None:
    answer = client(rig.served).post(
        "/login", data={"name": ADMIN.upper(), "password": SECRET, "next": "/parts?lane=a"}
    )
    assert answer.headers["location"] == "/parts?lane=a"
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/", "max-age=43200"))
    assert "secure" not in cookie  # this page is plain HTTP on 127.0.0.1
    away = client(rig.served).post("/login", data={"name": ADMIN, "password": SECRET, "next": "//evil.example"})
    assert away.headers["location"] == "/"


def test_a_viewer_calling_an_engineers_route_is_refused_and_it_is_written_down(rig: Rig) -> None:
    viewer = settled(rig.served, rig.admin, "Viktor", "viewer", "a lamp and a half")
    assert viewer.get("/").status_code == 200
    for method, path in (("GET", "/setup/acts"), ("POST", "/setup/people"), ("GET", "/api/v1/people")):
        assert viewer.request(method, path).status_code == 403
    refused = acts(rig.admin, who="Viktor", outcome="refused")
    assert [act["subject"] for act in refused] == ["GET /api/v1/people", "POST /setup/people", "GET /setup/acts"]
    assert refused[0]["act"] == "people.forbidden"
    assert refused[0]["after"] == {"why": "needs admin, is viewer"}
    assert viewer.get("/nowhere").status_code == 404
    assert viewer.request("PUT", "/parts").status_code == 405


def test_a_session_used_after_logging_out_is_refused_and_written_down(rig: Rig) -> None:
    browser = settled(rig.served, rig.admin, "Otto", "operator", "a lamp and a third")
    stolen = dict(browser.cookies)
    assert browser.post("/logout").status_code == 303
    assert not browser.cookies
    with httpx.Client(base_url=rig.served.url, cookies=stolen) as thief:
        answer = thief.get("/api/v1/status")
        assert answer.status_code == 401
        assert answer.json()["error"] == "this session is ended"
        assert "okng_session" in answer.headers["set-cookie"]
    (act,) = acts(rig.admin, who="Otto", outcome="refused")
    assert (act["act"], act["subject"]) == ("people.dead_session", "GET /api/v1/status")


def test_a_stream_ends_with_the_log_in_that_it_was_asked_by(rig: Rig) -> None:
    browser = settled(rig.served, rig.admin, "Ole", "viewer", "a lamp and a sixth")
    with httpx.stream("GET", f"{rig.served.url}/events", cookies=dict(browser.cookies), timeout=60) as stream:
        lines = stream.iter_lines()
        assert any(line.startswith("event: tick") for line in lines)
        browser.post("/logout")
        for _ in lines:
            pass  # until it ends


def test_a_first_password_has_to_be_changed_before_anything_else(rig: Rig) -> None:
    add(rig.admin, "Erika", "engineer")
    browser = log_in(rig.served, "erika", OTHER_SECRET)
    assert browser.get("/setup/acts").headers["location"] == "/me"
    assert browser.get("/api/v1/acts").status_code == 403
    assert browser.get("/me").status_code == 200
    wrong = {"now": "not this one", "password": "green tea at noon", "again": "green tea at noon"}
    assert browser.post("/me/password", data=wrong).status_code == 422
    for refused in ("short", OTHER_SECRET, "erika erika", "aaaaaaaaaaaa", "password123"):
        form = {"now": OTHER_SECRET, "password": refused, "again": refused}
        assert browser.post("/me/password", data=form).status_code == 422, refused
    right = {"now": OTHER_SECRET, "password": "green tea at noon", "again": "green tea at noon"}
    assert browser.post("/me/password", data=right).status_code == 303
    assert browser.get("/setup/acts").status_code == 200


def test_a_new_role_counts_at_once_and_a_disabled_person_is_out(rig: Rig) -> None:
    browser = settled(rig.served, rig.admin, "Mia", "viewer", "a lamp and a fifth")
    number = next(p["id"] for p in rig.admin.get("/api/v1/people").json()["people"] if p["name"] == "Mia")
    assert browser.get("/setup/acts").status_code == 403
    assert rig.admin.post(f"/setup/people/{number}/role", data={"role": "engineer"}).status_code == 303
    assert browser.get("/setup/acts").status_code == 200
    assert rig.admin.post(f"/setup/people/{number}/disable").status_code == 303
    assert browser.get("/").status_code == 303
    out = client(rig.served).post("/login", data={"name": "Mia", "password": "a lamp and a fifth"})
    assert out.status_code == 401
    changed = acts(rig.admin, text="Mia", outcome="done")
    assert [act["act"] for act in changed][:2] == ["people.disable", "people.role"]
    assert (changed[1]["before"], changed[1]["after"]) == ({"role": "viewer"}, {"role": "engineer"})


def test_the_last_admin_stays(rig: Rig) -> None:
    number = next(p["id"] for p in rig.admin.get("/api/v1/people").json()["people"] if p["name"] == ADMIN)
    assert rig.admin.post(f"/setup/people/{number}/role", data={"role": "viewer"}).status_code == 422
    assert rig.admin.post(f"/setup/people/{number}/disable").status_code == 422
    refused = rig.admin.patch(f"/api/v1/people/{number}", json={"role": "viewer", "password": "another good one"})
    assert refused.status_code == 409
    assert "only admin" in refused.json()["error"]
    assert log_in(rig.served, ADMIN, SECRET).get("/setup/people").status_code == 200  # the password is as it was


def test_a_program_has_a_token_with_a_role_and_an_end(rig: Rig) -> None:
    page = rig.admin.post("/setup/tokens", data={"name": "mes", "role": "viewer", "days": "7"})
    assert page.status_code == 200
    secret = page.text.partition('class="secret" tabindex="0">')[2].partition("<")[0]
    assert secret.startswith("okng_")
    assert secret not in rig.admin.get("/setup/tokens").text
    with httpx.Client(base_url=rig.served.url, headers={"authorization": f"Bearer {secret}"}) as program:
        assert program.get("/api/v1/me").json() == {"name": "mes", "role": "viewer", "by": "token"}
        assert program.get("/metrics").status_code == 200
        assert program.get("/api/v1/people").status_code == 403
        (token,) = rig.admin.get("/api/v1/tokens").json()["tokens"]
        assert token["last_used"] is not None
        assert rig.admin.delete(f"/api/v1/tokens/{token['id']}").json()["revoked"] is not None
        assert program.get("/api/v1/me").status_code == 401
    assert [act["act"] for act in acts(rig.admin, who="mes")] == ["people.dead_token", "people.forbidden"]
    for header in ("Basic b2tuZzpva25n", "Bearer", "Bearer x", "Bearer " + "y" * 500):
        assert httpx.get(f"{rig.served.url}/api/v1/status", headers={"authorization": header}).status_code == 401


def test_guesses_are_slowed_down_also_those_that_come_together_and_after_a_restart(tmp_path: Path) -> None:
    """FIELD 24."""
    with running(tmp_path):
        with closed(tmp_path) as served:
            admin = make_admin(served)

            def guess(number: int) -> int:
                form = {"name": ADMIN, "password": f"a guess, number {number}"}
                return httpx.post(f"{served.url}/login", data=form, timeout=60).status_code

            with ThreadPoolExecutor(12) as pool:
                guesses = [pool.submit(guess, number) for number in range(12)]
                assert admin.get("/api/v1/outbox").status_code == 200
                codes = [guessed.result() for guessed in guesses]
            assert (codes.count(401), codes.count(429)) == (5, 7)
            slowed = client(served).post("/login", data={"name": ADMIN, "password": SECRET})
            assert slowed.status_code == 429
            assert int(slowed.headers["retry-after"]) > 0
        with closed(tmp_path) as served:
            again = client(served).post("/login", data={"name": ADMIN, "password": SECRET})
            if again.status_code == 303:  # more seconds than the wait went by meanwhile
                return
            assert again.status_code == 429


def test_this_machine_may_do_what_the_configuration_says(tmp_path: Path) -> None:
    """A kiosk shows the line without a log-in; what came through a proxy was not asked by this machine."""
    with running(tmp_path), serving(tmp_path, this_machine="viewer") as served:
        kiosk = client(served)
        assert kiosk.get("/").status_code == 200
        assert kiosk.get("/setup/acts").headers["location"] == "/first?next=%2Fsetup%2Facts&why=role"
        assert httpx.post(f"{served.url}/api/v1/judge", content=b"x").status_code == 403
        for name in ("X-Forwarded-For", "Forwarded", "Via"):
            assert httpx.get(f"{served.url}/api/v1/status", headers={name: "for=9.9.9.9"}).status_code == 401
        assert httpx.get(f"{served.url}/api/v1/me").json() == {
            "name": "this machine",
            "role": "viewer",
            "by": "machine",
        }


def test_without_a_place_to_write_acts_nothing_is_done(tmp_path: Path) -> None:
    """FIELD 17 and 18: a damaged file is not replaced by an empty one, the line is shown, and the page says why."""
    folder = tmp_path / "data" / "web"
    folder.mkdir(parents=True)
    (folder / "web.db").write_bytes(b"this is no database" * 1000)
    with running(tmp_path), serving(tmp_path, this_machine="admin") as served:
        page = client(served).get("/")
        assert page.status_code == 200
        assert "People and acts cannot be read or written" in page.text
        refused = client(served).post("/setup/people", data={"name": "Eve", "role": "admin", "password": SECRET})
        assert refused.status_code == 503
        assert "not a database" in refused.text
    assert (folder / "web.db").read_bytes().startswith(b"this is no database")


def test_the_log_of_acts_is_searched_paged_and_saved(rig: Rig) -> None:
    for number in range(3):
        add(rig.admin, f"Worker {number}", "viewer")
    first = rig.admin.get("/api/v1/acts", params={"text": "Worker", "area": "people", "limit": "2"}).json()
    rest = rig.admin.get(
        "/api/v1/acts", params={"text": "Worker", "limit": "2", "before_id": str(first["next_before_id"])}
    ).json()
    assert [a["subject"] for a in first["acts"] + rest["acts"]] == ["Worker 2", "Worker 1", "Worker 0"]
    assert rest["next_before_id"] is None
    page = rig.admin.get("/setup/acts", params={"text": "Worker 1"})
    assert page.status_code == 200
    assert "Worker 1" in page.text
    assert "Worker 2" not in page.text.replace('value="Worker 2"', "")
    assert rig.admin.get("/setup/acts", params={"since": "yesterday"}).status_code == 422
    saved = rig.admin.get("/setup/acts.csv", params={"text": "Worker"})
    assert saved.headers["content-disposition"] == 'attachment; filename="acts.csv"'
    assert [line.split(",")[7] for line in saved.text.splitlines()[-3:]] == ["Worker 2", "Worker 1", "Worker 0"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'{"name": 3, "role": "king"}', b'{"name":"a","role":"viewer","password":"x","more":1}', b"\xff"],
)
def test_a_wrong_body_is_refused_and_changes_nothing(rig: Rig, body: bytes) -> None:
    before = rig.admin.get("/api/v1/people").json()
    assert rig.admin.post("/api/v1/people", content=body).status_code in (400, 422)
    assert rig.admin.get("/api/v1/people").json() == before
