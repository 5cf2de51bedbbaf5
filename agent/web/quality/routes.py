"""The quality page and its tables as files."""

import time
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.quality.study import Asked
from agent.store.study import study
from agent.store.sums import recipes_of
from agent.web.desk import Desk
from agent.web.quality.ask import FIELDS, PERIODS, Spans
from agent.web.quality.page import QualityPage
from agent.web.quality.tables import TABLES, Table, table_of
from agent.web.quality.yields import Yields
from agent.web.query import QueryRefused
from agent.web.spreadsheet import csv_answer


class QualityPages:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, spans: Spans) -> None:
        self._desk = desk
        self._spans = spans
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/quality", self.quality)
        self.router.add_api_route("/quality/{name}.csv", self.table)

    def quality(self, request: Request) -> Response:
        """The page, by the form's values."""
        given = {name: value for name, value in request.query_params.items() if value}
        problems: tuple[object, ...] = ()
        try:
            asked = self._spans.read(given, time.time_ns() // 1000)
        except QueryRefused as error:
            asked, problems = self._spans.read({}, time.time_ns() // 1000), error.problems
        found = self._desk.results.ask(study(asked))
        page = QualityPage(found, self._yields(request), lambda name: f"/quality/{name}.csv?{urlencode(given)}")
        return self._desk.sheets.page(
            request,
            "quality.html",
            422 if problems else 200,
            here="quality",
            found=found,
            page=page,
            problems=problems,
            chosen={name: given.get(name, "") for name in FIELDS} | {"lane": asked.lane},
            period=self._period(given),
            periods=PERIODS,
            lane_names=self._spans.lanes,
            recipes=self._desk.results.ask(lambda conn: recipes_of(conn, asked.lane)),
            address=lambda **changed: self._address(given, asked, **changed),
        )

    def table(self, request: Request, name: str) -> Response:
        """One table of it as CSV."""
        known: Table | None = next((table for table in TABLES if table == name), None)
        if known is None:
            return self._desk.sheets.error(request, 404)
        asked = self._spans.read(request.query_params, time.time_ns() // 1000)
        found = self._desk.results.ask(study(asked))
        return csv_answer(f"{asked.lane}-{name}.csv", table_of(known, found, self._yields(request)))

    def _yields(self, request: Request) -> Yields:
        return Yields(self._spans.calendar, self._desk.sheets.speech(request))

    @staticmethod
    def _period(given: dict[str, str]) -> str:
        if given.get("since") or given.get("until"):
            return "custom"
        return given["range"] if given.get("range") in PERIODS else "week"

    @staticmethod
    def _address(given: dict[str, str], asked: Asked, **changed: str) -> str:
        kept = {name: given[name] for name in FIELDS if given.get(name) and name not in ("range", "since", "until")}
        return f"/quality?{urlencode({**kept, 'lane': asked.lane, **changed})}"
