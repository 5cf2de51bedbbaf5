"""One PostgreSQL for all tests of a worker; each test gets a database of its own in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fleet.servers import Postgres
from fleet.store.database import Database
from tests.fleet.postgres import running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty one of each kind, brought up."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'fleet.db'}")
    else:
        made = Database(request.getfixturevalue("postgres").fresh("fleet"))
    made.bring_up()
    yield made
    made.close()
