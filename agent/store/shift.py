"""What the end of shift report asks of the database: one lane, one span of time, one snapshot."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from agent.store.rows import stored_event
from agent.store.schema import JUDGED, defects, events, inspections, origins
from agent.store.search import overridden
from agent.store.values import StoredEvent
from pipelines.values import Outcome, Purpose

MOST_EVENTS = 2000
MOST_UNSURE = 20_000
AFTER_US = 60_000_000
"""That a closing run was missed is known, and written, when the shift is over: within this time of its end."""


@dataclass(frozen=True, slots=True)
class ShiftFigures:
    """Of the production parts of one lane that were captured in a span of time."""

    defects: Mapping[str, int]
    """Class -> parts that are NG for it."""
    unsure: Mapping[str, int]
    """Rule -> parts that are UNSURE by it first."""
    challenges: int
    """Parts under another purpose."""
    overruled: int
    """Parts of which a person says otherwise than the machine."""
    used: tuple[tuple[str, str, str, str], ...]
    """(recipe, its revision, model, device) that judged, in the order of their first part."""
    events: tuple[StoredEvent, ...]
    """Of this lane and of the whole station, the oldest first; at most MOST_EVENTS."""
    unclosed: bool
    """The closing run that was due was not made."""


def shift_figures(conn: Connection, lane: str, since_utc_us: int, until_utc_us: int) -> ShiftFigures:
    """All of it. Work is bounded by the parts of the span, and by the index on (lane, time) for the counts."""
    part = inspections.c
    here = part.lane == lane, part.captured_utc_us >= since_utc_us, part.captured_utc_us < until_utc_us
    production = part.purpose == str(Purpose.PRODUCTION)
    judged = part.state == "judged"
    happened = _events(conn, lane, since_utc_us, until_utc_us)
    unclosed = bool(_events(conn, lane, until_utc_us, until_utc_us + AFTER_US, "closing_run_missed"))
    first, last = conn.execute(select(func.min(part.id), func.max(part.id)).where(*here)).one()
    if first is None:
        return ShiftFigures({}, {}, 0, 0, (), happened, unclosed)
    of_span = part.id.between(first, last), *here, JUDGED
    labels = (
        select(defects.c.label, func.count())
        .join(inspections, part.id == defects.c.inspection_id)
        .where(defects.c.inspection_id.between(first, last), *here, production, part.outcome == str(Outcome.NG))
        .group_by(defects.c.label)
    )
    others = conn.scalar(select(func.count()).where(*here, judged, ~production)) or 0
    overruled = conn.scalar(select(func.count()).select_from(inspections).where(*of_span, production, overridden()))
    judges = (
        select(origins.c.recipe, origins.c.recipe_hash, origins.c.model, origins.c.device)
        .join(inspections, part.origin_id == origins.c.id)
        .where(*of_span, production)
        .group_by(part.origin_id)
        .order_by(func.min(part.id))
    )
    reasons = select(part.reasons).where(*of_span, production, part.outcome == str(Outcome.UNSURE)).limit(MOST_UNSURE)
    found = (json.loads(each) for each in conn.scalars(reasons))
    return ShiftFigures(
        defects={str(label): int(n) for label, n in conn.execute(labels)},
        unsure=Counter(str(each[0][0]) for each in found if each),
        challenges=int(others),
        overruled=int(overruled or 0),
        used=tuple((r, h, m, d) for r, h, m, d in conn.execute(judges)),
        events=happened,
        unclosed=unclosed,
    )


def _events(
    conn: Connection, lane: str, since_utc_us: int, until_utc_us: int, name: str = ""
) -> tuple[StoredEvent, ...]:
    """By the index on time, whatever happened before and since; `name`: only such ones."""
    its = events.c
    when = select(events).where(its.utc_us >= since_utc_us, its.utc_us < until_utc_us)
    if name:
        when = when.where(its.name == name)
    rows = conn.execute(when.order_by(its.utc_us, its.id).limit(MOST_EVENTS)).mappings()
    every = (stored_event(row) for row in rows)
    return tuple(event for event in every if event.detail.get("lane", "") in ("", lane))
