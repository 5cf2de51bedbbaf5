"""REST, metrics and health over a real server: what is answered, and that bad input never breaks it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from pipelines.values import Outcome
from tests.web.fake_station import FakeStation, grey_board, running
from tests.web.served import Served, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def station(folder: Path) -> Iterator[FakeStation]:
    with running(folder) as station:
        yield station


@pytest.fixture(scope="module")
def served(folder: Path, station: FakeStation) -> Iterator[Served]:
    del station
    with serving(folder) as served:
        yield served


@pytest.fixture
def web(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


def jpeg(seed: int = 1, size: tuple[int, int] = (320, 240)) -> bytes:
    return cv2.imencode(".jpg", grey_board(*size, seed))[1].tobytes()


def png(pixels: "np.typing.NDArray[np.uint8]") -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def test_status(web: httpx.Client) -> None:
    said = web.get("/api/v1/status").json()
    assert said["link"] == "up"
    assert [lane["name"] for lane in said["status"]["lanes"]] == ["top"]


def test_inspections_are_paged_and_filtered(web: httpx.Client, station: FakeStation) -> None:
    ids = [
        station.judge(outcome=o, part_id=f"P{i}") for i, o in enumerate([Outcome.OK, Outcome.NG, Outcome.UNSURE] * 3)
    ]
    first = web.get("/api/v1/inspections", params={"limit": 4, "lane": "top"}).json()
    assert [i["id"] for i in first["inspections"]] == ids[:-5:-1]
    second = web.get("/api/v1/inspections", params={"limit": 4, "before_id": first["next_before_id"]}).json()
    assert second["inspections"][0]["id"] == ids[-5]
    bad = web.get("/api/v1/inspections", params={"outcome": "NG", "label": "spur"}).json()["inspections"]
    assert {i["outcome"] for i in bad} == {"NG"}
    assert bad[0]["reasons"][0]["label"] == "spur"
    assert [i["id"] for i in web.get("/api/v1/inspections?part_id=P1").json()["inspections"]] == [ids[1]]
    assert web.get("/api/v1/inspections?lane=none").json() == {"inspections": [], "next_before_id": None}


def test_one_inspection_and_its_picture(web: httpx.Client, station: FakeStation) -> None:
    number = station.judge(outcome=Outcome.NG)
    found = web.get(f"/api/v1/inspections/{number}").json()
    assert found["stages"]["total_ms"] == 14.2
    picture = web.get(found["evidence"]["picture"])
    assert picture.headers["content-type"] == "image/jpeg"
    assert len(picture.content) == found["evidence"]["bytes"]
    kept_not = station.judge(keep=False)
    answer = web.get(f"/api/v1/inspections/{kept_not}/picture")
    assert (answer.status_code, "not kept" in answer.json()["error"]) == (404, True)


def test_a_picture_that_was_kept_lossless_is_a_png(web: httpx.Client, station: FakeStation) -> None:
    number, pixels = station.judge(keep=False), grey_board(64, 48)
    station.keep(number, pixels, ".png")
    for address in (f"/api/v1/inspections/{number}/picture", f"/parts/{number}/picture"):
        picture = web.get(address)
        assert picture.headers["content-type"] == "image/png"
        got = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(got, pixels)
    assert f'download="part-{number}.png"' in web.get(f"/parts/{number}").text
    assert web.get(f"/parts/{number}/thumbnail").status_code == 200


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_pushed_picture_is_judged_as_it_is(web: httpx.Client, station: FakeStation, kind: str) -> None:
    pixels = grey_board(200, 120, 3)
    body = png(pixels) if kind == "png" else jpeg(3, (200, 120))
    answer = web.post("/api/v1/judge?lane=top&part_id=SN 7", content=body, headers={"content-type": f"image/{kind}"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["part_id"], answer.json()["purpose"]) == ("SN 7", "api")
    assert station.pushed[-1].shape == (120, 200, 3)
    if kind == "png":
        assert np.array_equal(station.pushed[-1], pixels)
    assert list((station.runtime / "push").iterdir()) == []


def bad_bodies() -> dict[str, tuple[bytes, int, str]]:
    whole = jpeg()
    cut = png(grey_board(300, 300))
    return {
        "empty": (b"", 422, "empty"),
        "text": (b"this is not a picture, whatever its name says", 422, "not a JPEG"),
        "cut jpeg": (whole[: len(whole) // 2], 422, "cut off"),
        "cut png": (cut[: len(cut) // 2], 422, "cut off"),
        "damaged png": (cut[:200] + b"\0\0\0\0" + cut[204:], 422, "damaged"),
        "bmp": (cv2.imencode(".bmp", grey_board(40, 40))[1].tobytes(), 422, "kind BMP"),
        "too many px": (png(np.zeros((1200, 1000, 3), np.uint8)), 422, "1000 x 1200"),
        "bomb": (cut[:16] + (60_000).to_bytes(4, "big") * 2 + cut[24:], 422, ""),
        "too many bytes": (b"\xff\xd8\xff" + bytes(33 * 1024 * 1024), 413, "larger than"),
    }


@pytest.mark.parametrize("name", bad_bodies())
def test_a_bad_picture_is_refused_in_words(web: httpx.Client, station: FakeStation, name: str) -> None:
    body, status, words = bad_bodies()[name]
    before = len(station.pushed)
    answer = web.post("/api/v1/judge?lane=top", content=body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert len(station.pushed) == before


def test_a_lane_that_takes_no_pictures_is_named(web: httpx.Client, station: FakeStation) -> None:
    answer = web.post("/api/v1/judge?lane=nowhere", content=jpeg())
    assert (answer.status_code, "nowhere" in answer.json()["error"]) == (409, True)
    assert list((station.runtime / "push").iterdir()) == []


def test_another_content_type_is_refused(web: httpx.Client) -> None:
    answer = web.post("/api/v1/judge", content=jpeg(), headers={"content-type": "text/html"})
    assert answer.status_code == 415


BAD = [
    "/api/v1/inspections?outcome=BAD",
    "/api/v1/inspections?limit=0",
    "/api/v1/inspections?limit=1e9",
    "/api/v1/inspections?before_id=99999999999999999999999",
    "/api/v1/inspections?since=yesterday",
    "/api/v1/inspections?since=9999-12-31T23:59:59-23:59",
    "/api/v1/inspections?lane=%00",
    "/api/v1/inspections?lane=" + "x" * 500,
    "/api/v1/inspections?colour=red",
    "/api/v1/inspections?range=year",
    "/api/v1/inspections?overridden=maybe",
    "/api/v1/inspections/count?outcome=BAD",
    "/api/v1/inspections.csv?since=yesterday",
    "/api/v1/inspections/0",
    "/api/v1/inspections/-5",
    "/api/v1/inspections/9223372036854775808",
    "/api/v1/inspections/abc",
    "/api/v1/inspections/9223372036854775807",
    "/api/v1/inspections/1/nothing",
    "/api/v1/events?before_id=x",
    "/api/v1/events?limit=-1",
    "/parts?outcome=%ff%fe",
    "/parts?since=%E2%80%AE",
    "/parts/..%2f..%2fetc%2fpasswd",
    "/parts/999999999",
    "/live/..%2fcontrol.sock",
    "/live/top-1.jpg%00",
    "/static/..%2f..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/nothing",
]


@pytest.mark.parametrize("address", BAD)
def test_bad_addresses_get_an_error_and_nothing_else(web: httpx.Client, address: str) -> None:
    answer = web.get(address)
    assert 400 <= answer.status_code < 500
    if address.startswith("/api"):
        assert answer.json()["error"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(web: httpx.Client, method: str) -> None:
    assert web.request(method, "/api/v1/inspections").status_code == 405


def test_odd_queries_are_taken(web: httpx.Client) -> None:
    for query in ("lane=%ff%00"[:7], "label=%F0%9F%94%A7", "part_id=' OR 1=1 --", "since=&until=&limit="):
        assert web.get(f"/parts?{query}").status_code == 200


def test_events_and_outbox(web: httpx.Client, station: FakeStation) -> None:
    for number in range(3):
        station.event("camera_gone", lane="top", number=number)
    end = time.monotonic() + 20
    while len(found := web.get("/api/v1/events?limit=2").json()["events"]) < 2:
        assert time.monotonic() < end
    assert found[0]["name"] == "camera_gone"
    assert web.get("/api/v1/outbox").json()["epoch"]


def test_openapi_names_every_route_and_serves_no_foreign_script(web: httpx.Client) -> None:
    described = web.get("/api/v1/openapi.json").json()
    routes = {path.removeprefix("/api/v1") for path in described["paths"]}
    assert routes >= {
        "/status", "/inspections", "/inspections/{id}", "/inspections/{id}/picture", "/judge", "/inspections/count",
        "/inspections.csv", "/events", "/outbox",
    }  # fmt: skip
    assert set(described["paths"]["/api/v1/judge"]["post"]["requestBody"]["content"]) == {"image/jpeg", "image/png"}
    assert web.get("/docs").status_code == web.get("/redoc").status_code == 404


def test_metrics_are_as_prometheus_wants_them(web: httpx.Client, station: FakeStation) -> None:
    station.judge(keep=False)
    answer = web.get("/metrics")
    lines = answer.text.splitlines()
    assert "okng_station_up 1.0" in lines
    assert any(line.startswith('okng_parts_total{lane="top",outcome="ok"}') for line in lines)
    assert 'okng_latency_p99_seconds{lane="top"} 0.0219' in lines
    assert 'okng_camera_state{lane="top",state="live"} 1.0' in lines
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=answer.text, capture_output=True, text=True, timeout=60, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_health(web: httpx.Client) -> None:
    assert web.get("/healthz").json() == {"web": "ok", "station": "up"}
    assert web.head("/healthz").status_code == 200


def test_the_first_view_is_light(web: httpx.Client) -> None:
    files = ("/", "/static/okng.css", "/static/line.css", "/static/line.js", "/static/lane.js", "/static/morph.js",
             "/static/stream.js", "/static/okng.svg")  # fmt: skip
    assert sum(len(web.get(file).content) for file in files) < 100_000


def test_what_may_be_said_by_other_sites(web: httpx.Client) -> None:
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        for path in ("/preferences", "/api/v1/judge"):
            assert web.post(path, content=b"theme=dark", headers=headers).status_code == 403
    ours = web.post(
        "/preferences", content=b"theme=dark&next=/parts", headers={"origin": str(web.base_url).rstrip("/")}
    )
    assert (ours.status_code, ours.headers["location"]) == (303, "/parts")
    assert "okng_theme=dark" in ours.headers["set-cookie"]


@pytest.mark.parametrize(
    "where", ["//evil.example", "/\\evil.example", "http://evil.example", "javascript:alert(1)", ""]
)
def test_the_switches_lead_nowhere_else(web: httpx.Client, where: str) -> None:
    answer = web.post("/preferences", data={"next": where, "language": "xx"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "set-cookie" not in answer.headers
    assert web.post("/preferences", content=b"next=" + b"x" * 10_000).status_code == 413


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", ""])
def test_foreign_host_names_are_refused(web: httpx.Client, host: str) -> None:
    """DNS rebinding: a foreign name that points here is not taken."""
    assert web.get("/api/v1/status", headers={"host": host}).status_code in (400, 421)
    assert web.get("/api/v1/status", headers={"host": "localhost:1"}).status_code == 200


def test_every_answer_carries_the_policy(web: httpx.Client) -> None:
    for path in ("/", "/parts", "/static/line.js", "/api/v1/status", "/nothing", "/healthz"):
        headers = web.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_documentation_names_every_route(web: httpx.Client) -> None:
    text = "".join(file.read_text() for file in (Path(__file__).parents[2] / "docs").glob("*.md"))
    for path, methods in web.get("/api/v1/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in text
