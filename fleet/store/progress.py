"""How far an epoch is held without a gap, and what is missing above that."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, exists, select

from agent.uplink.messages import MAX_MISSING
from fleet.store.schema import message
from fleet.store.standing import Epoch


def advance(conn: Connection, epoch: Epoch, new: Mapping[int, int], now_us: int) -> None:
    """Take new numbers (seq -> ts_ms), already inserted, into an epoch's account."""
    before, highest_before = epoch.held, epoch.highest
    epoch.stored += len(new)
    epoch.highest = max(epoch.highest, *new)
    epoch.newest_ms = max(epoch.newest_ms, *new.values())
    if epoch.stored == epoch.highest:
        epoch.held = epoch.highest
    else:
        while epoch.held + 1 in new:
            epoch.held += 1
        if epoch.held > before and highest_before > epoch.held:
            epoch.held = _edges(conn, epoch.id, epoch.held - 1, 1)[0]
    if epoch.held > before:
        at = new[epoch.held] if epoch.held in new else _ts_ms(conn, epoch.id, epoch.held)
        epoch.complete_ms = max(epoch.complete_ms, at)
    if epoch.stored == epoch.highest:
        epoch.gap_since_us = epoch.asked_us = 0
    else:
        epoch.gap_since_us = epoch.gap_since_us or now_us


def missing(conn: Connection, epoch_id: int, held: int, highest: int) -> tuple[int, ...]:
    """The numbers between `held` and `highest` that are not there, the first MAX_MISSING of them."""
    if held >= highest:
        return ()
    found: list[int] = []
    upto = held
    for start, end in zip(_edges(conn, epoch_id, held, -1), _edges(conn, epoch_id, held, 1), strict=True):
        room = MAX_MISSING - len(found)
        found += range(upto + 1, min(start, upto + 1 + room))
        if start - upto - 1 >= room:
            break
        upto = end
    return tuple(found)


def _edges(conn: Connection, epoch_id: int, above: int, step: int) -> Sequence[int]:
    """Where unbroken runs above a number begin (step -1) or end (step 1), the first ones."""
    beside = message.alias("beside")
    goes_on = exists().where(beside.c.epoch_id == message.c.epoch_id, beside.c.seq == message.c.seq + step)
    edges = select(message.c.seq).where(message.c.epoch_id == epoch_id, message.c.seq > above, ~goes_on)
    return conn.scalars(edges.order_by(message.c.seq).limit(MAX_MISSING + 1)).all()


def _ts_ms(conn: Connection, epoch_id: int, seq: int) -> int:
    asked = select(message.c.ts_ms).where(message.c.epoch_id == epoch_id, message.c.seq == seq)
    return int(conn.execute(asked).scalar_one())
