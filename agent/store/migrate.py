"""Moves a database to the version that this okng writes. Only the writer calls this."""

import logging
import os
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from agent import notify
from agent.atomic import sync_folder
from agent.errors import StoreFailed, StoreTooNew
from agent.store.database import open_read_only, reason, schema_version, sqlite_code, taking_long, writer
from agent.store.schema import HEAD
from agent.version import __version__

log = logging.getLogger(__name__)

SCRIPTS = Path(__file__).parent / "migrations"
"""Found beside this file, so that a wheel carries them too."""

COPY_S = 3600.0
"""Longer than the copy of any database before its schema is moved; then the start fails, and says so."""


def refuse_newer(database: Path, head: str = HEAD) -> str | None:
    """The database's version, None for a new one. Reads only: a refused file stays as it is.

    Raises StoreTooNew when it is not among ours, sqlite3.Error when it cannot be read.
    """
    if not database.exists() or database.stat().st_size == 0:
        return None
    connection = open_read_only(database)
    try:
        found = schema_version(connection)
        if found is not None and not _known(found, head):
            raise StoreTooNew(
                f"{database} has schema {found}{_written_by(connection)}; okng {__version__} knows schemas up to "
                f"{head}. The file was left untouched: install the newer okng, or restore an older backup"
            )
    finally:
        connection.close()
    return found


def _known(revision: str, head: str) -> bool:
    """Revisions of one database are alike but for their number: 0002 in `results.db`, p0001 in `web.db`."""
    return re.fullmatch(r"[a-z]?\d{4}", revision) is not None and revision[:-4] == head[:-4] and revision <= head


def _written_by(connection: sqlite3.Connection) -> str:
    try:
        row = connection.execute("SELECT software FROM meta").fetchone()
    except sqlite3.Error:  # a newer schema need not have that column
        return ""
    return f", written by okng {row[0]}" if row else ""


def bring_up(
    database: Path,
    found: str | None,
    head: str = HEAD,
    more_scripts: Sequence[Path] = (),
    scripts: Path = SCRIPTS / "versions",
) -> None:
    """Move the database from version `found` to `head`, whole or not at all, after a copy.

    The copy, `results.before-HEAD.db`, is made where there was something to migrate. `scripts` is the
    folder of its revisions, `more_scripts` are further ones. Raises StoreFailed; the old version is then
    still whole.
    """
    if found == head:
        return
    try:
        if found is not None:
            _copy(database, database.with_name(f"{database.stem}.before-{head}{database.suffix}"))
        _upgrade(database, head, (scripts, *more_scripts))
    except (SQLAlchemyError, sqlite3.Error) as error:
        if sqlite_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        raise StoreFailed(
            f"{database}: moving it from schema {found or 'none'} to {head} failed: {reason(error)}; it is as it was"
        ) from error
    if found is not None:
        log.info("%s moved from schema %s to %s", database, found, head)


def _copy(database: Path, copy: Path) -> None:
    temporary = copy.with_name(copy.name + ".part")
    temporary.unlink(missing_ok=True)
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        with taking_long(connection, COPY_S, notify.extend_timeout):
            connection.execute("VACUUM INTO ?", (str(temporary),))
    finally:
        connection.close()
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(copy)
    sync_folder(copy.parent)


def _upgrade(database: Path, head: str, folders: Sequence[Path]) -> None:
    engine = writer(database)
    with engine.connect() as connection:
        run_revisions(connection, head, folders)
    engine.dispose()


def run_revisions(connection: Connection, head: str, folders: Sequence[Path]) -> None:
    """Run the revisions in `folders` up to `head`, in one transaction. Raises SQLAlchemyError."""
    # Imported where something is to migrate: a station that runs on carries no alembic in its memory.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(f).replace("%", "%%") for f in folders))
    config.attributes["connection"] = connection
    command.upgrade(config, head)
