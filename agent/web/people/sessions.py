"""Who has logged in: a random secret in a cookie, its digest in `web.db`, and a short memory in between."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from agent.config import WebConfig
from agent.errors import StoreFailed
from agent.store.people import sessions
from agent.store.people.database import PeopleDatabase
from agent.store.people.values import Session, Token, User
from agent.web.people.secret import digest, new_token

log = logging.getLogger(__name__)

FRESH_S = 2.0
"""So long what was read is believed; what this process changes itself is known at once."""
SEEN_EVERY_US = 60_000_000
MOST_REMEMBERED = 1000
MAX_SECRET = 200

Lack = Literal["unknown", "ended", "expired", "disabled"]
"""Why a session or token is none (any more)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session as it was found, and what it lacks, if anything."""

    session: Session | None
    lack: Lack | None


class Sessions:
    """Thread-safe. While `web.db` cannot be read, who was known a moment ago is known still."""

    def __init__(self, database: PeopleDatabase, config: WebConfig) -> None:
        self._database = database
        self._idle_us = int(config.session_idle_min * 60e6)
        self._whole_us = int(config.session_hours * 3600e6)
        self._known: dict[bytes, tuple[Session, float]] = {}
        self._lock = threading.Lock()

    @property
    def whole_s(self) -> int:
        """How long a session lasts at most."""
        return self._whole_us // 1_000_000

    def begin(self, user: User, address: str) -> str:
        """A new session's secret. Raises StoreFailed."""
        secret = new_token()
        self._database.change(sessions.begin(user.id, digest(secret), address, _now_us()))
        self.forget()
        return secret

    def find(self, secret: str) -> Found:
        """Raises StoreFailed where it is not known and cannot be looked up."""
        if not secret or len(secret) > MAX_SECRET:
            return Found(None, "unknown")
        found = self._looked_up(digest(secret))
        if found is None:
            return Found(None, "unknown")
        now_us = _now_us()
        if found.ended:
            return Found(found, "ended")
        if found.user.disabled:
            return Found(found, "disabled")
        if now_us - found.seen_utc_us > self._idle_us or now_us - found.made_utc_us > self._whole_us:
            return Found(found, "expired")
        return Found(found, None)

    def used(self, secret: str) -> None:
        """It was: the idle time begins anew. Not for what a page asks for by itself."""
        key, now_us = digest(secret), _now_us()
        with self._lock:
            known = self._known.get(key)
        if known is None or now_us - known[0].seen_utc_us < SEEN_EVERY_US:
            return
        try:
            self._database.change(sessions.seen(known[0].id, now_us))
        except StoreFailed as error:
            log.warning("a session's use cannot be noted: %s", error)
            return
        with self._lock:
            self._known[key] = (replace(known[0], seen_utc_us=now_us), known[1])

    def end(self, number: int) -> None:
        """Raises StoreFailed."""
        self._database.change(sessions.end(number, _now_us()))
        self.forget()

    def forget(self) -> None:
        """Persons or sessions were changed: look them up again."""
        with self._lock:
            self._known.clear()

    def _looked_up(self, key: bytes) -> Session | None:
        with self._lock:
            known = self._known.get(key)
        if known is not None and time.monotonic() - known[1] < FRESH_S:
            return known[0]
        try:
            found = self._database.ask(sessions.by_digest(key))
        except StoreFailed:
            if known is None:
                raise
            return known[0]
        if found is not None:
            with self._lock:
                if len(self._known) >= MOST_REMEMBERED:
                    self._known.clear()
                self._known[key] = (found, time.monotonic())
        return found


class Tokens:
    """Programs' tokens, by the header `Authorization: Bearer SECRET` (RFC 6750). Thread-safe."""

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database
        self._known: dict[bytes, tuple[Token, float]] = {}
        self._noted: dict[int, int] = {}

    def find(self, secret: str) -> tuple[Token | None, Lack | None]:
        """Raises StoreFailed where it cannot be looked up."""
        if not secret or len(secret) > MAX_SECRET:
            return None, "unknown"
        key, now_us = digest(secret), _now_us()
        known = self._known.get(key)
        if known is None or time.monotonic() - known[1] > FRESH_S:
            token = self._database.ask(sessions.token_by_digest(key))
            if token is None:
                return None, "unknown"
            if len(self._known) >= MOST_REMEMBERED:
                self._known = {}
            known = self._known[key] = (token, time.monotonic())
        token = known[0]
        if not token.usable(now_us):
            return token, "expired" if token.revoked_utc_us is None else "ended"
        self._note(token, now_us)
        return token, None

    def forget(self) -> None:
        self._known = {}

    def _note(self, token: Token, now_us: int) -> None:
        if now_us - self._noted.get(token.id, 0) < SEEN_EVERY_US:
            return
        self._noted[token.id] = now_us
        try:
            self._database.change(sessions.token_used(token.id, now_us))
        except StoreFailed as error:
            log.warning("a token's use cannot be noted: %s", error)


def cookie_name(scheme: str) -> str:
    """Over HTTPS with the prefix that binds a cookie to this very host and to HTTPS (RFC 6265bis, 4.1.3.2)."""
    return "__Host-okng_session" if scheme == "https" else "okng_session"


def secret_of(cookies: Mapping[str, str], scheme: str) -> str:
    return cookies.get(cookie_name(scheme), "")


def _now_us() -> int:
    return time.time_ns() // 1000
