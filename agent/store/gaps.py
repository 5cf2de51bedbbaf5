"""How many parts lie between one hit and the next: what a g chart is made of."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Literal

from sqlalchemy import Connection, func, select

from agent.quality.bins import Bin
from agent.quality.groups import Group
from agent.store.schema import PRODUCTION, inspections
from agent.store.sums import Scope, bin_width_us
from pipelines.values import Outcome

MOST = 100


def gaps(
    conn: Connection, ids: Sequence[int], scope: Scope, hit: Literal["ng", "unsure"], bins: Sequence[Bin]
) -> tuple[tuple[Group, ...], bool]:
    """(first attempts from one hit to the next, the newest MOST of them; whether the last has not ended yet).

    `bins` are those of these origins in this scope. What lies before the first hit is left out, unless it is
    the only one: nobody knows how long ago the one before it was. Without any hit, there is one gap of all parts.
    """
    part = inspections.c
    outcome = str(Outcome.NG if hit == "ng" else Outcome.UNSURE)
    here = PRODUCTION, part.lane == scope.lane, part.origin_id.in_(ids), part.attempt == 1
    when = part.captured_utc_us >= scope.since_utc_us, part.captured_utc_us < scope.until_utc_us
    newest = select(part.captured_utc_us).where(*here, *when, part.outcome == outcome).order_by(part.id.desc())
    hits = sorted(conn.scalars(newest.limit(MOST + 1)))
    counted = [each for each in bins if each.counts.first]
    if not counted:
        return (), False
    width = bin_width_us(scope)
    starts = [each.start_utc_us for each in counted]
    before = [0, *accumulate(each.counts.first for each in counted)]

    def rank(at: int) -> int:
        """Parts up to and with the one captured then: whole bins from their sums, the rest from its rows."""
        start = at - at % width
        rows = select(func.count()).where(*here, part.captured_utc_us >= start, part.captured_utc_us <= at)
        return before[bisect_left(starts, start)] + (conn.scalar(rows) or 0)

    ranks = [rank(at) for at in hits]
    ended = [
        Group(start, end, max(1, last - first), 1)
        for (start, first), (end, last) in pairwise(zip(hits, ranks, strict=True))
    ]
    if not ended and hits:
        ended = [Group(starts[0], hits[0], max(1, ranks[0]), 1)]
    since = before[-1] - (ranks[-1] if ranks else 0)
    if since <= 0:
        return tuple(ended), False
    return (*ended, Group(hits[-1] if hits else starts[0], starts[-1] + width, since, 0)), True
