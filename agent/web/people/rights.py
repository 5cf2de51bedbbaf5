"""What each route asks for: one row a route, and a route without a row is not there for anybody.

A test walks the application's routes and demands a row for each, and a route for each row.
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


SPINE = (
    *of("open", "GET /healthz", "GET /static/{path:path}"),
    *of("open", "POST /preferences", written=False),
    *of("viewer", "GET /", "GET /events", "GET /live/{name}", "GET /metrics"),
    *of("viewer", "GET /api/v1/openapi.json", "GET /api/v1/status", "GET /api/v1/events", "GET /api/v1/outbox"),
    # A part that a program hands in is the line's doing, and no person's act.
    *of("operator", "POST /api/v1/judge", written=False),
)
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
HISTORY = (
    *of("viewer", "GET /parts", "GET /parts/{id}", "GET /parts/{id}/picture", "GET /parts/{id}/thumbnail"),
    *of("viewer", "GET /api/v1/inspections", "GET /api/v1/inspections/count", "GET /api/v1/inspections.csv"),
    *of("viewer", "GET /api/v1/inspections/{id}", "GET /api/v1/inspections/{id}/picture"),
)
REVIEW = (
    *of("operator", "GET /review", "GET /review/audit", "GET /review/next", "GET /review/{id}"),
    *of("operator", "GET /review/{id}/thumbnail", "POST /review/{id}", "POST /review/{id}/claim"),
    *of("operator", "GET /review/ledger", "GET /review/ledger.csv"),
    *of("operator", "GET /api/v1/review/ledger", "GET /api/v1/review/ledger/{kind}"),
    *of("operator", "GET /api/v1/reviews", "POST /api/v1/reviews", "GET /api/v1/review/queue"),
)
QUALITY = (
    *of("viewer", "GET /quality", "GET /quality/{name}.csv", "GET /api/v1/quality", "GET /api/v1/quality/control"),
    *of("viewer", "GET /api/v1/quality/causes", "GET /api/v1/quality/places", "GET /api/v1/quality/scores"),
)
SHIFT = (
    *of("viewer", "GET /shift", "GET /shift/now", "GET /shift/runs/{id}", "GET /shift/runs/{id}/hold.csv"),
    *of("viewer", "GET /shift/challenges", "GET /shift/report", "GET /shift/report.pdf", "GET /shift/report.csv"),
    *of("viewer", "GET /api/v1/shifts", "GET /api/v1/challenges/runs", "GET /api/v1/challenges/runs/{id}"),
    *of("viewer", "GET /api/v1/challenges/runs/{id}/hold", "GET /api/v1/challenges/parts"),
    *of("operator", "POST /shift/start", "POST /shift/next", "POST /shift/end"),
    *of("operator", "POST /api/v1/challenges/start", "POST /api/v1/challenges/next", "POST /api/v1/challenges/end"),
    *of("engineer", "POST /shift/override", "POST /shift/challenges"),
    *of("engineer", "POST /api/v1/challenges/override", "PUT /api/v1/challenges/parts"),
)
UPKEEP = (
    *of("viewer", "GET /setup/events", "GET /setup/events.csv", "GET /setup/storage", "GET /setup/device"),
    *of("viewer", "GET /api/v1/alarms", "GET /api/v1/storage", "GET /api/v1/device"),
    *of("operator", "POST /setup/events/acknowledge", "POST /api/v1/alarms/acknowledge"),
    *of("engineer", "POST /setup/device/support.zip"),
    # Everybody's passwords' hashes and all acts are in it.
    *of("admin", "POST /setup/device/backup"),
)
SETUP = (
    *of("operator", "GET /setup/recipes", "GET /setup/recipes/{name}", "GET /setup/recipes/{name}/reference"),
    *of("engineer", "POST /setup/recipes", "POST /setup/recipes/{name}", "POST /setup/recipes/{name}/undo"),
    *of("operator", "GET /api/v1/recipes", "GET /api/v1/recipes/{name}", "GET /api/v1/recipes/{name}/revisions"),
    *of("operator", "POST /api/v1/recipes/{name}/validate", "POST /api/v1/recipes/{name}/try"),
    *of("engineer", "PUT /api/v1/recipes/{name}", "POST /api/v1/recipes/{name}/undo"),
    *of("operator", "GET /setup/cameras", "GET /setup/cameras/{lane}"),
    *of("operator", "GET /api/v1/cameras", "GET /api/v1/cameras/{lane}"),
    *of("engineer", "POST /setup/cameras/{lane}", "POST /api/v1/cameras/{lane}/mode"),
)
MODELS = (
    *of("operator", "GET /setup/models", "GET /setup/models/m/{model}", "GET /setup/models/held.csv"),
    *of("operator", "GET /setup/models/backtests/{name}", "GET /setup/models/backtests/{name}/report.html"),
    *of("operator", "GET /setup/record", "GET /api/v1/recordings", "GET /api/v1/backtests"),
    *of("operator", "GET /api/v1/backtests/{name}", "GET /api/v1/models", "GET /api/v1/models/errand"),
    *of("operator", "GET /api/v1/models/held", "GET /api/v1/models/disagreements"),
    *of("engineer", "POST /setup/models/activate", "POST /setup/models/rollback", "POST /setup/models/shadow"),
    *of("engineer", "POST /setup/models/canary", "POST /setup/models/seen", "POST /setup/models/backtest"),
    *of("engineer", "POST /api/v1/models/import", "POST /api/v1/models/activate", "POST /api/v1/models/rollback"),
    *of("engineer", "POST /api/v1/models/shadow", "POST /api/v1/models/canary", "POST /api/v1/models/seen"),
    *of("engineer", "POST /api/v1/backtests", "POST /api/v1/backtests/end"),
    *of("engineer", "POST /setup/record", "POST /api/v1/recordings"),
)

RIGHTS = (*SPINE, *PEOPLE, *HISTORY, *REVIEW, *QUALITY, *SHIFT, *UPKEEP, *SETUP, *MODELS)

MAY_BEFORE_CHANGE = frozenset({"/me", "/me/password", "/me/sessions", "/logout", "/preferences", "/login"})
"""What a person may reach who has to choose a password first."""


class Rights:
    """Finds the row of a request."""

    def __init__(self, rows: Iterable[Right] = RIGHTS) -> None:
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
