"""What was done, by whom: rows that are added and read, and never changed."""

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import Connection, Row, Select, delete, insert, or_, select

from agent.store.people.schema import acts
from agent.store.people.values import Act, ActQuery, Doer, Outcome, Way


def note(
    who: Doer, act: str, subject: str, outcome: Outcome, before: str, after: str, now_utc_us: int
) -> Callable[[Connection], None]:
    """`before` and `after` are JSON objects or empty."""

    def change(conn: Connection) -> None:
        conn.execute(
            insert(acts).values(
                utc_us=now_utc_us,
                who=who.name,
                role=who.role,
                way=who.way,
                address=who.address,
                act=act,
                subject=subject,
                outcome=outcome,
                before=before,
                after=after,
            )
        )

    return change


def found(query: ActQuery) -> Callable[[Connection], tuple[Act, ...]]:
    """The newest first."""

    def question(conn: Connection) -> tuple[Act, ...]:
        return tuple(map(_act_of, conn.execute(_where(query))))

    return question


def names(conn: Connection) -> tuple[str, ...]:
    """Who did anything, for the search's list: the first 200 by name."""
    some = select(acts.c.who).where(acts.c.who != "").distinct().order_by(acts.c.who).limit(200)
    return tuple(conn.scalars(some))


def forget_before(utc_us: int) -> Callable[[Connection], int]:
    """How many went."""

    def change(conn: Connection) -> int:
        return conn.execute(delete(acts).where(acts.c.utc_us < utc_us)).rowcount

    return change


def _where(query: ActQuery) -> Select[Any]:
    asked = select(acts).order_by(acts.c.id.desc()).limit(query.limit)
    if query.who:
        asked = asked.where(acts.c.who == query.who)
    if query.area:
        asked = asked.where(acts.c.act.startswith(f"{query.area}.", autoescape=True))
    if query.outcome:
        asked = asked.where(acts.c.outcome == query.outcome)
    if query.text:
        told = (acts.c.subject, acts.c.before, acts.c.after)
        asked = asked.where(or_(*(column.contains(query.text, autoescape=True) for column in told)))
    if query.since_utc_us is not None:
        asked = asked.where(acts.c.utc_us >= query.since_utc_us)
    if query.until_utc_us is not None:
        asked = asked.where(acts.c.utc_us < query.until_utc_us)
    if query.before_id is not None:
        asked = asked.where(acts.c.id < query.before_id)
    return asked


def _act_of(row: Row[Any]) -> Act:
    return Act(
        id=row.id,
        utc_us=row.utc_us,
        who=Doer(row.who, row.role, cast(Way, row.way), row.address),
        act=row.act,
        subject=row.subject,
        outcome=cast(Outcome, row.outcome),
        before=row.before,
        after=row.after,
    )
