"""Searches: whatever is combined, what is found is what a look at every part finds, in the same order."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.store.line import beside, newest_review, overridden_since
from agent.store.read import Reader
from agent.store.values import PartQuery, Review, StoredPart
from pipelines.values import Outcome, Purpose, Stamp
from tests.store.made import START_US, Committed, HandClock, origin, record, writer

ROWS = 240
STEP_US = 1_000_000


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    done, store = Committed(), writer(tmp_path_factory.mktemp("search"), HandClock(), lanes=("top", "side")).start()
    for n in range(1, ROWS + 1):
        lane = ("top", "top", "side")[n % 3]
        made = record(
            n,
            tuple(Outcome)[(n * 7) % 11 % 3],
            lane,
            at=Stamp(START_US + n * STEP_US, n, "boot-1"),
            label=("open", "spur")[n % 2],
            part_id=f"SN{n // 2}" if n % 5 == 0 else "",
            purpose=Purpose.API if n % 17 == 0 else Purpose.PRODUCTION,
        )
        judged_by = replace(origin(lane), model=f"boards-{1 + n // 90}", recipe="cap" if n % 40 > 30 else "board")
        store.add(replace(made, origin=judged_by), None, done)
    done.wait(ROWS)
    for part in range(3, ROWS, 9):
        store.review(Review(part, "ok" if part % 2 else "ng", "ann"))
    for part in range(3, 100, 27):
        store.review(Review(part, "ng", "ben"))  # a later one counts
    yield Reader(store.database)
    store.close()


@pytest.fixture(scope="module")
def everything(reader: Reader) -> list[tuple[StoredPart, str]]:
    """Every part, the newest first, with what a person said last."""
    parts = reader.parts(PartQuery(limit=ROWS))
    said = reader.reviews([p.id for p in parts])
    return [(p, said[p.id].verdict if p.id in said else "") for p in parts]


def matches(query: PartQuery, part: StoredPart, said: str) -> bool:
    record = part.record
    at = record.captured.utc_us
    return all(
        (
            query.lane in ("", record.origin.lane),
            query.outcome in (None, record.verdict.outcome),
            query.recipe in ("", record.origin.recipe),
            query.model in ("", record.origin.model),
            query.part_id in ("", record.part_id),
            query.purpose in ("", record.purpose),
            not query.label or any(r.label == query.label for r in record.verdict.reasons),
            query.since_utc_us is None or at >= query.since_utc_us,
            query.until_utc_us is None or at < query.until_utc_us,
            query.before_id is None or part.id < query.before_id,
            not query.overridden or (said and said.upper() != record.verdict.outcome),
        )
    )


moments = st.none() | st.integers(0, ROWS).map(lambda n: START_US + n * STEP_US)
queries = st.builds(
    PartQuery,
    lane=st.sampled_from(("", "top", "side", "none")),
    outcome=st.sampled_from((None, *Outcome)),
    label=st.sampled_from(("", "", "open", "spur")),
    part_id=st.sampled_from(("", "", "", "SN5", "SN60")),
    purpose=st.sampled_from(("", "production", "api")),
    since_utc_us=moments,
    until_utc_us=moments,
    before_id=st.none() | st.integers(1, ROWS + 1),
    limit=st.integers(1, 40),
    recipe=st.sampled_from(("", "board", "cap", "none")),
    model=st.sampled_from(("", "boards-1", "boards-2", "boards-3")),
    overridden=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(queries)
def test_a_search_finds_what_is_there(
    reader: Reader, everything: list[tuple[StoredPart, str]], query: PartQuery
) -> None:
    wanted = [part.id for part, said in everything if matches(query, part, said)]
    assert [part.id for part in reader.parts(query)] == wanted[: query.limit]
    whole = sum(matches(replace(query, before_id=None), part, said) for part, said in everything)
    assert reader.count(query, 1000) == whole
    assert reader.count(query, 7) == min(whole, 7)


def test_what_persons_overruled_is_counted(reader: Reader, everything: list[tuple[StoredPart, str]]) -> None:
    """A person's verdict differs from the machine's: the newest review counts, UNSURE is overruled by either."""
    for since in (START_US, START_US + 100 * STEP_US, START_US + 999 * STEP_US):
        query = PartQuery(lane="top", purpose="production", since_utc_us=since, overridden=True)
        wanted = sum(matches(query, part, said) for part, said in everything)
        assert reader.ask(lambda conn, since=since: overridden_since(conn, "top", since)) == wanted
    assert wanted == 0
    assert reader.ask(newest_review) > 0


def test_the_parts_beside_one_are_its_lanes(reader: Reader, everything: list[tuple[StoredPart, str]]) -> None:
    ids = sorted(part.id for part, _ in everything if part.record.origin.lane == "side")
    around = reader.ask(lambda conn: beside(conn, ids[3], 2))
    assert [part.id for part in around] == ids[1:6]
    assert [part.id for part in reader.ask(lambda conn: beside(conn, ids[0], 2))] == ids[:3]
    assert reader.ask(lambda conn: beside(conn, 10**9, 2)) == ()
