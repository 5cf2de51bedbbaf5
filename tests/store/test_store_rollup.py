"""What stays unsettled beyond its quota is rolled up into hours: nothing is dropped, nothing counted twice."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.store.database import writer as write_engine
from agent.store.outbox import add_event
from agent.store.read import Reader
from agent.store.rollup import Quota
from agent.store.rows import summary_of, summary_row
from agent.store.values import Totals
from agent.store.write import Writer
from pipelines.summary import Window, merge, summarise
from pipelines.values import Outcome, Purpose, Reason, Rule, Stamp, Verdict
from tests.store.audit import audit
from tests.store.made import START_US, Committed, HandClock, Plain, drained, record, writer

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
    for n in range(1, 121):
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
    assert sum(s["parts"] for s in sums) == 120
    assert sum(s["missed"] for s in sums) == 120
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
    assert reader.totals("top").parts + reader.totals("side").parts == 120


def names(store: Writer) -> list[str]:
    return [json.loads(m.payload).get("name", "summary") for m in Reader(store.database).unsettled(0, 100_000)]


def test_many_events_become_their_counts(tmp_path: Path) -> None:
    """FIELD 19: a camera that sends rubbish fills no outbox, pushes out no summary, and nothing goes in silence."""
    clock = HandClock()
    store = writer(tmp_path, clock, settle="off", unsettled_max=200).start()
    reader, told, made = Reader(store.database), Counter[str](), Counter[str]()
    for minute in range(60):
        for _ in range(15):
            name = ("picture_refused", "camera_gone", "camera_back")[sum(made.values()) % 3]
            store.event(name)
            made[name] += 1
        clock.pass_s(60)
        drained(store)
        assert reader.outbox().unsettled <= 220 + 20, minute
    assert Counter(names(store))["summary"] == 60
    said = [json.loads(m.payload) for m in reader.unsettled(0, 1000)]
    for each in (s["detail"] for s in said if s.get("name") == "events_rolled_up"):
        told.update({k.removeprefix("count_"): n for k, n in each.items() if k.startswith("count_")})
        assert each["events"] == sum(n for k, n in each.items() if k.startswith("count_"))
        assert each["first_utc_us"] < each["last_utc_us"]
    told.update(s["name"] for s in said if s.get("name") in made)
    assert told == made
    assert len([e for e in reader.events(10_000) if e.name in made]) == 900
    store.close()
    audit(store.database)


def test_a_new_epoch_is_rare(tmp_path: Path) -> None:
    """All that waits is encoded anew each time: so it is done when much is gained by it."""
    clock = HandClock()
    store = writer(tmp_path, clock, settle="off", unsettled_max=200, lanes=("top", "side")).start()
    epochs = set()
    for n in range(180):
        store.event("said", n=n)
    for _ in range(160):
        clock.pass_s(60)
        drained(store, 1)
        epochs.add(Reader(store.database).outbox().epoch)
    assert 2 <= len(epochs) <= 5
    assert Reader(store.database).outbox().unsettled <= 220
    store.close()
    audit(store.database)


def test_days_where_hours_are_not_enough(tmp_path: Path) -> None:
    """FIELD 19: a year without a centre stays within the quota."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, settle="off", unsettled_max=100, window_s=3600).start()
    for n in range(1, 161):
        store.add(record(n, at=clock.now()), None, done)
        done.wait(n)
        clock.pass_s(3600)
        drained(store, 1)
    assert Reader(store.database).outbox().unsettled <= 111
    assert Reader(store.database).totals("top").parts == 160
    spans = [s.window.end_utc_us - s.window.start_utc_us for s, _ in Reader(store.database).summaries("top", 1000)]
    assert max(spans) == 24 * 3_600_000_000
    assert min(spans) == 3_600_000_000
    store.close()
    audit(store.database, done.ids)


def test_what_cannot_be_rolled_up_is_not_tried_for_ever(tmp_path: Path) -> None:
    """Where nothing follows on, what waits must grow by a tenth before the next try."""
    store = writer(tmp_path, HandClock(), settle="off", lanes=()).start()
    store.close()
    engine = write_engine(store.database)
    quota, at = Quota(100), Stamp(START_US, 1, "boot-1")
    tries = 0
    with engine.connect() as conn:
        for n in range(400):
            with conn.begin():
                add_event(conn, Plain(), replace(at, utc_us=START_US + n), "epoch_renewed", {})
                before = quota.limit
                assert not quota.keep(conn, Plain(), at)
                tries += quota.limit > before
    engine.dispose()
    assert 5 < tries < 20


def test_a_summary_comes_back_as_it_was_also_from_an_older_row() -> None:
    lacking = replace(
        record(1, Outcome.NG), verdict=Verdict(Outcome.NG, (Reason(Rule.MISSING, measured=1, limit=2, label="screw"),))
    )
    made = summarise("top", "top", Window(START_US, START_US + 60, 1, 2), [lacking, record(2, Outcome.NG)])
    assert made.missing == (("screw", 1),)
    row = summary_row(made, Totals(1, 0, 1), START_US)
    assert summary_of(row) == (made, Totals(1, 0, 1))  # type: ignore[arg-type]
    body = json.loads(row["body"])
    del body["missing"]
    older = {**row, "body": json.dumps(body)}
    assert summary_of(older)[0] == replace(made, missing=())  # type: ignore[arg-type]
