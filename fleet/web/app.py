"""The process `okng fleet web`: everything it needs is built here. It reads the store and writes only its own."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from agent import paths
from agent.errors import StoreFailed
from agent.log import set_up
from agent.shifts import zone_of
from agent.store.people.database import file_of
from agent.version import __version__
from agent.web import preferences
from agent.web.frame import Frame
from agent.web.guard import Guard, own_names
from agent.web.https import certificate
from agent.web.people.area import area as people_area
from agent.web.people.certificate import CertificateRefused
from agent.web.people.gate import Gate
from agent.web.people.people import People
from agent.web.people.rights import Rights
from agent.web.people.written import WrittenActs
from agent.web.rest import PREFIX
from agent.web.serving import Serving, Static, add_errors, announce, listen, serve
from agent.web.sheet import Sheets
from agent.web.templating import environment
from fleet.config import FleetConfig
from fleet.store.database import database_of
from fleet.store.read import Reader
from fleet.store.rollouts import Rollouts
from fleet.web.alarms import AlarmPages
from fleet.web.answers import HealthAnswer
from fleet.web.api import FleetApi
from fleet.web.catalogue.areas import CATALOGUE
from fleet.web.compare import ComparePages
from fleet.web.desk import Desk
from fleet.web.export import Export
from fleet.web.files import ModelFiles
from fleet.web.intake import IntakePages
from fleet.web.metrics import CONTENT_TYPE, exposition
from fleet.web.nav import PLACES, SETUP
from fleet.web.notices import NoticePages
from fleet.web.overview import Glances, Overview
from fleet.web.place import PlacePages
from fleet.web.rights import RIGHTS
from fleet.web.rollouts import RolloutPages

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
UNIT = "okng-fleet-web"


def run(config: FleetConfig) -> int:
    """Show the pages until told to stop. 0: stopped; 1: the address cannot be listened on, or no certificate used."""
    set_up(config.log.level)
    try:
        listening = listen(config.web)
    except OSError as error:
        log.error("cannot listen on %s port %d: %s", config.web.host, config.web.port, error.strerror)
        return 1
    with listening:
        try:
            papers, _ = certificate(config.web, config.fleet.data)
        except CertificateRefused as refused:
            log.error("the page cannot be shown by HTTPS: %s", refused)
            return 1
        desk = replace(desk_of(config), papers=papers)
        announce(listening, papers, desk.people, config.web)
        asyncio.run(serve(serving_of(desk), listening))
    return 0


def desk_of(config: FleetConfig) -> Desk:
    """Everything that the routes share."""
    zone = zone_of(config.fleet.timezone)
    name = config.fleet.name
    people = People(file_of(config.fleet.data), config.web, (name,) if name else ())
    frame = Frame((), name, config.fleet.languages, UNIT, PLACES, SETUP)
    return Desk(
        config=config,
        zone=zone,
        store=Reader(database_of(config)),
        sheets=Sheets(environment(HERE / "templates"), CATALOGUE, zone, frame),
        acts=WrittenActs(people.database),
        people=people,
    )


def serving_of(desk: Desk) -> Serving:
    """The pages; nothing goes on beside them."""
    config = desk.config
    return Serving(
        application=application(desk),
        web=config.web,
        data=config.fleet.data,
        people=desk.people,
        papers=desk.papers,
    )


def application(desk: Desk) -> ASGIApp:
    """The whole server as one ASGI application, behind its gate and its guard."""
    gate = Gate(routes(desk), Rights(RIGHTS), desk.people, desk.acts, desk.sheets.error)
    return Guard(gate, own_names(desk.config.web.host, desk.config.web.names))


def routes(desk: Desk) -> FastAPI:
    """Every route there is."""
    app = FastAPI(
        title="okng fleet",
        version=__version__,
        description="What the stations of a plant sent to their centre.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    glances = Glances(desk)
    rollouts = Rollouts(desk.store.database)
    files = ModelFiles(desk, rollouts)
    for part in (
        FleetApi(desk, glances),
        Overview(desk, glances),
        PlacePages(desk, glances),
        ComparePages(desk, glances),
        AlarmPages(desk),
        Export(desk, glances),
        IntakePages(desk, glances),
        files,
        RolloutPages(desk, glances, rollouts, files),
        NoticePages(desk),
    ):
        app.include_router(part.router)
    for router in (*people_area(desk), preferences.router()):
        app.include_router(router)
    _add_monitoring(app, desk, glances)
    app.mount("/static", Static(paths.static(), HERE / "static"))
    add_errors(app, desk.sheets)
    return app


def _add_monitoring(app: FastAPI, desk: Desk, glances: Glances) -> None:
    def health() -> JSONResponse:
        try:
            glances.look()
        except StoreFailed:
            return JSONResponse(HealthAnswer(web="ok", store="unreadable").model_dump(), 503)
        return JSONResponse(HealthAnswer(web="ok", store="ok").model_dump())

    def metrics() -> Response:
        try:
            text = exposition(glances.look().every, desk.store.refusals())
        except StoreFailed:
            text = exposition(None, ())
        return Response(text, media_type=CONTENT_TYPE)

    app.add_api_route("/healthz", health, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/metrics", metrics, include_in_schema=False)
