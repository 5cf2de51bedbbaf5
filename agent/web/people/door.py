"""Logging in and out, the first admin, and what a person does about the own account."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.errors import StoreFailed
from agent.store.people import sessions, users
from agent.store.people.users import NewUser, PersonRefused
from agent.store.people.values import User
from agent.web.forms import read_form
from agent.web.people import passwords
from agent.web.people.desk import PeopleDesk
from agent.web.people.identity import address_of, person_of
from agent.web.people.names import NameRefused, checked_name
from agent.web.people.passwords import Busy, PasswordRefused
from agent.web.people.people import People
from agent.web.people.secret import code_digest
from agent.web.people.sessions import cookie_name, secret_of
from agent.web.sheet import back, local
from agent.web.who import Person, person

log = logging.getLogger(__name__)

MAX_NAME_TYPED = 200
BUSY_S = 5
WHY = frozenset({"expired", "role", "ended", "changed"})


@dataclass(frozen=True, slots=True)
class Tried:
    """How a log-in went."""

    end: Literal["in", "wrong", "wait", "disabled"]
    user: User | None = None
    wait_s: float = 0.0


class Door:
    """The routes; `router` has them all."""

    def __init__(self, desk: PeopleDesk) -> None:
        self._desk = desk
        self._people: People = desk.people
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/login", self.log_in_page)
        add("/login", self.log_in, methods=["POST"])
        add("/logout", self.log_out, methods=["POST"])
        add("/first", self.first_page)
        add("/first", self.first, methods=["POST"])
        add("/me", self.me)
        add("/me/password", self.own_password, methods=["POST"])
        add("/me/sessions", self.end_others, methods=["POST"])

    def log_in_page(self, request: Request, next: str = "", why: str = "") -> Response:
        try:
            first = not self._people.has_admin()
        except StoreFailed:
            first = False
        if first:
            return back("/first")
        return self._log_in_sheet(request, 200, next=local(next or "/"), why=why if why in WHY else "")

    async def log_in(self, request: Request) -> Response:
        form = await read_form(request)
        name, target = form.get("name", "").strip()[:MAX_NAME_TYPED], local(form.get("next") or "/")
        address = address_of(request.scope)
        try:
            tried = await self._people.hashing.run(lambda: self._try(name, form.get("password", ""), address))
        except Busy:
            answer = self._log_in_sheet(request, 503, target, name, wrong="login.busy")
            answer.headers["Retry-After"] = str(BUSY_S)
            return answer
        if tried.end == "in" and tried.user is not None:
            return self._let_in(request, tried.user, "people.login", target)
        stranger = Person(name, "viewer", "", address)
        if tried.end == "wait":
            self._desk.acts.refused(stranger, "people.login", name, f"too many failures, {tried.wait_s:.0f} s to wait")
            seconds = max(1, math.ceil(tried.wait_s))
            answer = self._log_in_sheet(request, 429, target, name, wrong="login.wait", wait=float(seconds))
            answer.headers["Retry-After"] = str(seconds)
            return answer
        why = "wrong name or password" if tried.end == "wrong" else "this person is disabled"
        self._desk.acts.refused(stranger, "people.login", name, why)
        return self._log_in_sheet(request, 401, target, name, wrong="login.wrong")

    def _try(self, name: str, password: str, address: str) -> Tried:
        """In the hashing thread, one at a time: those that came together are counted one after the other."""
        people, now_us = self._people, _now_us()
        wait_s = people.throttle.wait_s(address, name, now_us)
        if wait_s > 0:
            return Tried("wait", wait_s=wait_s)
        known = people.database.ask(users.credentials(name))
        right = passwords.matches(known[1] if known else people.hashing.nobodys, password)
        if known is None or not right:
            people.throttle.failed(address, name, now_us)
            return Tried("wrong")
        people.throttle.succeeded(address, name)
        if known[0].disabled:
            return Tried("disabled")
        if passwords.is_old(known[1]):
            people.database.change(users.renew_hash(known[0].id, passwords.hashed(password)))
        return Tried("in", known[0])

    def _let_in(self, request: Request, user: User, act: str, target: str) -> Response:
        address = address_of(request.scope)
        secret = self._people.sessions.begin(user, address)
        who = Person(user.name, user.role, "session", address, user.id)
        self._desk.acts.note(who, act, user.name)
        answer = back("/me" if user.must_change else target)
        scheme = request.url.scheme
        answer.set_cookie(
            cookie_name(scheme),
            secret,
            max_age=self._people.sessions.whole_s,
            secure=scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return answer

    def log_out(self, request: Request) -> Response:
        """Who logs out twice has logged out."""
        scheme = request.url.scheme
        found = self._people.sessions.find(secret_of(request.cookies, scheme))
        if found.session is not None and found.lack is None:
            self._people.sessions.end(found.session.id)
            who = person_of(found.session, address_of(request.scope))
            self._desk.acts.note(who, "people.logout", who.name)
        answer = back("/")
        answer.delete_cookie(cookie_name(scheme), path="/", secure=scheme == "https", httponly=True, samesite="lax")
        return answer

    def first_page(self, request: Request) -> Response:
        return back("/login") if self._people.has_admin() else self._first_sheet(request, 200)

    async def first(self, request: Request) -> Response:
        """The first admin, by the set-up code; guesses at it are slowed down as those at a password."""
        form = await read_form(request)
        typed = {"code": form.get("code", "")[:40], "name": form.get("name", "")[:MAX_NAME_TYPED]}
        address = address_of(request.scope)
        try:
            name = checked_name(form.get("name", ""))
            password = _new_password(form, name, *self._people.about)
        except (NameRefused, PasswordRefused) as error:
            return self._first_sheet(request, 422, typed, wrong={_field(error): (error.key, error.values)})
        try:
            user = await self._people.hashing.run(lambda: self._make_first(name, password, typed["code"], address))
        except Busy:
            return self._first_sheet(request, 503, typed, wrong={"code": ("login.busy", {})})
        except PersonRefused as error:
            stranger = Person(name, "viewer", "", address)
            self._desk.acts.refused(stranger, "people.first", name, str(error))
            return self._first_sheet(request, 403, typed, wrong={"code": ("first.wrong_code", {})})
        self._people.changed()
        return self._let_in(request, user, "people.first", "/")

    def _make_first(self, name: str, password: str, code: str, address: str) -> User:
        people, now_us = self._people, _now_us()
        wait_s = people.throttle.wait_s(address, "", now_us)
        if wait_s > 0:
            raise PersonRefused(f"too many failures, {wait_s:.0f} s to wait")
        new = NewUser(name, "admin", passwords.hashed(password), False, now_us)
        try:
            return people.database.change(users.make_first(new, code_digest(code)))
        except PersonRefused:
            people.throttle.failed(address, "", now_us)
            raise

    def me(self, request: Request) -> Response:
        """The own account."""
        return self._own_sheet(request, 200)

    async def own_password(self, request: Request) -> Response:
        """Another password for oneself: with the one that is; all other log-ins of the person end."""
        who = person(request)
        form = await read_form(request)
        if not who.user:
            return self._desk.sheets.error(request, 403)
        try:
            password = _new_password(form, who.name, *self._people.about)
        except PasswordRefused as error:
            return self._own_sheet(request, 422, {_field(error): (error.key, error.values)})
        now = form.get("now", "")
        if password == passwords.normal(now):
            return self._own_sheet(request, 422, {"password": ("password.same", {})})
        try:
            tried = await self._people.hashing.run(lambda: self._change_own(who, now, password))
        except Busy:
            return self._own_sheet(request, 503, {"now": ("login.busy", {})})
        if tried.end != "in":
            self._desk.acts.refused(who, "people.password", who.name, f"the password given is {tried.end}")
            key = "login.wrong_password" if tried.end == "wrong" else "login.wait"
            return self._own_sheet(request, 422, {"now": (key, {"wait": self._wait(request, tried.wait_s)})})
        self._people.changed()
        self._desk.acts.note(who, "people.password", who.name)
        return back("/me?done=password")

    def _change_own(self, who: Person, now: str, password: str) -> Tried:
        tried = self._try(who.name, now, who.address)
        if tried.end == "in" and tried.user is not None:
            change = users.set_password(tried.user.id, passwords.hashed(password), False, _now_us(), who.session)
            self._people.database.change(change)
        return tried

    def end_others(self, request: Request) -> Response:
        """End the own log-ins elsewhere, this one too: whoever fears that it was stolen begins anew."""
        who = person(request)
        if who.user:
            ended = self._people.database.change(sessions.end_all(who.user, _now_us()))
            self._people.changed()
            self._desk.acts.note(who, "people.sessions", who.name, None, {"ended": ended})
        return back("/login")

    def _wait(self, request: Request, seconds: float) -> str:
        return self._desk.sheets.speech(request).duration(max(1.0, float(math.ceil(seconds))))

    def _log_in_sheet(
        self,
        request: Request,
        status: int,
        next: str = "/",
        typed: str = "",
        why: str = "",
        wrong: str = "",
        wait: float = 0.0,
    ) -> Response:
        text = self._desk.sheets.speech(request).say(wrong, wait=self._wait(request, wait)) if wrong else ""
        return self._desk.sheets.page(
            request, "people/login.html", status, here="door", target=next, typed=typed, why=why, wrong=text
        )

    def _first_sheet(
        self,
        request: Request,
        status: int,
        typed: Mapping[str, str] | None = None,
        wrong: "Mapping[str, tuple[str, Mapping[str, object]]] | None" = None,
    ) -> Response:
        return self._desk.sheets.page(
            request,
            "people/first.html",
            status,
            here="door",
            typed=typed or {"code": "", "name": ""},
            wrong=wrong or {},
            least=passwords.MIN_LENGTH,
        )

    def _own_sheet(
        self, request: Request, status: int, wrong: "Mapping[str, tuple[str, Mapping[str, object]]] | None" = None
    ) -> Response:
        who = person(request)
        mine = self._people.database.ask(sessions.of_user(who.user)) if who.user else ()
        return self._desk.sheets.page(
            request,
            "people/me.html",
            status,
            here="me",
            mine=mine,
            wrong=wrong or {},
            least=passwords.MIN_LENGTH,
            done=request.query_params.get("done", ""),
        )


def _new_password(form: Mapping[str, str], *about: str) -> str:
    """The password typed twice. Raises PasswordRefused."""
    password = form.get("password", "")
    passwords.check_new(password, *about)
    if password != form.get("again", ""):
        raise PasswordRefused("password.differs")
    return passwords.normal(password)


def _field(error: NameRefused | PasswordRefused) -> str:
    if isinstance(error, NameRefused):
        return "name"
    return "again" if error.key == "password.differs" else "password"


def _now_us() -> int:
    return time.time_ns() // 1000
