"""The set-up's pages of the box: storage with the broker's outbox, and the device with what can be taken from it."""

import asyncio
import tempfile
import time
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.background import BackgroundTask

from agent.backup.take import Wishes, take
from agent.errors import OkngError, StoreFailed
from agent.settings import load_or_last_good
from agent.store.happened import Kept, kept
from agent.store.people.database import file_of
from agent.store.values import Outbox
from agent.support.bundle import bundle_bytes
from agent.web.desk import Desk
from agent.web.upkeep.box import DAY_S, machine, pace, temperatures
from agent.web.who import person

STORAGE, DEVICE = "/setup/storage", "/setup/device"


class BoxPages:
    """`router` has the routes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._one_at_a_time = asyncio.Lock()
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add(STORAGE, self.storage)
        add(DEVICE, self.device)
        add(f"{DEVICE}/support.zip", self.support, methods=["POST"])
        add(f"{DEVICE}/backup", self.backup, methods=["POST"])

    async def storage(self, request: Request) -> Response:
        """Disk, pictures, what goes next, what waits for the centre."""
        desk = self._desk
        heard = await desk.link.heard()
        pictures, outbox, trouble = await asyncio.to_thread(self._stored)
        return desk.sheets.page(
            request,
            "upkeep/storage.html",
            here="setup",
            tab="storage",
            state=heard.status,
            unheard=heard.why,
            config=desk.config,
            kept=pictures,
            outbox=outbox,
            trouble=trouble,
            pace=pace(pictures, heard.status, desk.config.evidence.quota_mb) if pictures else None,
        )

    def _stored(self) -> tuple[Kept | None, Outbox | None, str]:
        since = time.time_ns() // 1000 - DAY_S * 1_000_000
        try:
            return self._desk.results.ask(lambda conn: kept(conn, since)), self._desk.results.outbox(), ""
        except StoreFailed as error:
            return None, None, str(error)

    async def device(self, request: Request) -> Response:
        """What this box is, and how it is."""
        return await self._device(request)

    async def _device(self, request: Request, status: int = 200, wrong: str = "") -> Response:
        desk = self._desk
        heard = await desk.link.heard()
        lanes = heard.status.lanes if heard.status else ()
        return desk.sheets.page(
            request,
            "upkeep/device.html",
            status,
            here="setup",
            tab="device",
            state=heard.status,
            unheard=heard.why,
            machine=await asyncio.to_thread(machine),
            papers=desk.papers,
            temperatures=await asyncio.to_thread(temperatures, lanes),
            wrong=wrong,
        )

    async def support(self, request: Request) -> Response:
        """The support bundle, made now."""
        async with self._one_at_a_time:
            try:
                loaded = await asyncio.to_thread(load_or_last_good, self._desk.configuration)
                body = await asyncio.to_thread(bundle_bytes, loaded)
            except OkngError as error:
                return await self._device(request, 503, str(error))
        self._desk.acts.note(person(request), "device.support", self._named("support", "zip"))
        name = self._named("support", "zip")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(body, media_type="application/zip", headers=headers)

    async def backup(self, request: Request) -> Response:
        """The backup, made now: written beside the live pictures first, gone once it is sent."""
        async with self._one_at_a_time:
            folder = Path(tempfile.gettempdir())
            file = folder / f".okng-{time.time_ns()}.backup"
            try:
                loaded = await asyncio.to_thread(load_or_last_good, self._desk.configuration)
                people = file_of(loaded.config.station.data)
                await asyncio.to_thread(take, Wishes(self._desk.configuration, loaded.config, people), file)
            except OkngError as error:
                return await self._device(request, 503, str(error))
        name = self._named("backup", "okng-backup")
        self._desk.acts.note(person(request), "device.backup", name)
        return FileResponse(file, filename=name, background=BackgroundTask(file.unlink, missing_ok=True))

    def _named(self, what: str, suffix: str) -> str:
        station = self._desk.config.station
        return f"{station.site}-{station.line}-{station.name}-{what}-{time.strftime('%Y%m%d-%H%M%S')}.{suffix}"
