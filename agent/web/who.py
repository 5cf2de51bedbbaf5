"""Who asks: the person behind a request, as the gate in front of the application found out."""

from dataclasses import dataclass
from typing import Literal, get_args

from fastapi import Request

Role = Literal["viewer", "operator", "engineer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""In rising order: who may do something is who has at least its role."""

SCOPE_KEY = "okng.person"
"""Where the gate leaves the person in a request's ASGI scope."""


@dataclass(frozen=True, slots=True)
class Person:
    """A name and what it may do."""

    name: str
    role: Role

    def may(self, least: Role) -> bool:
        return ROLES.index(self.role) >= ROLES.index(least)


NOBODY = Person("", "viewer")


def person(request: Request) -> Person:
    """Who asks; nobody, who may only look, where no gate said who it is."""
    found = request.scope.get(SCOPE_KEY, NOBODY)
    assert isinstance(found, Person)
    return found
