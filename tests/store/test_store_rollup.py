"""What stays unsettled beyond its quota is rolled up into hours: nothing is dropped, nothing counted twice."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.store.read import Reader
from pipelines.summary import Window, merge, summarise
from pipelines.values import Outcome, Purpose, Stamp
from tests.store.audit import audit
from tests.store.made import START_US, Committed, HandClock, drained, record, writer

records = st.builds(
    lambda n, outcome, label, purpose, attempt, missed: record(
        n,
        outcome,
        label=label,
        at=Stamp(START_US + n * 1_000_000, n, "boot-1"),
        purpose=purpose,
        attempt=attempt,
        missed=missed,
    ),
    st.integers(1, 50),
    st.sampled_from(Outcome),
    st.sampled_from(["open", "short"]),
    st.sampled_from(Purpose),
    st.integers(1, 2),
    st.integers(0, 3),
)


@given(st.lists(st.lists(records, max_size=6), min_size=1, max_size=5))
def test_merged_summaries_are_the_summary_of_all(windows: list[list[object]]) -> None:
    """Counts add and histograms merge: the order and the grouping do not matter."""
    made, first = [], 1
    for n, some in enumerate(windows):
        window = Window(START_US + n * 60, START_US + (n + 1) * 60, first, first + len(some) - 1)
        made.append(summarise("top", "top", window, some))  # type: ignore[arg-type]
        first += len(some)
    everything = [r for some in windows for r in some]
    whole = Window(START_US, START_US + len(windows) * 60, 1, len(everything))
    assert merge(made) == summarise("top", "top", whole, everything)  # type: ignore[arg-type]
    if len(made) > 2:
        assert merge([merge(made[:2]), *made[2:]]) == merge(made)


def test_hours_instead_of_minutes(tmp_path: Path) -> None:
    """FIELD 19: a centre that is away for long costs resolution, never a part."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, lanes=("top", "side"), unsettled_max=100).start()
    reader = Reader(store.database)
    born = reader.outbox().epoch
    store.event("something", n=1)
    for n in range(1, 181):
        store.add(record(n, tuple(Outcome)[n % 3], ("top", "side")[n % 2], missed=1, at=clock.now()), None, done)
        done.wait(n)
        clock.pass_s(60)
    drained(store)
    outbox = reader.outbox()
    assert outbox.epoch != born
    assert 0 < outbox.unsettled <= 100
    messages = reader.unsettled(0, 1000)
    assert [m.seq for m in messages] == list(range(1, outbox.last_seq + 1))
    said = [json.loads(m.payload) for m in messages]
    sums = [s for s in said if "window" in s]
    assert sum(s["parts"] for s in sums) == 180
    assert sum(s["missed"] for s in sums) == 180
    spans = {(s["window"]["end_utc_us"] - s["window"]["start_utc_us"]) / 60e6 for s in sums}
    assert max(spans) == 60
    assert min(spans) == 1
    rolled = [s["detail"] for s in said if s.get("name") == "outbox_rolled_up"]
    assert rolled
    assert rolled[0]["old"] == born
    assert (rolled[0]["from_seq"], rolled[0]["messages"]) == (1, rolled[0]["to_seq"])
    assert [s["detail"]["n"] for s in said if s.get("name") == "something"] == [1]
    store.close()
    audit(store.database, done.ids)
    assert reader.totals("top").parts + reader.totals("side").parts == 180
