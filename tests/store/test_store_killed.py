"""kill -9 at any moment: what was shown is there after the restart, and counted once."""

import random
import signal
import time
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.store.read import Reader
from agent.store.values import PartQuery
from pipelines.values import Outcome, Rule
from tests.forked import Forked
from tests.store import killed
from tests.store.audit import audit
from tests.store.made import Committed, HandClock, drained, opening, record, writer

KILLS = 12


def live_and_be_killed(data: Path, life: int, after_s: float) -> tuple[list[int], list[int]]:
    """Run the store until it has committed something and `after_s` have passed; the ids it showed and opened."""
    process = Forked(killed.main, data, life, says=1)
    try:
        lines = [process.said.readline()]
        time.sleep(after_s)
    finally:
        process.send_signal(signal.SIGKILL)
        lines += process.ended(20).splitlines()
    whole = [line.strip() for line in lines if line.strip()]
    shown = [int(line) for line in whole if not line.startswith("open")]
    opened = [int(line.split()[1]) for line in whole if line.startswith("open ")]
    return shown, opened


@pytest.mark.slow
def test_killed_a_dozen_times(tmp_path: Path) -> None:
    """FIELD 17: every id that was called back, and every opened row, is in the database afterwards."""
    seeds = random.Random(7)
    shown: set[int] = set()
    opened: set[int] = set()
    for life in range(KILLS):
        new, triggered = live_and_be_killed(tmp_path, life, seeds.uniform(0.0, 0.6))
        assert not shown & set(new), "an id was given twice"
        shown |= set(new)
        opened |= set(triggered)
    store = writer(tmp_path, SystemClock(), lanes=("top", "side"), window_s=0.2).start()
    drained(store)
    store.close()
    audit(store.database, shown | opened)
    assert len(shown) > KILLS
    reader = Reader(store.database)
    interrupted = {
        int(i) for e in reader.events(10_000) if e.name == "interrupted" for i in str(e.detail["ids"]).split(",")
    }
    assert interrupted <= {p.id for p in reader.parts(PartQuery(outcome=Outcome.UNSURE, lane="side", limit=1 << 30))}


def test_open_rows_of_an_earlier_run_are_listed_for_hold(tmp_path: Path) -> None:
    """No pass without a row: what was triggered and not judged is UNSURE (interrupted) after a restart."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock).start()
    held = [store.open_part(opening(n, part_id=f"SN{n}")) for n in (1, 2)]
    judged = store.open_part(opening(3, part_id="SN3"))
    store.add(record(3, Outcome.OK, open_id=judged, part_id="SN3"), None, done)
    done.wait(1)
    store.close()
    clock.pass_s(5)
    store = writer(tmp_path, clock).start()
    store.close()
    reader = Reader(store.database)
    (event,) = reader.events(10)
    assert (event.name, event.detail) == (
        "interrupted",
        {"parts": 2, "ids": f"{held[0]},{held[1]}", "part_ids": "SN1,SN2"},
    )
    parts = {p.id: p for p in reader.parts(PartQuery())}
    for record_id in held:
        assert parts[record_id].record.verdict.outcome is Outcome.UNSURE
        assert parts[record_id].record.verdict.reasons[0].rule is Rule.INTERRUPTED
        assert parts[record_id].record.decided_utc_us == clock.now().utc_us
    assert parts[judged].record.verdict.outcome is Outcome.OK
    # A record that comes too late for its row changes nothing.
    store = writer(tmp_path, clock).start()
    store.add(record(1, Outcome.OK, open_id=held[0]), None, done)
    drained(store)
    store.close()
    part = reader.part(held[0])
    assert part is not None
    assert part.record.verdict.outcome is Outcome.UNSURE
