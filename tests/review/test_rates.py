"""Escapes and overkills as rates: exact where all were drawn alike, on the safe side where not, from audits alone."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality.shares import at_most
from agent.review.rates import audit_of, rate
from agent.store.ledger import ALWAYS, KINDS, Audited, Period, audited, counts, entries, waiting
from agent.store.values import PersonVerdict, Review, Sampling
from pipelines.values import Outcome
from tests.review.stationed import Data, data_folder

OUTCOMES = st.sampled_from(list(Outcome))
VERDICTS = st.sampled_from(["ok", "ng"])


def row(outcome: Outcome, verdict: str, parts: int, share: float = 0.01) -> Audited:
    return Audited("board", "a" * 64, "m-1", share, outcome, verdict, parts)  # type: ignore[arg-type]


def test_drawn_alike_the_bound_is_clopper_and_pearsons() -> None:
    """299 passes without an escape show at most 1 % at 95 %; 473 are needed with one (Clopper and Pearson 1934)."""
    found = audit_of([row(Outcome.OK, "ok", 298), row(Outcome.NG, "ng", 7), row(Outcome.NG, "ok", 2)])
    assert found.escapes.needed(0.01, 0.95) == 1
    assert found.escapes.at_most(0.95) == at_most(0, 298)
    assert (found.escapes.hits, found.escapes.parts, found.parts) == (0, 298, 307)
    assert (found.overkills.hits, found.overkills.parts) == (2, 300)
    one = audit_of([row(Outcome.OK, "ok", 298), row(Outcome.OK, "ng", 1)])
    assert one.escapes.needed(0.01, 0.95) == 473 - 299
    assert one.escapes.share == pytest.approx(1 / 299)


def test_of_nothing_nothing_is_known() -> None:
    found = audit_of([])
    assert (found.escapes.share, found.escapes.at_most(0.95)) == (None, 1.0)
    assert found.audits_needed(0.01, 0.95) == 299
    rejects = audit_of([row(Outcome.NG, "ng", 5)])
    assert rejects.escapes.share is None
    assert rejects.audits_needed(0.01, 0.95) == 299 * 6  # so far of six audits not one would be a pass


def test_audits_that_the_machine_could_not_judge_stand_apart() -> None:
    found = audit_of([row(Outcome.UNSURE, "ok", 3), row(Outcome.UNSURE, "ng", 1), row(Outcome.OK, "ok", 10)])
    assert (found.unsure, found.unsure_good) == (4, 3)
    assert found.escapes.parts == 10
    assert (found.overkills.hits, found.overkills.parts) == (0, 13)


ROWS = st.lists(
    st.builds(row, OUTCOMES, VERDICTS, st.integers(1, 400), st.sampled_from([0.001, 0.01, 0.05, 0.5, 1.0])), max_size=8
)


@settings(deadline=None)
@given(ROWS, st.sampled_from([0.9, 0.95, 0.99]))
def test_bounds_are_never_below_what_was_seen(rows: list[Audited], confidence: float) -> None:
    for found in (audit_of(rows).escapes, audit_of(rows).overkills):
        assert 0 <= found.hits <= found.parts
        assert found.worth_hits <= found.worth <= found.parts
        if found.share is not None:
            assert found.share <= found.at_most(confidence) + 1e-12
        assert found.needed(found.at_most(confidence) * 0.999, confidence) > 0


@settings(deadline=None)
@given(ROWS, st.floats(0.01, 1.0))
def test_a_share_that_is_the_same_for_all_cancels(rows: list[Audited], share: float) -> None:
    alike = [row(r.outcome, r.verdict, r.parts, share) for r in rows]
    found = audit_of(alike).escapes
    assert (found.worth, found.worth_hits) == (found.parts, found.hits)


def test_with_unlike_shares_the_bound_covers_as_often_as_it_says() -> None:
    """Two shifts, one audited ten times as often, with unlike rates: 95 % of the bounds are above the truth."""
    chance = np.random.default_rng(20260531)
    parts, shares, rates = (40_000, 40_000), (0.002, 0.02), (0.02, 0.005)
    truth = sum(n * p for n, p in zip(parts, rates, strict=True)) / sum(parts)
    covered = 0
    for _ in range(400):
        rows = []
        for n, share, p in zip(parts, shares, rates, strict=True):
            drawn = int(chance.binomial(n, share))
            bad = int(chance.binomial(drawn, p))
            rows += [row(Outcome.OK, "ng", bad, share), row(Outcome.OK, "ok", drawn - bad, share)]
        covered += rate(rows, lambda r: r.verdict == "ng").at_most(0.95) >= truth
    assert covered >= 0.95 * 400


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    data = data_folder(tmp_path_factory.mktemp("ledger") / "data")
    drawn, plain = Sampling(1.0, 1.0, 0.02), Sampling(1.0, 0.1)
    passes: list[PersonVerdict | None] = ["ok", "ok", "ng"]
    blind = [*((Outcome.OK, word) for word in passes), (Outcome.NG, "ok"), (Outcome.UNSURE, "ok"), (Outcome.OK, None)]
    for outcome, verdict in blind:
        part = data.part(outcome, drawn)
        if verdict:
            data.review(part, verdict, stratum="audit")
    for outcome in (Outcome.OK, Outcome.NG, Outcome.UNSURE):
        data.part(outcome, plain)
    yield data
    data.close()


def test_what_the_ledger_counts(station: Data) -> None:
    found = audit_of(station.reader.ask(audited(ALWAYS)))
    assert (found.escapes.hits, found.escapes.parts) == (1, 3)
    assert (found.overkills.hits, found.overkills.parts) == (1, 4)
    assert station.reader.ask(waiting(ALWAYS)) == 1
    assert station.reader.ask(audited(Period(recipe="another"))) == ()
    listed = {kind: [e.part.id for e in station.reader.ask(entries(kind, ALWAYS, 10))] for kind in KINDS}
    assert listed == {"escape": [3], "overkill": [4], "unsure": [5]}
    assert station.reader.ask(counts(ALWAYS))["escape", True] == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), VERDICTS, st.sampled_from(["queue", "import"])), min_size=1, max_size=4))
def test_rates_ignore_whatever_did_not_come_from_the_audit(
    station: Data, said: list[tuple[int, PersonVerdict, str]]
) -> None:
    """Parts reviewed for what the machine said of them, and second thoughts on audited ones, enter no rate."""
    before = station.reader.ask(audited(ALWAYS)), station.reader.ask(waiting(ALWAYS))
    for part, verdict, stratum in said:
        station.store.review(Review(part, verdict, "bob", stratum=stratum))  # type: ignore[arg-type]
    assert (station.reader.ask(audited(ALWAYS)), station.reader.ask(waiting(ALWAYS))) == before
    # Nor does the ledger tell of the sixth, drawn and not judged blind, what the machine said.
    assert all(e.part.id != 6 for kind in KINDS for e in station.reader.ask(entries(kind, ALWAYS, 50)))
