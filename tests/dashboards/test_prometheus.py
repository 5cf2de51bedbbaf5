"""Prometheus itself scrapes a live station and evaluates the documented rules; promtool checks and tries them."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.dashboards.living import demo
from tests.ports import free_port
from tests.uplink.rig import wait_for

DOCUMENTED = Path(__file__).parents[2] / "docs" / "dashboards"
RULES = DOCUMENTED / "prometheus-rules.yml"


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: prometheus)")
    return found


def ran(folder: Path, *command: str) -> str:
    """What it said; fails where it does not end with 0."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_fire_on_what_they_are_for(tmp_path: Path) -> None:
    promtool = program("promtool")
    assert "SUCCESS" in ran(DOCUMENTED, promtool, "check", "rules", RULES.name)
    shutil.copy(RULES, tmp_path)
    cases = Path(__file__).with_name("prometheus-rules-test.yml")
    assert "SUCCESS" in ran(tmp_path, promtool, "test", "rules", shutil.copy(cases, tmp_path))
    tried = set(re.findall(r"alertname: (\w+)", cases.read_text()))
    assert tried == set(re.findall(r"alert: (\w+)", RULES.read_text()))


def test_the_configuration_is_taken(tmp_path: Path) -> None:
    promtool = program("promtool")
    for name in ("prometheus.yml", RULES.name):
        shutil.copy(DOCUMENTED / name, tmp_path)
    (tmp_path / "okng-token").write_text("okng_secret")
    (tmp_path / "okng-ca.pem").touch()
    assert "SUCCESS" in ran(tmp_path, promtool, "check", "config", "prometheus.yml")


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[httpx.Client]:
    """A server that scrapes `target` every 5 s, with the documented rules; its HTTP API."""
    folder.mkdir()
    shutil.copy(RULES, folder)
    scraped = [{"job_name": "okng", "static_configs": [{"targets": [target]}]}]
    every = {"scrape_interval": "5s", "scrape_timeout": "5s", "evaluation_interval": "1s"}
    (folder / "prometheus.yml").write_text(  # YAML's flow style is JSON
        json.dumps({"global": every, "rule_files": [RULES.name], "scrape_configs": scraped})
    )
    port = free_port()
    command = [program("prometheus"), f"--config.file={folder / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as api:
            _wait_until_ready(api, process, folder / "log")
            yield api
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait_until_ready(api: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            if api.get("/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def value(api: httpx.Client, query: str) -> float | None:
    """The query's one value; None while there is none."""
    found = api.get("/api/v1/query", params={"query": query}).json()["data"]["result"]
    return float(found[0]["value"][1]) if len(found) == 1 else None


def judged(metrics: str) -> float:
    return sum(float(v) for v in re.findall(r"^okng_parts_total\{.*\} (\S+)$", metrics, re.MULTILINE))


def names(text: str) -> set[str]:
    return set(re.findall(r"\bokng_[a-z0-9_]+", text))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_scrapes_a_live_station(tmp_path: Path) -> None:
    program("prometheus")
    page = free_port()
    metrics = f"http://127.0.0.1:{page}/metrics"
    with (
        demo(
            tmp_path / "demo", "--rate", "3", "--port", str(page), "--stations", "1", "--fleet-port", str(free_port())
        ) as station,
        prometheus(tmp_path / "prometheus", f"127.0.0.1:{page}") as api,
    ):
        # The page gives way to who judges: on a machine with much else to do it begins late.
        wait_for(lambda: station.poll() is not None or value(api, 'up{job="okng"}') == 1, 120, "up")
        wait_for(lambda: (value(api, "sum(okng_parts_total)") or 0) > 0, 60, "parts")
        before = judged(httpx.get(metrics, timeout=20).text)
        seen: float = wait_for(lambda: (n := value(api, "sum(okng_parts_total)")) and n >= before and n, 60, "as many")
        text = httpx.get(metrics, timeout=20).text
        assert before <= seen <= judged(text)
        assert value(api, "okng_station_up") == 1
        assert value(api, 'okng_station_info{site="demo", line="line1", station="station1"}') == 1

        kept = set(api.get("/api/v1/label/__name__/values").json()["data"])
        there = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
        assert names(RULES.read_text()) - {"okng_alarm"} <= kept
        assert "okng_alarm" in there  # a series only while one stands

        (group,) = wait_for(lambda: _evaluated(api), 60, "all rules evaluated")
        assert {rule["health"] for rule in group["rules"]} == {"ok"}, group
        (target,) = wait_for(lambda: _up(api), 60, "the target up")
        assert target["lastError"] == ""


def _evaluated(api: httpx.Client) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = api.get("/api/v1/rules").json()["data"]["groups"]
    return [] if any(rule["health"] == "unknown" for group in groups for rule in group["rules"]) else groups


def _up(api: httpx.Client) -> list[dict[str, Any]]:
    targets: list[dict[str, Any]] = api.get("/api/v1/targets").json()["data"]["activeTargets"]
    return [target for target in targets if target["health"] == "up"]
