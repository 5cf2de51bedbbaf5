"""The stations and epochs that one batch touches: found or made, locked, changed in memory, written back.

Whoever changes anything of a station holds its row's lock (PostgreSQL; in SQLite there is one writer), and
takes the locks of several in the order of their ids, so that collectors wait for each other and never in a circle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, tuple_, update

from fleet.intake.topics import Address
from fleet.store.database import insert_into
from fleet.store.schema import epoch, station

CHUNK = 1000
"""Values of one IN, so that no database's limit is met."""


@dataclass(slots=True)
class Epoch:
    """A row of `epoch`, see there."""

    id: int
    station_id: int
    epoch: str
    box: int
    began_ms: int
    held: int
    highest: int
    stored: int
    forgotten: int
    newest_ms: int
    complete_ms: int
    first_heard_us: int
    last_heard_us: int
    gap_since_us: int
    asked_us: int


@dataclass(slots=True)
class Station:
    """A row of `station`, see there, with its epochs in the order in which they were first heard."""

    id: int
    site: str
    line: str
    name: str
    online: bool
    since_ms: int
    version: str
    boot: str
    instance: str
    instance_before: str
    since_before_ms: int
    why: str
    status_us: int
    heard_us: int
    conflict_us: int
    up: bool
    standing: str
    standing_ms: int
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def address(self) -> Address:
        return Address(self.site, self.line, self.name)

    def find(self, name: str) -> Epoch | None:
        return next((e for e in self.epochs if e.epoch == name), None)


Standing = Mapping[Address, Station]


def open_stations(conn: Connection, addresses: Iterable[Address]) -> dict[Address, Station]:
    """Lock these stations, make those that are new, and read their epochs."""
    wanted = sorted(set(addresses))
    ids = ids_of(conn, wanted)
    if new := [a for a in wanted if a not in ids]:
        conn.execute(insert_into(conn, station).on_conflict_do_nothing(), [_new_station(a) for a in new])
        ids |= ids_of(conn, new)
    found: dict[int, Station] = {}
    for some in _chunks(sorted(ids.values())):
        rows = conn.execute(select(station).where(station.c.id.in_(some)).order_by(station.c.id).with_for_update())
        found |= {row["id"]: Station(**row) for row in rows.mappings()}
    for some in _chunks(sorted(ids.values())):
        for row in conn.execute(select(epoch).where(epoch.c.station_id.in_(some)).order_by(epoch.c.id)).mappings():
            found[row["station_id"]].epochs.append(Epoch(**row))
    return {each.address: each for each in found.values()}


def ids_of(conn: Connection, addresses: Iterable[Address]) -> dict[Address, int]:
    """The ids of those stations that are known."""
    key = tuple_(station.c.site, station.c.line, station.c.name)
    found: dict[Address, int] = {}
    for some in _chunks([(a.site, a.line, a.station) for a in addresses]):
        for row in conn.execute(
            select(station.c.id, station.c.site, station.c.line, station.c.name).where(key.in_(some))
        ):
            found[Address(row.site, row.line, row.name)] = row.id
    return found


def add_epoch(conn: Connection, of: Station, name: str, ts_ms: int, now_us: int) -> Epoch:
    """A new epoch: it goes on with the station's one box, or is a box of its own where there are several."""
    boxes = {e.box for e in of.epochs}
    made = Epoch(
        id=0,
        station_id=of.id,
        epoch=name,
        box=1 if boxes <= {1} else max(boxes) + 1,
        began_ms=ts_ms,
        held=0,
        highest=0,
        stored=0,
        forgotten=0,
        newest_ms=0,
        complete_ms=0,
        first_heard_us=now_us,
        last_heard_us=now_us,
        gap_since_us=0,
        asked_us=0,
    )
    values = {k: v for k, v in asdict(made).items() if k != "id"}
    made.id = conn.execute(insert(epoch).returning(epoch.c.id), values).scalar_one()
    of.epochs.append(made)
    return made


def close_stations(conn: Connection, stations: Iterable[Station]) -> None:
    """Write back what has become of them."""
    changed = sorted(stations, key=lambda s: s.id)
    if changed:
        conn.execute(_STATION, [_changed(s, "epochs") for s in changed])
    if epochs := [e for s in changed for e in s.epochs]:
        conn.execute(_EPOCH, [_changed(e) for e in epochs])


def _changed(row: Station | Epoch, *without: str) -> dict[str, Any]:
    return {f"new_{name}": getattr(row, name) for name in row.__slots__ if name not in without}


def _update(table: Any) -> Any:
    values: dict[str, Any] = {c.name: bindparam(f"new_{c.name}") for c in table.c if c.name != "id"}
    return update(table).where(table.c.id == bindparam("new_id")).values(values)


_STATION, _EPOCH = _update(station), _update(epoch)


def _new_station(address: Address) -> dict[str, Any]:
    texts = dict.fromkeys(("version", "boot", "instance", "instance_before", "why", "standing"), "")
    times = dict.fromkeys(("since_ms", "since_before_ms", "status_us", "heard_us", "conflict_us", "standing_ms"), 0)
    return {
        "site": address.site,
        "line": address.line,
        "name": address.station,
        "online": False,
        "up": False,
        **texts,
        **times,
    }


def _chunks(values: list[Any]) -> Iterable[list[Any]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
