"""Estimates from samples: unbiased, with limits that hold what they promise."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.station.backtest.chances import FEWEST_DISCORDANT, beta_limits, estimate, incomplete_beta, mcnemar


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0.05, 1.0)), min_size=1, max_size=8))
def test_weighting_is_unbiased(population: list[tuple[bool, float]]) -> None:
    """Over every sample that could be drawn, each with its chance, the estimate is the truth on average."""
    expected = 0.0
    for drawn in itertools.product((False, True), repeat=len(population)):
        chance = math.prod(share if is_in else 1 - share for is_in, (_, share) in zip(drawn, population, strict=True))
        sample = list(itertools.compress(population, drawn))
        got = estimate([held for held, _ in sample], [share for _, share in sample], len(population))
        expected += chance * got.horvitz_thompson
    assert expected == pytest.approx(sum(held for held, _ in population))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.01, 1.0)), max_size=40),
    st.integers(0, 10_000),
)
def test_the_estimate_lies_within_its_limits_and_what_is_known(sample: list[tuple[bool, float]], more: int) -> None:
    got = estimate([held for held, _ in sample], [share for _, share in sample], len(sample) + more)
    assert 0 <= got.low <= got.total * (1 + 1e-9) + 1e-9
    assert got.total <= got.high * (1 + 1e-9) + 1e-9
    assert got.high <= got.known * (1 + 1e-9)
    if not sample:
        assert (got.low, got.high) == (0, more)
    if sample and more == 0:
        assert got.low == got.high == got.total


@pytest.mark.parametrize("rate", [0.002, 0.02, 0.3])
@pytest.mark.parametrize("shares", [(0.01, 0.01), (0.02, 0.2)])
def test_on_a_simulated_line_the_limits_hold(rate: float, shares: tuple[float, float]) -> None:
    """20,000 parts a draw, drawn with one share or with two, 300 draws: the truth lies inside 95 % of the time."""
    rng = np.random.default_rng(round(1e4 * rate) + round(1e4 * shares[1]))
    held = rng.random(20_000) < rate
    share = np.where(rng.random(20_000) < 0.5, *shares)
    inside, totals = 0, []
    for _ in range(300):
        drawn = rng.random(20_000) < share
        got = estimate(held[drawn].tolist(), share[drawn].tolist(), 20_000)
        inside += got.low <= held.sum() <= got.high
        totals.append(got.horvitz_thompson)
    assert inside / 300 >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 300)
    spread = np.std(totals) / math.sqrt(300)
    assert abs(np.mean(totals) - held.sum()) <= 4 * spread + 1e-9


def test_exact_limits_are_those_of_clopper_and_pearson() -> None:
    """Against the textbook's values: 0 of 10, 5 of 10, 10 of 100."""
    for k, n, low, high in ((0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 100, 0.0490, 0.1762)):
        assert beta_limits(k, n) == pytest.approx((low, high), abs=5e-5)


@settings(deadline=None)
@given(st.floats(0.001, 0.999), st.floats(0.5, 500), st.floats(0.5, 500))
def test_the_incomplete_beta_function_is_symmetric_and_rises(x: float, a: float, b: float) -> None:
    value = incomplete_beta(x, a, b)
    assert -1e-12 <= value <= 1 + 1e-12
    assert value == pytest.approx(1 - incomplete_beta(1 - x, b, a), abs=1e-9)
    assert incomplete_beta(min(1.0, x + 0.01), a, b) >= value - 1e-9


def test_mcnemar_is_the_exact_test() -> None:
    """1 against 9: p = 2 * (C(10, 0) + C(10, 1)) / 2^10."""
    active = [True] * 1 + [False] * 9 + [True] * 50
    candidate = [False] * 1 + [True] * 9 + [True] * 50
    got = mcnemar(active, candidate)
    assert (got.only_active_right, got.only_candidate_right, got.parts) == (1, 9, 60)
    assert got.p == pytest.approx(22 / 1024)
    assert mcnemar(candidate, active).p == got.p


def test_too_few_pairs_are_refused_with_the_number() -> None:
    got = mcnemar([True] * 5 + [False] * 20, [False] * 25)
    assert got.p is None
    assert got.why == ("on 5 of 25 reviewed parts exactly one of the models is right; at least 6 such parts are needed")
    assert mcnemar([True] * FEWEST_DISCORDANT, [False] * FEWEST_DISCORDANT).p == pytest.approx(0.03125)
    assert mcnemar([], []).p is None


def test_only_a_draw_that_nobody_s_verdict_chose_is_tested() -> None:
    """Two equally good models, 200 lines of 2,000 parts, 5 % bad. Of the parts that the active one rejected the other
    one is right more often every time, for they came before a person because the active one was wrong."""
    rng = np.random.default_rng(1)
    drawn = queued = 0
    for _ in range(200):
        bad = rng.random(2_000) < 0.05
        rejects = [np.where(bad, rng.random(2_000) < 0.97, rng.random(2_000) < 0.03) for _ in range(2)]
        right = [(r == bad).tolist() for r in rejects]
        drawn += (mcnemar(*right).p or 1.0) < 0.05
        chosen = [np.array(r)[rejects[0]].tolist() for r in right]
        queued += (mcnemar(*chosen).p or 1.0) < 0.05
        told = mcnemar(*chosen, untested="chosen")
        assert (told.p, told.why, told.parts) == (None, "chosen", int(rejects[0].sum()))
    assert drawn / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)
    assert queued == 200
