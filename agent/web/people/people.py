"""What all routes about persons share: built once, beside the desk's other things."""

import logging
from pathlib import Path
from urllib.parse import urlencode

from agent.config import WebConfig
from agent.errors import StoreFailed
from agent.store.people import users
from agent.store.people.database import PeopleDatabase
from agent.web.people.identity import Identity
from agent.web.people.passwords import HashingThread
from agent.web.people.secret import code_digest, new_code
from agent.web.people.sessions import Sessions, Tokens
from agent.web.people.throttle import Throttle

log = logging.getLogger(__name__)


class People:
    """Persons, their sessions and the programs' tokens. Thread-safe."""

    def __init__(self, file: Path, web: WebConfig, about: tuple[str, ...]) -> None:
        """`file` is `web.db`; `about`: names of the place, which a password must not be."""
        self.database = PeopleDatabase(file)
        self.sessions = Sessions(self.database, web)
        self.tokens = Tokens(self.database)
        self.identity = Identity(self.sessions, self.tokens, web)
        self.throttle = Throttle(self.database)
        self.hashing = HashingThread()
        self.about = about
        self._has_admin = False

    def has_admin(self) -> bool:
        """Whether somebody can log in as admin; without one the set-up code makes the first. Raises StoreFailed."""
        if not self._has_admin:
            self._has_admin = self.database.ask(users.admins) > 0
        return self._has_admin

    def changed(self) -> None:
        """Persons or tokens were changed: nothing that was read before counts any more."""
        self._has_admin = False
        self.sessions.forget()
        self.tokens.forget()

    def front(self, target: str, why: str) -> str:
        """Where a stranger is sent: to log in, or to make the first admin; then on to `target`."""
        try:
            first = not self.has_admin()
        except StoreFailed:
            first = False
        asked = {name: value for name, value in (("next", target), ("why", why)) if value and value != "/"}
        return ("/first" if first else "/login") + (f"?{urlencode(asked)}" if asked else "")

    def announce(self, address: str, needed: bool) -> None:
        """While there is no admin: make a set-up code and say it in the log. `needed`: nobody can do anything yet."""
        code = new_code()
        try:
            made = self.database.change(users.set_code(code_digest(code)))
        except StoreFailed as error:
            log.error("persons and their acts cannot be read or written: %s", error)
            return
        if made:
            text = "nobody is set up yet: open %sfirst and enter the set-up code  %s"
            log.log(logging.WARNING if needed else logging.INFO, text, address, code)
