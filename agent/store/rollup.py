"""When too much waits for a centre that never answers: minutes are rolled up into hours, events into their counts.

No part is lost: a lane's summaries of one hour become one summary of the same ids, and the row that
stays is the last of them, so its totals hold; where hours are not enough, days, and then months. The
oldest events leave the outbox and stay in their table, and one event says how many of which name they
were. What waits is then numbered anew in a new epoch, because the old numbers would leave gaps for ever.
An event says which numbers of which epoch are replaced: a centre that had received some of them, though
its word never came, takes them back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update

from agent.store import outbox
from agent.store.rows import summary_of, summary_row
from agent.store.schema import WAITING, events, summaries
from agent.store.schema import outbox as messages
from agent.store.values import Encoder
from pipelines.summary import merge
from pipelines.values import Stamp

HOUR_US = 3_600_000_000
UNITS_US = (HOUR_US, 24 * HOUR_US, 30 * 24 * HOUR_US)
SPARED = 1000
"""The newest messages are left as they are."""
OVER, DOWN_TO = 1.1, 0.8
"""All that waits is encoded anew: so it is done rarely, above 110 % of the quota, and down to 80 % of it."""
EVENTS_SHARE = 0.1
"""Of the quota; so many events are left as they are."""
KEPT_EVENTS = ("outbox_rolled_up", "events_rolled_up", "epoch_renewed", "database_restored")
"""They tell a centre what became of the numbers; one or two each time."""
Detail = dict[str, str | int | float]


class Quota:
    """How many messages may wait. Used by the write thread only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = OVER * most
        """So many may wait before the next roll-up."""

    def keep(self, conn: Connection, encoder: Encoder, at: Stamp) -> bool:
        """Roll up when too much waits; whether it was done."""
        waiting = outbox.unsettled(conn)
        least = OVER * self._most
        if waiting <= self.limit:
            self.limit = max(least, min(self.limit, OVER * waiting))
            return False
        done = _roll_up(conn, encoder, at, self._most, waiting)
        # Where little could be gained, the next try waits until it is worth it.
        self.limit = max(least, OVER * outbox.unsettled(conn))
        return done


def _roll_up(conn: Connection, encoder: Encoder, at: Stamp, most: int, waiting: int) -> bool:
    old, last_seq = outbox.numbering(conn)
    lowest = conn.scalar(select(messages.c.seq).where(WAITING).order_by(messages.c.seq).limit(1)) or 0
    folded = _fold_events(conn, round(EVENTS_SHARE * most))
    gone = int(folded.get("events", 0))
    merged = [_merge(conn, old, group) for group in _chosen(conn, most, waiting - gone)]
    if not merged and not folded:
        return False
    born = outbox.renew(conn, encoder, lambda _: False)
    if folded:
        outbox.add_event(conn, encoder, at, "events_rolled_up", folded)
    detail: Detail = {"old": old, "new": born, "from_seq": lowest, "to_seq": last_seq, "messages": waiting}
    outbox.add_event(conn, encoder, at, "outbox_rolled_up", detail | {"summaries": sum(merged), "events": gone})
    return True


def _fold_events(conn: Connection, share: int) -> Detail:
    """Take the events that wait out of the outbox but for the `share` newest; how many of which name they were."""
    foldable = messages.c.kind == "event", WAITING, events.c.name.not_in(KEPT_EVENTS)
    both = messages.join(events, events.c.id == messages.c.ref)
    newest = select(messages.c.seq).select_from(both).where(*foldable).order_by(messages.c.seq.desc())
    cut = conn.scalar(newest.offset(share).limit(1))
    if cut is None:
        return {}
    which = *foldable, messages.c.seq <= cut
    span = func.min(events.c.utc_us), func.max(events.c.utc_us)
    named = select(events.c.name, func.count(), *span).select_from(both).where(*which).group_by(events.c.name)
    found = conn.execute(named).all()
    seqs = list(conn.scalars(select(messages.c.seq).select_from(both).where(*which)))
    _let_go(conn, outbox.numbering(conn)[0], seqs)
    names: Detail = {f"count_{name}": count for name, count, *_ in found}
    times: Detail = {"first_utc_us": min(row[2] for row in found), "last_utc_us": max(row[3] for row in found)}
    return {"events": len(seqs), **times, **names}


