"""Opening `web.db`: persons and what they did. Its one writer is the page's process; root's console comes second."""

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, event, insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from agent.errors import StoreFailed
from agent.store.copy import copy_database
from agent.store.database import check, open_read_only, reason, writer
from agent.store.migrate import bring_up, refuse_newer
from agent.store.people.schema import HEAD, VERSIONS, metadata, setup

T = TypeVar("T")


class PeopleDatabase:
    """Answers questions and takes changes, each in a transaction of its own. Threads may share one.

    Opened at its first use, and tried again at each: a disk that was full, or a file that somebody put
    back, is met without a restart. A damaged file is never replaced by an empty one by itself, for then
    whoever comes first would be the admin: it is for a person to move it away or to restore it.
    Every call raises StoreFailed, and StoreTooNew for a file of a newer okng.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._open = False
        self._held: sqlite3.Connection | None = None
        self._writing = writer(file)
        self._reading = create_engine("sqlite://", creator=lambda: open_read_only(file), poolclass=NullPool)
        event.listen(self._reading, "begin", _begin)
        self._trouble: dict[str, str] = {}

    @property
    def trouble(self) -> str:
        """Why the last question or the last change failed; empty when both went well."""
        return next(iter(self._trouble.values()), "")

    def ask(self, question: Callable[[Connection], T]) -> T:
        """What a question makes of one snapshot."""

        def asked() -> T:
            with self._reading.connect() as conn, conn.begin():
                return question(conn)

        return self._tried("reading", asked)

    def change(self, act: Callable[[Connection], T]) -> T:
        """What a change gives, once it is on the disk; when it raises, nothing has changed."""

        def changed() -> T:
            with self._writing.connect() as conn, conn.begin():
                return act(conn)

        return self._tried("writing", changed)

    def probe(self) -> None:
        """Raise StoreFailed unless something can be written down now."""
        self.change(lambda conn: conn.execute(update(setup).values(probes=setup.c.probes + 1)))

    def close(self) -> None:
        with self._lock:
            if self._held is not None:
                self._held.close()
                self._held = None
            self._open = False

    def _tried(self, what: str, doing: Callable[[], T]) -> T:
        try:
            self._ready()
            done = doing()
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._failed(what, f"{self.file}: {reason(error)}") from error
        except OSError as error:
            raise self._failed(what, f"{self.file}: {error.strerror}") from error
        except StoreFailed as error:
            self._trouble[what] = str(error)
            raise
        self._trouble.pop(what, None)
        return done

    def _failed(self, what: str, why: str) -> StoreFailed:
        self._trouble[what] = why
        return StoreFailed(why)

    def _ready(self) -> None:
        with self._lock:
            if self._open:
                return
            make_folder(self.file.parent)
            found = refuse_newer(self.file, HEAD)
            if found is None:
                self._create()
            else:
                check(self.file)
                bring_up(self.file, found, HEAD, scripts=VERSIONS)
            # Held open: where the last connection closes after each act, SQLite makes the log anew each time.
            self._held = open_read_only(self.file)
            self._open = True

    def _create(self) -> None:
        """A new one: its tables at once, without alembic, which takes longer to import than all this does."""
        os.close(os.open(self.file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with self._writing.connect() as conn, conn.begin():
            metadata.create_all(conn)
            conn.execute(insert(setup).values(id=1, probes=0))
            conn.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
            conn.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))


def file_of(data: Path) -> Path:
    """Where `web.db` lies: in the page's own folder, below the data folder."""
    return data / "web" / "web.db"


def copy_without_sessions(database: Path, copy: Path) -> None:
    """One snapshot as a new file, for another box: nobody is logged in there, and no set-up code holds.

    Raises what `copy_database` does.
    """
    copy_database(database, copy)
    connection = sqlite3.connect(copy, isolation_level=None)
    try:
        connection.execute("DELETE FROM sessions")
        connection.execute("UPDATE setup SET code = NULL")
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise StoreFailed(f"{copy}: sessions cannot be taken out: {error}") from error
    finally:
        connection.close()


def make_folder(folder: Path) -> None:
    """The page's own folder, for nobody else. Raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN")
