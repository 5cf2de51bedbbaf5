"""A PostgreSQL of the tests' own, in a folder where the user postgres may go. Where there is none, the test skips."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest

from benchmarks.fleet.servers import Postgres, postgres_programs
from tests.ports import free_port


@contextmanager
def running() -> Iterator[Postgres]:
    """A server as long as the block lasts; it does not wait for the disk."""
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    folder = Path(mkdtemp(prefix="okng-pg-", dir="/tmp"))
    server: Postgres | None = None
    try:
        server = Postgres(folder, free_port(), durable=False)
        yield server.start()
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
