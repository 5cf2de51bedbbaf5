"""What a route asks for: one row a route, and a route without a row is not there for anybody.

Each program has its table (the station's page: `agent.web.rights`) and takes the rows of this module into it. A test
walks the application's routes and demands a row for each, and a route for each row.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from agent.web.who import Role

Least = Role | Literal["open"]
"""open: whoever can reach the page."""


@dataclass(frozen=True)
class Right:
    """One route: its method, its path as the router has it, and the least role."""

    method: str
    path: str
    least: Least
    written: bool = True
    """Whether it is refused while acts cannot be written down. Reading is not."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"\{\w+(:\w+)?\}", self.path)
        texts, kinds = parts[::2], parts[1::2]
        inner = [re.escape(texts[0])]
        for kind, text in zip(kinds, texts[1:], strict=True):
            inner += [".*" if kind == ":path" else "[^/]+", re.escape(text)]
        return re.compile("".join(inner))


def of(least: Least, *routes: str, written: bool = True) -> tuple[Right, ...]:
    """Rows of one role, each as "METHOD /path"."""
    rows = (route.split(" ", 1) for route in routes)
    return tuple(Right(method, path, least, written and method != "GET") for method, path in rows)


EVERYWHERE = (
    *of("open", "GET /healthz", "GET /static/{path:path}"),
    *of("open", "POST /preferences", written=False),
    *of("viewer", "GET /", "GET /metrics", "GET /api/v1/openapi.json"),
)
"""What every program's page has."""
PEOPLE = (
    *of("open", "GET /login", "GET /first"),
    # Who logs in is counted and written down by the log-in itself.
    *of("open", "POST /login", "POST /logout", "POST /first", written=False),
    *of("viewer", "GET /me", "POST /me/password", "POST /me/sessions", "GET /setup", "GET /api/v1/me"),
    *of("engineer", "GET /setup/acts", "GET /setup/acts.csv", "GET /api/v1/acts"),
    *of("admin", "GET /setup/people", "POST /setup/people", "GET /setup/people/{id}", "POST /setup/people/{id}/role"),
    *of("admin", "POST /setup/people/{id}/password", "POST /setup/people/{id}/sessions"),
    *of("admin", "POST /setup/people/{id}/disable", "POST /setup/people/{id}/enable"),
    *of("admin", "GET /setup/tokens", "POST /setup/tokens", "POST /setup/tokens/{id}/revoke"),
    *of("admin", "GET /api/v1/people", "POST /api/v1/people", "PATCH /api/v1/people/{id}"),
    *of("admin", "GET /api/v1/tokens", "POST /api/v1/tokens", "DELETE /api/v1/tokens/{id}"),
)
"""The rows of `agent.web.people.area`."""

MAY_BEFORE_CHANGE = frozenset({"/me", "/me/password", "/me/sessions", "/logout", "/preferences", "/login"})
"""What a person may reach who has to choose a password first."""


class Rights:
    """Finds the row of a request."""

    def __init__(self, rows: Iterable[Right]) -> None:
        plain = tuple(rows)
        self._exact = {(row.method, row.path): row for row in plain if "{" not in row.path}
        self._patterns = tuple(row for row in plain if "{" in row.path)

    def of(self, method: str, path: str) -> Right | None:
        """The row; a HEAD needs what its GET does. A path without fields wins over one that fits it too."""
        method = "GET" if method == "HEAD" else method
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact
        fits = next((row for row in self._patterns if row.method == method and row.pattern.fullmatch(path)), None)
        # /parts/ is sent on to /parts by the application.
        return fits or (self.of(method, path.rstrip("/")) if path.rstrip("/") not in ("", path) else None)

    def methods(self, path: str) -> tuple[str, ...]:
        """By which methods a path is known."""
        exact = [method for method, known in self._exact if known == path]
        return tuple(dict.fromkeys([*exact, *(row.method for row in self._patterns if row.pattern.fullmatch(path))]))
