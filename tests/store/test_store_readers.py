"""Readers in other processes, and under another user: live, stopped, killed, never started."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import StoreNotReady
from agent.store.migrate import bring_up
from agent.store.read import Reader
from agent.store.values import PartQuery
from pipelines.values import Outcome
from tests.store.audit import audit
from tests.store.made import Committed, HandClock, drained, opening, record, writer

ROOT = Path(__file__).parents[2]


def test_readers_under_load_never_see_a_locked_database(tmp_path: Path) -> None:
    """FIELD 16: "database is locked": one writer, WAL, busy time-out, short readers."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, window_s=1).start()
    reading = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.reading", store.database, "4"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    n = 0
    while any(process.poll() is None for process in reading):
        for _ in range(50):
            n += 1
            store.add(record(n, tuple(Outcome)[n % 3]), None, done)
        store.event("fifty", n=n)
        clock.pass_s(1)
        done.wait(n)
        if n % 500 == 0:  # the writer comes and goes too: closing takes the WAL away
            store.close()
            store = writer(tmp_path, clock, window_s=1).start()
    store.close()
    for process in reading:
        assert process.stdout is not None
        said = process.stdout.read()
        process.stdout.close()
        assert process.wait() == 0
        assert "failed" not in said
        assert int(said.split()[2]) > 0
    audit(store.database, done.ids)


def test_a_database_that_was_not_born_yet_is_not_ready(tmp_path: Path) -> None:
    """The writer makes the tables, and the epoch in a transaction of its own: a reader may come between the two."""
    database = tmp_path / "results.db"
    bring_up(database, None)
    reader = Reader(database)
    for ask in (reader.outbox, reader.draw_key, reader.unsettled):
        with pytest.raises(StoreNotReady, match="has no epoch yet; the station is starting"):
            ask()
    writer(tmp_path, HandClock()).start().close()
    assert reader.outbox().last_seq == 0


def test_neighbours_are_the_same_lanes_judged_parts(tmp_path: Path) -> None:
    done, store = Committed(), writer(tmp_path, HandClock()).start()
    for n, lane in enumerate(("top", "side", "top", "top", "side"), 1):
        store.add(record(n, lane=lane), None, done)
    done.wait(5)
    store.open_part(opening(6))
    reader = Reader(store.database)
    assert reader.neighbours(3) == (1, 4)
    assert reader.neighbours(4) == (3, None)
    assert reader.neighbours(2) == (None, 5)
    assert reader.neighbours(99) == (None, None)
    assert reader.last_ids() == {"side": 5, "top": 4}
    store.close()


ASK = """
import os, pwd, sys
from pathlib import Path
from agent.errors import StoreFailed
from agent.errors import StoreNotReady
from agent.store.migrate import bring_up
from agent.store.read import Reader
from agent.store.values import PartQuery
reader = Reader(Path(sys.argv[1]))
# Only now, because another user need not be able to reach this interpreter's files.
nobody = pwd.getpwnam("nobody")
os.setgroups([]), os.setgid(nobody.pw_gid), os.setuid(nobody.pw_uid)
try:
    print("parts", len(reader.parts(PartQuery(limit=1000))))
except StoreFailed as error:
    print(type(error).__name__)
"""


def ask_as_nobody(database: Path) -> str:
    asked = subprocess.run([sys.executable, "-c", ASK, database], cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr
    return asked.stdout.strip()


@pytest.fixture
def seen_by_all() -> Iterator[Path]:
    """A data folder that another user may read and not write."""
    if os.geteuid() != 0:
        pytest.skip("running a reader under another user needs root")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        data.mkdir(mode=0o755)
        yield data


def test_another_user_reads_live_stopped_and_killed(seen_by_all: Path) -> None:
    database = seen_by_all / "results.db"
    assert ask_as_nobody(database) == "StoreNotReady"
    done, store = Committed(), writer(seen_by_all, HandClock()).start()
    store.add(record(1), None, done)
    done.wait(1)
    drained(store)
    assert ask_as_nobody(database) == "parts 1"
    killed = seen_by_all.parent / "killed"
    shutil.copytree(seen_by_all, killed)
    store.close()
    assert ask_as_nobody(database) == "parts 1"
    assert ask_as_nobody(killed / "results.db") == "parts 1"
    assert Reader(killed / "results.db").parts(PartQuery())[0].record == record(1)
    writer(killed, HandClock()).start().close()
