"""Windows: cut by time, counted by id ranges; whatever the clock does, every part is counted once."""

import json
import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.read import Reader
from agent.store.windows import MOST_EMPTY, aligned, passed
from pipelines.values import Outcome, Purpose
from tests.store.audit import audit
from tests.store.made import MINUTE_US, START_US, Committed, HandClock, drained, opening, record, writer

moments = st.integers(0, 4_000_000_000_000_000)
lengths = st.integers(200_000, 3_600_000_000)


@given(moments, st.integers(-5_000_000_000, 5_000_000_000_000), lengths)
def test_windows_follow_the_clock_wherever_it_goes(at: int, passes_us: int, length: int) -> None:
    """FIELD 23: a clock that jumps makes neither thousands of windows nor overlapping ones."""
    start, now = aligned(at, length), max(0, at + passes_us)
    over, running = passed(start, now, length)
    assert len(over) <= MOST_EMPTY
    assert running % length == 0
    assert all(b - a == length for a, b in pairwise(over))
    if over:
        assert over[0] == start
        assert running == aligned(now, length)
        assert passed(running, now, length) == ((), running)
    else:
        assert running == start
        assert start - length <= now < start + length


def test_a_window_a_minute_empty_ones_too(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, lanes=("top", "side")).start()
    for n, outcome in enumerate((Outcome.OK, Outcome.NG, Outcome.UNSURE), 1):
        store.add(record(n, outcome, missed=n), None, done)
    store.add(record(4, Outcome.NG, purpose=Purpose.SETUP), None, done)
    done.wait(4)
    clock.pass_s(59.9)
    drained(store)
    reader = Reader(store.database)
    assert reader.summaries("top") == ()
    clock.pass_s(0.1)
    drained(store)
    clock.pass_s(60.0)
    drained(store)
    store.close()
    (second, totals), (first, _) = reader.summaries("top")
    assert (first.window.start_utc_us, first.window.end_utc_us) == (START_US, START_US + MINUTE_US)
    assert (first.window.first_id, first.window.last_id) == (1, 4)
    assert (first.parts, first.ok, first.ng, first.unsure, first.missed, first.other_purposes) == (3, 1, 1, 1, 6, 1)
    assert (second.parts, second.window.first_id, second.window.last_id) == (0, 5, 4)
    assert (totals.parts, totals.missed) == (3, 6)
    assert [s.parts for s, _ in reader.summaries("side")] == [0, 0]
    messages = reader.unsettled()
    assert [m.seq for m in messages] == [1, 2, 3, 4]
    assert [m.topic for m in messages] == ["summary/side", "summary/top", "summary/side", "summary/top"]
    assert json.loads(messages[1].payload)["totals"]["ng"] == 1
    audit(store.database, done.ids)


def test_an_open_row_is_counted_by_the_window_after_its_judgement(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock).start()
    store.add(record(1), None, done)
    open_id = store.open_part(opening(2))
    store.add(record(3), None, done)
    done.wait(2)
    clock.pass_s(60)
    drained(store)
    reader = Reader(store.database)
    assert [(s.parts, s.window.last_id) for s, _ in reader.summaries("top")] == [(1, 1)]
    store.add(record(2, Outcome.NG, open_id=open_id), None, done)
    done.wait(3)
    clock.pass_s(60)
    drained(store)
    store.close()
    assert [(s.parts, s.window.first_id, s.window.last_id) for s, _ in reader.summaries("top")] == [
        (2, 2, 3),
        (1, 1, 1),
    ]
    audit(store.database, done.ids)


def test_another_lanes_open_row_holds_nothing_up(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, lanes=("top", "side")).start()
    store.open_part(opening(1, "side"))
    store.add(record(1), None, done)
    done.wait(1)
    clock.pass_s(60)
    drained(store)
    store.close()
    assert [s.parts for s, _ in Reader(store.database).summaries("top")] == [1]


