"""Retention: by age, in small batches, pictures before records, never what the centre does not hold."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.config import StoreConfig
from agent.store.database import open_read_only
from agent.store.outbox import Settle
from agent.store.read import Reader
from agent.store.values import Evidence, PartQuery
from agent.store.write import Writer
from pipelines.values import Outcome, Stamp
from tests.store.audit import audit
from tests.store.made import IDLE_S, Committed, HandClock, Plain, drained, record, writer

DAY_S = 86_400


def rest(store: Writer, clock: HandClock, days: float) -> None:
    """Days go by as they do for a station: in steps, with the housekeeping's turns between them."""
    for _ in range(8):
        clock.pass_s(days * DAY_S / 8)
        drained(store)


def ids(store: Writer) -> list[int]:
    return [p.id for p in reversed(Reader(store.database).parts(PartQuery(limit=10_000)))]


def settle_all(store: Writer) -> None:
    outbox = Reader(store.database).outbox()
    store.settle(outbox.epoch, outbox.last_seq)


@pytest.mark.parametrize("settle", ["centre", "off"])
def test_old_rows_go_once_the_centre_holds_them(tmp_path: Path, settle: Settle) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, settle=settle, keep_days=10, window_s=3600).start()
    for n in range(1, 701):
        store.add(record(n, tuple(Outcome)[n % 3], at=clock.now()), None, done)
    done.wait(700)
    rest(store, clock, 8)
    assert len(ids(store)) == 700
    store.add(record(701, at=clock.now()), None, done)
    done.wait(701)
    rest(store, clock, 4)
    if settle == "centre":
        assert len(ids(store)) == 701
        settle_all(store)
        rest(store, clock, 0.1)
    assert ids(store) == [701]
    # Ids go on, and so do the totals.
    store.add(record(702, at=clock.now()), None, done)
    assert done.wait(702)[-1] == 702
    rest(store, clock, 20)
    settle_all(store)
    rest(store, clock, 20)
    assert ids(store) == []
    assert Reader(store.database).totals("top").parts == 702
    store.close()
    store = writer(tmp_path, clock, settle=settle, keep_days=10, window_s=3600).start()
    store.add(record(703, at=clock.now()), None, done)
    assert done.wait(703)[-1] == 703
    store.close()


def test_a_record_waits_for_its_picture(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, settle="off", keep_days=10, window_s=3600).start()
    for n in (1, 2, 3):
        store.add(record(n, at=clock.now()), None, done)
    done.wait(3)
    store.set_evidence(2, Evidence("top/2026-05-29/2-OK.jpg", "c" * 64, 1000))
    rest(store, clock, 12)
    assert ids(store) == [2]
    store.drop_evidence([2])
    rest(store, clock, 0.1)
    assert ids(store) == []
    store.close()


def test_a_jumping_clock_makes_nothing_old(tmp_path: Path) -> None:
    """FIELD 23: a clock that is set a year ahead deletes nothing within a day of it."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, settle="off", keep_days=10, window_s=3600).start()
    store.add(record(1, at=clock.now()), None, done)
    done.wait(1)
    drained(store)
    clock.pass_s(60)
    clock.jump_s(365 * DAY_S)
    drained(store)
    for _ in range(3):
        clock.pass_s(7 * 3600)
        drained(store)
    assert ids(store) == [1]
    clock.jump_s(-365 * DAY_S)
    drained(store)
    rest(store, clock, 5)
    assert ids(store) == [1]
    store.close()


def test_a_part_of_1970_is_as_old_as_its_neighbours(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, settle="off", keep_days=10, window_s=3600).start()
    store.add(record(1, at=Stamp(1_000_000, 1_000_000, "boot-1"), clock_trusted=False), None, done)
    store.add(record(2, at=clock.now()), None, done)
    done.wait(2)
    rest(store, clock, 9)
    assert ids(store) == [1, 2]
    rest(store, clock, 2)
    assert ids(store) == []
    store.close()


def test_what_may_be_removed_good_before_bad_and_never_the_unsettled(tmp_path: Path) -> None:
    """FIELD 18: pictures before records, good before bad, never the unsent."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, lanes=("top", "side")).start()
    outcomes = (Outcome.NG, Outcome.OK, Outcome.UNSURE, Outcome.OK)
    for n in range(1, 13):
        store.add(record(n, outcomes[n % 4], ("top", "side")[n % 2], at=clock.now()), None, done)
    done.wait(12)
    for n in range(1, 13):
        store.set_evidence(n, Evidence(f"{n}.jpg", "c" * 64, n))
    drained(store)
    reader = Reader(store.database)
    assert reader.removable(100) == ()
    clock.pass_s(60)
    drained(store)
    assert reader.removable(100) == ()
    # The side lane's window comes first: only its parts are acknowledged.
    store.settle(reader.outbox().epoch, 1)
    assert [k.id for k in reader.removable(100)] == [1, 3, 5, 7, 9, 11]
    store.settle(reader.outbox().epoch, 2)
    assert [k.id for k in reader.removable(100)] == [1, 3, 5, 7, 9, 11, 2, 4, 6, 8, 10, 12]
    assert [(k.id, k.evidence.bytes) for k in reader.removable(2)] == [(1, 1), (3, 3)]
    assert reader.removable(100, before_utc_us=clock.now().utc_us - 3_600_000_000) == ()
    assert len(reader.removable(100, before_utc_us=clock.now().utc_us)) == 12
    store.resend(2, 2)
    assert [k.id for k in reader.removable(100)] == [1, 3, 5, 7, 9, 11]
    store.close()


