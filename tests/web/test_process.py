"""The process `okng web`: when it starts, what it refuses, how it ends, and what it says of a dead station."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from pipelines.values import Outcome
from tests.web.fake_station import running
from tests.web.served import Served, serving, start


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def health(served: Served) -> tuple[int, str]:
    answer = httpx.get(f"{served.url}/healthz", timeout=20)
    return answer.status_code, answer.json()["station"]


def test_it_ends_at_term_with_viewers_connected(tmp_path: Path) -> None:
    with (
        running(tmp_path),
        serving(tmp_path) as served,
        httpx.stream("GET", f"{served.url}/events", timeout=20) as events,
    ):
        lines = events.iter_lines()
        assert any(line.startswith("event: tick") for line in lines)
        assert served.stop() == 0
        for _ in lines:
            pass


def test_without_a_station_it_says_so_and_comes_back_by_itself(tmp_path: Path) -> None:
    """FIELD 2: the page never needs the station to be alive."""
    (tmp_path / "run").mkdir()
    with serving(tmp_path) as served:
        assert health(served) == (503, "off")
        for path in ("/", "/metrics"):
            assert httpx.get(served.url + path).status_code == 200
        assert "NOT STARTED" in httpx.get(served.url).text
        for path in ("/parts", "/api/v1/inspections", "/api/v1/outbox", "/api/v1/events"):
            assert httpx.get(served.url + path).status_code == 503
        assert "has not started" in httpx.get(f"{served.url}/api/v1/outbox").json()["error"]
        jpeg = b"\xff\xd8\xff"
        assert httpx.post(f"{served.url}/api/v1/judge", content=jpeg).status_code == 422
        (tmp_path / "run").rmdir()
        with running(tmp_path) as station:
            station.judge(outcome=Outcome.NG)
            until(lambda: health(served) == (200, "up"))
            until(lambda: "Bad part" in httpx.get(served.url).text)  # read from the database a moment after
        assert health(served) == (503, "off")
        assert httpx.get(f"{served.url}/api/v1/inspections").json()["inspections"]


def test_a_hung_station_is_silent_and_nothing_of_it_is_shown_as_live(tmp_path: Path) -> None:
    with running(tmp_path) as station, serving(tmp_path) as served:
        station.judge()
        until(lambda: health(served) == (200, "up"))
        station.hung.set()
        until(lambda: health(served) == (503, "silent"))
        page = httpx.get(served.url, timeout=20).text
        assert "NO ANSWER" in page
        assert "Good part" not in page
        station.hung.clear()


def test_an_old_state_is_no_state(tmp_path: Path) -> None:
    with running(tmp_path) as station, serving(tmp_path) as served:
        station.said = {"now_utc_us": station.clock.now().utc_us - 10_000_000}
        until(lambda: health(served) == (503, "silent"))
        assert "s old" in httpx.get(f"{served.url}/api/v1/status").json()["why"]


def test_a_configuration_problem_is_shown(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with serving(tmp_path, problem="lanes.top.camera.exposre_us: unknown <b>", lanes=()) as served:
        page = httpx.get(served.url).text
        assert "exposre_us: unknown &lt;b&gt;" in page
        assert "NOT STARTED" in page


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start({"station": {"data": str(tmp_path), "runtime": str(tmp_path)}, "web": {"port": port}})
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 1
    assert str(port) in messages


def test_systemd_is_told(tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(60)
        config: dict[str, object] = {"station": {"data": str(tmp_path), "runtime": str(tmp_path)}, "web": {"port": 0}}
        process = start(config, NOTIFY_SOCKET=str(address), WATCHDOG_USEC="3000000")
        told = [systemd.recv(4096).decode() for _ in range(3)]
        process.terminate()
        while not told[-1].startswith("STOPPING=1"):
            told.append(systemd.recv(4096).decode())
        process.communicate(timeout=60)
    assert told[0].startswith("READY=1")
    assert "WATCHDOG=1" in told
    assert process.returncode == 0
