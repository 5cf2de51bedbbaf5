"""Wrong passwords in a row: kept in `web.db`, so that a restart forgives nothing."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from agent.store.people.schema import failures
from agent.store.people.values import Failures

FORGOTTEN_US = 86_400_000_000
"""A day without another one."""
MOST_KEYS = 10_000
"""More than these, and the oldest are forgotten: whoever has so many addresses fills no disk."""


def of(keys: Sequence[str]) -> Callable[[Connection], dict[str, Failures]]:
    """Of these keys those that failed lately."""

    def question(conn: Connection) -> dict[str, Failures]:
        rows = conn.execute(select(failures).where(failures.c.key.in_(keys)))
        return {row.key: Failures(row.times, row.last_utc_us) for row in rows}

    return question


def count(keys: Sequence[str], now_utc_us: int) -> Callable[[Connection], None]:
    """One more failure of each."""

    def change(conn: Connection) -> None:
        old = failures.c.last_utc_us < now_utc_us - FORGOTTEN_US
        conn.execute(delete(failures).where(old))
        for key in keys:
            more = insert(failures).values(key=key, times=1, last_utc_us=now_utc_us)
            also = {"times": failures.c.times + 1, "last_utc_us": now_utc_us}
            conn.execute(more.on_conflict_do_update(index_elements=["key"], set_=also))
        if (conn.scalar(select(func.count()).select_from(failures)) or 0) > MOST_KEYS:
            newest = select(failures.c.key).order_by(failures.c.last_utc_us.desc()).limit(MOST_KEYS // 2)
            conn.execute(delete(failures).where(failures.c.key.not_in(newest)))

    return change


def forget(keys: Sequence[str]) -> Callable[[Connection], None]:
    def change(conn: Connection) -> None:
        conn.execute(delete(failures).where(failures.c.key.in_(keys)))

    return change
