"""Requests that are malformed, odd or slow: none is an error of the server, none fills its memory."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import httpx
import pytest

from agent.web.api import HELD
from tests.web.fake_station import FakeStation, grey_board, running
from tests.web.served import serving


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeStation]:
    with running(tmp_path_factory.mktemp("bad")) as station:
        yield station


@pytest.fixture(scope="module")
def web(station: FakeStation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder: Path = tmp_path_factory.mktemp("page")
    with (
        serving(folder, data=station.data, runtime=station.runtime) as served,
        httpx.Client(base_url=served.url, timeout=30) as client,
    ):
        yield client


def jpeg() -> bytes:
    return cv2.imencode(".jpg", grey_board(320, 240))[1].tobytes()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"&".join(b"f%d=1" % n for n in range(201)), 400),
        (b"&" * 4000, 400),
        (b"language=%ff%zz&theme=%", 400),
        (b"language=tlh&theme=\xff\xfe", 400),
        (b"next=%2F%2F%5B", 303),
        (b"next=//[", 303),
        (b"next=%0d%0aSet-Cookie:%20a=b", 303),
        (b"next=/%F0%9F%94%A7%00", 303),
        (b"\0" * 4096, 303),
        (b"", 303),
    ],
)
def test_no_form_is_an_error_of_the_server(web: httpx.Client, body: bytes, status: int) -> None:
    answer = web.post("/preferences", content=body)
    assert answer.status_code == status, answer.text
    assert "set-cookie" not in answer.headers


COOKIES = [
    b"okng_language=tlh; okng_theme=\xff",
    b"okng_language=" + b"x" * 20_000,
    b'=;;;=\\"; $Version=1',
    b'"\xff"=1;',
]


@pytest.mark.parametrize("cookie", COOKIES)
def test_no_cookie_is_an_error_of_the_server(web: httpx.Client, cookie: bytes) -> None:
    for method, path in (("GET", "/"), ("GET", "/parts"), ("POST", "/preferences")):
        assert web.request(method, path, headers={b"cookie": cookie}).status_code < 500


@pytest.mark.parametrize(
    "host", ["[::1]x", "[::1", "localhost:1]", "localhost:x", "localhost:1:2", "127.0.0.1@evil", "[]"]
)
def test_odd_host_names_are_refused(web: httpx.Client, host: str) -> None:
    assert web.get("/", headers={"host": host}).status_code in (400, 421)


def test_odd_paths_are_no_error_of_the_server(web: httpx.Client) -> None:
    for path in ("//[", "//[x]/", "/%5B", "/parts//[?x=//["):
        with socket.create_connection((web.base_url.host, web.base_url.port or 80)) as plain:
            plain.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert plain.recv(100)[:10] == b"HTTP/1.1 4"


def test_pictures_that_come_slowly_are_held_by_number_not_by_size(web: httpx.Client, station: FakeStation) -> None:
    """Memory: room is taken before the first byte of a picture is, and who finds none is told to come again."""
    start = b"POST /api/v1/judge?lane=top HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n\xff\xd8\xff"
    address = web.base_url.host, web.base_url.port or 80
    with ExitStack() as stack:
        for _ in range(HELD):
            stack.enter_context(socket.create_connection(address)).sendall(start)
        end = time.monotonic() + 20
        while (answer := web.post("/api/v1/judge?lane=top", content=jpeg())).status_code != 503:
            assert time.monotonic() < end
        assert answer.headers["retry-after"] == "1"
    before, end = len(station.pushed), time.monotonic() + 20
    while web.post("/api/v1/judge?lane=top", content=jpeg()).status_code != 200:
        assert time.monotonic() < end
    assert len(station.pushed) == before + 1


def test_what_is_refused_is_counted(web: httpx.Client) -> None:
    """Oversized, deep, not UTF-8, for another host, from another site, unknown: each by its status, others not."""

    def counted() -> dict[str, float]:
        lines = web.get("/metrics").text.splitlines()
        named = (line.partition("{")[2] for line in lines if line.startswith("okng_web_requests_refused_total{"))
        return {line.partition('"')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in named}

    before = counted()
    asked = [
        web.post("/api/v1/judge?lane=top", content=b"\xff\xd8\xff" + b"\0" * 70_000_000),
        web.put("/api/v1/recipes/demo", content=b'{"a":' * 5000, headers={"content-type": "application/json"}),
        web.put("/api/v1/recipes/demo", content=b'"\xff\xfe"', headers={"content-type": "application/json"}),
        web.get("/", headers={"host": "evil.example"}),
        web.post("/preferences", headers={"origin": "http://evil.example"}),
        web.get("/no-such-page"),
    ]
    statuses = [answer.status_code for answer in asked]
    assert all(status >= 400 for status in statuses), statuses
    assert web.get("/").status_code == 200
    after = counted()
    for status in set(statuses):
        assert after[str(status)] - before.get(str(status), 0) == statuses.count(status)
    assert sum(after.values()) - sum(before.values()) == len(statuses)
