"""Retention: by age, in small batches, pictures before records, never what the centre does not hold."""

from pathlib import Path

import pytest

from agent.store.outbox import Settle
from agent.store.read import Reader
from agent.store.values import Evidence, PartQuery
from agent.store.write import Writer
from pipelines.values import Outcome, Stamp
from tests.store.made import Committed, HandClock, drained, record, writer

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