@dataclass
class Disk:
    """A disk with so much free space, bytes, for this user."""

    free: int

    def __call__(self, _: Path) -> int:
        return self.free


def room(data: Path, clock: HandClock, disk: Disk, settle: Settle = "off") -> Writer:
    config = StoreConfig(window_s=60)
    lanes, reserve = ("top", "side"), 100_000_000
    store = Writer(
        data,
        config,
        settle,
        lanes=lanes,
        encoder=Plain(),
        clock=clock,
        reserve_bytes=reserve,
        free=disk,
        idle_s=IDLE_S,
    )
    return store.start()


def reusable(store: Writer) -> int:
    connection = open_read_only(store.database)
    try:
        pages, size = (connection.execute(f"PRAGMA {w}").fetchone()[0] for w in ("freelist_count", "page_size"))
        return int(pages * size)
    finally:
        connection.close()


def pass_turns(store: Writer, clock: HandClock, turns: int, seconds: float) -> None:
    for _ in range(turns):
        clock.pass_s(seconds)
        drained(store)


def judge(store: Writer, clock: HandClock, count: int) -> list[int]:
    done = Committed()
    for n in range(1, count + 1):
        store.add(record(n, Outcome.NG, ("top", "side")[n % 2], at=clock.now()), None, done)
    return done.wait(count)


def test_for_want_of_room_the_oldest_rows_go_and_no_more_than_needed(tmp_path: Path) -> None:
    """FIELD 18: rows go by free space too; what they leave in the file counts, or all of them would go."""
    clock, disk = HandClock(), Disk(100_000_000)
    store = room(tmp_path, clock, disk)
    made = judge(store, clock, 3000)
    pass_turns(store, clock, 10, 60)
    assert ids(store) == made
    disk.free -= 300_000
    pass_turns(store, clock, 2, 20)
    assert ids(store) == made, "pictures get a minute to go first"
    pass_turns(store, clock, 40, 20)
    left = ids(store)
    assert left == made[-len(left) :], "the oldest first, of all lanes"
    assert 1000 < len(left) < 3000
    assert 300_000 <= reusable(store) < 3_000_000
    (told,) = [e for e in Reader(store.database).events(100) if e.name == "rows_dropped"]
    assert told.detail["rows"] == 500
    pass_turns(store, clock, 2, 3600)
    assert ids(store) == left
    more = [e.detail["rows"] for e in Reader(store.database).events(100) if e.name == "rows_dropped"]
    assert sum(map(int, more)) == 3000 - len(left)
    # New rows take the room that the old ones left: the file does not grow.
    size = store.database.stat().st_size
    judge(store, clock, 200)
    drained(store)
    assert store.database.stat().st_size == size
    store.close()


def test_for_want_of_room_nothing_goes_that_has_a_picture_or_is_not_settled(tmp_path: Path) -> None:
    """FIELD 18: pictures before records, never the unsent."""
    clock, disk = HandClock(), Disk(1000)
    store = room(tmp_path, clock, disk, "centre")
    made = judge(store, clock, 20)
    pass_turns(store, clock, 10, 60)
    assert ids(store) == made
    store.set_evidence(7, Evidence("7.jpg", "c" * 64, 7))
    settle_all(store)
    pass_turns(store, clock, 10, 60)
    assert ids(store) == made, "the picture of 7 is to go first"
    store.drop_evidence([7])
    settle_all(store)
    # What is not summarised and settled yet stays.
    late = judge(store, clock, 2)
    pass_turns(store, clock, 20, 10)
    assert ids(store) == late
    audit_open(store)
    store.close()


def audit_open(store: Writer) -> None:
    connection = open_read_only(store.database)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for table in ("detections", "defects"):
            orphans = f"SELECT count(*) FROM {table} WHERE inspection_id NOT IN (SELECT id FROM inspections)"
            assert connection.execute(orphans).fetchone() == (0,)
    finally:
        connection.close()


def test_retention_keeps_up_with_a_hundred_parts_a_second(tmp_path: Path) -> None:
    """Ten seconds of a fast station are a thousand rows; more than these go in the next ten."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, settle="off", keep_days=10, window_s=3600).start()
    for n in range(1, 3001):
        store.add(record(n, at=clock.now()), None, done)
    done.wait(3000)
    rest(store, clock, 9.9)
    assert len(ids(store)) == 3000
    clock.pass_s(0.2 * DAY_S)
    drained(store)
    for _ in range(9):
        clock.pass_s(1)
        drained(store)
    assert ids(store) == []
    store.close()


def count(store: Writer, table: str) -> int:
    connection = sqlite3.connect(f"{store.database.as_uri()}?mode=ro", uri=True)
    try:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    finally:
        connection.close()


def test_events_whose_message_was_rolled_up_go_with_age(tmp_path: Path) -> None:
    clock = HandClock()
    store = writer(tmp_path, clock, settle="off", keep_days=10, window_s=3600, unsettled_max=100, lanes=()).start()
    for n in range(300):
        store.event("picture_refused", n=n)
    drained(store)
    rest(store, clock, 0.1)
    assert count(store, "events") == 302, "rolled up: still there to be read here"
    assert Reader(store.database).outbox().unsettled == 12
    rest(store, clock, 12)
    pass_turns(store, clock, 3, 10)
    assert count(store, "events") == 12, "what waits for a centre is kept"
    store.close()
    audit(store.database)
