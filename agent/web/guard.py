"""What every request must pass: a host name of ours, the same site; and what every answer carries.

Who asks, and whether they may, is the gate's (`agent.web.people.gate`).

A pure ASGI layer around the application (asgi.readthedocs.io, HTTP scope), so that streams flow
through it untouched.
"""

import ipaddress
import json
import re
import socket
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOST = re.compile(r"(\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:/?#@\s]+))(:[0-9]{0,5})?")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with it a browser sends "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Guard:
    """Refuses what is not for this server, with a reason as JSON."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._misplaced(headers) or self._foreign(scope, headers)
        if refusal is not None:
            await refusal(send)
            return

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, send_on)

    def _misplaced(self, headers: Headers) -> "Refusal | None":
        """DNS rebinding: a foreign name that was made to point here is not one of ours."""
        host = _name_of(headers.get("host", ""))
        if host in self._names or _is_address(host):
            return None
        return Refusal(421, f"host {host[:80]!r} is not a name of this server; add it to web.names to allow it")

    def _foreign(self, scope: Scope, headers: Headers) -> "Refusal | None":
        """A change asked for by another site's page."""
        if scope["method"] in _SAFE_METHODS:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        ours = origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()
        if ours and site in (None, "same-origin", "none"):
            return None
        return Refusal(403, "this request was sent by a page of another site")


class Refusal:
    """An answer that ends a request before the application sees it."""

    def __init__(self, status: int, error: str, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.error = error
        self.headers = headers or {}

    async def __call__(self, send: Send) -> None:
        body = json.dumps({"error": self.error}).encode()
        start: Message = {"type": "http.response.start", "status": self.status, "headers": []}
        headers = MutableHeaders(scope=start)
        headers.update(self.headers)
        headers["Content-Type"] = "application/json"
        headers["Content-Length"] = str(len(body))
        headers["Connection"] = "close"
        _add_headers(headers)
        await send(start)
        await send({"type": "http.response.body", "body": body})


def _add_headers(headers: MutableHeaders) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")


def own_names(host: str, further: Iterable[str]) -> frozenset[str]:
    """By which names this server may be called, besides its addresses."""
    machine = socket.gethostname().lower()
    return frozenset({"localhost", machine, f"{machine}.local", host.lower(), *(name.lower() for name in further)})


def _name_of(host: str) -> str:
    """Host header without its port: name, 1.2.3.4, or the address inside [::1]; empty for what is none."""
    found = _HOST.fullmatch(host)
    return (found["address"] or found["name"]).lower() if found else ""


def _is_address(name: str) -> bool:
    """A plain address cannot be rebound by a name server."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
