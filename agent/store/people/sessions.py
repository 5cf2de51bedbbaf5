"""Log-ins and programs' tokens, by the digests of their secrets, as questions and changes of `web.db`."""

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import Connection, Row, delete, insert, select, update

from agent.store.people.schema import sessions, tokens, users
from agent.store.people.users import user_of
from agent.store.people.values import Role, Session, Token

REMEMBERED_US = 30 * 86_400_000_000
"""So long it is known of a session that ended, that it was one."""
MOST_OF_ONE = 50
"""Sessions of one person at a time; the oldest ends where another begins."""


def begin(user: int, digest: bytes, address: str, now_utc_us: int) -> Callable[[Connection], int]:
    """A new session, its id. What is long over is forgotten at the same time."""

    def change(conn: Connection) -> int:
        conn.execute(delete(sessions).where(sessions.c.seen_utc_us < now_utc_us - REMEMBERED_US))
        mine = sessions.c.user_id == user, sessions.c.ended_utc_us.is_(None)
        newest = select(sessions.c.id).where(*mine).order_by(sessions.c.id.desc()).limit(MOST_OF_ONE - 1)
        conn.execute(update(sessions).where(*mine, sessions.c.id.not_in(newest)).values(ended_utc_us=now_utc_us))
        conn.execute(update(users).where(users.c.id == user).values(seen_utc_us=now_utc_us))
        made = insert(sessions).values(
            digest=digest, user_id=user, made_utc_us=now_utc_us, seen_utc_us=now_utc_us, address=address
        )
        return int(conn.execute(made.returning(sessions.c.id)).scalar_one())

    return change


def by_digest(digest: bytes) -> Callable[[Connection], Session | None]:
    """The session with this secret, ended or not, with its person."""
    query = select(users, *_SESSION).join(sessions, sessions.c.user_id == users.c.id).where(sessions.c.digest == digest)

    def question(conn: Connection) -> Session | None:
        row = conn.execute(query).first()
        return None if row is None else _session_of(row)

    return question


def of_user(user: int) -> Callable[[Connection], tuple[Session, ...]]:
    """A person's sessions that go on, the last used first."""
    mine = sessions.c.user_id == user, sessions.c.ended_utc_us.is_(None)
    query = select(users, *_SESSION).join(sessions, sessions.c.user_id == users.c.id).where(*mine)

    def question(conn: Connection) -> tuple[Session, ...]:
        return tuple(map(_session_of, conn.execute(query.order_by(sessions.c.seen_utc_us.desc()))))

    return question


def seen(number: int, now_utc_us: int) -> Callable[[Connection], None]:
    def change(conn: Connection) -> None:
        conn.execute(update(sessions).where(sessions.c.id == number).values(seen_utc_us=now_utc_us))

    return change


def end(number: int, now_utc_us: int) -> Callable[[Connection], None]:
    def change(conn: Connection) -> None:
        one = sessions.c.id == number, sessions.c.ended_utc_us.is_(None)
        conn.execute(update(sessions).where(*one).values(ended_utc_us=now_utc_us))

    return change


def end_all(user: int, now_utc_us: int) -> Callable[[Connection], int]:
    """How many ended."""

    def change(conn: Connection) -> int:
        mine = sessions.c.user_id == user, sessions.c.ended_utc_us.is_(None)
        return conn.execute(update(sessions).where(*mine).values(ended_utc_us=now_utc_us)).rowcount

    return change


def add_token(
    name: str, role: Role, digest: bytes, made_by: str, now_utc_us: int, expires_utc_us: int | None
) -> Callable[[Connection], Token]:
    def change(conn: Connection) -> Token:
        made = insert(tokens).values(
            name=name,
            digest=digest,
            role=role,
            made_by=made_by,
            made_utc_us=now_utc_us,
            expires_utc_us=expires_utc_us,
        )
        return _token_of(conn.execute(made.returning(tokens)).one())

    return change


def token_by_digest(digest: bytes) -> Callable[[Connection], Token | None]:
    def question(conn: Connection) -> Token | None:
        row = conn.execute(select(tokens).where(tokens.c.digest == digest)).first()
        return None if row is None else _token_of(row)

    return question


def all_tokens(conn: Connection) -> tuple[Token, ...]:
    """The newest first, revoked ones last."""
    query = select(tokens).order_by(tokens.c.revoked_utc_us.is_not(None), tokens.c.id.desc())
    return tuple(map(_token_of, conn.execute(query)))


def token_used(number: int, now_utc_us: int) -> Callable[[Connection], None]:
    def change(conn: Connection) -> None:
        conn.execute(update(tokens).where(tokens.c.id == number).values(used_utc_us=now_utc_us))

    return change


def revoke_token(number: int, now_utc_us: int) -> Callable[[Connection], Token | None]:
    """The token as it is then; None where there is none."""

    def change(conn: Connection) -> Token | None:
        one = tokens.c.id == number, tokens.c.revoked_utc_us.is_(None)
        conn.execute(update(tokens).where(*one).values(revoked_utc_us=now_utc_us))
        row = conn.execute(select(tokens).where(tokens.c.id == number)).first()
        return None if row is None else _token_of(row)

    return change


_SESSION = (
    sessions.c.id.label("session_id"),
    sessions.c.made_utc_us.label("begun_utc_us"),
    sessions.c.seen_utc_us.label("used_utc_us"),
    sessions.c.ended_utc_us.label("ended_utc_us"),
    sessions.c.address.label("address"),
)


def _session_of(row: Row[Any]) -> Session:
    return Session(
        id=row.session_id,
        user=user_of(row),
        made_utc_us=row.begun_utc_us,
        seen_utc_us=row.used_utc_us,
        ended=row.ended_utc_us is not None,
        address=row.address,
    )


def _token_of(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=cast(Role, row.role),
        made_by=row.made_by,
        made_utc_us=row.made_utc_us,
        expires_utc_us=row.expires_utc_us,
        used_utc_us=row.used_utc_us,
        revoked_utc_us=row.revoked_utc_us,
    )
