"""Who may what: a row for every route, a route for every row, and who has not the role is refused and written down."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from agent.config import Config
from agent.web.app import desk_of, routes
from agent.web.people.rights import Right, Rights
from agent.web.rights import RIGHTS
from agent.web.who import ROLES


def every_route(router: Any) -> Iterator[tuple[str, str]]:
    """(method, path) of what the application answers to; FastAPI keeps included routers as they are."""
    for route in router.routes:
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/{{path:path}}"
        elif isinstance(route, Route) or hasattr(route, "methods"):
            yield from ((method, route.path) for method in route.methods if method != "HEAD")
        else:
            context = route.include_context
            yield from ((method, context.prefix + path) for method, path in every_route(route.original_router))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    folder: Path = tmp_path_factory.mktemp("rights")
    station = {"data": str(folder), "runtime": str(folder / "run")}
    return list(every_route(routes(desk_of(Config.model_validate({"station": station}), ""))))


def test_every_route_has_its_row_and_every_row_its_route(known: list[tuple[str, str]]) -> None:
    """FIELD 24: whoever adds a route says who may use it."""
    rows = [(right.method, right.path) for right in RIGHTS]
    assert len(rows) == len(set(rows))
    assert sorted(set(known)) == sorted(rows)


def test_a_row_is_found_by_what_is_asked() -> None:
    rights = Rights(RIGHTS)
    for right in RIGHTS:
        sample = right.path.replace("{path:path}", "a/b")
        while "{" in sample:
            before, _, rest = sample.partition("{")
            sample = f"{before}7{rest.partition('}')[2]}"
        assert rights.of(right.method, sample) == right
    assert rights.of("GET", "/nowhere") is None
    assert rights.of("DELETE", "/parts") is None
    assert rights.methods("/login") == ("GET", "POST")
    assert rights.of("GET", "/parts/7/picture/x") is None


def test_what_changes_something_is_nobodys_by_chance() -> None:
    """What may be done without a role is on this list, so that one more is seen in review."""
    changing = [right for right in RIGHTS if right.method != "GET"]
    assert {right.path for right in changing if right.least == "open"} == {
        "/preferences",
        "/login",
        "/logout",
        "/first",
    }
    assert {right.path for right in changing if right.least == "viewer"} == {"/me/password", "/me/sessions"}
    assert {r.least for r in RIGHTS} <= {"open", *ROLES}
    assert {r.path for r in changing if not r.written} == {
        "/preferences",
        "/login",
        "/logout",
        "/first",
        "/api/v1/judge",
    }


def test_a_path_that_fits_two_rows_is_the_exact_ones() -> None:
    rights = Rights((Right("GET", "/a/{id}", "viewer"), Right("GET", "/a/new", "admin")))
    found = rights.of("GET", "/a/new")
    assert found is not None
    assert found.least == "admin"
