"""Sums of parts: each part once, whatever the windows, and after retention and an upgrade too."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality.baseline import HOUR_US, HOURS, PARTS
from agent.quality.bins import BIN_US, Bin, FirstHours, Revision
from agent.quality.yields import Counts, summed
from agent.store.found import defect_causes, heat, last_picture, look, score_histograms, unsure_causes
from agent.store.gaps import gaps
from agent.store.migrate import bring_up
from agent.store.read import Reader
from agent.store.sums import Scope, baseline, bins, fresh, recipes_of, revisions
from pipelines.values import Outcome, Purpose, Record, Stamp
from tests.store.made import START_US, Committed, HandClock, drained, origin, record, writer
from tests.store.upgraded import first_version

parts = st.lists(
    st.tuples(
        st.sampled_from(tuple(Outcome)),
        st.integers(0, 3 * BIN_US),
        st.integers(1, 2),
        st.sampled_from((Purpose.PRODUCTION, Purpose.PRODUCTION, Purpose.CHALLENGE)),
        st.sampled_from(("a", "b")),
        st.booleans(),
    ),
    max_size=25,
)


def made(n: int, outcome: Outcome, at_us: int, recipe: str = "a", **other: object) -> Record:
    stamp = Stamp(START_US + at_us, 1, "boot-1")
    return record(n, outcome, at=stamp, origin=replace(origin(), recipe_hash=recipe * 64), **other)


def bins_of(reader: Reader, lane: str = "top", **scope: int) -> dict[str, tuple[Bin, ...]]:
    """First letter of a revision's hash -> its bins."""
    return reader.ask(
        lambda conn: {
            revision.hash[0]: bins(conn, ids, Scope(lane, **scope), fresh(conn, lane))
            for revision, ids in revisions(conn, lane).items()
        }
    )


def baseline_of(reader: Reader, recipe: str = "a") -> FirstHours:
    revision = Revision("board", recipe * 64)
    return reader.ask(lambda conn: baseline(conn, revisions(conn, "top")[revision], fresh(conn, "top")))


def expected(records: Sequence[Record], recipe: str) -> Counter[tuple[int, str]]:
    """(start of the bin, what) -> parts."""
    found: Counter[tuple[int, str]] = Counter()
    for each in records:
        if each.purpose is Purpose.PRODUCTION and each.origin.recipe_hash[0] == recipe:
            start, outcome = each.captured.utc_us // BIN_US * BIN_US, each.verdict.outcome.lower()
            names = ("parts", outcome, "measured", *(("first", f"first_{outcome}") if each.attempt == 1 else ()))
            found.update((start, name) for name in names)
    return found


def flat(found: Sequence[Bin]) -> Counter[tuple[int, str]]:
    made: Counter[tuple[int, str]] = Counter()
    for each in found:
        c = each.counts
        numbers = {"parts": c.parts, "ok": c.ok, "ng": c.ng, "unsure": c.unsure, "first": c.first}
        numbers |= {"first_ok": c.first_ok, "first_ng": each.first_ng, "first_unsure": each.first_unsure}
        numbers |= {"measured": each.measured}
        made.update({(each.start_utc_us, name): n for name, n in numbers.items() if n})
    return made


@settings(max_examples=12, deadline=None)
@given(parts)
def test_each_part_is_summed_once_however_the_windows_are_cut(
    rows: list[tuple[Outcome, int, int, Purpose, str, bool]],
) -> None:
    with TemporaryDirectory() as folder:
        clock, done, records = HandClock(), Committed(), []
        store = writer(Path(folder), clock, window_s=1).start()
        for n, (outcome, at, attempt, purpose, recipe, cut) in enumerate(rows, 1):
            records.append(made(n, outcome, at, recipe, attempt=attempt, purpose=purpose))
            store.add(records[-1], None, done)
            if cut:
                done.wait(n)
                clock.pass_s(2)
                drained(store)
        done.wait(len(rows))
        reader = Reader(store.database)
        for recipe, found in bins_of(reader).items():
            assert flat(found) == expected(records, recipe)
            assert all(abs(each.brightness - 99.25 * each.measured) < 1e-6 for each in found)
        store.close()


def test_sums_outlive_their_rows(tmp_path: Path) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, "none", window_s=1, keep_days=1).start()
    for n in range(1, 11):
        store.add(made(n, Outcome.NG if n == 3 else Outcome.OK, n), None, done)
    done.wait(10)
    clock.pass_s(2)
    drained(store)
    reader = Reader(store.database)
    before = bins_of(reader)
    for _ in range(40):
        clock.pass_s(86_400)
        drained(store)
        if reader.part(1) is None:
            break
    assert reader.part(1) is None
    assert bins_of(reader) == before
    assert baseline_of(reader).bins == before["a"]
    store.close()


