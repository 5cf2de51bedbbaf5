"""REST as its OpenAPI has it: schemathesis asks what the schema allows and what it does not, and judges the answers.

It runs beside the tests, as anybody would run it against a station; inside of pytest its plugin is switched off.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from agent.config import Config
from agent.web.app import desk_of, routes
from pipelines.values import Outcome
from tests.web.fake_station import FakeStation, running
from tests.web.served import Served, serving

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
SOME = "^/api/v1/(recipes|challenges|people|models)"
SHARES = (
    ("--phases", "examples,coverage", "--include-path-regex", SOME),
    ("--phases", "examples,coverage", "--exclude-path-regex", SOME),
    ("--phases", "fuzzing"),
)
"""What each process asks; together everything."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeStation, Served]]:
    folder: Path = tmp_path_factory.mktemp("rest") / "station"
    with running(folder) as station, serving(folder) as served:
        for outcome in (Outcome.OK, Outcome.NG, Outcome.UNSURE):
            station.judge(outcome=outcome)
        yield station, served


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_request_is_an_error_of_the_server_and_no_answer_is_undescribed(
    line: tuple[FakeStation, Served], tmp_path: Path
) -> None:
    """Each parameter at its bounds and beyond, then whatever comes to its mind.

    Several ask at once, for what is written is waited for: processes and not workers of one, because Python 3.11 may
    fail when two threads of a process read source code at the same time (cpython issue 106905).
    """
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    asking = [_ask(line[1].url, tmp_path / f"asked{n}", *more) for n, more in enumerate(SHARES)]
    for process in asking:
        said, _ = process.communicate(timeout=590)
        print(said[-20_000:])
    assert [process.returncode for process in asking] == [0] * len(SHARES)


def _ask(url: str, folder: Path, *more: str) -> "subprocess.Popen[str]":
    folder.mkdir()
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/v1/openapi.json", *more, "--max-examples", "3",
        "--checks", ",".join(CHECKS), "--seed", "1", "--no-shrink", "--continue-on-failure",
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_no_body_is_read_without_a_bound(tmp_path: Path) -> None:
    """What FastAPI reads by itself it reads however large it is: `agent.web.forms` and `read_body` do not."""
    station = {"data": str(tmp_path), "runtime": str(tmp_path / "run")}
    application = routes(desk_of(Config.model_validate({"station": station}), ""))
    assert [route.path for route in every(application.router) if route.body_field is not None] == []


def every(router: Any) -> Iterator[APIRoute]:
    """FastAPI keeps included routers as they are."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from every(route.original_router)
