"""Who asks: the person behind a request, as the gate in front of the application found out."""

from dataclasses import dataclass
from typing import TypeAlias

from fastapi import Request

from agent.store.people import values
from agent.store.people.values import Doer, Way

Role: TypeAlias = values.Role
ROLES = values.ROLES
"""In rising order: who may do something is who has at least its role."""

SCOPE_KEY = "okng.person"
"""Where the gate leaves the person in a request's ASGI scope."""
TROUBLE_KEY = "okng.trouble"
"""Where it leaves why persons or acts cannot be read or written, for the page to say."""


@dataclass(frozen=True, slots=True)
class Person:
    """A name and what it may do."""

    name: str
    role: Role
    way: Way = ""
    address: str = ""
    user: int = 0
    """0: no person of the list, but a program, this machine, or nobody."""
    session: int = 0
    must_change: bool = False
    """Has to choose an own password before anything else."""

    def may(self, least: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(least)

    @property
    def doer(self) -> Doer:
        return Doer(self.name, self.role if self.way else "", self.way, self.address)


NOBODY = Person("", "viewer")
CONSOLE = Person("console", "admin", "console")
"""Root on this machine."""
MACHINE = "this machine"
"""The name of who uses this machine without having logged in."""


def person(request: Request) -> Person:
    """Who asks; nobody, who may only look, where no gate said who it is."""
    found = request.scope.get(SCOPE_KEY, NOBODY)
    assert isinstance(found, Person)
    return found