def test_an_upgrade_sums_what_is_in_summaries_and_no_more(tmp_path: Path) -> None:
    database = tmp_path / "results.db"
    first_version(database, [0, 1, 2, 0, 1], [False] * 5)
    bring_up(database, "0001")
    reader = Reader(database)
    counts = Counts(5, 2, 2, 1, 5, 2)
    assert summed(each.counts for each in bins_of(reader)["a"]) == counts
    store = writer(tmp_path, HandClock(), window_s=1).start()
    drained(store)
    store.close()
    assert summed(each.counts for each in bins_of(reader)["a"]) == counts


def test_a_baseline_is_the_first_whole_hours_and_frozen_when_it_goes_on(tmp_path: Path) -> None:
    """CONVENTIONS: p-bar frozen from a baseline per recipe revision, not recomputed from what is shown."""
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, window_s=60).start()
    each_hour = PARTS // HOURS
    n = 0
    for hour in range(HOURS):
        for place in range(each_hour):
            n += 1
            store.add(made(n, Outcome.NG if place == 0 else Outcome.OK, hour * HOUR_US + place), None, done)
    done.wait(n)
    reader = Reader(store.database)
    first = baseline_of(reader)
    assert (first.frozen, sum(b.counts.parts for b in first.bins)) == (False, PARTS)
    for later in range(3):
        store.add(made(n + 1, Outcome.NG, (HOURS + later) * HOUR_US), None, done)
        store.add(made(n + 2, Outcome.NG, 0, "b"), None, done)
        n += 2
        done.wait(n)
        assert baseline_of(reader) == FirstHours(first.bins, frozen=True)
    assert not baseline_of(reader, "b").frozen
    store.close()


@pytest.mark.parametrize("days", [1, 366])
def test_gaps_are_counted_from_hit_to_hit(tmp_path: Path, days: int) -> None:
    clock, done = HandClock(), Committed()
    store = writer(tmp_path, clock, window_s=60).start()
    said = ["ok", "ok", "ng", "ok", "ok", "ok", "ng", "ng", "ok", "unsure", "ok"]
    step = BIN_US // 2
    for n, each in enumerate(said, 1):
        store.add(made(n, Outcome(each.upper()), n * step), None, done)
    done.wait(len(said))
    scope = Scope("top", since_utc_us=START_US, until_utc_us=START_US + days * 24 * HOUR_US)

    def asked(hit: str) -> tuple[list[int], bool]:
        def question(conn):  # type: ignore[no-untyped-def]
            ids = revisions(conn, "top")[Revision("board", "a" * 64)]
            return gaps(conn, ids, scope, hit, bins(conn, ids, scope, fresh(conn, "top")))  # type: ignore[arg-type]

        found, is_open = Reader(store.database).ask(question)
        return [gap.parts for gap in found], is_open

    assert asked("ng") == ([4, 1, 3], True)
    assert asked("unsure") == ([10, 1], True)
    store.close()


def test_causes_places_and_scores(tmp_path: Path) -> None:
    done = Committed()
    store = writer(tmp_path, HandClock()).start()
    for n, (outcome, label) in enumerate(
        [(Outcome.NG, "open"), (Outcome.NG, "short"), (Outcome.NG, "open"), (Outcome.UNSURE, ""), (Outcome.OK, "")], 1
    ):
        store.add(made(n, outcome, n, label=label), None, done)
    store.add(made(6, Outcome.NG, 6, label="spur", purpose=Purpose.CHALLENGE), None, done)
    done.wait(6)
    reader, scope = Reader(store.database), Scope("top")
    ids = reader.ask(lambda conn: revisions(conn, "top"))[Revision("board", "a" * 64)]
    at = reader.ask(lambda conn: look(conn, ids, scope))
    causes = reader.ask(lambda conn: defect_causes(conn, at))
    assert (causes.counts, causes.parts, causes.all_looked_at) == ({"open": 2, "short": 1}, 3, True)
    assert reader.ask(lambda conn: unsure_causes(conn, at)).counts == {"blurred": 1}
    where = reader.ask(lambda conn: heat(conn, at))
    assert where is not None
    # Its middle is at 15.75, 21.125 px of 640 x 480.
    assert (where.columns, where.rows, where.cells) == (32, 24, {(0, 1): 3})
    assert reader.ask(lambda conn: heat(conn, at, "spur")) is None
    found, whole = reader.ask(lambda conn: score_histograms(conn, at))
    assert whole
    assert {each.label: (each.total, each.threshold) for each in found} == {"open": (2, 0.5), "short": (1, 0.5)}
    assert reader.ask(lambda conn: recipes_of(conn, "top")) == ("board",)
    store.close()


def test_a_lane_without_parts(tmp_path: Path) -> None:
    store = writer(tmp_path, HandClock()).start()
    reader, scope = Reader(store.database), Scope("top")
    assert bins_of(reader) == {}
    at = reader.ask(lambda conn: look(conn, (), scope))
    assert reader.ask(lambda conn: heat(conn, at)) is None
    assert reader.ask(lambda conn: score_histograms(conn, at)) == ((), True)
    assert reader.ask(lambda conn: defect_causes(conn, at)).parts == 0
    assert reader.ask(lambda conn: last_picture(conn, at)) is None
    assert reader.ask(lambda conn: gaps(conn, (), scope, "ng", ())) == ((), False)
    store.close()
