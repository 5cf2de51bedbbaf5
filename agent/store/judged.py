"""What one model has judged: the span of ids that is to be held when it is taken back."""

from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from agent.store.schema import JUDGED, inspections, origins
from agent.store.values import JudgedBy
from pipelines.values import Outcome

SLACK_US = 3_600_000_000
"""A part is captured before it is decided: by no more than this, so that the index on the capture helps."""


def judged_by(conn: Connection, model_hash: str, since_utc_us: int) -> JudgedBy:
    """The judged parts of any purpose that this model decided at or after a moment."""
    part = inspections.c
    passed = func.coalesce(func.sum(case((part.outcome == str(Outcome.OK), 1), else_=0)), 0)
    counts = func.coalesce(func.min(part.id), 0), func.coalesce(func.max(part.id), 0), func.count(), passed
    return JudgedBy(*(int(n) for n in conn.execute(_by(select(*counts), model_hash, since_utc_us)).one()))


def ids_judged_by(conn: Connection, model_hash: str, first_id: int, last_id: int) -> tuple[int, ...]:
    """Ids of the judged parts in a span that are this model's, the first one first."""
    part = inspections.c
    query = _by(select(part.id), model_hash, 0).where(part.id.between(first_id, last_id))
    return tuple(int(number) for number in conn.scalars(query.order_by(part.id)))


def _by(query: Select[Any], model_hash: str, since_utc_us: int) -> Select[Any]:
    part = inspections.c
    return (
        query.join(origins, origins.c.id == part.origin_id)
        .where(JUDGED, origins.c.model_hash == model_hash)
        .where(part.captured_utc_us >= since_utc_us - SLACK_US, part.decided_utc_us >= since_utc_us)
    )
