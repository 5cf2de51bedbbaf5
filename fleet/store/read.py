"""The reading side: what the pages ask. Each question sees one snapshot and gives values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from fleet.store import told, totals
from fleet.store.database import Database
from fleet.store.places import CONFLICT_US, EpochRow, StationRow, places
from fleet.store.progress import missing
from fleet.store.schema import HOUR_MS, lane
from fleet.store.values import (
    KINDS,
    Alarm,
    Aside,
    Box,
    By,
    Collector,
    EventQuery,
    FleetEvent,
    Found,
    Glance,
    Group,
    Kind,
    Lane,
    Refusal,
    Scope,
    Sync,
    Tally,
    WindowSums,
)

TREND_HOURS = 24
MOST_WINDOWS = 100_000
NOTHING = Sync(complete_ms=0, held=0, highest=0, missing=0, gap_since_us=0, asked_us=0, epoch="")
"""Of a station that said hello and nothing else."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Answers from the centre's database. Threads may share one. Every question raises StoreFailed."""

    database: Database

    def glances(self, now_ms: int, scope: Scope = Scope()) -> tuple[Glance, ...]:  # noqa: B008 - it is frozen
        """Every box of a scope, by site, line, station. `now_ms` is the centre's clock."""

        def question(conn: Connection) -> tuple[Glance, ...]:
            known = places(conn)
            hour = now_ms // HOUR_MS
            counted = totals.tallies(conn, hour - TREND_HOURS + 1)
            lanes = _lanes(conn)
            standing: dict[Box, list[Alarm]] = {}
            for alarm in told.alarms(conn, known, scope):
                if not alarm.ended_ms:
                    standing.setdefault(alarm.box, []).append(alarm)
            return tuple(
                _glance(row, box, epochs, lanes, counted, standing.get(box, ()), now_ms)
                for box, (row, epochs) in known.boxes(scope).items()
            )

        return self.database.ask(question)

    def sums(self, scope: Scope, by: Sequence[By] = ()) -> tuple[Group, ...]:
        """Sums over a scope, told apart by some fields; without any, one group, or none where nothing is."""
        return self.database.ask(lambda conn: totals.groups(conn, places(conn), scope, by))

    def counts(self, scope: Scope, by: Sequence[By] = ()) -> tuple[Group, ...]:
        """The same without histograms and measured numbers, which stay 0: a third of the work."""
        return self.database.ask(lambda conn: totals.groups(conn, places(conn), scope, by, totals.COUNTED))

    def pareto(self, scope: Scope, kinds: Iterable[Kind] = KINDS) -> tuple[Found, ...]:
        """What was found how often, the most frequent first."""
        return self.database.ask(lambda conn: totals.pareto(conn, places(conn), scope, kinds))

    def windows(self, scope: Scope, limit: int = MOST_WINDOWS) -> tuple[WindowSums, ...]:
        """Single windows, the oldest first; of more than `limit` the newest."""
        return self.database.ask(lambda conn: told.windows(conn, places(conn), scope, limit))

    def events(self, query: EventQuery) -> tuple[FleetEvent, ...]:
        """The newest first."""
        return self.database.ask(lambda conn: told.events(conn, places(conn), query))

    def alarms(self, scope: Scope = Scope()) -> tuple[Alarm, ...]:  # noqa: B008 - it is frozen
        """Each alarm's newest turn, standing or ended, the newest first."""
        return self.database.ask(lambda conn: told.alarms(conn, places(conn), scope))

    def missing(self, box: Box) -> tuple[int, ...]:
        """Which messages of a box's newest epoch are missing, the lowest first, at most MAX_MISSING."""
        at = box.address

        def question(conn: Connection) -> tuple[int, ...]:
            scope = Scope(at.site, at.line, at.station, box.number)
            for _, epochs in places(conn).boxes(scope).values():
                if epochs:
                    newest = epochs[-1]
                    return missing(conn, newest.id, newest.sync.held, newest.sync.highest)
            return ()

        return self.database.ask(question)

    def asides(self, before_id: int | None = None, limit: int = 100) -> tuple[Aside, ...]:
        """Messages that were set aside, the newest first; the newest 1,000 are kept."""
        return self.database.ask(lambda conn: told.asides(conn, places(conn), before_id, limit))

    def collectors(self) -> tuple[Collector, ...]:
        """The collectors that ever ran, by name."""
        return self.database.ask(told.collectors)

    def refusals(self) -> tuple[Refusal, ...]:
        """How many were set aside, ever, by cause and station, the most frequent first."""
        return self.database.ask(lambda conn: told.refusals(conn, places(conn)))


def _lanes(conn: Connection) -> dict[int, list[Lane]]:
    found: dict[int, list[Lane]] = {}
    for row in conn.execute(select(lane).order_by(lane.c.lane)):
        made = Lane(
            name=row.lane,
            camera=row.camera,
            models=tuple(filter(None, row.models.split(","))),
            recipes=tuple(filter(None, row.recipes.split(","))),
            until_ms=row.end_ms,
            last_part_ms=row.last_part_ms,
            temperature_c=row.temperature_c,
        )
        found.setdefault(row.epoch_id, []).append(made)
    return found


def _glance(
    station: StationRow,
    box: Box,
    epochs: Sequence[EpochRow],
    lanes: dict[int, list[Lane]],
    counted: dict[tuple[int, int], Tally],
    standing: Sequence[Alarm],
    now_ms: int,
) -> Glance:
    hour = now_ms // HOUR_MS
    trend = tuple(_of_hour(counted, epochs, hour - back) for back in range(TREND_HOURS - 1, -1, -1))
    newest = {made.name: made for epoch in epochs for made in lanes.get(epoch.id, ())}
    return Glance(
        box=box,
        presence=station.presence,
        conflict=bool(station.conflict_us) and now_ms * 1000 - station.conflict_us < CONFLICT_US,
        sync=epochs[-1].sync if epochs else NOTHING,
        lanes=tuple(newest[name] for name in sorted(newest)),
        now=trend[-1] + trend[-2],
        trend=trend,
        alarms=tuple(standing),
    )


def _of_hour(counted: dict[tuple[int, int], Tally], epochs: Sequence[EpochRow], hour: int) -> Tally:
    found = [tally for epoch in epochs if (tally := counted.get((epoch.id, hour))) is not None]
    return sum(found[1:], start=found[0]) if found else Tally()
