"""Which epochs there are and whose they are: read once a question, so that sums need no joins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from fleet.intake.topics import Address
from fleet.store.schema import epoch, station
from fleet.store.values import Box, Presence, Scope, Sync

CONFLICT_US = 3_600_000_000
"""Two machines that spoke in one name are a conflict for so long after it was last noticed."""


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch of a box."""

    id: int
    station_id: int
    box: Box
    sync: Sync
    first_heard_us: int


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station."""

    id: int
    address: Address
    presence: Presence
    conflict_us: int
    standing: frozenset[str] | None
    """ALARM or ALARM:LANE of what it said stands, at `standing_ms`; None: it did not say, or cannot know."""
    standing_ms: int


@dataclass(frozen=True, slots=True)
class Places:
    """All stations and their epochs."""

    stations: Mapping[int, StationRow]
    epochs: Mapping[int, EpochRow]
    """In the order in which they were first heard."""

    def boxes(self, scope: Scope) -> dict[Box, tuple[StationRow, list[EpochRow]]]:
        """Each box of a scope with its epochs, the newest last. Who said hello and nothing else has none."""
        found: dict[Box, tuple[StationRow, list[EpochRow]]] = {}
        for row in self.epochs.values():
            found.setdefault(row.box, (self.stations[row.station_id], []))[1].append(row)
        heard = {epoch.station_id for epoch in self.epochs.values()}
        found |= {Box(s.address): (s, []) for s in self.stations.values() if s.id not in heard}
        return {box: found[box] for box in sorted(found) if _inside(box, scope)}

    def alone(self) -> dict[Address, StationRow]:
        """The stations whose name one machine uses."""
        boxes: dict[int, set[int]] = {}
        for row in self.epochs.values():
            boxes.setdefault(row.station_id, set()).add(row.box.number)
        return {s.address: s for s in self.stations.values() if len(boxes.get(s.id, ())) < 2}

    def within(self, scope: Scope) -> tuple[int, ...] | None:
        """The epochs of a scope; None: all of them."""
        if not (scope.site or scope.line or scope.station or scope.box is not None):
            return None
        return tuple(row.id for row in self.epochs.values() if _inside(row.box, scope))


def places(conn: Connection) -> Places:
    """Read them."""
    stations = {row.id: _station(row) for row in conn.execute(select(station).order_by(station.c.id))}
    rows = conn.execute(select(epoch).order_by(epoch.c.id))
    return Places(stations, {row.id: _epoch(row, stations[row.station_id].address) for row in rows})


def chosen(column: Any, ids: Iterable[int] | None) -> list[Any]:
    """The condition that a column is one of these; none for all."""
    return [] if ids is None else [column.in_(tuple(ids))]


def _inside(box: Box, scope: Scope) -> bool:
    address = box.address
    return (
        scope.site in ("", address.site)
        and scope.line in ("", address.line)
        and scope.station in ("", address.station)
        and scope.box in (None, box.number)
    )


def _station(row: Row[Any]) -> StationRow:
    presence = Presence(
        online=row.online,
        since_ms=row.since_ms,
        why=row.why,
        version=row.version,
        boot=row.boot,
        instance=row.instance,
        status_us=row.status_us,
        heard_us=row.heard_us,
    )
    standing = frozenset(filter(None, row.standing.split(","))) if row.up else None
    return StationRow(
        row.id, Address(row.site, row.line, row.name), presence, row.conflict_us, standing, row.standing_ms
    )


def _epoch(row: Row[Any], address: Address) -> EpochRow:
    sync = Sync(
        complete_ms=row.complete_ms,
        held=row.held,
        highest=row.highest,
        missing=row.highest - row.stored,
        gap_since_us=row.gap_since_us,
        asked_us=row.asked_us,
        epoch=row.epoch,
    )
    return EpochRow(row.id, row.station_id, Box(address, row.box), sync, row.first_heard_us)
