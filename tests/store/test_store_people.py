"""`web.db`: made at once or by migrations it is the same; what it keeps, forgets, and gives to another box."""

import sqlite3
import stat
import time
from pathlib import Path

import pytest

from agent.errors import StoreFailed, StoreTooNew
from agent.store.migrate import bring_up
from agent.store.people import acts, failures, sessions, users
from agent.store.people.database import PeopleDatabase, copy_without_sessions, file_of
from agent.store.people.schema import HEAD, VERSIONS
from agent.store.people.users import NewUser, PersonRefused
from agent.store.people.values import ActQuery, Doer

DAY_US = 86_400_000_000


def now_us() -> int:
    return time.time_ns() // 1000


@pytest.fixture
def database(tmp_path: Path) -> PeopleDatabase:
    return PeopleDatabase(file_of(tmp_path / "data"))


def tables(file: Path) -> dict[str, object]:
    """Every table's columns, and the indices, as SQLite knows them."""
    with sqlite3.connect(file) as connection:
        names = [r[0] for r in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        found: dict[str, object] = {
            name: connection.execute("SELECT * FROM pragma_table_info(?)", (name,)).fetchall() for name in names
        }
        found["indices"] = sorted(
            r[0] or "" for r in connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'index'")
        )
        found["setup"] = connection.execute("SELECT id, probes FROM setup").fetchall()
        found["version"] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    connection.close()
    return found


def test_made_at_once_it_is_what_the_migrations_make(database: PeopleDatabase, tmp_path: Path) -> None:
    database.ask(users.everybody)
    migrated = tmp_path / "migrated.db"
    bring_up(migrated, None, HEAD, scripts=VERSIONS)
    assert tables(database.file) == tables(migrated)
    assert stat.S_IMODE(database.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.file.parent.stat().st_mode) == 0o700


def test_one_of_a_newer_okng_is_left_alone(database: PeopleDatabase) -> None:
    database.ask(users.everybody)
    database.close()
    with sqlite3.connect(database.file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'p9999'")
    connection.close()
    with pytest.raises(StoreTooNew, match="p9999"):
        PeopleDatabase(database.file).ask(users.everybody)


def test_a_damaged_one_stays_and_one_that_is_put_back_is_taken(database: PeopleDatabase) -> None:
    """FIELD 17: an empty one in its place would make whoever comes first the admin."""
    database.change(users.add(NewUser("Anna", "admin", "hash", False, now_us())))
    database.close()
    whole = database.file.read_bytes()
    database.file.write_bytes(b"nothing" * 1000)
    with pytest.raises(StoreFailed, match="not a database"):
        database.ask(users.admins)
    assert "not a database" in database.trouble
    assert database.file.read_bytes() == b"nothing" * 1000
    database.file.write_bytes(whole)
    assert database.ask(users.admins) == 1
    assert database.trouble == ""


def test_a_copy_for_another_box_has_persons_and_acts_and_nobody_logged_in(
    database: PeopleDatabase, tmp_path: Path
) -> None:
    anna = database.change(users.add(NewUser("Anna", "admin", "hash", False, now_us())))
    database.change(sessions.begin(anna.id, b"of a secret", "10.0.0.1", now_us()))
    database.change(acts.note(Doer("Anna", "admin", "session", ""), "people.login", "Anna", "done", "", "", now_us()))
    copy = PeopleDatabase(tmp_path / "copy" / "web.db")
    copy.file.parent.mkdir()
    copy_without_sessions(database.file, copy.file)
    assert [user.name for user in copy.ask(users.everybody)] == ["Anna"]
    assert copy.ask(sessions.by_digest(b"of a secret")) is None
    assert len(copy.ask(acts.found(ActQuery()))) == 1
    assert b"of a secret" not in copy.file.read_bytes()


def test_names_are_compared_without_case_and_several_changes_are_one(database: PeopleDatabase) -> None:
    anna = database.change(users.add(NewUser("Änna", "admin", "hash", False, now_us())))
    with pytest.raises(PersonRefused, match="already"):
        database.change(users.add(NewUser("ÄNNA", "viewer", "hash", False, now_us())))
    new_password = users.set_password(anna.id, "other", True, now_us())
    with pytest.raises(PersonRefused, match="only admin"):
        database.change(users.in_turn(anna.id, new_password, users.set_role(anna.id, "viewer")))
    known = database.ask(users.credentials("änna"))
    assert known is not None
    assert known[1] == "hash"


def test_old_things_are_forgotten(database: PeopleDatabase) -> None:
    anna = database.change(users.add(NewUser("Anna", "admin", "hash", False, now_us())))
    long_ago = now_us() - 40 * DAY_US
    database.change(sessions.begin(anna.id, b"old", "", long_ago))
    for number in range(sessions.MOST_OF_ONE + 2):
        database.change(sessions.begin(anna.id, b"new %d" % number, "", now_us()))
    assert database.ask(sessions.by_digest(b"old")) is None
    assert len(database.ask(sessions.of_user(anna.id))) == sessions.MOST_OF_ONE
    first = database.ask(sessions.by_digest(b"new 0"))
    assert first is not None
    assert first.ended
    database.change(failures.count(["user anna"], long_ago))
    database.change(failures.count(["user bea"], now_us()))
    assert set(database.ask(failures.of(["user anna", "user bea"]))) == {"user bea"}
    database.change(acts.note(Doer("Anna", "admin", "session", ""), "a.b", "x", "done", "", "", long_ago))
    assert database.change(acts.forget_before(now_us() - DAY_US)) == 1
