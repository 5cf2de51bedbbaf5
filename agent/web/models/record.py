"""Record everything, `/setup/record`: what is recorded, how long still, and the form that begins it."""

import asyncio
import time

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.errors import ControlFailed, StationRefused
from agent.status import MOST_RECORDED_MIN
from agent.web.desk import Desk
from agent.web.forms import read_form
from agent.web.models.acts import ModelActs
from agent.web.sheet import back
from agent.web.who import person

ADDRESS = "/setup/record"
SAID_S = 2.0
MINUTES = (5, 15, 30, 60, 120, MOST_RECORDED_MIN)


class RecordPages:
    """`router` has the routes."""

    def __init__(self, desk: Desk, acts: ModelActs) -> None:
        self._desk = desk
        self._acts = acts
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route(ADDRESS, self.page)
        self.router.add_api_route(ADDRESS, self.record, methods=["POST"])

    async def page(self, request: Request) -> Response:
        """What is recorded now, and was."""
        return await self._page(request)

    async def _page(self, request: Request, status: int = 200, wrong: str = "") -> Response:
        heard, config = await self._desk.link.heard(), self._desk.config
        recordings = heard.status.recordings if heard.status else ()
        busy = {recording.lane for recording in recordings if recording.running}
        return self._desk.sheets.page(
            request,
            "models/record.html",
            status,
            here="setup",
            tab="record",
            unheard=heard.why,
            wrong=wrong,
            folder=config.evidence.record_folder,
            lossless=config.evidence.record_lossless,
            reserve_mb=config.evidence.reserve_mb,
            recordings=recordings,
            lanes=[lane for lane in config.lanes if lane not in busy],
            minutes=MINUTES,
        )

    async def record(self, request: Request) -> Response:
        """Begin one, or end it: minutes 0."""
        form = await read_form(request)
        minutes = form.get("minutes", "")
        number = int(minutes) if minutes.isascii() and minutes.isdigit() and len(minutes) < 6 else MOST_RECORDED_MIN + 1
        lane = form.get("lane", "")
        try:
            await self._acts.record(person(request), lane, number)
        except StationRefused as error:
            return await self._page(request, 409, str(error))
        except ControlFailed as error:
            return await self._page(request, 503, str(error))
        await self._until_said(lane, number > 0)
        return back(ADDRESS)

    async def _until_said(self, lane: str, running: bool) -> None:
        """The station renews its state twice a second: who is sent back to the page is to see what was asked for."""
        end = time.monotonic() + SAID_S
        while time.monotonic() < end:
            heard = await self._desk.link.heard()
            known = heard.status.recordings if heard.status else ()
            if any(one.lane == lane and one.running is running for one in known):
                return
            await asyncio.sleep(0.1)
