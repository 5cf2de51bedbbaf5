"""A full disk is a state that passes; a broken database is moved aside, never in silence."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import StoreFailed
from agent.store.database import EXTEND_EVERY_S, mark_suspect, quick_check, taking_long, wal_file
from agent.store.read import Reader
from agent.store.values import PartQuery
from pipelines.values import Outcome
from tests.store.audit import audit
from tests.store.made import Committed, HandClock, drained, frame, opening, record, writer


def until(condition: object, timeout_s: float = 30.0) -> None:
    for _ in range(round(timeout_s / 0.01)):
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise AssertionError("it did not come true in time")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "small", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(descriptor, bytes(4096)):
            pass
    except OSError:
        return ballast
    finally:
        os.close(descriptor)
    raise AssertionError("unreachable")


def test_a_full_disk_is_waited_out(small_disk: Path) -> None:
    """FIELD 18: nothing that was queued is lost, an opened row is refused, and it goes on when there is room."""
    clock, done = HandClock(), Committed()
    store = writer(small_disk, clock).start()
    store.add(record(1), frame(1), done)
    done.wait(1)
    ballast = fill(small_disk)
    note = "n" * 2000

    def judge() -> None:
        for n in range(2, 402):
            store.add(record(n, source=note), frame(n), done)

    lane = threading.Thread(target=judge, daemon=True)
    lane.start()
    until(lambda: store.trouble)
    assert "full" in store.trouble
    with pytest.raises(StoreFailed, match=r"results\.db"):
        store.open_part(opening(500, source=note))
    turns = store.progress()
    until(lambda: store.progress() > turns)
    assert store.alive
    assert lane.is_alive(), "the queue is bounded: who adds more waits"
    shown = len(done.ids)
    ballast.unlink()
    lane.join(30)
    ids = done.wait(401)
    assert len(ids) == 401 > shown
    drained(store)
    assert store.trouble == ""
    store.event("after")
    drained(store)
    store.close()
    assert {"store_back", "after"} <= {e.name for e in Reader(store.database).events(100)}
    audit(store.database, ids)
    assert len(Reader(store.database).parts(PartQuery(outcome=Outcome.OK, limit=1000))) == 401


def test_a_start_on_a_full_disk_waits_for_room(small_disk: Path) -> None:
    """A full disk is a state with a name, at the start too."""
    clock, done = HandClock(), Committed()
    store = writer(small_disk, clock).start()
    store.add(record(1), None, done)
    done.wait(1)
    store.close()
    ballast = fill(small_disk)
    store = writer(small_disk, clock).start()
    assert store.trouble
    with pytest.raises(StoreFailed, match=r"full|disk"):
        store.open_part(opening(2))
    store.add(record(2), None, done)
    ballast.unlink()
    assert done.wait(2) == [1, 2]
    drained(store)
    assert store.trouble == ""
    store.close()
    audit(store.database, done.ids)


@pytest.mark.parametrize("damage", ["header", "middle", "cut", "text"])
def test_a_broken_database_is_moved_aside(tmp_path: Path, damage: str) -> None:
    """FIELD 17: quick_check at boot; the station works on with a new one, and says so."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock).start()
    for n in range(1, 301):
        store.add(record(n, Outcome.NG), None, done)
    done.wait(300)
    store.close()
    data = bytearray(store.database.read_bytes())
    if damage == "header":
        data[:100] = bytes(100)
    elif damage == "middle":
        for page in range(10, len(data) // 4096 - 2, 3):
            data[page * 4096 : page * 4096 + 200] = os.urandom(200)
    elif damage == "cut":
        del data[len(data) // 2 :]
    else:
        data[:] = b"this was a database once\n" * 200
    store.database.write_bytes(data)
    store = writer(tmp_path, clock).start()
    store.add(record(1), None, done)
    done.wait(301)
    store.close()
    (aside,) = tmp_path.glob("results.broken-*.db")
    assert aside.read_bytes() == bytes(data)
    (event,) = Reader(store.database).events(10)
    assert event.name == "database_broken"
    assert event.detail["file"] == aside.name
    assert event.detail["reason"]
    audit(store.database)


def test_a_database_that_breaks_in_use_ends_the_writer_and_is_checked_whole(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock).start()
    store.add(record(1), None, done)
    done.wait(1)
    store.close()
    mark_suspect(store.database)
    store = writer(tmp_path, clock).start()
    store.close()
    assert not list(tmp_path.glob("*.suspect"))
    assert not list(tmp_path.glob("*.broken*"))
    assert done.ids == [1]


def large(tmp_path: Path) -> sqlite3.Connection:
    """A database whose check takes many steps."""
    connection = sqlite3.connect(tmp_path / "large.db", isolation_level=None)
    connection.execute("CREATE TABLE t (a TEXT, b TEXT UNIQUE)")
    some = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i, hex(i) FROM n"
    connection.execute(f"INSERT INTO t {some}")
    return connection


def test_a_long_check_is_told_and_ended(tmp_path: Path) -> None:
    """FIELD 17: systemd is told that the start goes on, and no check goes on for ever."""
    connection, told = large(tmp_path), []
    assert quick_check(connection, 60.0, told.append) == ""
    assert told
    assert min(told) >= 2 * EXTEND_EVERY_S
    with pytest.raises(sqlite3.OperationalError, match="interrupted"), taking_long(connection, 0.3, told.append):
        connection.execute("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n").fetchone()
    assert quick_check(connection, 0.0, told.append) == ""
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (300_000,), "later statements are not ended"
    connection.close()


@pytest.mark.parametrize("suspected", [True, False])
def test_a_start_that_checks_tells_systemd(tmp_path: Path, suspected: bool) -> None:
    store = writer(tmp_path / "data", HandClock()).start()
    store.close()
    if suspected:
        mark_suspect(store.database)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        start = "import sys; from pathlib import Path; from agent.store.database import check; check(Path(sys.argv[1]))"
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        subprocess.run([sys.executable, "-c", start, store.database], env=environment, check=True, timeout=60)
        assert manager.recv(4096) == b"EXTEND_TIMEOUT_USEC=30000000"


def test_a_dead_writer_refuses(tmp_path: Path) -> None:
    store = writer(tmp_path, HandClock()).start()
    store.close()
    with pytest.raises(StoreFailed, match=r"results\.db is closed"):
        store.add(record(1), None)
    with pytest.raises(StoreFailed, match="is closed"):
        store.open_part(opening(1))
    with pytest.raises(StoreFailed, match="is closed"):
        store.settle("0" * 16, 1)
    store.event("nobody hears")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreFailed, match="data"):
        writer(tmp_path / "data", HandClock()).start()


def test_the_wal_does_not_grow_without_end(tmp_path: Path) -> None:
    """FIELD 17: it is copied back while the writer runs, also when a reader comes and goes."""
    clock, done = HandClock(), Committed()
    store, reader = writer(tmp_path, clock).start(), Reader(tmp_path / "results.db")
    for n in range(1, 3001):
        store.add(record(n, Outcome.NG), None, done)
        if n % 500 == 0:
            reader.parts(PartQuery())
    done.wait(3000)
    clock.pass_s(61)
    drained(store)
    assert wal_file(store.database).stat().st_size < 8 << 20
    store.close()
    assert not wal_file(store.database).exists()


def test_a_power_cut_leaves_a_whole_database(tmp_path: Path) -> None:
    """FIELD 17: the files as they lie at any moment, WAL cut anywhere in its last frames, open and are whole."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path / "live", clock).start()
    for n in range(1, 101):
        store.add(record(n, Outcome.NG), None, done)
    done.wait(100)
    drained(store)
    whole = wal_file(store.database).read_bytes()
    for n, cut in enumerate((0, 1, 100, 4096, len(whole) // 3, len(whole) // 2)):
        data = tmp_path / f"cut{n}"
        data.mkdir()
        shutil.copy(store.database, data)
        wal_file(data / "results.db").write_bytes(whole[: len(whole) - cut])
        after = writer(data, clock).start()
        after.close()
        audit(after.database, done.ids if cut == 0 else ())
    store.close()
