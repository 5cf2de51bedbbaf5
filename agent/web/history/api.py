"""REST over what was judged: search, count, CSV, one part, its picture."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from threading import Semaphore
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from agent.store.blind import blind
from agent.store.values import PartQuery, StoredPart
from agent.web.answers import CountAnswer, InspectionAnswer, InspectionsAnswer, blind_answer, inspection_answer
from agent.web.desk import Desk
from agent.web.history import table
from agent.web.history.ranges import Ranges
from agent.web.pictures import evidence_file, kept_headers, media_type
from agent.web.query import MAX_ID, MAX_PAGE, MAX_TEXT, PAGE, one_more, read_query
from agent.web.rest import PREFIX, REFUSALS, PartId, refusal
from agent.web.spreadsheet import BOM

COUNTED = 10_000
"""A search is counted up to here: to count all of a million would take longer than to find the first of them."""
FILES = 2
"""So many CSV files are written at a time; a further one is told to come again."""
AGAIN_S = 5

Text = Annotated[str, Field(max_length=MAX_TEXT)]


class Search(BaseModel):
    """What a search asks for; "" does not restrict."""

    lane: Text = ""
    outcome: Text = Field("", description="OK, NG or UNSURE")
    label: Text = Field("", description="a defect class among the reasons")
    part_id: Text = ""
    purpose: Text = Field("", description="production, challenge, setup, replay or api")
    recipe: Text = ""
    model: Text = Field("", description="NAME-VERSION of the bundle that judged")
    overridden: Text = Field("", description="1: only parts of which a person said something else")
    range: Text = Field("", description="hour, shift, today, yesterday or week, in place of since and until")
    since: Text = Field("", description="ISO 8601; without a zone it is the plant's time")
    until: Text = Field("", description="not included")


class From(Search):
    """A search from a place on."""

    before_id: int | None = Field(None, ge=1, le=MAX_ID, description="only ids below this: the next page")


class Page(From):
    """A page of a search."""

    limit: int = Field(PAGE, ge=1, le=MAX_PAGE, description="how many a page")


class HistoryApi:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, ranges: Ranges) -> None:
        self._desk = desk
        self._ranges = ranges
        self._files = Semaphore(FILES)
        self.router = APIRouter(prefix=PREFIX, responses=REFUSALS)
        add = self.router.add_api_route
        add("/inspections", self.inspections, response_model=InspectionsAnswer)
        add("/inspections/count", self.count, response_model=CountAnswer)
        add(
            "/inspections.csv",
            self.csv,
            response_class=StreamingResponse,
            responses={200: {"content": {"text/csv": {}}}},
        )
        add("/inspections/{id}", self.inspection, response_model=InspectionAnswer)
        add(
            "/inspections/{id}/picture",
            self.picture,
            response_class=FileResponse,
            responses={200: {"content": {"image/jpeg": {}, "image/png": {}}}},
        )

    def inspections(
        self,
        request: Request,
        asked: Annotated[Page, Query()],
    ) -> InspectionsAnswer:
        """Judged parts, newest first. Times are ISO 8601; without a zone they are the plant's."""
        del asked  # declared for OpenAPI
        query = self._query(request)
        found = self._desk.results.parts(one_more(query))
        page = found[: query.limit]
        following = page[-1].id if len(found) > query.limit else None
        return InspectionsAnswer(inspections=self._told(page), next_before_id=following)

    def count(
        self,
        request: Request,
        asked: Annotated[Search, Query()],
    ) -> CountAnswer:
        """How many parts a search finds, counted up to 10,000."""
        del asked  # declared for OpenAPI
        found = self._desk.results.count(self._query(request), COUNTED + 1)
        return CountAnswer(count=min(found, COUNTED), more=found > COUNTED)

    def csv(
        self,
        request: Request,
        asked: Annotated[From, Query()],
    ) -> Response:
        """The search as a CSV file, UTF-8 with a byte order mark, newest first, at most 100,000 lines."""
        del asked  # declared for OpenAPI
        query = self._query(request)
        if not self._files.acquire(blocking=False):
            return refusal(503, f"{FILES} files are being written already", again_s=AGAIN_S)
        pieces = self._pieces(query)
        first = next(pieces)  # what cannot be read is refused, and not an empty file
        name = f"parts-{time.strftime('%Y%m%d-%H%M%S')}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(chain((first,), pieces), media_type="text/csv; charset=utf-8", headers=headers)

    def _pieces(self, query: PartQuery) -> Iterator[str]:
        """The file's pieces; its place is free again once the last is taken or the reader has gone."""
        with _held(self._files):
            mark = BOM
            for piece in table.lines(self._desk.results, query, self._desk.zone):
                yield mark + piece
                mark = ""

    def inspection(self, id: PartId) -> InspectionAnswer | Response:
        """One part with everything that is stored of it."""
        part = self._desk.results.part(id)
        return _no_part(id) if part is None else self._told((part,))[0]

    def picture(self, id: PartId) -> Response:
        """The part's kept picture."""
        part = self._desk.results.part(id)
        if part is None:
            return _no_part(id)
        file = evidence_file(self._desk.config.station.data, part.evidence)
        if file is None or part.evidence is None:
            return refusal(404, f"the picture of inspection {id} was not kept")
        return FileResponse(file, media_type=media_type(part.evidence), headers=kept_headers(part.evidence.sha256))

    def _told(self, parts: Sequence[StoredPart]) -> tuple[InspectionAnswer, ...]:
        hidden = self._desk.results.ask(blind([part.id for part in parts]))
        return tuple(blind_answer(part) if part.id in hidden else inspection_answer(part) for part in parts)

    def _query(self, request: Request) -> PartQuery:
        asked = self._ranges.resolved(request.query_params, time.time_ns() // 1000)
        return read_query(asked, self._desk.zone)


@contextmanager
def _held(places: Semaphore) -> Iterator[None]:
    try:
        yield
    finally:
        places.release()


def _no_part(number: int) -> JSONResponse:
    return refusal(404, f"there is no inspection {number}")
