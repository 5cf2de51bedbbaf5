"""The process `okng web`: everything it needs is built here. It reads; what it writes is its own, below `web/`."""

import asyncio
import logging
import signal
import socket
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from agent import notify, paths
from agent.config import Config, WebConfig
from agent.errors import Problem, StoreFailed
from agent.shifts import zone_of
from agent.store.read import Reader
from agent.version import __version__
from agent.web.answers import HealthAnswer
from agent.web.api import PREFIX, Api, refusal
from agent.web.areas import AREAS
from agent.web.board import Board, environment
from agent.web.desk import Desk
from agent.web.guard import Guard, own_names
from agent.web.https import certificate, keep_renewed
from agent.web.hub import Hub
from agent.web.link import Link
from agent.web.live import LiveFiles
from agent.web.metrics import CONTENT_TYPE, PartCounts, Stored, exposition
from agent.web.pages import Pages
from agent.web.people.certificate import CertificateRefused
from agent.web.people.gate import Gate
from agent.web.people.people import People
from agent.web.people.written import WrittenActs, forget_daily
from agent.web.query import QueryRefused
from agent.web.results import Diary
from agent.web.sheet import Sheets

log = logging.getLogger(__name__)

STOP_S = 3
MAX_CONNECTIONS = 200
KEEP_ALIVE_S = 15


def run(config: Config, problem: str = "", configuration: Path = paths.CONFIGURATION) -> int:
    """Show the page until told to stop. 0: stopped; 1: the address cannot be listened on.

    `problem` says why the station cannot start, for the page to show.
    """
    try:
        listening = _listen(config.web)
    except OSError as error:
        log.error("cannot listen on %s port %d: %s", config.web.host, config.web.port, error.strerror)
        return 1
    cv2.setNumThreads(1)  # thumbnails must not take the cores that judge
    with listening:
        try:
            papers, trouble = certificate(config)
        except CertificateRefused as refused:
            log.error("the page cannot be shown by HTTPS: %s", refused)
            return 1
        problem = "\n".join(filter(None, (problem, trouble)))
        host, port = listening.getsockname()[:2]
        scheme = "https" if papers else "http"
        address = f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
        log.info("the page is at %s", address)
        if papers:
            log.info("its certificate's SHA-256 is %s, it ends on %s", papers.fingerprint, f"{papers.ends:%Y-%m-%d}")
        desk = replace(desk_of(config, problem, configuration), papers=papers)
        desk.people.announce(address, needed=config.web.this_machine not in ("engineer", "admin"))
        asyncio.run(_serve(desk, listening))
    return 0


def desk_of(config: Config, problem: str, configuration: Path = paths.CONFIGURATION) -> Desk:
    """Everything that the routes share."""
    zone = zone_of(config.station.timezone)
    results = Reader(config.station.data / "results.db")
    link = Link(config.station.runtime)
    board = Board(environment(), zone, problem)
    hub = Hub(link, LiveFiles(config.station.runtime), Diary(results, zone), board, tuple(config.lanes))
    people = People(config)
    return Desk(
        config=config,
        configuration=configuration,
        problem=problem,
        zone=zone,
        link=link,
        results=results,
        hub=hub,
        board=board,
        sheets=Sheets(board, config.station),
        acts=WrittenActs(people.database),
        people=people,
    )


def application(desk: Desk) -> ASGIApp:
    """The whole server as one ASGI application, behind its gate and its guard."""
    gate = Gate(routes(desk), desk.people, desk.acts, desk.sheets.error)
    return Guard(gate, own_names(desk.config.web.host, desk.config.web.names))


