"""The pages of the cameras: all of them, and one with its aids for focus and exposure."""

from collections.abc import Mapping
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from agent.errors import ControlFailed, RecipeRefused
from agent.recipes import Recipes
from agent.status import LaneStatus
from agent.web.cameras.mode import MODES, MOST_WHY, mode_of, tell
from agent.web.desk import Desk
from agent.web.forms import read_form
from agent.web.sheet import back
from agent.web.who import person
from pipelines.recipe import QualityGate


class CameraPages:
    """`router` has the routes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._recipes = Recipes(desk.config.station.data)
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/setup/cameras", self.all)
        add("/setup/cameras/{lane}", self.one)
        add("/setup/cameras/{lane}", self.change, methods=["POST"])

    async def all(self, request: Request) -> Response:
        """Every lane's camera."""
        heard = await self._desk.link.heard()
        return self._desk.sheets.page(
            request,
            "cameras/list.html",
            here="setup",
            tab="cameras",
            lanes=heard.status.lanes if heard.status else (),
            unheard="" if heard.status else heard.why,
        )

    async def one(self, request: Request, lane: str) -> Response:
        """One camera, live."""
        heard = await self._desk.link.heard()
        known = tuple(each.name for each in heard.status.lanes) if heard.status else tuple(self._desk.config.lanes)
        if lane not in known:
            return self._desk.sheets.error(request, 404)
        found = next((each for each in heard.status.lanes if each.name == lane), None) if heard.status else None
        return await run_in_threadpool(self._shown, request, lane, found, "" if heard.status else heard.why)

    def _shown(
        self, request: Request, name: str, lane: LaneStatus | None, unheard: str, refused: str = "", code: int = 200
    ) -> Response:
        seen = self._desk.hub.live.newest(name)
        return self._desk.sheets.page(
            request,
            "cameras/one.html",
            code,
            here="setup",
            tab="cameras",
            name=name,
            lane=lane,
            mode=mode_of(lane) if lane is not None else "",
            gate=self._gate(lane),
            seen=seen if seen is not None and seen.picture else None,
            unheard=unheard,
            refused=refused,
            most_why=MOST_WHY,
            file=self._desk.configuration.name,
        )

    def _gate(self, lane: LaneStatus | None) -> QualityGate | None:
        """What the recipe that judges now asks of a picture; None where it is not to be had."""
        try:
            return self._recipes.revision(lane.recipe_hash).quality if lane is not None and lane.recipe_hash else None
        except RecipeRefused:
            return None

    async def change(self, request: Request, lane: str) -> Response:
        """Begin or end the set-up, or pause."""
        form, heard = await read_form(request), await self._desk.link.heard()
        found = next((each for each in heard.status.lanes if each.name == lane), None) if heard.status else None
        return await run_in_threadpool(self._changed, request, lane, form, found, heard.why)

    def _changed(
        self, request: Request, name: str, form: Mapping[str, str], lane: LaneStatus | None, unheard: str
    ) -> Response:
        mode = next((each for each in MODES if each == form.get("mode")), None)
        if lane is None and name not in self._desk.config.lanes:
            return self._desk.sheets.error(request, 404)
        if mode is None:
            return self._desk.sheets.error(request, 422, f"mode {form.get('mode', '')[:40]!r}: {', '.join(MODES)}")
        if lane is None:
            return self._shown(request, name, None, unheard, code=503)
        why = form.get("why", "").strip() or self._desk.sheets.speech(request).say("cameras.why.default")
        try:
            tell(self._desk, lane, mode, why, person(request))
        except ControlFailed as error:
            return self._shown(request, name, lane, "", str(error), 409 if error.__cause__ is None else 503)
        return back(f"/setup/cameras/{quote(name)}")
