"""When too much waits for a centre that never answers: minutes are rolled up into hours.

Nothing is dropped: a lane's summaries of one hour become one summary of the same ids, and the row that
stays is the last of them, so its totals hold. What waits is then numbered anew in a new epoch, because
the old numbers would leave gaps for ever. An event says which numbers of which epoch are replaced: a
centre that had received some of them, though its word never came, takes them back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from agent.store import outbox
from agent.store.rows import summary_of, summary_row
from agent.store.schema import WAITING, summaries
from agent.store.schema import outbox as messages
from agent.store.values import Encoder, Totals
from pipelines.summary import Summary, merge
from pipelines.values import Stamp

HOUR_US = 3_600_000_000
SPARED = 1000
"""The newest messages are left as they are."""


def roll_up(conn: Connection, encoder: Encoder, at: Stamp, most: int) -> bool:
    """Roll up when more than `most` messages wait; whether it was done."""
    waiting = outbox.unsettled(conn)
    if waiting <= most:
        return False
    old, last_seq = outbox.numbering(conn)
    older = waiting - min(SPARED, most // 10)
    lowest = conn.scalar(select(messages.c.seq).where(WAITING).order_by(messages.c.seq).limit(1)) or 0
    merged = [_merge(conn, old, group) for group in _groups(conn, older) if len(group) > 1]
    if not merged:
        return False
    born = outbox.renew(conn, encoder, lambda _: False)
    detail: dict[str, str | int | float] = {"old": old, "new": born, "from_seq": lowest, "to_seq": last_seq}
    outbox.add_event(conn, encoder, at, "outbox_rolled_up", detail | {"messages": waiting, "summaries": sum(merged)})
    return True


@dataclass(frozen=True, slots=True)
class _Waiting:
    seq: int
    id: int
    summary: Summary
    totals: Totals
    made_utc_us: int


def _groups(conn: Connection, count: int) -> list[list[_Waiting]]:
    """The summaries among the first `count` messages that wait, by lane and hour, where their ids follow on."""
    query = (
        select(messages.c.seq, summaries)
        .join(messages, messages.c.ref == summaries.c.id)
        .where(messages.c.kind == "summary", WAITING)
        .order_by(messages.c.seq)
        .limit(count)
    )
    lanes: dict[str, list[list[_Waiting]]] = {}
    for row in conn.execute(query).mappings():
        waiting = _Waiting(row["seq"], row["id"], *summary_of(row), row["made_utc_us"])
        groups = lanes.setdefault(waiting.summary.lane, [[]])
        if groups[-1] and not _belongs(groups[-1][-1].summary, waiting.summary):
            groups.append([])
        groups[-1].append(waiting)
    return [group for groups in lanes.values() for group in groups]


def _belongs(before: Summary, after: Summary) -> bool:
    hours = {s.window.start_utc_us // HOUR_US for s in (before, after)}
    return len(hours) == 1 and after.window.first_id == before.window.last_id + 1


def _merge(conn: Connection, epoch: str, group: Sequence[_Waiting]) -> int:
    """Put the whole hour into its last summary's row; how many others went."""
    *gone, stays = group
    whole = summary_row(merge([each.summary for each in group]), stays.totals, stays.made_utc_us)
    conn.execute(update(summaries).where(summaries.c.id == stays.id).values(whole))
    conn.execute(delete(messages).where(messages.c.epoch == epoch, messages.c.seq.in_([each.seq for each in gone])))
    conn.execute(delete(summaries).where(summaries.c.id.in_([each.id for each in gone])))
    return len(gone)
