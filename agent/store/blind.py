"""Which parts wait for their blind review: nobody is told yet what the machine said of them."""

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, Connection, and_, select

from agent.store.schema import DRAWN, JUDGED, KEPT, inspections, reviews
from pipelines.values import Purpose

CHUNK = 500


def waits() -> ColumnElement[bool]:
    """A production part that was drawn for the audit, has a picture to be judged by, and nobody has judged it blind.

    A drawn part whose picture is gone can not be audited any more: it does not wait.
    """
    part, said = inspections.c, reviews.alias()
    blind = select(said.c.id).where(said.c.inspection_id == part.id, said.c.stratum == "audit")
    return and_(DRAWN, JUDGED, KEPT, part.purpose == str(Purpose.PRODUCTION), ~blind.exists())


def blind(parts: Sequence[int]) -> Callable[[Connection], frozenset[int]]:
    """Those of these parts that wait."""

    def ask(conn: Connection) -> frozenset[int]:
        found: set[int] = set()
        for start in range(0, len(parts), CHUNK):
            some = inspections.c.id.in_(parts[start : start + CHUNK])
            found.update(conn.scalars(select(inspections.c.id).where(some, waits())))
        return frozenset(found)

    return ask
