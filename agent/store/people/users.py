"""Persons, as questions and changes of `web.db` (`PeopleDatabase.ask` and `.change`)."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Connection, Row, func, insert, select, update

from agent.errors import OkngError
from agent.store.people.schema import sessions, setup, users
from agent.store.people.values import Role, User


class PersonRefused(OkngError):
    """Nothing was changed; the message says why."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person to be added; `password` is its hash."""

    name: str
    role: Role
    password: str
    must_change: bool
    now_utc_us: int


def key_of(name: str) -> str:
    """A name as it is compared: Anna and anna, or two ways to write one letter, are one person."""
    return unicodedata.normalize("NFKC", name).casefold()


def everybody(conn: Connection) -> tuple[User, ...]:
    """All persons by name, those who may log in first."""
    return tuple(map(user_of, conn.execute(select(users).order_by(users.c.disabled, users.c.key))))


def by_id(number: int) -> Callable[[Connection], User | None]:
    def question(conn: Connection) -> User | None:
        row = conn.execute(select(users).where(users.c.id == number)).first()
        return None if row is None else user_of(row)

    return question


def credentials(name: str) -> Callable[[Connection], tuple[User, str] | None]:
    """A person and the hash of the password, by name, disabled or not."""

    def question(conn: Connection) -> tuple[User, str] | None:
        row = conn.execute(select(users).where(users.c.key == key_of(name))).first()
        return None if row is None else (user_of(row), str(row.password))

    return question


def admins(conn: Connection) -> int:
    """How many may log in as admin. None: the set-up code makes the first one."""
    may = users.c.role == "admin", users.c.disabled.is_(False)
    return conn.scalar(select(func.count()).select_from(users).where(*may)) or 0


def add(new: NewUser) -> Callable[[Connection], User]:
    """Raises PersonRefused for a name that is taken, also by a person who was disabled."""

    def change(conn: Connection) -> User:
        _refuse_taken(conn, new.name)
        return _inserted(conn, new)

    return change


def make_first(new: NewUser, code: bytes) -> Callable[[Connection], User]:
    """The first admin, for who has the set-up code (its digest); the code is used up.

    Raises PersonRefused when there is an admin already, the code is another, or the name is taken.
    """

    def change(conn: Connection) -> User:
        if admins(conn):
            raise PersonRefused("there is an admin already")
        if conn.scalar(select(setup.c.code)) != code:
            raise PersonRefused("this is not the set-up code")
        _refuse_taken(conn, new.name)
        conn.execute(update(setup).values(code=None))
        return _inserted(conn, new)

    return change


def set_role(number: int, role: Role) -> Callable[[Connection], tuple[User, User]]:
    """The person (before, after). Raises PersonRefused for an unknown one, and for the last admin."""
    return _changed(number, {"role": role}, keeps_admin=role == "admin")


def set_disabled(number: int, disabled: bool, now_utc_us: int) -> Callable[[Connection], tuple[User, User]]:
    """The same; the sessions of who is disabled end."""

    def change(conn: Connection) -> tuple[User, User]:
        done = _changed(number, {"disabled": disabled}, keeps_admin=not disabled)(conn)
        if disabled:
            _end_sessions(conn, number, now_utc_us)
        return done

    return change


def set_password(
    number: int, password: str, must_change: bool, now_utc_us: int, keep: int = 0
) -> Callable[[Connection], tuple[User, User]]:
    """Another password, as its hash; every session of the person ends but for the one to `keep`."""

    def change(conn: Connection) -> tuple[User, User]:
        values = {"password": password, "must_change": must_change, "password_utc_us": now_utc_us}
        done = _changed(number, values, keeps_admin=True)(conn)
        _end_sessions(conn, number, now_utc_us, keep)
        return done

    return change


def in_turn(
    number: int, *changes: Callable[[Connection], tuple[User, User]]
) -> Callable[[Connection], tuple[User, User]]:
    """Several changes of one person, all of them or none: (before the first, after the last)."""

    def change(conn: Connection) -> tuple[User, User]:
        first = by_id(number)(conn)
        if first is None:
            raise PersonRefused(f"there is no person {number}")
        last = first
        for each in changes:
            last = each(conn)[1]
        return first, last

    return change


def renew_hash(number: int, password: str) -> Callable[[Connection], None]:
    """The same password, hashed as it is done now."""

    def change(conn: Connection) -> None:
        conn.execute(update(users).where(users.c.id == number).values(password=password))

    return change


def set_code(digest: bytes) -> Callable[[Connection], bool]:
    """Another set-up code; False, and nothing changed, where there is an admin already."""

    def change(conn: Connection) -> bool:
        if admins(conn):
            return False
        conn.execute(update(setup).values(code=digest))
        return True

    return change


def user_of(row: Row[Any]) -> User:
    return User(
        id=row.id,
        name=row.name,
        role=cast(Role, row.role),
        disabled=row.disabled,
        must_change=row.must_change,
        made_utc_us=row.made_utc_us,
        password_utc_us=row.password_utc_us,
        seen_utc_us=row.seen_utc_us,
    )


def _changed(number: int, values: Mapping[str, object], keeps_admin: bool) -> Callable[[Connection], tuple[User, User]]:
    def change(conn: Connection) -> tuple[User, User]:
        before = by_id(number)(conn)
        if before is None:
            raise PersonRefused(f"there is no person {number}")
        if not keeps_admin and before.role == "admin" and not before.disabled and admins(conn) == 1:
            raise PersonRefused(f"{before.name} is the only admin: somebody else has to be one first")
        conn.execute(update(users).where(users.c.id == number).values(**values))
        after = by_id(number)(conn)
        assert after is not None
        return before, after

    return change


def _refuse_taken(conn: Connection, name: str) -> None:
    if conn.scalar(select(users.c.id).where(users.c.key == key_of(name))) is not None:
        raise PersonRefused(f"there is a person {name!r} already, who may have been disabled")


def _inserted(conn: Connection, new: NewUser) -> User:
    values = {
        "name": new.name,
        "key": key_of(new.name),
        "role": new.role,
        "password": new.password,
        "disabled": False,
        "must_change": new.must_change,
        "made_utc_us": new.now_utc_us,
        "password_utc_us": new.now_utc_us,
    }
    row = conn.execute(insert(users).values(**values).returning(users)).one()
    return user_of(row)


def _end_sessions(conn: Connection, number: int, now_utc_us: int, keep: int = 0) -> None:
    of_them = sessions.c.user_id == number, sessions.c.ended_utc_us.is_(None), sessions.c.id != keep
    conn.execute(update(sessions).where(*of_them).values(ended_utc_us=now_utc_us))
