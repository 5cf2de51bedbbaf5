"""The write thread lives on: a change that fails, a clock that jumps, pictures that are too large to wait."""

import threading
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, text

from agent.errors import StoreFailed
from agent.store.inbox import MOST_PIXEL_BYTES, Inbox, Put
from agent.store.losses import Losses
from agent.store.read import Reader
from agent.store.steady import Steady
from agent.store.values import Evidence
from pipelines.values import Frame, Stamp
from tests.store.audit import audit
from tests.store.made import START_US, Committed, HandClock, drained, frame, record, writer


@pytest.mark.parametrize("numbers", [(2**70, 2**70), (0, 2**64)])
def test_a_number_that_no_row_can_hold_fails_its_caller_only(tmp_path: Path, numbers: tuple[int, int]) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock).start()
    for n in range(1, 31):
        store.add(record(n), frame(n), done)
    with pytest.raises(StoreFailed, match="too large"):
        store.resend(*numbers)
    store.event("after")
    done.wait(30)
    drained(store)
    store.close()
    assert [e.name for e in Reader(store.database).events(10)] == ["after"]
    audit(store.database, done.ids)


def test_a_change_that_nobody_waits_for_fails_alone(tmp_path: Path) -> None:
    """In one group with others: theirs are kept, what it had written itself is undone."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock).start()
    held, go = threading.Event(), threading.Event()

    def hold(_record_id: int, _made: object, _picture: object) -> None:
        held.set()
        assert go.wait(30)

    store.add(record(1), None, hold)  # type: ignore[arg-type]
    assert held.wait(30)
    # All of these are of the next group.
    store.event("before")
    store.add(record(2), None, done)
    store.set_evidence(1, Evidence("1.jpg", "c" * 64, 2**70))
    store.set_evidence(2, Evidence("2.jpg", "c" * 64, 2))
    store.event("after")
    go.set()
    done.wait(1)
    drained(store)
    reader = Reader(store.database)
    one, two = reader.part(1), reader.part(2)
    assert one is not None
    assert two is not None
    assert one.evidence is None
    assert two.evidence is not None
    assert [e.name for e in reader.events(10)] == ["after", "before"]
    store.close()
    audit(store.database)


def test_what_a_failed_change_had_written_is_undone(tmp_path: Path) -> None:
    store = writer(tmp_path, HandClock()).start()

    def half(conn: Connection) -> int:
        conn.execute(text("UPDATE meta SET software = 'half'"))
        raise ValueError("not like this")

    with pytest.raises(StoreFailed, match="not like this"):
        store._ask(half)
    assert store._ask(lambda conn: int(conn.execute(text("SELECT software = 'half' FROM meta")).scalar_one())) == 0
    store.close()


def test_a_jump_is_an_event_and_a_flag(tmp_path: Path) -> None:
    """FIELD 23: a clock that jumps is an event and a flag on the records."""
    clock = HandClock()
    store = writer(tmp_path, clock).start()
    drained(store)
    assert store.clock_trusted
    clock.pass_s(1000)
    clock.jump_s(1.5)
    drained(store)
    assert store.clock_trusted, "time daemons do that"
    clock.jump_s(-3600)
    assert not store.clock_trusted, "at once, and not only after the next turn"
    drained(store)
    clock.pass_s(59)
    drained(store)
    assert not store.clock_trusted
    clock.pass_s(2)
    drained(store)
    assert store.clock_trusted
    store.close()
    (event,) = [e for e in Reader(store.database).events(10) if e.name == "clock_jumped"]
    assert event.detail == {"by_s": -3600.0}


def test_a_clock_that_was_never_set_is_not_trusted(tmp_path: Path) -> None:
    store = writer(tmp_path, HandClock(utc_us=1_000_000)).start()
    drained(store)
    assert not store.clock_trusted
    store.close()


def test_another_boot_is_no_jump() -> None:
    steady = Steady(2.0, 60.0)
    assert steady.look(Stamp(START_US, 10**9, "a")) == 0.0
    assert steady.look(Stamp(START_US + 10**9, 10**9, "b")) == 0.0
    assert steady.look(Stamp(START_US + 10**9 + 3_000_000, 10**9, "b")) == 3.0


def large(n: int) -> Frame:
    pixels = np.zeros((4000, 6000, 3), np.uint8)
    assert pixels.nbytes > MOST_PIXEL_BYTES
    return Frame("top", n, pixels, Stamp(START_US, 1, "boot-1"))


def test_one_picture_may_wait_however_large_it_is() -> None:
    inbox = Inbox(10)
    puts = [Put(record(n), large(n), None) for n in (1, 2)]
    for put in puts:
        inbox.put(put)
    assert puts[0].frame is not None
    assert puts[1].frame is None
    assert inbox.pictures_let_go == 1
    assert inbox.take(10, 0.1, 1.0) == puts
    third = Put(record(3), large(3), None)
    inbox.put(third)
    assert third.frame is not None


def test_losses_are_told_at_once_and_then_once_a_minute() -> None:
    losses, lost, told = Losses(), 0, []
    for second in range(181):
        lost += 10
        if new := losses.report(second * 10**9, (lost, 0)):
            told.append((second, new))
    assert told == [(0, (10, 0)), (60, (600, 0)), (120, (600, 0)), (180, (600, 0))]
    assert losses.untold((lost, 1)) == (0, 1)
    assert losses.report(10**12, (lost, 0)) is None


def test_an_overflow_that_goes_on_is_one_event(tmp_path: Path) -> None:
    clock, store_done = HandClock(), Committed()
    store = writer(tmp_path, clock, group_max=2).start()
    gone = 0
    for _ in range(4):
        held, go = threading.Event(), threading.Event()

        def hold(
            _id: int, _made: object, _picture: object, held: threading.Event = held, go: threading.Event = go
        ) -> None:
            held.set()
            assert go.wait(30)

        store.add(record(1), None, hold)  # type: ignore[arg-type]
        assert held.wait(30)
        store.add(record(2), large(2), store_done)
        store.add(record(3), large(3), store_done)
        gone += 1
        go.set()
        drained(store)
    assert [e.detail["pictures_let_go"] for e in Reader(store.database).events(10)] == [1]
    clock.pass_s(61)
    drained(store, 3)
    told = [e.detail["pictures_let_go"] for e in Reader(store.database).events(10) if e.name == "overflow"]
    assert sum(map(int, told)) == gone
    assert len(told) == 2
    store.close()
