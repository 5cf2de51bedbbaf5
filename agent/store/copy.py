"""A copy of a database that is whole, while others read and write it."""

import sqlite3
from pathlib import Path

from agent.errors import StoreFailed, StoreNotReady
from agent.store.database import open_read_only, reason


def copy_database(database: Path, copy: Path) -> None:
    """One snapshot of `database`, as the new file `copy` without a log beside it (SQLite's VACUUM INTO).

    Raises StoreNotReady where there is no database, StoreFailed where it cannot be read or the copy not
    written; no copy is left then.
    """
    if not database.exists() or database.stat().st_size == 0:
        raise StoreNotReady(f"{database}: there is none")
    try:
        connection = open_read_only(database)
        try:
            connection.execute("VACUUM INTO ?", (str(copy),))
        finally:
            connection.close()
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        raise StoreFailed(f"{database} cannot be copied to {copy}: {reason(error)}") from error
