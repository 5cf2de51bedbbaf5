"""REST of the recipes: read, checked, tried, saved against the content that was seen, taken back."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from agent.errors import Problem, RecipeRefused
from agent.web.desk import Desk
from agent.web.forms import body_of, sent
from agent.web.query import PAGE
from agent.web.recipes.answers import (
    CheckedAnswer,
    GoBack,
    RecipeAnswer,
    RecipeRow,
    RecipeSaid,
    RecipesAnswer,
    SavedAnswer,
    TriedAnswer,
    VersionsAnswer,
    recipe_answer,
    saved_answer,
    tried_answer,
    version_answer,
)
from agent.web.recipes.desk import Draft, NotSaved, RecipeDesk, Saved
from agent.web.recipes.differ import looks_anew
from agent.web.recipes.shelf import Sheet, lanes_by
from agent.web.recipes.trial import try_on
from agent.web.recipes.words import said
from agent.web.rest import PREFIX, ErrorAnswer, Limit, ProblemAnswer, refusal
from agent.web.who import person

Name = Annotated[str, Path(max_length=63, description="name of the recipe")]
After = Annotated[str, Query(max_length=63, description="only names behind this: the next page")]
Before = Annotated[int | None, Query(ge=1, le=10**9, description="only versions before this: the next page")]
IfMatch = Annotated[
    str | None, Header(max_length=200, description="the mark of the content that was seen, or the ETag")
]
IfNone = Annotated[str | None, Header(max_length=200, description="*: there must be no recipe of this name yet")]
MOST_BYTES = 128 * 1024
Said = Annotated[RecipeSaid, sent(RecipeSaid, MOST_BYTES)]
Back = Annotated[GoBack, sent(GoBack)]
_CODES: dict[int | str, dict[str, object]] = {
    code: {"model": ErrorAnswer} for code in (400, 401, 403, 404, 412, 413, 422, 428, 503, 504)
}


class RecipeApi:
    """`router` has the routes."""

    def __init__(self, desk: Desk, recipes: RecipeDesk) -> None:
        self._desk = desk
        self._recipes = recipes
        self._shelf = recipes.shelf
        self.router = APIRouter(prefix=PREFIX, responses=_CODES)
        add = self.router.add_api_route
        add("/recipes", self.all, response_model=RecipesAnswer)
        add("/recipes/{name}", self.one, response_model=RecipeAnswer)
        add("/recipes/{name}", self.put, methods=["PUT"], response_model=SavedAnswer, openapi_extra=body_of(RecipeSaid))
        add(
            "/recipes/{name}/validate",
            self.validate,
            methods=["POST"],
            response_model=CheckedAnswer,
            openapi_extra=body_of(RecipeSaid),
        )
        add(
            "/recipes/{name}/try",
            self.try_on,
            methods=["POST"],
            response_model=TriedAnswer,
            openapi_extra=body_of(RecipeSaid),
        )
        add("/recipes/{name}/revisions", self.versions, response_model=VersionsAnswer)
        add(
            "/recipes/{name}/undo",
            self.undo,
            methods=["POST"],
            response_model=SavedAnswer,
            openapi_extra=body_of(GoBack),
        )

    async def all(self, after: After = "", limit: Limit = PAGE) -> RecipesAnswer:
        """Every recipe by name, and what judges by it."""
        heard = await self._desk.link.heard()
        names = [name for name in await run_in_threadpool(self._shelf.names) if name > after]
        rows = []
        for name in names[:limit]:
            sheet = await run_in_threadpool(self._sheet, name)
            lanes = tuple(lane.name for lane in lanes_by(heard.status, name))
            usable, model = sheet is not None and sheet.recipe is not None, sheet.model if sheet else ""
            rows.append(RecipeRow(name=name, mark=sheet.mark if sheet else "", usable=usable, model=model, lanes=lanes))
        following = rows[-1].name if len(names) > limit and rows else None
        return RecipesAnswer(recipes=tuple(rows), next_after=following)

    def one(self, name: Name) -> Response:
        """A recipe as its file stands; the ETag is for `If-Match`."""
        if (sheet := self._sheet(name)) is None:
            return _unknown(name)
        answer = recipe_answer(sheet, _plain(sheet.data))
        return JSONResponse(answer.model_dump(mode="json"), headers={"ETag": f'"{sheet.mark}"'})

    async def put(
        self,
        request: Request,
        name: Name,
        body: Said,
        if_match: IfMatch = None,
        if_none_match: IfNone = None,
    ) -> Response:
        """Save a recipe as a new version, judged by from the next part on; or nothing at all."""
        return await run_in_threadpool(self._put, request, name, body.recipe, if_match, if_none_match)

    def _put(
        self, request: Request, name: str, data: Mapping[str, Any], if_match: str | None, if_none: str | None
    ) -> Response:
        sheet = self._sheet(name)
        if if_match is None and if_none != "*":
            return refusal(428, "send If-Match with the recipe's ETag, or If-None-Match: * for a new one")
        expect = _mark(if_match) if if_match is not None else ""
        if expect != (sheet.mark if sheet is not None else ""):
            now = sheet.mark if sheet is not None else "not there"
            return refusal(412, f"recipe {name} is {now} by now: somebody else has changed it, or it is new")
        draft = self._draft(name, data)
        if draft.recipe is None:
            return self._wrong(request, draft)
        try:
            return _saved(self._recipes.save(draft, sheet, expect, person(request)))
        except NotSaved as error:
            return refusal(412 if error.conflict else error.status, str(error))

    def validate(self, request: Request, name: Name, body: Said) -> CheckedAnswer:
        """Everything that is wrong with a recipe; nothing is saved."""
        draft = self._draft(name, body.recipe)
        problems = tuple(ProblemAnswer(where=p.where, what=p.what) for p in self._problems(request, draft))
        return CheckedAnswer(usable=draft.recipe is not None, problems=problems)

    def try_on(self, request: Request, name: Name, body: Said) -> TriedAnswer | Response:
        """What a recipe would have made of the last 50 parts that were judged by its name; nothing is saved."""
        draft, sheet = self._draft(name, body.recipe), self._sheet(name)
        if draft.recipe is None:
            return self._wrong(request, draft)
        tried = try_on(self._desk.results, self._shelf, draft.recipe)
        return tried_answer(tried, tuple(d.path for d in looks_anew(sheet.data if sheet else {}, body.recipe)))

    def versions(self, name: Name, before: Before = None, limit: Limit = PAGE) -> VersionsAnswer | Response:
        """What the recipe's file has been, the newest first."""
        if self._sheet(name) is None:
            return _unknown(name)
        numbers = [n for n in self._shelf.versions.numbers(name) if before is None or n < before]
        found = [v for n in numbers[:limit] if (v := self._shelf.versions.read(name, n)) is not None]
        following = numbers[limit - 1] if len(numbers) > limit else None
        return VersionsAnswer(versions=tuple(map(version_answer, found)), next_before=following)

    async def undo(self, request: Request, name: Name, body: Back, if_match: IfMatch = None) -> Response:
        """Make an old version's content the newest one."""
        return await run_in_threadpool(self._undone, request, name, body.number, if_match)

    def _undone(self, request: Request, name: str, number: int, if_match: str | None) -> Response:
        sheet = self._sheet(name)
        if sheet is None or (version := self._shelf.version(name, number)) is None:
            return _unknown(name) if sheet is None else refusal(404, f"recipe {name} has no version {number}")
        if if_match is None:
            return refusal(428, "send If-Match with the recipe's ETag")
        try:
            return _saved(self._recipes.undo(version, sheet, _mark(if_match), person(request)))
        except NotSaved as error:
            return refusal(412 if error.conflict else error.status, str(error))

    def _draft(self, name: str, data: Mapping[str, Any]) -> Draft:
        """Whatever name it says it has, it is the address's."""
        return self._recipes.draft(name, {key: value for key, value in data.items() if key != "name"})

    def _wrong(self, request: Request, draft: Draft) -> JSONResponse:
        problems = self._problems(request, draft)
        return refusal(422, "; ".join(map(str, problems)), problems)

    def _problems(self, request: Request, draft: Draft) -> tuple[Problem, ...]:
        speech = self._desk.sheets.speech(request)
        return tuple(Problem(each.where, each.words or said(speech, each)) for each in draft.wrong)

    def _sheet(self, name: str) -> Sheet | None:
        try:
            return self._shelf.sheet(name)
        except RecipeRefused:
            return None


def _saved(saved: Saved) -> JSONResponse:
    return JSONResponse(saved_answer(saved).model_dump(mode="json"), headers={"ETag": f'"{saved.mark}"'})


def _unknown(name: str) -> JSONResponse:
    return refusal(404, f"there is no recipe {name[:63]!r}")


def _mark(header: str) -> str:
    """An ETag's own text (RFC 9110, 8.8.3)."""
    return header.strip().removeprefix("W/").strip('"')


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON can hold it: TOML's dates as they are written, no infinity."""
    return {key: _json(value) for key, value in data.items() if key != "name"}


def _json(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _json(inner) for key, inner in value.items()}
        case list():
            return [_json(inner) for inner in value]
        case float() if value - value != 0:
            return str(value)
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)
