"""The history: a search with thumbnails or as a table, and the pictures of parts."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from agent.errors import Problem
from agent.store.blind import blind
from agent.store.search import recipes_and_models
from agent.store.values import StoredPart
from agent.web.board import reasons_of
from agent.web.catalogue.judging import LABELS
from agent.web.desk import Desk
from agent.web.history import table
from agent.web.history.api import COUNTED
from agent.web.history.part import part_values
from agent.web.history.ranges import RANGES, Ranges
from agent.web.history.thumbs import Thumbs
from agent.web.pictures import evidence_file, kept_headers, media_type
from agent.web.query import FIELDS, QueryRefused, address, one_more, read_query
from agent.web.rest import PREFIX, PartId
from agent.web.speech import Speech
from agent.web.who import person
from pipelines.values import Purpose

VIEWS = ("table", "grid")
GRID_PAGE = 60
YEAR_S = 365 * 86400
MORE = ("recipe", "model", "purpose", "overridden")
"""Fields of the form that are folded away until one of them is used."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search."""

    asked: Mapping[str, str]
    """The form's values, times written out."""
    parts: tuple[StoredPart, ...]
    count: int
    """Of all pages; at most COUNTED + 1."""
    more: bool
    """There is a next page."""
    first: bool
    """This is the first one."""
    problems: tuple[Problem, ...]


class HistoryPages:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, ranges: Ranges) -> None:
        self._desk = desk
        self._ranges = ranges
        self._thumbs = Thumbs(desk.config.station.data)
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/parts", self.parts)
        add("/parts/{id}", self.part)
        add("/parts/{id}/picture", self.picture)
        add("/parts/{id}/thumbnail", self.thumbnail)

    def parts(self, request: Request) -> Response:
        """The history, by the form's values."""
        given = {name: value for name, value in request.query_params.items() if value}
        view = given.pop("view", request.cookies.get("okng_view", ""))
        view = view if view in VIEWS else VIEWS[0]
        found = self._found({n: v for n, v in given.items() if n in (*FIELDS, "range")}, view)
        speech = self._desk.sheets.speech(request)
        answer = self._desk.sheets.page(
            request,
            "history/parts.html",
            422 if found.problems else 200,
            here="parts",
            view=view,
            **self._shown(speech, found, given.get("range", "")),
        )
        if request.query_params.get("view") in VIEWS:
            answer.set_cookie("okng_view", view, max_age=YEAR_S, httponly=True, samesite="lax")
        return answer

    def _found(self, given: Mapping[str, str], view: str) -> Found:
        try:
            asked = self._ranges.resolved(given, time.time_ns() // 1000)
            query = read_query({"limit": str(GRID_PAGE)} | asked if view == "grid" else asked, self._desk.zone)
        except QueryRefused as error:
            return Found(given, (), 0, False, True, error.problems)
        parts = self._desk.results.parts(one_more(query))
        count = len(parts)
        if count > query.limit or query.before_id is not None:
            count = self._desk.results.count(query, COUNTED + 1)
        return Found(asked, parts[: query.limit], count, len(parts) > query.limit, query.before_id is None, ())

    def _shown(self, speech: Speech, found: Found, named: str) -> Mapping[str, Any]:
        asked = dict(found.asked)
        recipes, models = self._desk.results.ask(recipes_and_models)
        said = self._desk.results.reviews([part.id for part in found.parts])
        older = address("/parts", asked, found.parts[-1].id) if found.more else ""
        search = address("", asked).removeprefix("?")
        return {
            "parts": found.parts,
            "said": said,
            "hidden": self._desk.results.ask(blind([part.id for part in found.parts])),
            "chosen": {name: asked.get(name, "") for name in FIELDS},
            "named_range": named if not found.problems else "",
            "ranges": tuple((name, address("/parts", asked, since="", until="", range=name)) for name in RANGES),
            "views": tuple((name, address("/parts", asked, view=name)) for name in VIEWS),
            "more_open": any(asked.get(name) for name in MORE),
            "problems": found.problems,
            "lane_names": tuple(self._desk.config.lanes),
            "recipes": recipes,
            "models": models,
            "purposes": tuple(Purpose),
            "labels": tuple(key.removeprefix("label.") for key in LABELS),
            "reasons": lambda part: reasons_of(speech, part.record.verdict.reasons),
            "count": self._counted(speech, found.count),
            "csv": f"{PREFIX}/inspections.csv?{search}",
            "csv_cut": speech.number(table.MOST) if found.count > COUNTED else "",
            "json": f"{PREFIX}/inspections?{search}",
            "older_page": older,
            "newest_page": "" if found.first else address("/parts", asked),
        }

    @staticmethod
    def _counted(speech: Speech, count: int) -> str:
        if count > COUNTED:
            return speech.say("history.count.more", n=speech.number(COUNTED))
        return speech.say("history.count.one" if count == 1 else "history.count", n=speech.number(count))

    def part(self, request: Request, id: PartId) -> Response:
        """One part."""
        part = self._desk.results.part(id)
        if part is None:
            return self._desk.sheets.error(request, 404)
        speech = self._desk.sheets.speech(request)
        return self._desk.sheets.page(
            request, "history/part.html", here="parts", **part_values(self._desk, speech, part, person(request))
        )

    def picture(self, id: PartId) -> Response:
        part = self._desk.results.part(id)
        file = evidence_file(self._desk.config.station.data, part.evidence) if part else None
        if file is None or part is None or part.evidence is None:
            return Response(status_code=404)
        return FileResponse(file, media_type=media_type(part.evidence), headers=kept_headers(part.evidence.sha256))

    def thumbnail(self, id: PartId) -> Response:
        """A small picture around the first defect; of a blind part all of it, for where it is cut would tell."""
        part = self._desk.results.part(id)
        hidden = part is not None and id in self._desk.results.ask(blind([id]))
        small = self._thumbs.of(part, hidden) if part else None
        if small is None or part is None or part.evidence is None:
            return Response(status_code=404)
        headers = {"Cache-Control": "no-store"} if hidden else kept_headers(f"t-{part.evidence.sha256}")
        return Response(small, media_type="image/jpeg", headers=headers)
