"""Who sends a request: a program with its token, a person who logged in, this machine, or nobody."""

import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import Scope

from agent.config import WebConfig
from agent.store.people.values import Session, Token
from agent.web.people.sessions import Lack, Sessions, Tokens, secret_of
from agent.web.who import MACHINE, NOBODY, Person

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers of a proxy: what came through one was not asked by this machine."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks; where it cannot be told, what is wrong."""

    person: Person | None
    """None: nobody who may do anything here without logging in."""
    lack: Lack | None = None
    """What the session or token that was shown lacks."""
    was: str = ""
    """Whose it was."""
    secret: str = ""
    """The session's, where it is a session."""
    by_token: bool = False


class Identity:
    """Reads the request's headers. Thread-safe; raises StoreFailed where a session or token cannot be looked up."""

    def __init__(self, sessions: Sessions, tokens: Tokens, config: WebConfig) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._config = config

    def of(self, scope: Scope, headers: Headers) -> Asker:
        address = address_of(scope)
        scheme, _, said = headers.get("authorization", "").partition(" ")
        if scheme:
            return self._by_token(said.strip() if scheme.lower() == "bearer" else "", address)
        secret = secret_of(cookies_of(headers), str(scope.get("scheme", "")))
        if secret:
            return self._by_session(secret, address)
        return Asker(self.without_log_in(scope, headers))

    def without_log_in(self, scope: Scope, headers: Headers) -> Person | None:
        """What the configuration lets be done without logging in."""
        address = address_of(scope)
        role = self._config.this_machine
        if role != "none" and is_loopback(address) and not any(name in headers for name in FORWARDED):
            return Person(MACHINE, role, "machine", address)
        return NOBODY if self._config.open == "viewer" else None

    def _by_token(self, secret: str, address: str) -> Asker:
        token, lack = self._tokens.find(secret)
        if lack is not None or token is None:
            return Asker(None, lack or "unknown", token.name if token else "", by_token=True)
        return Asker(_program(token, address), by_token=True)

    def _by_session(self, secret: str, address: str) -> Asker:
        found = self._sessions.find(secret)
        if found.lack is not None or found.session is None:
            was = found.session.user.name if found.session else ""
            return Asker(None, found.lack or "unknown", was, secret)
        return Asker(person_of(found.session, address), secret=secret)


def person_of(session: Session, address: str) -> Person:
    user = session.user
    return Person(user.name, user.role, "session", address, user.id, session.id, user.must_change)


def _program(token: Token, address: str) -> Person:
    return Person(token.name, token.role, "token", address)


def address_of(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_loopback(address: str) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
    return (mapped or known).is_loopback


def cookies_of(headers: Headers) -> dict[str, str]:
    """The request's cookies; those that cannot be read are none."""
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}
