"""Which messages of a batch are new: `(station, epoch, seq)` names one for ever, and its bytes never change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from fleet.intake.values import SetAside, Taken
from fleet.store.database import insert_into
from fleet.store.schema import message
from fleet.store.standing import Epoch, Standing, add_epoch

Key = tuple[int, int]
"""(epoch's id, seq)."""
_ASKED = 300


@dataclass(frozen=True, slots=True)
class Sorted:
    """A batch's messages, told apart."""

    new: Mapping[Key, Taken]
    """Stored for the first time, in the order in which they came."""
    again: int
    """How many are known, byte for byte."""
    differing: tuple[SetAside, ...]
    """Those whose number is known with other bytes."""


def store_identities(conn: Connection, standing: Standing, taken: Sequence[Taken], now_us: int) -> Sorted:
    """Insert the identities of what is new."""
    said: dict[Key, list[Taken]] = {}
    again = 0
    for each in taken:
        epoch = _epoch_of(conn, standing, each, now_us)
        if each.said.seq <= epoch.forgotten:  # its bytes are gone: it was held, and that is all that is known
            again += 1
        else:
            said.setdefault((epoch.id, each.said.seq), []).append(each)
    first = {key: every[0] for key, every in said.items()}
    new = _insert(conn, first)
    digests = {key: first[key].digest for key in new} | _digests(conn, [key for key in first if key not in new])
    differing: list[SetAside] = []
    for key, every in said.items():
        for each in every[1:] if key in new else every:
            if each.digest == digests[key]:
                again += 1
            else:
                differing.append(_differs(each))
    return Sorted({key: first[key] for key in first if key in new}, again, tuple(differing))


def _epoch_of(conn: Connection, standing: Standing, each: Taken, now_us: int) -> Epoch:
    of = standing[each.address]
    epoch = of.find(each.said.epoch) or add_epoch(conn, of, each.said.epoch, each.said.ts, now_us)
    epoch.last_heard_us = now_us
    return epoch


def _insert(conn: Connection, first: Mapping[Key, Taken]) -> frozenset[Key]:
    if not first:
        return frozenset()
    rows = [
        {"epoch_id": epoch_id, "seq": seq, "digest": each.digest, "ts_ms": each.said.ts}
        for (epoch_id, seq), each in sorted(first.items(), key=lambda item: item[0])
    ]
    added = insert_into(conn, message).on_conflict_do_nothing().returning(message.c.epoch_id, message.c.seq)
    return frozenset((row[0], row[1]) for row in conn.execute(added, rows))


def _digests(conn: Connection, keys: Sequence[Key]) -> dict[Key, bytes]:
    found: dict[Key, bytes] = {}
    for start in range(0, len(keys), _ASKED):
        some = keys[start : start + _ASKED]
        asked = select(message.c.epoch_id, message.c.seq, message.c.digest).where(or_(*_by_epoch(some)))
        found |= {(row[0], row[1]): row[2] for row in conn.execute(asked)}
    return found


def _by_epoch(keys: Iterable[Key]) -> Iterable[ColumnElement[bool]]:
    by: dict[int, list[int]] = {}
    for epoch_id, seq in keys:
        by.setdefault(epoch_id, []).append(seq)
    return (and_(message.c.epoch_id == e, message.c.seq.in_(seqs)) for e, seqs in by.items())


def _differs(each: Taken) -> SetAside:
    reason = f"epoch {each.said.epoch}, seq {each.said.seq} is held with other bytes; the first ones stay"
    return SetAside("differs", reason, each.topic, each.payload, each.address)
