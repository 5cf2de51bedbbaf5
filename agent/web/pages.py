"""The line view and its live stream."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from agent.web.desk import Desk
from agent.web.hub import View
from agent.web.rest import refusal
from agent.web.shown import lane_names


class Pages:
    """The routes of the pages; `router` has them all."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._board = desk.board
        self._sheets = desk.sheets
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/", self.line)
        add("/live/{name}", self.live)
        add("/events", self.stream)

    async def line(self, request: Request, lane: str = "", kiosk: str | None = None) -> Response:
        """The line view; `lane` shows one lane only, `kiosk` no navigation around it."""
        now = await self._desk.hub.now()
        only = lane if lane in {known.name for known in now.lanes} else ""
        view = View(self._sheets.speech(request).language, only)
        bare = kiosk is not None and kiosk != "0"
        return self._sheets.page(
            request,
            "line.html",
            here="line",
            only=only,
            kiosk=bare,
            kiosk_turn=line_address(only, not bare),
            only_turn=lambda name: line_address("" if only else name, bare),
            **self._board.context(view, now),
        )

    async def stream(self, request: Request, lane: str = "") -> Response:
        """Server-sent events of the line view."""
        hub = self._desk.hub
        if hub.full():
            return refusal(503, "too many viewers")
        heard = await self._desk.link.heard()
        names = lane_names(tuple(self._desk.config.lanes), heard, "")
        view = View(self._sheets.speech(request).language, lane if lane in names else "")

        async def follow() -> AsyncIterator[str]:
            async with aclosing(hub.follow(view)) as messages:
                async for message in messages:
                    yield message

        return StreamingResponse(follow(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def live(self, name: str) -> Response:
        """A live picture; it goes within seconds."""
        jpeg = self._desk.hub.live.picture(name)
        return Response(status_code=404) if jpeg is None else Response(jpeg, media_type="image/jpeg")


def line_address(lane: str, kiosk: bool) -> str:
    """The line view's address."""
    asked = {"lane": lane} if lane else {}
    asked |= {"kiosk": "1"} if kiosk else {}
    return f"/?{urlencode(asked)}" if asked else "/"