def _let_go(conn: Connection, epoch: str, seqs: Sequence[int]) -> None:
    for start in range(0, len(seqs), outbox.CHUNK):
        some = seqs[start : start + outbox.CHUNK]
        conn.execute(delete(messages).where(messages.c.epoch == epoch, messages.c.seq.in_(some)))


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A summary that waits, by what decides where it belongs."""

    seq: int
    id: int
    lane: str
    start_utc_us: int
    first_id: int
    last_id: int


def _chosen(conn: Connection, most: int, waiting: int) -> list[list[_Waiting]]:
    """The groups to merge, the oldest first, in the finest unit that brings what waits down to DOWN_TO."""
    wanted = waiting - DOWN_TO * most
    if wanted <= 0:
        return []
    older = _older(conn, waiting - min(SPARED, most // 10))
    groups: list[list[_Waiting]] = []
    for unit_us in UNITS_US:
        groups = sorted((g for g in _groups(older, unit_us) if len(g) > 1), key=lambda g: g[0].seq)
        if sum(len(g) - 1 for g in groups) >= wanted:
            break
    chosen, gain = [], 0
    for group in groups:
        if gain >= wanted:
            break
        chosen.append(group)
        gain += len(group) - 1
    return chosen


def _older(conn: Connection, count: int) -> list[_Waiting]:
    """The summaries among the messages that wait, but for the newest."""
    row = summaries.c
    query = (
        select(messages.c.seq, row.id, row.lane, row.start_utc_us, row.first_id, row.last_id)
        .join(messages, messages.c.ref == row.id)
        .where(messages.c.kind == "summary", WAITING)
        .order_by(messages.c.seq)
        .limit(count)
    )
    return [_Waiting(*row) for row in conn.execute(query)]


def _groups(waiting: Iterable[_Waiting], unit_us: int) -> list[list[_Waiting]]:
    """By lane and unit of time, where their ids follow on."""
    lanes: dict[str, list[list[_Waiting]]] = {}
    for each in waiting:
        groups = lanes.setdefault(each.lane, [[]])
        if groups[-1] and not _belongs(groups[-1][-1], each, unit_us):
            groups.append([])
        groups[-1].append(each)
    return [group for groups in lanes.values() for group in groups]


def _belongs(before: _Waiting, after: _Waiting, unit_us: int) -> bool:
    same = before.start_utc_us // unit_us == after.start_utc_us // unit_us
    return same and after.first_id == before.last_id + 1


def _merge(conn: Connection, epoch: str, group: Sequence[_Waiting]) -> int:
    """Put the whole group into its last summary's row; how many others went."""
    *gone, stays = group
    whole, totals, made_utc_us = None, None, 0
    for start in range(0, len(group), outbox.CHUNK):
        ids = [each.id for each in group[start : start + outbox.CHUNK]]
        query = select(summaries).where(summaries.c.id.in_(ids)).order_by(summaries.c.id)
        rows = conn.execute(query).mappings().all()
        some = [summary_of(row) for row in rows]
        whole = merge([*([whole] if whole else []), *(summary for summary, _ in some)])
        totals, made_utc_us = some[-1][1], rows[-1]["made_utc_us"]
    assert whole is not None
    assert totals is not None
    conn.execute(update(summaries).where(summaries.c.id == stays.id).values(summary_row(whole, totals, made_utc_us)))
    _let_go(conn, epoch, [each.seq for each in gone])
    for start in range(0, len(gone), outbox.CHUNK):
        ids = [each.id for each in gone[start : start + outbox.CHUNK]]
        conn.execute(delete(summaries).where(summaries.c.id.in_(ids)))
    return len(gone)
