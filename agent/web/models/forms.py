"""The forms of the models' pages: what they ask is done beside the page, which shows how that goes."""

import asyncio
from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from agent.errors import ControlFailed, StationRefused
from agent.web.desk import Desk
from agent.web.forms import read_form
from agent.web.models.acts import ModelActs
from agent.web.models.errands import Act
from agent.web.models.held import ALL, held_of
from agent.web.models.pages import ADDRESS, ModelPages
from agent.web.query import QueryRefused, Reading
from agent.web.sheet import back
from agent.web.spreadsheet import csv_answer
from agent.web.who import person

WAIT_S = 1.5
"""What ends as quickly is shown at once."""
MOST_LIMIT = 1_000_000


class ModelForms:
    """`router` has the routes."""

    def __init__(self, desk: Desk, acts: ModelActs, pages: ModelPages) -> None:
        self._desk = desk
        self._acts = acts
        self._pages = pages
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        for act, handler in (
            ("activate", self.activate),
            ("rollback", self.rollback),
            ("shadow", self.shadow),
            ("canary", self.canary),
            ("seen", self.seen),
            ("backtest", self.backtest),
        ):
            add(f"{ADDRESS}/{act}", handler, methods=["POST"])
        add(f"{ADDRESS}/held.csv", self.held)

    async def activate(self, request: Request) -> Response:
        """id, recipe, expect_change, again."""
        form = await read_form(request)
        return await self._long(request, "activate", form, {"expect_change": _on(form), "again": _on(form, "again")})

    async def rollback(self, request: Request) -> Response:
        """recipe."""
        form = await read_form(request)
        return await self._long(request, "rollback", {"recipe": form.get("recipe", "")}, {})

    async def shadow(self, request: Request) -> Response:
        """id, or off; recipe."""
        return await self._long(request, "shadow", await read_form(request), {})

    async def canary(self, request: Request) -> Response:
        """id, or off; recipe, share in percent, expect_change, again."""
        form = await read_form(request)
        said: dict[str, object] = {"expect_change": _on(form), "again": _on(form, "again")}
        if form.get("id") != "off":
            share = _number(form.get("share", ""))
            if not 0 < share <= 100:
                return await self._again(request, form.get("id", ""), 422, _percent(form.get("share", "")))
            said["share"] = share / 100
        return await self._long(request, "canary", form, said)

    async def _long(self, request: Request, act: Act, form: Mapping[str, str], more: Mapping[str, object]) -> Response:
        plain = {name: form[name] for name in ("id", "recipe") if name in form}
        model = plain.get("id", "")
        try:
            errand = self._acts.begin(act, person(request), {**plain, **more})
        except ControlFailed as error:
            return await self._again(request, model, 409, str(error))
        await self._acts.errands.wait(errand, WAIT_S)
        return back(f"{ADDRESS}/m/{model}" if model not in ("", "off") else ADDRESS)

    async def seen(self, request: Request) -> Response:
        """recipe: what was taken back has been dealt with."""
        form = await read_form(request)
        try:
            await self._acts.seen(person(request), form.get("recipe", ""))
        except ControlFailed as error:
            return await self._again(request, "", _status(error), str(error))
        return back(ADDRESS)

    async def backtest(self, request: Request) -> Response:
        """id, or off; since, until, lane, recipe, limit, lossy."""
        form = await read_form(request)
        model, reading = form.get("model", "") or form.get("id", ""), Reading(form, self._desk.zone, [])
        said: dict[str, object] = {
            "id": form.get("id", ""),
            "since_utc_us": reading.moment("since") or 0,
            "until_utc_us": reading.moment("until") or 0,
            "lane": form.get("lane", ""),
            "recipe": form.get("recipe", ""),
            "limit": reading.whole("limit", MOST_LIMIT) or 0,
            "lossy": _on(form, "lossy"),
        }
        try:
            reading.refuse()
            await self._acts.backtest(person(request), said)
        except QueryRefused as error:
            return await self._again(request, model, 422, str(error))
        except ControlFailed as error:
            return await self._again(request, model, _status(error), str(error))
        return back(f"{ADDRESS}/m/{model}#backtest")

    async def _again(self, request: Request, model: str, status: int, wrong: str) -> Response:
        if model in ("", "off"):
            return await self._pages.shown(request, status, wrong)
        try:
            return await self._pages.one(request, model, status, wrong)
        except HTTPException:
            return await self._pages.shown(request, status, wrong)

    async def held(self, request: Request) -> Response:
        """The parts of what a recipe's model that was taken back has judged; `all=1`: those that did not pass, too."""
        recipe = request.query_params.get("recipe", "")
        everything = request.query_params.get("all", "") == "1"
        back_of, found = await held_of(self._desk, recipe, 0, ALL, everything)
        speech = self._desk.sheets.speech(request)
        head = ("record", "part_id", "lane", "captured", "outcome", "model")
        rows = (
            (p.id, p.part_id, p.lane, speech.local(p.captured_utc_us).isoformat(), str(p.outcome), back_of["model"])
            for p in found
        )
        return await asyncio.to_thread(csv_answer, f"hold-{recipe}.csv", [head, *rows])


def _on(form: Mapping[str, str], name: str = "expect_change") -> bool:
    return form.get(name, "") in ("on", "1", "true")


def _number(text: str) -> float:
    try:
        return float(text) if len(text) < 10 else 0.0
    except ValueError:
        return 0.0


def _percent(text: str) -> str:
    return f"share {text[:20]!r}: above 0 and up to 100 % is allowed"


def _status(error: ControlFailed) -> int:
    return 409 if isinstance(error, StationRefused) else 503