def routes(desk: Desk) -> FastAPI:
    """Every route there is."""
    app = FastAPI(
        title="okng",
        version=__version__,
        description="Results and state of one inspection station.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    pages = Pages(desk)
    app.include_router(Api(desk).router)
    app.include_router(pages.router)
    for area in AREAS:
        for router in area(desk):
            app.include_router(router)
    _add_monitoring(app, desk)
    app.mount("/static", Static(directory=paths.static()))
    _add_errors(app, desk.sheets)
    return app


class Static(StaticFiles):
    """The page's own files: kept by browsers, asked again whether they changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def _add_monitoring(app: FastAPI, desk: Desk) -> None:
    counts = PartCounts(desk.results)

    async def health() -> JSONResponse:
        heard = await desk.link.heard()
        answer = HealthAnswer(web="ok", station=heard.link)
        return JSONResponse(answer.model_dump(), 200 if heard.link == "up" else 503)

    async def metrics() -> Response:
        heard = await desk.link.heard()
        lanes = tuple(lane.name for lane in heard.status.lanes) if heard.status else tuple(desk.config.lanes)
        try:
            outbox = await asyncio.to_thread(desk.results.outbox)
            stored = Stored(lanes, await asyncio.to_thread(counts.now), outbox)
        except StoreFailed:
            stored = None
        return Response(exposition(heard, stored, desk.hub.viewers), media_type=CONTENT_TYPE)

    app.add_api_route("/healthz", health, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/metrics", metrics, include_in_schema=False)


def _add_errors(app: FastAPI, sheets: Sheets) -> None:
    """Errors are JSON below /api and a page elsewhere, always with the reason in words."""

    async def answer(request: Request, status: int, text: str, problems: tuple[Problem, ...] = ()) -> Response:
        if request.url.path.startswith("/api"):
            return refusal(status, text, problems)
        return sheets.error(request, status, text)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problems = tuple(
            Problem(".".join(map(str, e["loc"][1:])), f"{e['msg']} (got {str(e['input'])[:60]!r})")
            for e in error.errors()
        )
        return await answer(request, 422, "; ".join(map(str, problems)), problems)

    async def asked_wrong(request: Request, error: Exception) -> Response:
        assert isinstance(error, QueryRefused)
        return await answer(request, 422, str(error), error.problems)

    async def cut_off(request: Request, error: Exception) -> Response:
        del request, error
        return refusal(400, "the request was cut off")  # nobody reads it; nor is it an error of ours

    async def unreadable(request: Request, error: Exception) -> Response:
        return await answer(request, 503, str(error))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return await answer(request, error.status_code, str(error.detail))

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(QueryRefused, asked_wrong)
    app.add_exception_handler(StoreFailed, unreadable)
    app.add_exception_handler(ClientDisconnect, cut_off)
    app.add_exception_handler(HTTPException, http)


class _Server(uvicorn.Server):
    """Signals are this program's own: uvicorn would raise them again after its end."""

    def capture_signals(self) -> Any:
        return nullcontext()


async def _serve(desk: Desk, listening: socket.socket) -> None:
    settings = uvicorn.Config(
        application(desk),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        lifespan="off",
        ws="none",
        ssl_certfile=desk.papers.certificate if desk.papers else None,
        ssl_keyfile=desk.papers.key if desk.papers else None,
    )
    server = _Server(settings)

    def stop() -> None:
        notify.stopping()
        desk.hub.close()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    # Whatever ends the looking ends the process: a page that goes on without it would show what was.
    watched = (asyncio.create_task(desk.hub.run()), asyncio.create_task(_tell(server)))
    for task in watched:
        task.add_done_callback(lambda _: stop())
    background = (
        *watched,
        asyncio.create_task(keep_renewed(server, desk)),
        asyncio.create_task(forget_daily(desk.people.database, desk.config.web.acts_days)),
    )
    await server.serve(sockets=[listening])
    for task in background:
        task.cancel()
    for ended in await asyncio.gather(*background, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


async def _tell(server: uvicorn.Server) -> None:
    """READY once requests are answered; then the watchdog, for as long as the loop turns."""
    while not server.started:
        await asyncio.sleep(0.05)
    notify.ready("the page is shown")
    while True:
        notify.watchdog()
        await asyncio.sleep(max(1.0, notify.watchdog_s() / 3))


def _listen(config: WebConfig) -> socket.socket:
    """Raises OSError."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    return socket.create_server((config.host, config.port), family=family, backlog=128)
