"""What an admin does about persons and tokens: for the pages and for REST alike, each written down."""

import asyncio
import time
from dataclasses import dataclass

from agent.store.people import sessions, users
from agent.store.people.users import NewUser, PersonRefused
from agent.store.people.values import Role, Token, User
from agent.web.acts import Acts
from agent.web.people import passwords
from agent.web.people.names import checked_name
from agent.web.people.people import People
from agent.web.people.secret import digest, new_token
from agent.web.who import Person

DAY_US = 86_400_000_000
MAX_DAYS = 3650


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token and its secret, which is shown this once."""

    token: Token
    secret: str


class Office:
    """Raises PersonRefused, NameRefused, PasswordRefused, passwords.Busy, StoreFailed; then nothing was changed."""

    def __init__(self, people: People, acts: Acts) -> None:
        self._people = people
        self._acts = acts

    async def add(self, who: Person, typed_name: str, role: Role, password: str) -> User:
        """A person with a first password, which the person has to change."""
        name = checked_name(typed_name)
        kept = await self._hashed(password, name)
        new = NewUser(name, role, kept, True, _now_us())
        user = await asyncio.to_thread(self._people.database.change, users.add(new))
        return self._done(who, "people.add", user, None, {"role": user.role})

    async def set_role(self, who: Person, number: int, role: Role) -> User:
        return await self.change(who, number, role=role)

    async def set_disabled(self, who: Person, number: int, disabled: bool) -> User:
        return await self.change(who, number, disabled=disabled)

    async def reset(self, who: Person, number: int, password: str) -> User:
        """Another first password; the person's log-ins end."""
        return await self.change(who, number, password=password)

    async def change(
        self,
        who: Person,
        number: int,
        role: Role | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """What is given, all of it or nothing. An act of its own is written of each."""
        now_us, changes = _now_us(), []
        if password is not None:
            kept = await self._hashed(password, (await self.one(number)).name)
            changes.append(users.set_password(number, kept, True, now_us))
        if role is not None:
            changes.append(users.set_role(number, role))
        if disabled is not None:
            changes.append(users.set_disabled(number, disabled, now_us))
        change = users.in_turn(number, *changes)
        before, after = await asyncio.to_thread(self._people.database.change, change)
        if password is not None:
            self._done(who, "people.reset", after, None, None)
        if role is not None:
            self._done(who, "people.role", after, {"role": before.role}, {"role": after.role})
        if disabled is not None:
            act = "people.disable" if disabled else "people.enable"
            self._done(who, act, after, {"disabled": before.disabled}, {"disabled": after.disabled})
        return after

    async def end_sessions(self, who: Person, number: int) -> User:
        user = await self.one(number)
        ended = await asyncio.to_thread(self._people.database.change, sessions.end_all(number, _now_us()))
        return self._done(who, "people.sessions", user, None, {"ended": ended})

    async def one(self, number: int) -> User:
        user = await asyncio.to_thread(self._people.database.ask, users.by_id(number))
        if user is None:
            raise PersonRefused(f"there is no person {number}")
        return user

    async def add_token(self, who: Person, typed_name: str, role: Role, days: int) -> NewToken:
        """A token for a program; `days` 0: it never expires."""
        name, secret, now_us = checked_name(typed_name), new_token(), _now_us()
        expires = now_us + days * DAY_US if days else None
        add = sessions.add_token(name, role, digest(secret), who.name, now_us, expires)
        token = await asyncio.to_thread(self._people.database.change, add)
        self._acts.note(who, "people.token", name, None, {"role": role, "days": days})
        return NewToken(token, secret)

    async def revoke_token(self, who: Person, number: int) -> Token:
        token = await asyncio.to_thread(self._people.database.change, sessions.revoke_token(number, _now_us()))
        if token is None:
            raise PersonRefused(f"there is no token {number}")
        self._people.changed()
        self._acts.note(who, "people.revoke", token.name, {"role": token.role}, None)
        return token

    async def _hashed(self, password: str, name: str) -> str:
        passwords.check_new(password, name, *self._people.about)
        return await self._people.hashing.run(lambda: passwords.hashed(password))

    def _done(
        self, who: Person, act: str, user: User, before: dict[str, object] | None, after: dict[str, object] | None
    ) -> User:
        self._people.changed()
        self._acts.note(who, act, user.name, before, after)
        return user


def _now_us() -> int:
    return time.time_ns() // 1000
