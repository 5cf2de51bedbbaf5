"""Intervals of shares, and how many more parts are needed, against known values."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality import shares

of_parts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("hits", "parts", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson(hits: int, parts: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857, table I, method 3."""
    found = shares.wilson(hits, parts)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_nothing_is_known() -> None:
    assert shares.wilson(0, 0) == shares.exact(0, 0) == shares.Interval(0.0, 1.0)
    assert (shares.at_least(0, 0), shares.at_most(0, 0)) == (0.0, 1.0)


@settings(max_examples=60, deadline=None)
@given(of_parts, st.floats(0.5, 0.999))
def test_intervals_hold_the_share_and_mirror(counted: tuple[int, int], confidence: float) -> None:
    hits, parts = counted
    for kind in (shares.wilson, shares.exact):
        here, mirrored = kind(hits, parts, confidence), kind(parts - hits, parts, confidence)
        assert 0 <= here.low <= hits / parts <= here.high <= 1
        assert (here.low, here.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-9)
    assert shares.at_least(hits, parts, confidence) <= hits / parts <= shares.at_most(hits, parts, confidence)


def test_one_sided_bounds_are_the_rule_of_three() -> None:
    assert shares.at_most(0, 299) < 0.01 < shares.at_most(0, 298)
    assert shares.at_least(299, 299) == pytest.approx(1 - shares.at_most(0, 299))


@pytest.mark.parametrize(
    ("hits", "parts", "needed"), [(0, 0, 299), (0, 100, 199), (1, 100, 373), (0, 299, 0), (0, 500, 0), (2, 0, 628)]
)
def test_audits_still_needed(hits: int, parts: int, needed: int) -> None:
    assert shares.still_needed(hits, max(hits, parts), 0.01) == needed - (2 if hits > parts else 0)


@settings(max_examples=60, deadline=None)
@given(of_parts, st.floats(0.002, 0.9), st.floats(0.5, 0.999))
def test_so_many_more_are_enough_and_not_one_less(counted: tuple[int, int], limit: float, confidence: float) -> None:
    hits, parts = min(counted[0], 8), counted[1]
    more = shares.still_needed(hits, parts, limit, confidence)
    assert shares.at_most(hits, parts + more, confidence) <= limit + 1e-9
    assert more == 0 or shares.at_most(hits, parts + more - 1, confidence) > limit - 1e-9


@pytest.mark.parametrize(("hits", "parts"), [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(hits: int, parts: int) -> None:
    for kind in (shares.wilson, shares.exact, shares.at_most, shares.at_least):
        with pytest.raises(ValueError, match=f"{hits} of {parts} parts"):
            kind(hits, parts)


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.1, 2.0])
def test_impossible_bounds_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="limit"):
        shares.still_needed(0, 10, wrong)
    with pytest.raises(ValueError, match="confidence"):
        shares.still_needed(0, 10, 0.1, wrong)
