"""The process `okng web`: everything it needs is built here. It reads; what it writes is its own, below `web/`."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import cv2
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from agent import paths
from agent.config import Config
from agent.errors import StoreFailed
from agent.shifts import zone_of
from agent.store.people.database import file_of
from agent.store.read import Reader
from agent.version import __version__
from agent.web import preferences
from agent.web.answers import HealthAnswer
from agent.web.api import Api
from agent.web.areas import AREAS
from agent.web.board import Board
from agent.web.desk import Desk
from agent.web.frame import Frame
from agent.web.guard import Guard, own_names
from agent.web.https import certificate
from agent.web.hub import Hub
from agent.web.link import Link
from agent.web.live import LiveFiles
from agent.web.metrics import CONTENT_TYPE, PartCounts, Stored, exposition
from agent.web.nav import PLACES, SETUP
from agent.web.pages import Pages
from agent.web.people.certificate import CertificateRefused
from agent.web.people.gate import Gate
from agent.web.people.people import People
from agent.web.people.rights import Rights
from agent.web.people.written import WrittenActs
from agent.web.refusals import Refusals
from agent.web.rest import PREFIX
from agent.web.results import Diary
from agent.web.rights import RIGHTS
from agent.web.serving import Serving, Static, add_errors, announce, listen, serve
from agent.web.sheet import Sheets
from agent.web.speech import CATALOGUE
from agent.web.templating import environment

log = logging.getLogger(__name__)


def run(config: Config, problem: str = "", configuration: Path = paths.CONFIGURATION) -> int:
    """Show the page until told to stop. 0: stopped; 1: the address cannot be listened on.

    `problem` says why the station cannot start, for the page to show.
    """
    try:
        listening = listen(config.web)
    except OSError as error:
        log.error("cannot listen on %s port %d: %s", config.web.host, config.web.port, error.strerror)
        return 1
    cv2.setNumThreads(1)  # thumbnails must not take the cores that judge
    with listening:
        try:
            papers, trouble = certificate(config.web, config.station.data)
        except CertificateRefused as refused:
            log.error("the page cannot be shown by HTTPS: %s", refused)
            return 1
        problem = "\n".join(filter(None, (problem, trouble)))
        desk = replace(desk_of(config, problem, configuration), papers=papers)
        announce(listening, papers, desk.people, config.web)
        asyncio.run(serve(serving_of(desk), listening))
    return 0


def desk_of(config: Config, problem: str, configuration: Path = paths.CONFIGURATION) -> Desk:
    """Everything that the routes share."""
    zone = zone_of(config.station.timezone)
    results = Reader(config.station.data / "results.db")
    link = Link(config.station.runtime)
    board = Board(environment(), zone, problem)
    hub = Hub(link, LiveFiles(config.station.runtime), Diary(results, zone), board, tuple(config.lanes))
    station = config.station
    people = People(file_of(station.data), config.web, (station.name, station.line, station.site))
    frame = Frame((station.site, station.line), station.name, station.languages, "okng-web", PLACES, SETUP)
    return Desk(
        config=config,
        configuration=configuration,
        problem=problem,
        zone=zone,
        link=link,
        results=results,
        hub=hub,
        board=board,
        sheets=Sheets(board.templates, CATALOGUE, zone, frame),
        acts=WrittenActs(people.database),
        people=people,
        refusals=Refusals(),
    )


def serving_of(desk: Desk) -> Serving:
    """The page, and the hub that looks at the station."""
    config = desk.config
    return Serving(
        application=application(desk),
        web=config.web,
        data=config.station.data,
        people=desk.people,
        papers=desk.papers,
        beside=desk.hub.run,
        stop=desk.hub.close,
    )


def application(desk: Desk) -> ASGIApp:
    """The whole server as one ASGI application, behind its gate and its guard."""
    gate = Gate(routes(desk), Rights(RIGHTS), desk.people, desk.acts, desk.sheets.error)
    return desk.refusals.of(Guard(gate, own_names(desk.config.web.host, desk.config.web.names)))


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
    app.include_router(Api(desk).router)
    app.include_router(Pages(desk).router)
    app.include_router(preferences.router())
    for area in AREAS:
        for router in area(desk):
            app.include_router(router)
    _add_monitoring(app, desk)
    app.mount("/static", Static(paths.static()))
    add_errors(app, desk.sheets)
    return app


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
        return Response(exposition(heard, stored, desk.hub.viewers, desk.refusals.by_status), media_type=CONTENT_TYPE)

    app.add_api_route("/healthz", health, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/metrics", metrics, include_in_schema=False)
