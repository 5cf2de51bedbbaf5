"""The gate in front of the application: who asks, whether they may, and whether it can be written down.

A pure ASGI layer behind `Guard`. What has no row in `rights` is not there. Reading goes on while
`web.db` cannot be used, for who was known; what changes something is refused then.
"""

import asyncio
import logging
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.errors import StoreFailed
from agent.web.acts import Acts
from agent.web.people import streams
from agent.web.people.identity import Asker, Identity, address_of
from agent.web.people.people import People
from agent.web.people.rights import MAY_BEFORE_CHANGE, Right, Rights
from agent.web.people.sessions import cookie_name
from agent.web.who import NOBODY, SCOPE_KEY, TROUBLE_KEY, Person

log = logging.getLogger(__name__)

QUIET_PATHS = ("/events", "/live/", "/static/", "/healthz")
"""Asked by a page that nobody needs to look at: not a sign that the person is still there."""
ErrorPage = Callable[[Request, int, str], Response]


class Gate:
    """Lets a request through to the application, or answers in its place."""

    def __init__(self, app: ASGIApp, rights: Rights, people: People, acts: Acts, error_page: ErrorPage) -> None:
        self._app = app
        self._people = people
        self._identity: Identity = people.identity
        self._acts = acts
        self._error_page = error_page
        self._rights = rights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        right = self._rights.of(scope["method"], scope["path"])
        if right is not None and right.path in ("/healthz", "/static/{path:path}"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trouble = ""
        try:
            asker = await asyncio.to_thread(self._identity.of, scope, headers)
        except StoreFailed as error:
            trouble = str(error)
            asker = Asker(self._identity.without_log_in(scope, headers))
        who = asker.person or NOBODY
        trouble = trouble or self._people.database.trouble
        inner = {**scope, SCOPE_KEY: who, TROUBLE_KEY: trouble}
        request = Request(inner, receive)
        answer = await self._refusal(request, right, asker)
        if answer is not None:
            await answer(inner, receive, send)
            return
        if asker.secret and not scope["path"].startswith(QUIET_PATHS):
            await asyncio.to_thread(self._people.sessions.used, asker.secret)
        if asker.secret and scope["path"] in streams.PATHS:
            await streams.follow(self._app, inner, receive, send, self._people.sessions, asker.secret)
            return
        await self._app(inner, receive, send)

    async def _refusal(self, request: Request, right: Right | None, asker: Asker) -> Response | None:
        """None: it may pass."""
        open_to_all = right is not None and right.least == "open"
        if asker.lack is not None and not open_to_all:
            return await self._lacking(request, asker)
        who = asker.person
        if who is None and not open_to_all:
            return self._stranger(request)
        if right is None:
            return self._nowhere(request)
        if who is not None and who.must_change and request.url.path not in MAY_BEFORE_CHANGE and not open_to_all:
            return RedirectResponse("/me", 303) if wants_page(request) else self._no(request, 403, "choose a password")
        if right.least != "open" and who is not None and not who.may(right.least):
            return await self._forbidden(request, who, right)
        if right.written:
            return await self._unwritable(request)
        return None

    async def _lacking(self, request: Request, asker: Asker) -> Response:
        """A session or token was shown that is none: never answered as if nothing had been shown."""
        address = address_of(request.scope)
        if asker.lack in ("ended", "disabled") or asker.by_token:
            shown = Person(asker.was, "viewer", "", address)
            what = "people.dead_token" if asker.by_token else "people.dead_session"
            await asyncio.to_thread(self._acts.refused, shown, what, _asked(request), str(asker.lack))
        why = "expired" if asker.lack == "expired" else ""
        if wants_page(request) and not asker.by_token:
            answer: Response = RedirectResponse(self._people.front(_target(request), why), 303)
        else:
            kind = "token" if asker.by_token else "session"
            answer = self._no(request, 401, f"this {kind} is {asker.lack}")
        if asker.secret:
            scheme = request.url.scheme
            answer.delete_cookie(cookie_name(scheme), path="/", secure=scheme == "https", httponly=True, samesite="lax")
        return answer

    def _stranger(self, request: Request) -> Response:
        if wants_page(request):
            return RedirectResponse(self._people.front(_target(request), ""), 303)
        return self._no(request, 401, "log in, or send a token: Authorization: Bearer TOKEN")

    def _nowhere(self, request: Request) -> Response:
        methods = self._rights.methods(request.url.path)
        status, what = (405, "Method Not Allowed") if methods else (404, "Not Found")
        page = not request.url.path.startswith("/api")
        answer = self._error_page(request, status, what) if page else self._no(request, status, what)
        if methods:
            answer.headers["Allow"] = ", ".join(methods)
        return answer

    async def _forbidden(self, request: Request, who: Person, right: Right) -> Response:
        if who.way == "machine" and wants_page(request):  # a kiosk: whoever may more logs in
            return RedirectResponse(self._people.front(_target(request), "role"), 303)
        if who.way:
            why = f"needs {right.least}, is {who.role}"
            await asyncio.to_thread(self._acts.refused, who, "people.forbidden", _asked(request), why)
        return self._no(request, 403, f"this needs the role {right.least}")

    async def _unwritable(self, request: Request) -> Response | None:
        """An act that could not be written down is not done."""
        try:
            await asyncio.to_thread(self._people.database.probe)
        except StoreFailed as error:
            request.scope[TROUBLE_KEY] = str(error)
            return self._no(request, 503, f"nothing can be changed now, because it cannot be written down: {error}")
        return None

    def _no(self, request: Request, status: int, why: str) -> Response:
        if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api"):
            return self._error_page(request, status, why)
        headers = {"WWW-Authenticate": 'Bearer realm="okng"'} if status == 401 else None
        return JSONResponse({"error": why, "problems": []}, status, headers)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks for a page."""
    api = request.url.path.startswith("/api/")
    return request.method == "GET" and not api and "text/html" in request.headers.get("accept", "")


def _target(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def _asked(request: Request) -> str:
    return f"{request.method} {request.url.path}"[:200]
