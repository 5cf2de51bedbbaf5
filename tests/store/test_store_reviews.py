"""What persons and second models say: kept beside the machine's verdict, never over it, and gone with the part."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.beside import agreement
from agent.store.read import Reader
from agent.store.reviews import ReviewRefused, check
from agent.store.values import Evidence, PartQuery, Review, ReviewBox, Sampling, SecondOpinion
from agent.store.write import Writer
from pipelines.values import Detection, Outcome, Purpose, Reason, Rule, Verdict
from tests.store.made import START_US, Committed, HandClock, drained, opening, record, writer

BOX = ReviewBox("open", 1.5, 2.25, 30.0, 40.0, "nudged")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(tmp_path: Path, clock: HandClock) -> Iterator[Writer]:
    made = writer(tmp_path, clock, settle="off").start()
    done = Committed()
    for n, outcome in enumerate((Outcome.OK, Outcome.NG, Outcome.UNSURE), 1):
        made.add(record(n, outcome), None, done)
    done.wait(3)
    yield made
    made.close()


def test_the_newest_review_counts_and_the_machines_verdict_stays(store: Writer, clock: HandClock) -> None:
    reader = Reader(store.database)
    before = reader.part(2)
    first = store.review(Review(2, "ok", "ann", (replace(BOX, change="removed"),), note="dust"))
    clock.pass_s(5)
    second = store.review(Review(2, "ng", " bob ", (BOX,)))
    assert second > first
    assert [r.verdict for r in reader.review_history(2)] == ["ng", "ok"]
    newest = reader.reviews([1, 2, 3])
    assert newest == {2: Review(2, "ng", "bob", (BOX,), "", "queue", START_US + 5_000_000, "", second)}
    assert reader.review_history(2)[1].truth == ()
    assert reader.part(2) == before


def test_a_token_makes_twice_once(store: Writer) -> None:
    said = Review(1, "ok", "ann", token="abc")
    assert store.review(said) == store.review(said)
    assert store.review(replace(said, token="def")) != store.review(said)
    assert len(Reader(store.database).review_history(1)) == 2


def test_what_cannot_be_a_review_is_refused_and_nothing_is_stored(store: Writer) -> None:
    open_id = store.open_part(opening(9))
    for review, why in (
        (Review(99, "ok", "ann"), "there is no part 99"),
        (Review(open_id, "ok", "ann"), "is not judged yet"),
        (Review(1, "ok", "ann", stratum="audit"), "was not drawn for the audit"),
        (Review(1, "ng", "ann", (replace(BOX, x2=700.0),)), r"outside of the picture of 640 x 480 px"),
        (Review(1, "ng", "ann", (replace(BOX, x2=float("nan")),)), "finite numbers"),
        (Review(1, "ng", "ann", (replace(BOX, x2=0.5),)), "x1 < x2"),
        (Review(1, "ng", "ann", (replace(BOX, label=""),)), "1 to 64 printable"),
        (Review(1, "ng", "ann", (replace(BOX, change="moved"),)), "change 'moved': allowed are kept"),  # type: ignore[arg-type]
        (Review(1, "bad", "ann"), "verdict 'bad': allowed are ok, ng"),  # type: ignore[arg-type]
        (Review(1, "ok", ""), "reviewer: empty"),
        (Review(1, "ok", "ann", note="x" * 2001), "note: 2001 characters"),
        (Review(1, "ng", "ann", (BOX,) * 3001), "boxes: 3001; at most 3000"),
    ):
        with pytest.raises(ReviewRefused, match=why):
            store.review(review)
    # A box that the machine had drawn over the edge may be removed all the same.
    store.review(Review(1, "ok", "ann", (replace(BOX, x2=700.0, change="removed"),)))
    assert sum(len(Reader(store.database).review_history(n)) for n in (1, 2, 3)) == 1


boxes = st.builds(
    ReviewBox,
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=10),
    st.floats(0, 300),
    st.floats(0, 300),
    st.floats(301, 640),
    st.floats(301, 480),
    st.sampled_from(("kept", "nudged", "added", "removed")),
)


@given(st.lists(boxes, max_size=5), st.text(max_size=20), st.sampled_from(("ok", "ng")))
def test_every_well_formed_review_passes(its: list[ReviewBox], note: str, verdict: str) -> None:
    check(Review(1, verdict, "ann", tuple(its), note))  # type: ignore[arg-type]


def test_what_is_kept_comes_back(store: Writer) -> None:
    reader = Reader(store.database)
    said = Review(3, "ng", "安", (BOX, replace(BOX, label="短路", x1=1 / 3)), "中文 \udce9", "queue", 77, "t")
    number = store.review(said)
    assert reader.reviews([3])[3] == replace(said, id=number, note="中文 \\udce9")


def opinion(part: int, outcome: Outcome, **other: object) -> SecondOpinion:
    verdict = Verdict(outcome, () if outcome is Outcome.OK else (Reason(Rule.DEFECT, 0.7, 0.5, "open", "", 0),))
    found = (Detection("open", 0.7, 1.0, 2.0, 3.0, 4.0),)
    made = SecondOpinion(part, "new-2", "f" * 64, "shadow", verdict, found, 3.5, START_US)
    return replace(made, **other)  # type: ignore[arg-type]


def test_second_opinions_come_back_and_are_counted(store: Writer) -> None:
    reader = Reader(store.database)
    for part, outcome in ((1, Outcome.NG), (2, Outcome.NG), (3, Outcome.OK)):
        store.second_opinion(opinion(part, outcome))
    store.second_opinion(opinion(1, Outcome.OK))  # once a part, model and role: the first stays
    store.second_opinion(opinion(1, Outcome.OK, role="canary"))
    store.flush()
    kept = reader.second_opinions([1])
    assert [replace(o, id=0) for o in kept] == [opinion(1, Outcome.NG), opinion(1, Outcome.OK, role="canary")]
    assert reader.ask(lambda conn: agreement(conn, "f" * 64, "shadow")) == {
        (Outcome.OK, Outcome.NG): 1,
        (Outcome.NG, Outcome.NG): 1,
        (Outcome.UNSURE, Outcome.OK): 1,
    }
    assert reader.ask(lambda conn: agreement(conn, "e" * 64, "shadow")) == {}


def test_counts_and_kept_parts_by_recipe(store: Writer) -> None:
    reader = Reader(store.database)
    done = Committed()
    other = replace(record(4).origin, recipe="cap")
    store.add(record(4, Outcome.NG, origin=other), None, done)
    store.add(record(5, Outcome.OK, purpose=Purpose.API), None, done)
    done.wait(2)
    one = {Outcome.OK: 1, Outcome.NG: 1, Outcome.UNSURE: 1}
    assert reader.outcomes(PartQuery(recipe="board", purpose="production")) == one
    assert reader.outcomes(PartQuery())[Outcome.NG] == 2
    assert reader.outcomes(PartQuery(lane="side"))[Outcome.OK] == 0
    assert reader.outcomes(PartQuery(until_utc_us=START_US))[Outcome.OK] == 0
    store.set_evidence(4, Evidence("4.png", "c" * 64, 9), Sampling(1.0, 0.1, 0.05))
    store.set_evidence(2, Evidence("2.jpg", "d" * 64, 9))
    store.flush()
    assert [p.id for p in reader.parts(PartQuery(kept=True))] == [4, 2]
    (part,) = reader.parts(PartQuery(kept=True, recipe="cap"))
    assert (part.sampling, part.evidence and part.evidence.lossless) == (Sampling(1.0, 0.1, 0.05), True)


def test_an_audit_picture_stays_until_it_is_reviewed(store: Writer, clock: HandClock) -> None:
    """DESIGN: never what was drawn for an audit and is not yet reviewed."""
    reader = Reader(store.database)
    for n in (1, 2, 3):
        audit = 0.05 if n < 3 else None
        store.set_evidence(n, Evidence(f"{n}.png", "c" * 64, 9), Sampling(1.0, 1.0, audit))
    store.flush()
    clock.pass_s(60)
    drained(store)
    assert reader.audits_waiting() == 2
    assert [k.id for k in reader.removable(10)] == [3]
    store.review(Review(1, "ok", "ann", stratum="audit"))
    assert reader.audits_waiting() == 1
    assert [k.id for k in reader.removable(10)] == [1, 3]


def test_what_was_said_goes_with_its_part(tmp_path: Path, clock: HandClock) -> None:
    store = writer(tmp_path, clock, settle="off", keep_days=1).start()
    done = Committed()
    for n in (1, 2):
        store.add(record(n, at=clock.now()), None, done)
        done.wait(n)
        store.review(Review(n, "ok", "ann"))
        store.second_opinion(opinion(n, Outcome.OK))
        clock.pass_s(86_400 if n == 1 else 0)
    clock.pass_s(3600)
    reader = Reader(store.database)
    for _ in range(30):
        drained(store)
        clock.pass_s(60)
        if reader.part(1) is None:
            break
    assert reader.part(1) is None
    assert [len(reader.review_history(n)) for n in (1, 2)] == [0, 1]
    assert [o.part for o in reader.second_opinions([1, 2])] == [2]
    store.close()
