"""Everything that can die, dies, and after it every summary is there once and every sum is the stations' own."""

import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet.servers import Broker, Collecting, Postgres, until
from benchmarks.fleet.simulated import MINUTE_US, START_US, Simulated
from benchmarks.fleet.stations import Uplinked, uplinked
from fleet.store.database import Database
from fleet.store.read import Reader
from fleet.store.values import Box, Scope
from pipelines.summary import Summary


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to a fleet."""

    stations: int = 50
    minutes: int = 60
    """Summaries of each station."""
    broker_kills: int = 5
    broker_wipes: int = 1
    """Of the kills, those that lose the broker's store."""
    collector_kills: int = 5
    postgres_restarts: int = 2
    every_s: float = 0.5
    """So often each station says one summary."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found after it."""

    stations: int
    summaries: int
    """That the stations made."""
    stored: int
    complete: bool
    """Every station's proof of sync is without a gap."""
    equal: bool
    """Every station's counts are its own."""
    refused: int
    """Messages that were set aside."""
    faults: tuple[str, ...]
    settled_s: float
    """From the last fault until every station had heard that all is held."""

    @property
    def good(self) -> bool:
        return self.complete and self.equal and self.stored == self.summaries and not self.refused


def run(plan: Plan, folder: Path, broker: Broker, postgres: Postgres, url: str) -> Outcome:
    """Run a fleet through its faults. `broker` and `postgres` run already. Raises OkngError when it does not settle."""
    draw = random.Random(plan.seed)
    stations = [
        Simulated(f"s{n}", line=f"line{n % 5}", epoch=f"{n + 1:016x}", seed=plan.seed) for n in range(plan.stations)
    ]
    collector = Collecting(folder / "c", broker.port, url, "one")
    with ExitStack() as stack:
        stack.callback(collector.stop)
        collector.start().online()
        made = stack.enter_context(uplinked(stations, folder / "s", broker.port))
        faults = _faults(plan, draw, broker, postgres, collector)
        done = _live(plan, made, faults)
        begun = time.monotonic()
        until(lambda: all(each.kept.waits == 0 for each in made), 600, "every station has heard that all is held")
        settled_s = time.monotonic() - begun
    return _look(url, stations, done, settled_s)


def _faults(
    plan: Plan, draw: random.Random, broker: Broker, postgres: Postgres, collector: Collecting
) -> list[tuple[str, Callable[[], None]]]:
    def kill_broker(wipe: bool) -> None:
        broker.stop(signal.SIGKILL)
        if wipe:
            broker.wipe()
        broker.start()

    def kill_collector() -> None:
        collector.stop(signal.SIGKILL)
        collector.start()

    def restart_postgres() -> None:
        postgres.stop(signal.SIGINT)
        postgres.start()

    made: list[tuple[str, Callable[[], None]]] = [
        *[("broker killed", lambda: kill_broker(False))] * (plan.broker_kills - plan.broker_wipes),
        *[("broker killed, its store wiped", lambda: kill_broker(True))] * plan.broker_wipes,
        *[("collector killed", kill_collector)] * plan.collector_kills,
        *[("PostgreSQL restarted", restart_postgres)] * plan.postgres_restarts,
    ]
    draw.shuffle(made)
    return made


def _live(plan: Plan, made: Sequence[Uplinked], faults: list[tuple[str, Callable[[], None]]]) -> tuple[str, ...]:
    """Each station says its summaries; the faults come between, spread over the time."""
    done = []
    at = {round((n + 1) * plan.minutes / (len(faults) + 1)): fault for n, fault in enumerate(faults)}
    for minute in range(plan.minutes):
        for each in made:
            each.window(START_US + minute * MINUTE_US)
        if minute in at:
            name, fault = at[minute]
            fault()
            done.append(name)
        time.sleep(plan.every_s)
    return tuple(done)


def _look(url: str, stations: Sequence[Simulated], faults: tuple[str, ...], settled_s: float) -> Outcome:
    database = Database(url)
    reader = Reader(database)
    try:
        glances = reader.glances(START_US // 1000)
        boxes = {group.box: group.sums for group in reader.counts(Scope(), ("box",))}
        own = {each.prefix.removeprefix("okng/"): _counts(each.said) for each in stations}
        found = {
            str(box): (s.windows, s.parts, s.ok, s.ng, s.unsure, s.missed)
            for box, s in boxes.items()
            if isinstance(box, Box)
        }
        return Outcome(
            stations=len(stations),
            summaries=sum(len(each.said) for each in stations),
            stored=sum(sums.windows for sums in boxes.values()),
            complete=len(glances) == len(stations) and all(g.sync.complete and g.sync.highest for g in glances),
            equal=found == own,
            refused=sum(r.n for r in reader.refusals()),
            faults=faults,
            settled_s=settled_s,
        )
    finally:
        database.close()


def _counts(said: Sequence[Summary]) -> tuple[int, ...]:
    names = ("parts", "ok", "ng", "unsure", "missed")
    return (len(said), *(sum(getattr(s, name) for s in said) for name in names))
