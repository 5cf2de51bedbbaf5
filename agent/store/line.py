"""What the line view asks of the database beside the counts: what persons overruled, what came before and after."""

from sqlalchemy import Connection, func, select

from agent.store.rows import PARTS, stored_parts
from agent.store.schema import JUDGED, inspections, reviews
from agent.store.search import overridden
from agent.store.values import StoredPart
from pipelines.values import Purpose


def newest_review(conn: Connection) -> int:
    """The id of the review that was stored last; 0 where there is none. Cheap: tells whether to ask for more."""
    return conn.scalar(select(func.max(reviews.c.id))) or 0


def overridden_since(conn: Connection, lane: str, since_utc_us: int) -> int:
    """Production parts of a lane captured since then whose review that counts differs from the machine's verdict."""
    part = inspections.c
    first = select(part.id).where(part.lane == lane, part.captured_utc_us >= since_utc_us)
    lowest = conn.scalar(first.order_by(part.captured_utc_us).limit(1))
    if lowest is None:
        return 0
    reviewed = select(reviews.c.inspection_id).where(reviews.c.inspection_id >= lowest)
    here = part.id.in_(reviewed), part.lane == lane, part.purpose == str(Purpose.PRODUCTION)
    count = select(func.count()).select_from(inspections).where(*here, part.captured_utc_us >= since_utc_us)
    return conn.scalar(count.where(JUDGED, overridden())) or 0


def beside(conn: Connection, part_id: int, each_side: int) -> tuple[StoredPart, ...]:
    """A part and so many judged ones of its lane before and after it, the oldest first; () where it is not there."""
    part = inspections.c
    lane = conn.scalar(select(part.lane).where(part.id == part_id))
    if lane is None:
        return ()
    ids = select(part.id).where(part.lane == lane, JUDGED).limit(each_side)
    before = conn.scalars(ids.where(part.id < part_id).order_by(part.id.desc())).all()
    after = conn.scalars(ids.where(part.id > part_id).order_by(part.id)).all()
    some = PARTS.where(part.id.in_((*before, part_id, *after))).order_by(part.id)
    return stored_parts(conn, conn.execute(some).mappings().all())
