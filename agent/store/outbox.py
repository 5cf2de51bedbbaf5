"""The outbox: what goes to the centre, in order, until the centre says that it holds it.

Within the caller's transaction, on the write thread. `(epoch, seq)` is a message's identity at the
centre: an epoch is random, and within it seq counts 1, 2, 3, ... without a gap. A database that was
restored from a backup must not go on counting in its old epoch, because the centre may already hold
other messages under the numbers that come next; it begins a new epoch (`renew`).
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from agent.store.rows import clean, dumps, stored_event, summary_of, summary_row
from agent.store.schema import WAITING, events, meta, outbox, summaries
from agent.store.values import Encoder, StoredEvent, Totals
from agent.version import __version__
from pipelines.summary import Summary
from pipelines.values import Stamp

log = logging.getLogger(__name__)

Settle = Literal["centre", "puback", "none", "off"]
"""Who says that a message is settled: the centre, the broker, or nobody. none: a message is settled when it
is made and sent once; off: there is no broker yet, messages wait for one but nothing is held for them."""
Kind = Literal["summary", "event"]
CHUNK = 500


def new_epoch() -> str:
    """16 hex digits."""
    return secrets.token_hex(8)


def begin(conn: Connection, utc_us: int, settle: Settle) -> None:
    """At each start: the one row of `meta`, made with the database, and how messages are settled."""
    if conn.scalar(select(meta.c.id)) is None:
        born = {"epoch": new_epoch(), "last_seq": 0, "born_utc_us": utc_us, "draw_key": secrets.token_bytes(16)}
        conn.execute(insert(meta).values(id=1, settle=settle, software=__version__, **born))
        return
    start = func.coalesce(meta.c.start_seq, meta.c.last_seq)
    conn.execute(update(meta).values(start_seq=start, settle=settle, software=__version__))


def numbering(conn: Connection) -> tuple[str, int]:
    """(epoch, last seq) now."""
    epoch, last_seq = conn.execute(select(meta.c.epoch, meta.c.last_seq)).one()
    return epoch, last_seq


def settled_up_to(conn: Connection) -> int:
    """The seq up to which everything of this epoch is settled."""
    epoch, last_seq = numbering(conn)
    first = conn.scalar(select(func.min(outbox.c.seq)).where(outbox.c.epoch == epoch, WAITING))
    return last_seq if first is None else int(first) - 1


def add_event(conn: Connection, encoder: Encoder, at: Stamp, name: str, detail: dict[str, str | int | float]) -> None:
    """An event and its message."""
    detail = {key: clean(value) if isinstance(value, str) else value for key, value in detail.items()}
    row = {"utc_us": at.utc_us, "mono_ns": at.mono_ns, "boot": at.boot, "name": name, "detail": dumps(detail)}
    key = conn.execute(insert(events), row).inserted_primary_key
    assert key is not None
    event = StoredEvent(key[0], at.utc_us, name, detail)
    _put(conn, [Draft("event", event.id, at.utc_us, partial(_event, encoder, event))])


def add_summary(conn: Connection, encoder: Encoder, summary: Summary, totals: Totals, utc_us: int) -> None:
    """A window's summary and its message."""
    key = conn.execute(insert(summaries), summary_row(summary, totals, utc_us)).inserted_primary_key
    assert key is not None
    _put(conn, [Draft("summary", key[0], utc_us, partial(_summary, encoder, summary, totals))])


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that has no number yet."""

    kind: Kind
    ref: int
    utc_us: int
    encode: Callable[[str, int], tuple[str, bytes]]


def _put(conn: Connection, drafts: Iterable[Draft]) -> None:
    epoch, last_seq, how = conn.execute(_NUMBERING).one()
    made = []
    for draft in drafts:
        try:
            topic, payload = draft.encode(epoch, last_seq + 1)
        except ValueError:
            # What cannot be said must not keep the station from its parts: the row is there, and the log says so.
            log.exception("no message could be made of %s %d", draft.kind, draft.ref)
            continue
        last_seq += 1
        message = {"kind": draft.kind, "ref": draft.ref, "topic": topic, "payload": payload, "utc_us": draft.utc_us}
        made.append({"epoch": epoch, "seq": last_seq, "settled": how == "none", **message})
    if made:
        conn.execute(insert(outbox), made)
        conn.execute(_NUMBERED, {"last": last_seq})


_NUMBERING = select(meta.c.epoch, meta.c.last_seq, meta.c.settle)
_NUMBERED = update(meta).values(last_seq=bindparam("last"))


def settle(conn: Connection, encoder: Encoder, at: Stamp, *, epoch: str, seq: int, missing: Sequence[int]) -> int:
    """The centre holds everything of `epoch` up to `seq` but for `missing`; how many were settled by that.

    What is named missing waits again, even if it was settled before. Another epoch than ours is
    ignored. A number above our highest means that this database was restored: a new epoch begins.
    """
    ours, last_seq = numbering(conn)
    if epoch != ours:
        return 0
    lacking = frozenset(missing)
    before = unsettled(conn)
    if max(seq, *lacking, 0) > last_seq:
        start = conn.scalar(select(func.coalesce(meta.c.start_seq, meta.c.last_seq))) or 0
        held = min(seq, start)
        born = renew(conn, encoder, lambda n: n <= held and n not in lacking)
        detail: dict[str, str | int | float] = {"old": epoch, "new": born, "acknowledged": seq, "highest": last_seq}
        add_event(conn, encoder, at, "epoch_renewed", detail)
        return max(0, before - unsettled(conn))
    conn.execute(update(outbox).where(outbox.c.epoch == epoch, outbox.c.seq <= seq, WAITING).values(settled=True))
    if lacking:
        again = update(outbox).where(outbox.c.epoch == epoch, outbox.c.seq == bindparam("lacking"))
        conn.execute(again.values(settled=False), [{"lacking": n} for n in sorted(lacking)])
    # The centre agrees with us: nothing up to here can be of a restored database.
    conn.execute(update(meta).values(start_seq=None))
    return max(0, before - unsettled(conn))


def unsettled(conn: Connection) -> int:
    """How many messages wait."""
    return conn.scalar(select(func.count()).select_from(outbox).where(WAITING)) or 0


def resend(conn: Connection, from_seq: int, to_seq: int) -> int:
    """Let these messages of the current epoch wait again; how many there are."""
    epoch, _ = numbering(conn)
    chosen = outbox.c.epoch == epoch, outbox.c.seq.between(from_seq, to_seq)
    return conn.execute(update(outbox).where(*chosen).values(settled=False)).rowcount


def renew(conn: Connection, encoder: Encoder, held: Callable[[int], bool]) -> str:
    """Begin a new epoch; what waits and is not `held` by the centre is numbered anew, in its order.

    Such messages are made again from their rows, because a payload carries its own epoch and seq. What
    the centre holds stays settled under its old identity. So at any time all that waits is of one epoch.
    """
    old, _ = numbering(conn)
    born = new_epoch()
    columns = outbox.c.seq, outbox.c.kind, outbox.c.ref, outbox.c.utc_us
    waiting = conn.execute(select(*columns).where(WAITING).order_by(outbox.c.epoch, outbox.c.seq)).all()
    conn.execute(update(outbox).where(WAITING).values(settled=True))
    conn.execute(update(meta).values(epoch=born, last_seq=0, start_seq=None))
    moving = [row for row in waiting if not held(row.seq)]
    for start in range(0, len(moving), CHUNK):
        some = moving[start : start + CHUNK]
        conn.execute(delete(outbox).where(outbox.c.epoch == old, outbox.c.seq.in_([row.seq for row in some])))
        _put(conn, _drafts(conn, encoder, some))
    return born


def _drafts(conn: Connection, encoder: Encoder, rows: Sequence[Row[int, Kind, int, int]]) -> Iterator[Draft]:
    refs = {kind: [row.ref for row in rows if row.kind == kind] for kind in ("summary", "event")}
    found = conn.execute(select(summaries).where(summaries.c.id.in_(refs["summary"]))).mappings()
    sums = {row["id"]: summary_of(row) for row in found}
    said = conn.execute(select(events).where(events.c.id.in_(refs["event"]))).mappings()
    happened = {row["id"]: stored_event(row) for row in said}
    for _, kind, ref, utc_us in rows:
        if kind == "event":
            yield Draft(kind, ref, utc_us, partial(_event, encoder, happened[ref]))
        else:
            yield Draft(kind, ref, utc_us, partial(_summary, encoder, *sums[ref]))


def _event(encoder: Encoder, event: StoredEvent, epoch: str, seq: int) -> tuple[str, bytes]:
    return encoder.event(epoch, seq, event)


def _summary(encoder: Encoder, summary: Summary, totals: Totals, epoch: str, seq: int) -> tuple[str, bytes]:
    return encoder.summary(epoch, seq, summary, totals)
