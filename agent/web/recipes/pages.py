"""The pages of the recipes: the list, and the editor of one."""

from collections.abc import Mapping
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from agent.errors import RecipeRefused
from agent.recipes import NAME
from agent.station.cameras.formats import NotAPicture, read_header
from agent.status import Status
from agent.web.desk import Desk
from agent.web.forms import read_form
from agent.web.recipes.desk import Draft, NotSaved, RecipeDesk, Saved
from agent.web.recipes.editor import Editing, editor
from agent.web.recipes.shelf import Sheet, lanes_by
from agent.web.recipes.trial import try_on
from agent.web.recipes.typed import filled, values_of
from agent.web.recipes.words import of_problems
from agent.web.sheet import back
from agent.web.who import person

MOST_BYTES, MOST_FIELDS = 128 * 1024, 1000
_KINDS = {"JPEG": "image/jpeg", "PNG": "image/png"}


class RecipePages:
    """`router` has the routes."""

    def __init__(self, desk: Desk, recipes: RecipeDesk) -> None:
        self._desk = desk
        self._recipes = recipes
        self._shelf = recipes.shelf
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/setup/recipes", self.all)
        add("/setup/recipes", self.make, methods=["POST"])
        add("/setup/recipes/{name}", self.one)
        add("/setup/recipes/{name}", self.change, methods=["POST"])
        add("/setup/recipes/{name}/undo", self.undo, methods=["POST"])
        add("/setup/recipes/{name}/reference", self.reference)

    async def all(self, request: Request) -> Response:
        """Every recipe, and what judges by it."""
        heard = await self._desk.link.heard()
        return await run_in_threadpool(self._list, request, heard.status, {}, "")

    def _list(
        self, request: Request, status: Status | None, form: Mapping[str, str], wrong: str, code: int = 422
    ) -> Response:
        rows = []
        for name in self._shelf.names():
            try:
                sheet = self._shelf.sheet(name)
            except RecipeRefused as refused:
                sheet = Sheet(name, "", "", {}, None, refused.problems)
            if sheet is not None:
                rows.append((sheet, self._shelf.versions.newest(name), lanes_by(status, name)))
        return self._desk.sheets.page(
            request,
            "recipes/list.html",
            code if wrong else 200,
            here="setup",
            tab="recipes",
            rows=rows,
            wrong=wrong,
            typed=form,
        )

    async def make(self, request: Request) -> Response:
        """A new recipe: a copy of another one under another name."""
        form = await read_form(request)
        heard = await self._desk.link.heard()
        return await run_in_threadpool(self._made, request, heard.status, form)

    def _made(self, request: Request, status: Status | None, form: Mapping[str, str]) -> Response:
        say, name = self._desk.sheets.speech(request).say, form.get("name", "").strip()
        if not NAME.fullmatch(name):
            return self._list(request, status, form, say("recipes.new.wrong", name=name[:80]))
        source = self._sheet(form.get("from", ""))
        if source is None:
            return self._desk.sheets.error(request, 404)
        if name in self._shelf.names():
            return self._list(request, status, form, say("recipes.new.taken", name=name), 409)
        try:
            self._recipes.save(Draft(name, source.data, source.recipe, ()), None, "", person(request))
        except NotSaved as error:
            return self._list(request, status, form, str(error), error.status)
        return back(f"/setup/recipes/{quote(name)}")

    async def one(self, request: Request, name: str) -> Response:
        """The editor, as the file stands."""
        heard = await self._desk.link.heard()
        return await run_in_threadpool(self._one, request, name, heard.status)

    def _one(self, request: Request, name: str, status: Status | None) -> Response:
        if (sheet := self._sheet(name)) is None:
            return self._desk.sheets.error(request, 404)
        draft = Draft(name, sheet.data, sheet.recipe, of_problems(sheet.problems))
        saved = request.query_params.get("saved", "")
        number = int(saved) if saved.isascii() and saved.isdigit() and len(saved) < 9 else 0
        return self._edited(request, Editing(sheet, draft, values_of(sheet.data), sheet.mark, saved=number), status)

    async def change(self, request: Request, name: str) -> Response:
        """Try or save what the form says."""
        form = await read_form(request, MOST_BYTES, MOST_FIELDS)
        heard = await self._desk.link.heard()
        return await run_in_threadpool(self._changed, request, name, form, heard.status)

    def _changed(self, request: Request, name: str, form: Mapping[str, str], status: Status | None) -> Response:
        if (sheet := self._sheet(name)) is None:
            return self._desk.sheets.error(request, 404)
        said = filled(form)
        draft = self._recipes.draft(name, said.data, said.wrong)
        now = Editing(sheet, draft, form, form.get("expect", ""))
        if draft.recipe is None:
            return self._edited(request, now, status, 422)
        if form.get("act") != "save":
            now = Editing(sheet, draft, form, now.expect, tried=try_on(self._desk.results, self._shelf, draft.recipe))
            return self._edited(request, now, status)
        if now.expect != sheet.mark:
            return self._edited(request, Editing(sheet, draft, form, now.expect, conflict=True), status, 409)
        try:
            saved = self._recipes.save(draft, sheet, now.expect, person(request))
        except NotSaved as error:
            fresh = self._sheet(name) or sheet
            refused = "" if error.conflict else str(error)
            now = Editing(fresh, draft, form, now.expect, conflict=error.conflict, refused=refused)
            return self._edited(request, now, status, error.status)
        return self._done(name, saved)

    async def undo(self, request: Request, name: str) -> Response:
        """Make an old version the newest."""
        form = await read_form(request)
        heard = await self._desk.link.heard()
        return await run_in_threadpool(self._undone, request, name, form, heard.status)

    def _undone(self, request: Request, name: str, form: Mapping[str, str], status: Status | None) -> Response:
        said = form.get("number", "")
        number = int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0
        sheet, version = self._sheet(name), self._shelf.version(name, number)
        if sheet is None or version is None:
            return self._desk.sheets.error(request, 404)
        try:
            return self._done(name, self._recipes.undo(version, sheet, form.get("expect", ""), person(request)))
        except NotSaved as error:
            draft = Draft(name, sheet.data, sheet.recipe, of_problems(sheet.problems))
            now = Editing(sheet, draft, values_of(sheet.data), sheet.mark, refused=str(error))
            return self._edited(request, now, status, error.status)

    def reference(self, name: str) -> Response:
        """The picture of the product that a recipe names."""
        sheet = self._sheet(name)
        data = self._shelf.reference(sheet.recipe) if sheet is not None and sheet.recipe is not None else None
        try:
            kind = _KINDS.get(read_header(data).kind) if data is not None else None
        except NotAPicture:
            kind = None
        if data is None or kind is None:
            return Response(status_code=404)
        return Response(data, media_type=kind)

    def _done(self, name: str, saved: Saved) -> Response:
        return back(f"/setup/recipes/{quote(name)}?saved={saved.number}")

    def _edited(self, request: Request, now: Editing, status: Status | None, code: int = 200) -> Response:
        speech, asked = self._desk.sheets.speech(request), request.query_params.get("before", "")
        before = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else 0
        context = editor(self._recipes, speech, now, status, before)
        return self._desk.sheets.page(request, "recipes/edit.html", code, here="setup", tab="recipes", **context)

    def _sheet(self, name: str) -> Sheet | None:
        try:
            return self._shelf.sheet(name)
        except RecipeRefused:
            return None
