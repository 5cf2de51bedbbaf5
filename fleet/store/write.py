"""The writing side: one batch, one transaction. What is not in the sums after it is not in the rows either."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, select, update

from agent.uplink.messages import EventMessage, SummaryMessage
from fleet.intake.topics import Address
from fleet.intake.values import Answered, Heard, Item, SetAside, Taken
from fleet.store.aside import store_asides
from fleet.store.boxes import begin, hear, part_boxes
from fleet.store.database import Database, insert_into
from fleet.store.happened import store_events
from fleet.store.identity import Key, store_identities
from fleet.store.notices import Wish, store_notices
from fleet.store.places import places
from fleet.store.progress import advance, missing
from fleet.store.rollout_steps import note_steps
from fleet.store.schema import collector, epoch
from fleet.store.standing import Standing, Station, close_stations, ids_of, open_stations
from fleet.store.sums import Remembered, store_windows
from fleet.store.values import Collector


@dataclass(frozen=True, slots=True, order=True)
class EpochKey:
    """An epoch by its name."""

    address: Address
    epoch: str


@dataclass(frozen=True, slots=True)
class Holding:
    """What the centre holds of an epoch: what an acknowledgement says."""

    key: EpochKey
    held: int
    missing: tuple[int, ...]
    """Gaps above `held`, at most MAX_MISSING."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch."""

    new: int
    again: int
    """Known already, byte for byte."""
    set_aside: int
    touched: frozenset[EpochKey]
    """Epochs that said anything, new or again: their stations wait for an acknowledgement."""
    online: frozenset[Address]
    """Stations that said just now that they are there."""


class Writer:
    """Stores batches. One thread uses it; other collectors may write at the same time. Raises StoreFailed."""

    def __init__(self, database: Database, wishes: Sequence[Wish] = ()) -> None:
        self._database = database
        self._wishes = wishes
        self._remembered = Remembered()

    def store(self, items: Sequence[Item], now_us: int) -> Stored:
        """All of a batch, or nothing of it. Twice is harmless."""
        done = False
        try:
            stored = self._database.change(lambda conn: self._store(conn, items, now_us))
            done = True
            return stored
        finally:
            if not done:
                self._remembered.forget()

    def holdings(self, keys: Iterable[EpochKey]) -> tuple[Holding, ...]:
        """What is held of these epochs (at most some hundred) now, by whichever collector."""
        wanted = frozenset(keys)

        def question(conn: Connection) -> tuple[Holding, ...]:
            ids = {i: address for address, i in ids_of(conn, {key.address for key in wanted}).items()}
            rows = conn.execute(select(epoch).where(epoch.c.station_id.in_(ids))).all()
            named = ((EpochKey(ids[r.station_id], r.epoch), r) for r in rows)
            return tuple(
                Holding(key, r.held, missing(conn, r.id, r.held, r.highest)) for key, r in named if key in wanted
            )

        return self._database.ask(question) if wanted else ()

    def newest_epochs(self, addresses: Iterable[Address]) -> frozenset[EpochKey]:
        """The newest epoch of each box of these stations."""
        wanted = frozenset(addresses)

        def question(conn: Connection) -> frozenset[EpochKey]:
            newest = {row.box: row.sync.epoch for row in places(conn).epochs.values() if row.box.address in wanted}
            return frozenset(EpochKey(box.address, name) for box, name in newest.items())

        return self._database.ask(question) if wanted else frozenset()

    def beat(self, said: Collector) -> None:
        """What a collector says of itself."""
        row = asdict(said)

        def change(conn: Connection) -> None:
            more = insert_into(conn, collector).values(row)
            conn.execute(more.on_conflict_do_update(index_elements=["name"], set_=row))

        self._database.change(change)

    def note_asked(self, keys: Iterable[EpochKey], now_us: int) -> None:
        """These were told what is missing."""
        wanted = frozenset(keys)

        def change(conn: Connection) -> None:
            standing = open_stations(conn, {key.address for key in wanted})
            for each in standing.values():
                of_it = [e.id for e in each.epochs if EpochKey(each.address, e.epoch) in wanted]
                conn.execute(
                    update(epoch).where(epoch.c.id.in_(of_it), epoch.c.gap_since_us > 0).values(asked_us=now_us)
                )

        if wanted:
            self._database.change(change)

    def _store(self, conn: Connection, items: Sequence[Item], now_us: int) -> Stored:
        taken = [item for item in items if isinstance(item, Taken)]
        heard = [item for item in items if isinstance(item, Heard)]
        asides = [item for item in items if isinstance(item, SetAside)]
        addresses = {*(each.address for each in taken), *(each.address for each in heard)}
        standing = open_stations(conn, addresses)
        online = {h.address for h in heard if hear(standing[h.address], h, now_us) and not h.retained}
        told = store_identities(conn, standing, taken, now_us)
        asides += told.differing
        _account(conn, standing, told.new, now_us)
        said = {key: each.said for key, each in told.new.items()}
        store_windows(conn, self._remembered, {k: s for k, s in said.items() if isinstance(s, SummaryMessage)})
        events = {k: s for k, s in said.items() if isinstance(s, EventMessage)}
        store_events(conn, events)
        store_notices(conn, self._wishes, standing, events, now_us)
        note_steps(conn, [item for item in items if isinstance(item, Answered)], tuple(told.new.values()), now_us)
        for address in addresses:
            standing[address].heard_us = now_us
        close_stations(conn, standing.values())
        store_asides(conn, _known(conn, standing, asides), asides, now_us)
        return Stored(
            new=len(told.new),
            again=told.again,
            set_aside=len(asides),
            touched=frozenset(EpochKey(each.address, each.said.epoch) for each in taken),
            online=frozenset(online),
        )


def _account(conn: Connection, standing: Standing, new: Mapping[Key, Taken], now_us: int) -> None:
    """Move the epochs on, and look whether two machines use one name."""
    by_epoch: dict[int, list[Taken]] = {}
    for (epoch_id, _), each in new.items():
        by_epoch.setdefault(epoch_id, []).append(each)
    moved = [(s, e) for s in standing.values() for e in s.epochs if e.id in by_epoch]
    for _, each_epoch in moved:
        begin(each_epoch, by_epoch[each_epoch.id])
    for of, each_epoch in moved:
        fresh = by_epoch[each_epoch.id]
        highest_before = each_epoch.highest
        advance(conn, each_epoch, {each.said.seq: each.said.ts for each in fresh}, now_us)
        part_boxes(of, each_epoch, highest_before, fresh, now_us)


def _known(conn: Connection, standing: Standing, asides: Sequence[SetAside]) -> dict[Address, int]:
    there: dict[Address, Station] = dict(standing)
    strangers = {a.address for a in asides if a.address is not None and a.address not in there}
    return {address: each.id for address, each in there.items()} | ids_of(conn, strangers)