@pytest.mark.parametrize("jump_s", [-86_400.0, -3_600.0, 3_600.0, 86_400 * 20_000.0])
def test_a_clock_that_jumps(tmp_path: Path, jump_s: float) -> None:
    """FIELD 23: no part is lost or counted twice, and no flood of windows follows."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock).start()
    store.add(record(1, at=clock.now()), None, done)
    done.wait(1)
    clock.jump_s(jump_s)
    drained(store)
    store.add(record(2, at=clock.now()), None, done)
    done.wait(2)
    clock.pass_s(61)
    drained(store)
    store.close()
    made = Reader(store.database).summaries("top")
    assert sum(s.parts for s, _ in made) == 2
    assert len(made) == 2
    audit(store.database, done.ids)


def test_a_small_step_back_does_not_cut_twice(tmp_path: Path) -> None:
    clock = HandClock()
    store = writer(tmp_path, clock).start()
    clock.pass_s(60)
    drained(store)
    clock.jump_s(-0.5)
    drained(store)
    clock.pass_s(0.5)
    drained(store)
    store.close()
    assert len(Reader(store.database).summaries("top")) == 1


def test_time_off_makes_no_windows_and_the_last_parts_are_counted(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock).start()
    store.add(record(1, at=clock.now()), None, done)
    done.wait(1)
    store.close()
    clock.pass_s(86_400)
    store = writer(tmp_path, clock, lanes=("other",)).start()
    drained(store)
    store.close()
    ((summary, _),) = Reader(store.database).summaries("top")
    assert (summary.parts, summary.window.start_utc_us) == (1, START_US)
    assert Reader(store.database).summaries("other") == ()


def test_a_restart_within_a_window_goes_on_with_it(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    for n in (1, 2, 3):
        store = writer(tmp_path, clock).start()
        store.add(record(n, at=clock.now()), None, done)
        done.wait(n)
        store.close()
        clock.pass_s(10)
    clock.pass_s(30)
    store = writer(tmp_path, clock).start()
    drained(store)
    store.close()
    assert [s.parts for s, _ in Reader(store.database).summaries("top")] == [3]


class Line:
    """A station's store over its life, with kills: the files as they lie when the process is gone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.done = Committed()
        self.opened: list[int] = []
        self.expected = 0
        self.lives = 0
        self.sequence = 0
        self.begin()

    def begin(self) -> None:
        self.lives += 1
        self.store = writer(self.folder, self.clock, lanes=("top", "side"), window_s=10).start()

    def do(self, act: tuple[str, int]) -> None:
        name, n = act
        lane = ("top", "side", "spare")[n % 3]
        outcome = tuple(Outcome)[n % 3]
        if name == "add":
            for _ in range(n):
                self.sequence += 1
                self.expected += 1
                self.store.add(record(self.sequence, outcome, lane, missed=n % 2, at=self.clock.now()), None, self.done)
        elif name == "open":
            self.sequence += 1
            self.opened.append(self.store.open_part(opening(self.sequence, lane, at=self.clock.now())))
        elif name == "judge" and self.opened:
            self.expected += 1
            open_id = self.opened.pop(n % len(self.opened))
            part = Reader(self.store.database).part(open_id)
            assert part is not None
            self.store.add(
                record(part.record.sequence, outcome, part.record.origin.lane, open_id=open_id), None, self.done
            )
        elif name == "event":
            self.store.event("something", n=n)
        elif name == "pass":
            self.clock.pass_s(n)
        elif name == "jump":
            self.clock.jump_s((n - 10) * 1000)
        elif name == "settle":
            outbox = Reader(self.store.database).outbox()
            self.store.settle(outbox.epoch, min(n, outbox.last_seq), [n // 2] if n // 2 else [])
        elif name in ("kill", "restart"):
            self.end(name == "kill")
            self.begin()

    def end(self, kill: bool) -> None:
        self.done.wait(self.expected)
        self.opened.clear()
        if not kill:
            self.store.close()
            return
        drained(self.store)
        copy = Path(tempfile.mkdtemp(dir=self.folder.parent))
        for file in self.folder.iterdir():
            if not file.name.endswith("-shm"):
                shutil.copy(file, copy)
        self.store.close()
        self.folder = copy


acts = st.tuples(
    st.sampled_from(["add", "add", "open", "judge", "event", "pass", "pass", "jump", "settle", "kill", "restart"]),
    st.integers(1, 20),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(acts, max_size=25))
def test_whatever_happens_every_part_is_counted_once(life: list[tuple[str, int]]) -> None:
    """FIELD 17, 19: sums over the summaries are sums over the rows; numbers rise without a gap."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "first").mkdir()
        line = Line(Path(folder) / "first")
        for act in life:
            line.do(act)
            drained(line.store, turns=int(act[0] in ("pass", "jump")))
        line.end(kill=False)
        audit(line.store.database, line.done.ids)
        assert len(line.done.ids) == line.expected
        # At the next start everything is judged, and the lanes' windows catch up.
        line.begin()
        line.clock.pass_s(20)
        drained(line.store)
        line.store.close()
        audit(line.store.database, line.done.ids)
        reader = Reader(line.store.database)
        for lane in ("top", "side"):
            assert reader.totals(lane).parts == reader.tally(lane).parts
