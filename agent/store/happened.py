"""Questions about events, and about what pictures cost: asked through `Reader.ask`."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from agent.store.rows import stored_event
from agent.store.schema import KEPT, events, inspections
from agent.store.values import StoredEvent


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events; "" and None do not restrict."""

    name: str = ""
    contains: str = ""
    """A text that stands in the detail, or in the name."""
    since_utc_us: int | None = None
    until_utc_us: int | None = None
    """Not included."""
    before_id: int | None = None
    limit: int = 50


def find_events(conn: Connection, query: EventQuery) -> tuple[StoredEvent, ...]:
    """The newest first."""
    found = select(events).order_by(events.c.id.desc()).limit(query.limit)
    if query.name:
        found = found.where(events.c.name == query.name)
    if query.contains:
        either = events.c.detail.contains(query.contains, autoescape=True)
        found = found.where(either | events.c.name.contains(query.contains, autoescape=True))
    if query.since_utc_us is not None:
        found = found.where(events.c.utc_us >= query.since_utc_us)
    if query.until_utc_us is not None:
        found = found.where(events.c.utc_us < query.until_utc_us)
    if query.before_id is not None:
        found = found.where(events.c.id < query.before_id)
    return tuple(stored_event(row) for row in conn.execute(found).mappings())


def event_names(conn: Connection) -> tuple[str, ...]:
    """Every name that an event has, in order."""
    return tuple(conn.scalars(select(events.c.name).distinct().order_by(events.c.name)))


@dataclass(frozen=True, slots=True)
class Kept:
    """Pictures that are kept, by outcome and in all."""

    pictures: int
    bytes: int
    oldest_utc_us: int | None
    by_outcome: tuple[tuple[str, int, int], ...]
    """(outcome, pictures, bytes)."""
    bytes_since: int
    """Of the pictures captured since the moment asked for."""


def kept(conn: Connection, since_utc_us: int) -> Kept:
    """What the pictures that are kept take."""
    size = func.coalesce(func.sum(inspections.c.evidence_bytes), 0)
    grouped = select(inspections.c.outcome, func.count(), size).where(KEPT).group_by(inspections.c.outcome)
    rows = tuple((str(o), int(n), int(b)) for o, n, b in conn.execute(grouped.order_by(inspections.c.outcome)))
    oldest = conn.scalar(select(func.min(inspections.c.captured_utc_us)).where(KEPT))
    newer = conn.scalar(select(size).where(KEPT, inspections.c.captured_utc_us >= since_utc_us)) or 0
    return Kept(sum(n for _, n, _ in rows), sum(b for _, _, b in rows), oldest, rows, int(newer))
