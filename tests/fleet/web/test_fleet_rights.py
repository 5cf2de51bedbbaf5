"""Who may what on the fleet's page: a row for every route, a route for every row."""

from pathlib import Path

from agent.web.people.rights import Rights
from fleet.config import FleetConfig
from fleet.web.app import desk_of, routes
from fleet.web.rights import RIGHTS
from tests.web.people.test_rights import every_route


def test_every_route_has_its_row_and_every_row_its_route(tmp_path: Path) -> None:
    config = FleetConfig.model_validate({"fleet": {"data": str(tmp_path)}})
    known = list(every_route(routes(desk_of(config))))
    rows = [(right.method, right.path) for right in RIGHTS]
    assert len(rows) == len(set(rows))
    assert sorted(set(known)) == sorted(rows)


def test_whoever_is_not_logged_in_may_change_nothing() -> None:
    changing = [right for right in RIGHTS if right.method != "GET"]
    assert {r.path for r in changing if r.least == "open"} == {"/preferences", "/login", "/logout", "/first"}
    assert {r.path for r in changing if r.least == "viewer"} == {"/me/password", "/me/sessions"}
    assert Rights(RIGHTS).of("GET", "/sites/plant/line1/station1") is not None
