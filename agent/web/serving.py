"""One page as a process: it listens, serves one ASGI application, and ends when it is told to or its watching ends."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from agent import notify
from agent.config import WebConfig
from agent.errors import Problem, StoreFailed
from agent.web.https import keep_renewed
from agent.web.people.certificate import Papers
from agent.web.people.people import People
from agent.web.people.written import forget_daily
from agent.web.query import QueryRefused
from agent.web.rest import refusal
from agent.web.sheet import Sheets

log = logging.getLogger(__name__)

STOP_S = 3
MAX_CONNECTIONS = 200
KEEP_ALIVE_S = 15


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served, and what goes on beside it."""

    application: ASGIApp
    web: WebConfig
    data: Path
    """The program's data folder: the page's own things lie below it."""
    people: People
    papers: Papers | None
    """The certificate; None for plain HTTP."""
    beside: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Runs as long as the page: whatever ends it ends the process."""
    stop: Callable[[], None] | None = None
    """Ends the streams that are open."""


class Static(StaticFiles):
    """The page's own files, of one folder after the other: kept by browsers, asked again whether they changed."""

    def __init__(self, *folders: Path) -> None:
        super().__init__(directory=folders[0])
        self.all_directories = [*folders]

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def add_errors(app: FastAPI, sheets: Sheets) -> None:
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


def listen(web: WebConfig) -> socket.socket:
    """Raises OSError."""
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    return socket.create_server((web.host, web.port), family=family, backlog=128)


def announce(listening: socket.socket, papers: Papers | None, people: People, web: WebConfig) -> None:
    """Say in the log where the page is, and how the first person gets in."""
    host, port = listening.getsockname()[:2]
    scheme = "https" if papers else "http"
    address = f"{scheme}://[{host}]:{port}/" if ":" in host else f"{scheme}://{host}:{port}/"
    log.info("the page is at %s", address)
    if papers:
        log.info("its certificate's SHA-256 is %s, it ends on %s", papers.fingerprint, f"{papers.ends:%Y-%m-%d}")
    people.announce(address, needed=web.this_machine not in ("engineer", "admin"))


class _Server(uvicorn.Server):
    """Signals are this program's own: uvicorn would raise them again after its end."""

    def capture_signals(self) -> Any:
        return nullcontext()


async def serve(serving: Serving, listening: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT. Raises what the work beside it raised."""
    papers = serving.papers
    settings = uvicorn.Config(
        serving.application,
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
        ssl_certfile=papers.certificate if papers else None,
        ssl_keyfile=papers.key if papers else None,
    )
    server = _Server(settings)

    def stop() -> None:
        notify.stopping()
        if serving.stop is not None:
            serving.stop()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    # Whatever ends the looking ends the process: a page that goes on without it would show what was.
    beside = (asyncio.create_task(serving.beside()),) if serving.beside is not None else ()
    watched = (*beside, asyncio.create_task(_tell(server)))
    for task in watched:
        task.add_done_callback(lambda _: stop())
    background = (
        *watched,
        asyncio.create_task(keep_renewed(server, papers, serving.web, serving.data)),
        asyncio.create_task(forget_daily(serving.people.database, serving.web.acts_days)),
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
