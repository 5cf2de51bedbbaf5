"""The schema moves whole or not at all, and a newer one is left alone."""

import hashlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from agent.errors import StoreFailed, StoreNotReady, StoreTooNew
from agent.store.database import open_read_only, schema_version
from agent.store.database import writer as write_engine
from agent.store.migrate import SCRIPTS, bring_up
from agent.store.read import Reader
from agent.store.schema import HEAD, metadata
from agent.version import __version__
from pipelines.values import Outcome
from tests.store.audit import audit
from tests.store.made import Committed, HandClock, record, writer
from tests.store.more_versions import LATER, STEPS, write_revision

ROOT = Path(__file__).parents[2]


def full(data: Path) -> Path:
    """A database with some rows; its path."""
    done = Committed()
    store = writer(data, HandClock()).start()
    for n in range(1, 21):
        store.add(record(n, tuple(Outcome)[n % 3]), None, done)
    done.wait(20)
    store.close()
    return store.database


def contents(database: Path) -> list[str]:
    connection = open_read_only(database)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def version(database: Path) -> str | None:
    connection = open_read_only(database)
    try:
        return schema_version(connection)
    finally:
        connection.close()


def test_the_newest_revision_is_the_one_that_is_written() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "newline")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_migrations_make_the_tables_that_the_code_names(tmp_path: Path) -> None:
    database = tmp_path / "results.db"
    bring_up(database, None)
    engine = write_engine(database)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    # Autogenerate does not compare everything: CREATE statements, word by word, do.
    direct = tmp_path / "direct.db"
    engine = write_engine(direct)
    metadata.create_all(engine)
    engine.dispose()

    def made(file: Path) -> set[str]:
        connection = open_read_only(file)
        try:
            rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
            return {" ".join(sql.split()) for (sql,) in rows if "alembic_version" not in sql}
        finally:
            connection.close()

    assert made(database) == made(direct)


def test_a_migration_keeps_the_rows_and_a_copy(tmp_path: Path) -> None:
    database = full(tmp_path)
    before = contents(database)
    bring_up(database, HEAD, LATER, [write_revision(tmp_path / "later")])
    assert version(database) == LATER
    connection = open_read_only(database)
    assert connection.execute("SELECT count(*), sum(lot_id = id) FROM inspections").fetchone() == (20, 20)
    connection.close()
    copy = tmp_path / f"results.before-{LATER}.db"
    assert version(copy) == HEAD
    assert [line for line in contents(copy) if line.startswith("INSERT")] == [
        line for line in before if line.startswith("INSERT")
    ]


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_killed_in_the_middle_the_old_version_is_whole(tmp_path: Path, step: int) -> None:
    database = full(tmp_path)
    before = contents(database)
    died = subprocess.run(
        [sys.executable, "-m", "tests.store.more_versions", database, write_revision(tmp_path / "later", step)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert "moved" not in died.stdout
    assert version(database) == HEAD
    assert contents(database) == before
    # The old version works on, and the next attempt succeeds.
    writer(tmp_path, HandClock()).start().close()
    audit(database, range(1, 21))
    bring_up(database, HEAD, LATER, [write_revision(tmp_path / "again")])
    assert version(database) == LATER


def test_a_refused_migration_leaves_the_old_version_whole(tmp_path: Path) -> None:
    database = full(tmp_path)
    before = contents(database)
    with pytest.raises(
        StoreFailed, match=rf"results\.db: moving it from schema {HEAD} to {LATER} failed.*it is as it was"
    ):
        bring_up(database, HEAD, LATER, [write_revision(tmp_path / "later", -5)])
    assert contents(database) == before


@pytest.mark.parametrize("left_open", [False, True])
def test_a_newer_database_is_refused_and_untouched(tmp_path: Path, left_open: bool) -> None:
    """Both versions are named, and not one byte of the file changes, with a WAL beside it or without."""
    database = full(tmp_path)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("UPDATE alembic_version SET version_num = '0007'")
    holder.execute("UPDATE meta SET software = '9.1.0'")
    if not left_open:
        holder.close()
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    wal = database.with_name("results.db-wal")
    wal_before = wal.read_bytes() if wal.exists() else None
    with pytest.raises(StoreTooNew) as refused:
        writer(tmp_path, HandClock()).start()
    for said in (str(database), "0007", "9.1.0", HEAD, __version__, "untouched"):
        assert said in str(refused.value)
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    assert (wal.read_bytes() if left_open else None) == wal_before
    with pytest.raises(StoreTooNew, match="0007"):
        Reader(database).outbox()
    holder.close()


def test_a_reader_waits_for_an_older_database_to_be_moved(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "results.db")
    with pytest.raises(StoreNotReady, match="there is none yet"):
        reader.outbox()
    (tmp_path / "results.db").touch()
    with pytest.raises(StoreNotReady):
        reader.outbox()
    database = full(tmp_path)
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    with pytest.raises(StoreNotReady, match=f"schema 0000; the station is to move it to {HEAD}"):
        reader.outbox()


def test_the_copy_before_a_move_tells_systemd(tmp_path: Path) -> None:
    """FIELD 17: a large database takes longer to copy than a start may take."""
    database = full(tmp_path / "data")
    start = (
        "import sys; from pathlib import Path; from agent.store.migrate import _copy; _copy(*map(Path, sys.argv[1:]))"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        command = [sys.executable, "-c", start, str(database), str(tmp_path / "copy.db")]
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        subprocess.run(command, env=environment, check=True, timeout=60)
        assert manager.recv(4096) == b"EXTEND_TIMEOUT_USEC=30000000"
    assert contents(tmp_path / "copy.db") == contents(database)
