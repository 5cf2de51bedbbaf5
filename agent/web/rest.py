"""What every REST route has in common: its place, its parameters' bounds, how it refuses."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from agent.errors import Problem
from agent.web.query import MAX_ID, MAX_PAGE, MAX_TEXT

PREFIX = "/api/v1"

PartId = Annotated[int, Path(ge=1, le=MAX_ID, description="id of the inspection")]
BeforeId = Annotated[int | None, Query(ge=1, le=MAX_ID, description="only ids below this: the next page")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="how many a page")]
Text = Annotated[str, Query(max_length=MAX_TEXT)]


class ProblemAnswer(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True)

    where: str
    what: str


class ErrorAnswer(BaseModel):
    """Every answer that is not 2xx."""

    model_config = ConfigDict(frozen=True)

    error: str
    problems: tuple[ProblemAnswer, ...] = ()


REFUSALS: dict[int | str, dict[str, object]] = {code: {"model": ErrorAnswer} for code in (401, 403, 404, 422, 503)}


def refusal(status: int, error: str, problems: tuple[Problem, ...] = (), again_s: int = 0) -> JSONResponse:
    """An answer that says what is wrong; `again_s`: when it may be tried again."""
    named = tuple(ProblemAnswer(where=p.where, what=p.what) for p in problems)
    headers = {"Retry-After": str(again_s)} if again_s else None
    return JSONResponse(ErrorAnswer(error=error, problems=named).model_dump(), status, headers)


def moment(utc_us: int) -> datetime:
    """A stored time, as REST says it."""
    return datetime.fromtimestamp(utc_us / 1e6, UTC)
