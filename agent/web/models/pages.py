"""The set-up's pages of models: who judges and what there is, one model, one backtest, parts to hold."""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from agent.errors import ControlFailed
from agent.store.beside import agreement, disagreements
from agent.web.desk import Desk
from agent.web.link import Heard
from agent.web.models.acts import ModelActs
from agent.web.models.asking import shelf, told
from agent.web.models.backtests import Backtests
from agent.web.models.judges import condemned, differences, named, recipes_of

ADDRESS = "/setup/models"
SHOWN = 24
"""Disagreements on a model's page."""
A_PAGE = 50
"""Models on the first page."""


class ModelPages:
    """`router` has the routes."""

    def __init__(self, desk: Desk, acts: ModelActs) -> None:
        self._desk = desk
        self._acts = acts
        self._backtests = Backtests(desk.config)
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add(ADDRESS, self.page)
        add(f"{ADDRESS}/backtests/{{name}}", self.backtest)
        add(f"{ADDRESS}/backtests/{{name}}/report.html", self.backtest_page)
        add(f"{ADDRESS}/m/{{model}}", self.model)

    async def page(self, request: Request) -> Response:
        """Who judges by which recipe, and every model; `after` is the next page."""
        return await self.shown(request)

    async def shown(self, request: Request, status: int = 200, wrong: str = "") -> Response:
        """The list again, with what was wrong."""
        heard, said, unheard = await self._asked()
        models = said["models"]
        after = request.query_params.get("after", "")
        rest = [model for model in models if model["id"] > after]
        return self._desk.sheets.page(
            request,
            "models/models.html",
            status,
            here="setup",
            tab="models",
            unheard=unheard,
            wrong=wrong,
            recipes=recipes_of(said, heard.status),
            models=rest[:A_PAGE],
            next_page=f"{ADDRESS}?after={rest[A_PAGE - 1]['id']}" if len(rest) > A_PAGE else "",
            first_page=ADDRESS if after else "",
            condemned=lambda model: condemned(said, model),
            errand=self._acts.errands.now,
            most_mb=self._desk.config.uplink.update.cap_mb,
            **_told(heard),
        )

    async def model(self, request: Request, model: str) -> Response:
        """One model: what it is, what devices made of it, and what can be done with it."""
        return await self.one(request, model)

    async def one(self, request: Request, model: str, status: int = 200, wrong: str = "") -> Response:
        """A model's page again, with what was wrong. Raises HTTPException: 404."""
        heard, said, unheard = await self._asked()
        found = named(said["models"], model)
        if found is None and not unheard:
            raise HTTPException(404, f"there is no model {model[:80]} here")
        recipes = recipes_of(said, heard.status)
        return self._desk.sheets.page(
            request,
            "models/model.html",
            status,
            here="setup",
            tab="models",
            unheard=unheard,
            wrong=wrong,
            id=model,
            model=found,
            recipes=recipes,
            condemned=condemned(said, found) if found else (),
            differs={each.name: differences(found, named(said["models"], each.model)) for each in recipes if found},
            **await self._beside(found),
            backtests=await asyncio.to_thread(self._backtests.of, model),
            backtest=await self._running(),
            lanes=tuple(self._desk.config.lanes),
            errand=self._acts.errands.now,
            **_told(heard),
        )

    async def _asked(self) -> tuple[Heard, Mapping[str, Any], str]:
        heard = await self._desk.link.heard()
        try:
            return heard, await shelf(self._desk), ""
        except ControlFailed as error:
            return heard, {"models": [], "recipes": [], "lanes": {}}, str(error)

    async def _running(self) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] | None = (await told(self._desk, "backtests"))["backtest"]
        except ControlFailed:
            return None
        return found

    async def _beside(self, model: Mapping[str, Any] | None) -> dict[str, Any]:
        """What is stored of it as a shadow: the table of verdicts, and the newest parts that it saw otherwise."""
        digest = str(model.get("digest", "")) if model else ""
        if not digest:
            return {"agreement": {}, "disagreed": ()}
        agreed, disagreed = await asyncio.to_thread(
            self._desk.results.ask,
            lambda conn: (agreement(conn, digest, "shadow"), disagreements(conn, digest, "shadow", None, SHOWN)),
        )
        return {"agreement": agreed, "disagreed": disagreed}

    async def backtest(self, request: Request, name: str) -> Response:
        """What a backtest found. Raises HTTPException: 404."""
        found = await asyncio.to_thread(self._backtests.read, name)
        if found is None:
            raise HTTPException(404, f"there is no backtest {name[:80]}")
        return self._desk.sheets.page(
            request,
            "models/backtest.html",
            here="setup",
            tab="models",
            name=name,
            model=found.model,
            found=found.figures,
            page=self._backtests.page(name) is not None,
        )

    async def backtest_page(self, name: str) -> Response:
        """The page with the pictures, as a file: it has a style of its own, which this page's policy refuses."""
        file = self._backtests.page(name)
        if file is None:
            raise HTTPException(404, f"there is no page of backtest {name[:80]}")
        return FileResponse(file, media_type="text/html", filename=f"backtest-{name}.html")


def _told(heard: Heard) -> dict[str, Any]:
    """What the station says that it is doing about models, by lane."""
    lanes = heard.status.lanes if heard.status else ()
    return {"stages": {lane.name: lane.model_stage for lane in lanes if lane.model_stage}}
