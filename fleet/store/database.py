"""Opening the centre's database: SQLite by default, PostgreSQL by its address, the same code from there on."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.schema import Table

from agent.errors import ConfigurationRefused, Problem, StoreFailed, StoreNotReady, StoreTooNew
from agent.store.database import open_read_only, reason, writer
from agent.store.migrate import bring_up, refuse_newer, run_revisions
from agent.version import __version__
from fleet.config import FleetConfig
from fleet.store.schema import HEAD, VERSIONS

T = TypeVar("T")
_MIGRATING = 0x6F6B6E67
"""PostgreSQL's advisory lock of who moves the schema: "okng"."""
CONNECT_S = 5
_ALLOWED = "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"


class StoreRefused(StoreFailed):
    """The database is there and does not take these values: trying again would not help."""


class Database:
    """The centre's database. Threads may share one. What it raises is StoreFailed: it may be tried again."""

    def __init__(self, url: str, password: Path | None = None) -> None:
        """Opens nothing yet. Raises ConfigurationRefused for an address that is none."""
        self.url = _url_of(url)
        self._password = password
        self._engine: Engine | None = None
        self._reading: Engine | None = None
        self._version = ""

    @property
    def where(self) -> str:
        """For messages: without a password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def on_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    def change(self, act: Callable[[Connection], T]) -> T:
        """What a change gives, once it is durable; when it raises, nothing has changed."""
        return self._tried(self._writer, act)

    def ask(self, question: Callable[[Connection], T]) -> T:
        """What a question makes of one snapshot. Raises StoreNotReady where no collector has made the tables."""
        return self._tried(self._reader, question)

    def bring_up(self) -> None:
        """Make the tables, or move them to this okng's version. Raises StoreTooNew for a newer okng's."""
        try:
            if self.on_sqlite:
                self._bring_up_sqlite()
            else:
                with self._writer().begin() as conn:
                    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
                    found = _version(conn)
                    self._refuse_newer(found)
                    if found != HEAD:
                        run_revisions(conn, HEAD, (VERSIONS,))
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._failed(error) from error
        except OSError as error:
            raise StoreFailed(f"{self.where}: {error}") from error

    def close(self) -> None:
        for engine in (self._engine, self._reading):
            if engine is not None:
                engine.dispose()
        self._engine = self._reading = None
        self._version = ""

    # -- inside ---------------------------------------------------------------------------------

    def _bring_up_sqlite(self) -> None:
        file = self._file()
        file.parent.mkdir(parents=True, exist_ok=True)
        bring_up(file, refuse_newer(file, HEAD), HEAD, scripts=VERSIONS)

    def _refuse_newer(self, found: str) -> None:
        if found > HEAD:
            raise StoreTooNew(
                f"{self.where} has schema {found}; okng {__version__} knows up to {HEAD}: install the newer okng"
            )

    def _tried(self, engine_of: Callable[[], Engine], doing: Callable[[Connection], T]) -> T:
        try:
            with engine_of().connect() as conn, conn.begin():
                self._look(conn)
                return doing(conn)
        except (DataError, IntegrityError, OverflowError) as error:
            raise StoreRefused(f"{self.where}: {_words(error)}") from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._failed(error) from error
        except OSError as error:
            raise StoreFailed(f"{self.where}: {error}") from error

    def _look(self, conn: Connection) -> None:
        """Once a process: another schema than ours is neither read nor written."""
        if self._version == HEAD:
            return
        self._version = _version(conn)
        self._refuse_newer(self._version)
        if self._version != HEAD:
            raise StoreNotReady(f"{self.where}: no collector of this okng has made or moved the tables yet")

    def _failed(self, error: Exception) -> StoreFailed:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            self.close()
        return StoreFailed(f"{self.where}: {_words(error)}")

    def _file(self) -> Path:
        return Path(str(self.url.database))

    def _writer(self) -> Engine:
        if self._engine is None:
            self._engine = writer(self._file()) if self.on_sqlite else self._postgres()
        return self._engine

    def _reader(self) -> Engine:
        if not self.on_sqlite:
            return self._writer().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        if not self._file().exists():
            raise StoreNotReady(f"{self.where}: no collector has made it yet")
        if self._reading is None:
            self._reading = create_engine("sqlite://", creator=lambda: open_read_only(self._file()), poolclass=NullPool)
            event.listen(self._reading, "begin", lambda conn: conn.exec_driver_sql("BEGIN"))
        return self._reading

    def _postgres(self) -> Engine:
        url = self.url
        if self._password is not None:
            url = url.set(password=self._password.read_text().rstrip("\r\n"))
        timeouts = "-c statement_timeout=60000 -c idle_in_transaction_session_timeout=120000"
        options = {"connect_timeout": CONNECT_S, "application_name": "okng-fleet", "options": timeouts}
        return create_engine(url, connect_args=options, pool_pre_ping=True, pool_size=4, max_overflow=4)


def database_of(config: FleetConfig) -> Database:
    """The configured one. Raises ConfigurationRefused."""
    url = config.store.url or f"sqlite:///{config.fleet.data / 'fleet.db'}"
    return Database(url, config.store.password_file)


def insert_into(conn: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that knows ON CONFLICT, in the words of the database at hand."""
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


def _url_of(url: str) -> URL:
    try:
        made = make_url(url)
    except ArgumentError as error:
        raise _refused("is no address of a database") from error
    if made.drivername not in ("sqlite", "postgresql+psycopg"):
        raise _refused(f"is of {made.drivername!r}")
    if made.password:
        raise _refused("holds a password; a password comes from store.password_file")
    return made


def _refused(what: str) -> ConfigurationRefused:
    return ConfigurationRefused("store", [Problem("store.url", f"{what}; allowed: {_ALLOWED}")])


def _words(error: Exception) -> str:
    return " ".join(reason(error).split())[:400]


def _version(conn: Connection) -> str:
    """Empty where there are no tables."""
    if not conn.dialect.has_table(conn, "alembic_version"):
        return ""
    found: Any = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found or "")
