"""The pages where an admin keeps persons and programs' tokens."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from agent.store.people import sessions, users
from agent.store.people.users import PersonRefused
from agent.store.people.values import User
from agent.web.forms import read_form
from agent.web.people import passwords
from agent.web.people.desk import PeopleDesk
from agent.web.people.names import NameRefused
from agent.web.people.office import MAX_DAYS, Office
from agent.web.people.passwords import Busy, PasswordRefused
from agent.web.people.people import People
from agent.web.query import MAX_ID
from agent.web.sheet import back
from agent.web.who import ROLES, Role, person

Number = Annotated[int, Path(ge=1, le=MAX_ID)]
Wrong = Mapping[str, tuple[str, Mapping[str, object]]]
"""Field -> (text of the catalogue, its values)."""
DAYS = (0, 7, 30, 90, 365)
TOKEN_ROLES: tuple[Role, ...] = ("viewer", "operator", "engineer", "admin")


class PeoplePages:
    """The routes; `router` has them all."""

    def __init__(self, desk: PeopleDesk) -> None:
        self._desk = desk
        self._people: People = desk.people
        self._office = Office(desk.people, desk.acts)
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/setup", self.setup)
        add("/setup/people", self.people)
        add("/setup/people", self.add, methods=["POST"])
        add("/setup/people/{id}", self.one)
        add("/setup/people/{id}/role", self.role, methods=["POST"])
        add("/setup/people/{id}/password", self.password, methods=["POST"])
        add("/setup/people/{id}/sessions", self.end_sessions, methods=["POST"])
        add("/setup/people/{id}/disable", self.disable, methods=["POST"])
        add("/setup/people/{id}/enable", self.enable, methods=["POST"])
        add("/setup/tokens", self.tokens)
        add("/setup/tokens", self.add_token, methods=["POST"])
        add("/setup/tokens/{id}/revoke", self.revoke, methods=["POST"])

    def setup(self, request: Request) -> Response:
        """The first of the set-up's pages that this person may see; the own account where there is none."""
        who = person(request)
        return back(next((place.path for place in self._desk.sheets.frame.setup if who.may(place.least)), "/me"))

    def people(self, request: Request) -> Response:
        return self._list(request)

    async def add(self, request: Request) -> Response:
        form = await read_form(request)
        role, typed = _role(form.get("role", "")), {"name": form.get("name", ""), "role": form.get("role", "")}
        if role is None:
            return await asyncio.to_thread(self._list, request, typed, {"role": ("role.wrong", {})})
        adding = self._office.add(person(request), typed["name"], role, form.get("password", ""))
        done = await _tried(adding)
        if isinstance(done, User):
            return back("/setup/people?done=add")
        return await asyncio.to_thread(self._list, request, typed, done)

    def one(self, request: Request, id: Number) -> Response:
        return self._sheet_of(request, id)

    async def role(self, request: Request, id: Number) -> Response:
        role = _role((await read_form(request)).get("role", ""))
        if role is None:
            return await asyncio.to_thread(self._sheet_of, request, id, {"role": ("role.wrong", {})})
        return await self._told(request, id, self._office.set_role(person(request), id, role), "role")

    async def password(self, request: Request, id: Number) -> Response:
        password = (await read_form(request)).get("password", "")
        return await self._told(request, id, self._office.reset(person(request), id, password), "reset")

    async def end_sessions(self, request: Request, id: Number) -> Response:
        return await self._told(request, id, self._office.end_sessions(person(request), id), "sessions")

    async def disable(self, request: Request, id: Number) -> Response:
        return await self._told(request, id, self._office.set_disabled(person(request), id, True), "disable")

    async def enable(self, request: Request, id: Number) -> Response:
        return await self._told(request, id, self._office.set_disabled(person(request), id, False), "enable")

    def tokens(self, request: Request) -> Response:
        return self._token_sheet(request)

    async def add_token(self, request: Request) -> Response:
        """Shown in the answer itself, and never again: a reload of it makes another."""
        form = await read_form(request)
        role, days = _role(form.get("role", "")), _days(form.get("days", ""))
        typed = {name: form.get(name, "")[:200] for name in ("name", "role", "days")}
        if role is None or days is None:
            field = "role" if role is None else "days"
            return await asyncio.to_thread(self._token_sheet, request, typed, {field: (f"{field}.wrong", {})})
        try:
            made = await self._office.add_token(person(request), typed["name"], role, days)
        except NameRefused as error:
            return await asyncio.to_thread(self._token_sheet, request, typed, {"name": (error.key, error.values)})
        return await asyncio.to_thread(self._token_sheet, request, None, None, made.secret)

    async def revoke(self, request: Request, id: Number) -> Response:
        try:
            await self._office.revoke_token(person(request), id)
        except PersonRefused:
            return self._desk.sheets.error(request, 404)
        return back("/setup/tokens?done=revoke")

    async def _told(self, request: Request, id: int, act: Awaitable[User], done: str) -> Response:
        found = await _tried(act)
        if isinstance(found, User):
            return back(f"/setup/people/{id}?done={done}")
        return await asyncio.to_thread(self._sheet_of, request, id, found)

    def _list(self, request: Request, typed: Mapping[str, str] | None = None, wrong: Wrong | None = None) -> Response:
        return self._desk.sheets.page(
            request,
            "people/people.html",
            422 if wrong else 200,
            here="setup",
            tab="people",
            everybody=self._people.database.ask(users.everybody),
            typed=typed or {"name": "", "role": "operator"},
            wrong=wrong or {},
            roles=ROLES,
            least=passwords.MIN_LENGTH,
            done=request.query_params.get("done", ""),
        )

    def _sheet_of(self, request: Request, id: int, wrong: Wrong | None = None) -> Response:
        user = self._people.database.ask(users.by_id(id))
        if user is None:
            return self._desk.sheets.error(request, 404)
        return self._desk.sheets.page(
            request,
            "people/person.html",
            422 if wrong else 200,
            here="setup",
            tab="people",
            user=user,
            theirs=self._people.database.ask(sessions.of_user(id)),
            wrong=wrong or {},
            roles=ROLES,
            least=passwords.MIN_LENGTH,
            done=request.query_params.get("done", ""),
        )

    def _token_sheet(
        self,
        request: Request,
        typed: Mapping[str, str] | None = None,
        wrong: Wrong | None = None,
        secret: str = "",
    ) -> Response:
        return self._desk.sheets.page(
            request,
            "people/tokens.html",
            422 if wrong else 200,
            here="setup",
            tab="tokens",
            tokens=self._people.database.ask(sessions.all_tokens),
            typed=typed or {"name": "", "role": "viewer", "days": "90"},
            wrong=wrong or {},
            secret=secret,
            roles=TOKEN_ROLES,
            days=DAYS,
            done=request.query_params.get("done", ""),
        )


async def _tried(act: Awaitable[User]) -> User | Wrong:
    """The person afterwards, or what is wrong, by field."""
    try:
        return await act
    except NameRefused as error:
        return {"name": (error.key, error.values)}
    except PasswordRefused as error:
        return {"password": (error.key, error.values)}
    except PersonRefused as error:
        return {"person": ("person.refused", {"why": str(error)})}
    except Busy:
        return {"password": ("login.busy", {})}


def _role(text: str) -> Role | None:
    return next((role for role in ROLES if role == text), None)


def _days(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= MAX_DAYS else None
