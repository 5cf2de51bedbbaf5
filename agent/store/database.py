"""Opening `results.db`: connections, what SQLite's refusals mean, checks, and moving a broken one aside."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from agent import notify
from agent.atomic import sync_folder
from agent.errors import StoreFailed

log = logging.getLogger(__name__)

BUSY_S = 5.0
"""How long a connection waits for a lock before SQLite says that the database is locked."""
WAL_LIMIT_BYTES = 32 << 20
"""The write-ahead log is cut back to this after a checkpoint."""
CHECK_S = 10.0
"""A quick_check at start that takes longer is ended: a large database must not keep a station from its parts."""
SUSPECT_S = 1800.0
"""The same for a database that broke in use: 180 GB from a disk that reads 100 MB/s."""
EXTEND_EVERY_S, EXTEND_BY_S = 5.0, 30.0

_PASSING = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
    }
)
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Damaged(sqlite3.DatabaseError):
    """quick_check found something wrong."""


def sqlite_code(error: BaseException) -> int:
    """SQLite's primary result code (sqlite.org/rescode.html) behind an error; 1 where there is none."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    code: int = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF


def passes(error: BaseException) -> bool:
    """Whether the refusal can pass by itself: a full, failing, busy or read-only disk."""
    return sqlite_code(error) in _PASSING


def means_broken(error: BaseException) -> bool:
    """Whether the refusal means that the file is not a whole database."""
    return isinstance(error, Damaged) or sqlite_code(error) in _BROKEN


def reason(error: BaseException) -> str:
    """The refusal in SQLite's own words."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


def writer(database: Path) -> Engine:
    """The engine of the one writer: WAL, every commit on disk, transactions that begin with a write lock.

    `isolation_level=None` with an explicit BEGIN IMMEDIATE makes DDL transactional too: with Python's own
    transaction handling a failed migration leaves half of itself behind.
    """

    def connect() -> sqlite3.Connection:
        raw = sqlite3.connect(database, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            raw.execute("PRAGMA journal_mode=WAL")
            raw.execute("PRAGMA synchronous=FULL")
            raw.execute(f"PRAGMA journal_size_limit={WAL_LIMIT_BYTES}")
            raw.execute("PRAGMA cache_size=-8000")
            raw.execute("PRAGMA temp_store=MEMORY")
        except sqlite3.Error:
            raw.close()
            raise
        return raw

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _begin_immediate(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN IMMEDIATE")


def raw(conn: Connection) -> sqlite3.Connection:
    """The sqlite3 connection behind a SQLAlchemy one."""
    driver = conn.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def read_only(database: Path, immutable: bool = False) -> sqlite3.Connection:
    """A read-only connection. `immutable`: without locks and side files, for a database nobody has open."""
    uri = f"{database.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        # Opening is lazy: the first read shows whether the file can be read at all.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def open_read_only(database: Path) -> sqlite3.Connection:
    """A read-only connection by whichever way works: live, stopped cleanly, or killed.

    After a clean stop there is no -wal file, and a reader that may not write into the folder is refused
    by SQLite; then, and only then, the file is read as immutable. Raises sqlite3.Error.
    """
    try:
        return read_only(database)
    except sqlite3.OperationalError:
        if wal_file(database).exists():
            raise
        return read_only(database, immutable=True)


def side_file(database: Path, suffix: str) -> Path:
    """SQLite's companion of the database: -wal or -shm."""
    return database.with_name(database.name + suffix)


def wal_file(database: Path) -> Path:
    """The write-ahead log beside the database."""
    return side_file(database, "-wal")


def schema_version(connection: sqlite3.Connection) -> str | None:
    """The alembic revision of a database; None for one that has no tables yet."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone()
    if known is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


@contextmanager
def taking_long(connection: sqlite3.Connection, limit_s: float, told: Callable[[float], None]) -> Iterator[None]:
    """Have systemd wait while one statement takes long at a start, and end the statement after `limit_s`.

    By a thread and not by SQLite's progress handler: up to SQLite 3.41 the whole of a check is one step
    to the handler, but every page looks whether it was interrupted. Raises what an interrupted statement does.
    """
    ended = threading.Event()

    def watch() -> None:
        until = time.monotonic() + limit_s
        while (left := until - time.monotonic()) > 0:
            told(EXTEND_BY_S)
            if ended.wait(min(EXTEND_EVERY_S, left)):
                return
        # Again and again: an interrupt that comes just before the statement begins is forgotten.
        while not ended.wait(0.1):
            connection.interrupt()

    watching = threading.Thread(target=watch, name="taking long", daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def quick_check(
    connection: sqlite3.Connection, limit_s: float = CHECK_S, told: Callable[[float], None] = notify.extend_timeout
) -> str:
    """What `PRAGMA quick_check` found wrong first; empty when nothing, or when it took too long to say."""
    try:
        with taking_long(connection, limit_s, told):
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if sqlite_code(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        log.warning("quick_check ended after %.0f s: the database is large; nothing wrong was found so far", limit_s)
        return ""
    return "" if found == "ok" else found.strip()


def move_aside(database: Path, utc_us: int) -> Path:
    """Rename a broken database with its -wal and -shm, so that nothing of it is lost; its new name."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(utc_us / 1e6))
    aside = database.with_name(f"{database.stem}.broken-{stamp}{database.suffix}")
    n = 1
    while aside.exists():
        n += 1
        aside = database.with_name(f"{database.stem}.broken-{stamp}-{n}{database.suffix}")
    try:
        for suffix in ("", "-wal", "-shm"):
            if (part := side_file(database, suffix)).exists():
                part.rename(side_file(aside, suffix))
        sync_folder(database.parent)
    except OSError as error:
        raise StoreFailed(f"{database} is broken and cannot be moved aside: {error}") from error
    return aside


def checkpoint(conn: Connection) -> None:
    """Copy the WAL back as far as readers allow, without waiting for them; then it is begun anew."""
    raw(conn).execute("PRAGMA wal_checkpoint(PASSIVE)")


def check(database: Path) -> None:
    """Raise Damaged when something is wrong with the file. After `mark_suspect` all of it is checked."""
    flag = _suspect_file(database)
    suspected = flag.exists()
    connection = open_read_only(database)
    try:
        found = quick_check(connection, SUSPECT_S if suspected else CHECK_S)
    finally:
        connection.close()
    if suspected:
        flag.unlink()
    if found:
        raise Damaged(found)


def mark_suspect(database: Path) -> None:
    """Have the next start check all of the database."""
    try:
        _suspect_file(database).touch()
    except OSError as error:
        log.error("%s is broken, and the mark for the next start cannot be set: %s", database, error)


def _suspect_file(database: Path) -> Path:
    return database.with_suffix(".suspect")
