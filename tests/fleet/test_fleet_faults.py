"""A small fleet in which everything dies once. In full: `python -m benchmarks.fleet --faults`."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.demo.broker import find_mosquitto
from benchmarks.fleet.faults import Plan, run
from benchmarks.fleet.servers import Broker, Postgres
from tests.fleet.postgres import running


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for the stations' sockets."""
    with TemporaryDirectory(prefix="okng-", dir="/tmp") as made:
        yield Path(made)


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed (Debian: mosquitto)")
    made = Broker(folder / "mqtt").start()
    yield made
    made.stop()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """Not the one that other tests use: it is stopped in between."""
    with running() as server:
        yield server


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_counted_twice(folder: Path, broker: Broker, own_postgres: Postgres) -> None:
    plan = Plan(stations=8, minutes=12, broker_kills=2, broker_wipes=1, collector_kills=1, postgres_restarts=1)
    outcome = run(plan, folder, broker, own_postgres, own_postgres.fresh("faults"))
    assert len(outcome.faults) == 4
    assert outcome.stored == outcome.summaries == 8 * 12
    assert outcome.complete
    assert outcome.equal
    assert outcome.refused == 0
