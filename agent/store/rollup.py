"""When too much waits for a centre that never answers: minutes are rolled up into hours.

Nothing is dropped: a lane's summaries of one hour become one summary of the same ids, and the row that
stays is the last of them, so its totals hold. What waits is then numbered anew in a new epoch, because
the old numbers would leave gaps for ever. An event says which numbers of which epoch are replaced: a
centre that had received some of them, though its word never came, takes them back.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from agent.store import outbox
from agent.store.rows import summary_of, summary_row
from agent.store.schema import WAITING, summaries
from agent.store.schema import outbox as messages
from agent.store.values import Encoder
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
    merged = [_merge(conn, group) for group in _groups(conn, older) if len(group) > 1]
    if not merged:
        return False
    lowest = conn.scalar(select(messages.c.seq).where(WAITING).order_by(messages.c.seq).limit(1)) or 0
    born = outbox.renew(conn, encoder, lambda _: False)
    detail: dict[str, str | int | float] = {"old": old, "new": born, "from_seq": lowest, "to_seq": last_seq}
    outbox.add_event(conn, encoder, at, "outbox_rolled_up", detail | {"messages": waiting, "summaries": sum(merged)})
    return True


def _groups(conn: Connection, count: int) -> list[list[tuple[int, Summary]]]:
    """The summaries among the first `count` messages that wait, by lane and hour, where their ids follow on."""
    query = (
        select(summaries)
        .join(messages, messages.c.ref == summaries.c.id)
        .where(messages.c.kind == "summary", WAITING)
        .order_by(messages.c.seq)
        .limit(count)
    )
    lanes: dict[str, list[list[tuple[int, Summary]]]] = {}
    for row in conn.execute(query).mappings():
        summary, _ = summary_of(row)
        groups = lanes.setdefault(summary.lane, [[]])
        if groups[-1] and not _belongs(groups[-1][-1][1], summary):
            groups.append([])
        groups[-1].append((row["id"], summary))
    return [group for groups in lanes.values() for group in groups]


def _belongs(before: Summary, after: Summary) -> bool:
    hours = {s.window.start_utc_us // HOUR_US for s in (before, after)}
    return len(hours) == 1 and after.window.first_id == before.window.last_id + 1


def _merge(conn: Connection, group: Sequence[tuple[int, Summary]]) -> int:
    """Put the whole hour into its last summary's row; how many others went."""
    *gone, stays = (row_id for row_id, _ in group)
    row = conn.execute(select(summaries).where(summaries.c.id == stays)).mappings().one()
    _, totals = summary_of(row)
    whole = merge([summary for _, summary in group])
    conn.execute(
        update(summaries).where(summaries.c.id == stays).values(summary_row(whole, totals, row["made_utc_us"]))
    )
    ids = [{"gone": row_id} for row_id in gone]
    its_message = messages.c.kind == "summary", messages.c.ref == bindparam("gone")
    conn.execute(delete(messages).where(*its_message), ids)
    conn.execute(delete(summaries).where(summaries.c.id == bindparam("gone")), ids)
    return len(gone)
