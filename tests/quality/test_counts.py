"""Pareto, yields, heat maps, histograms."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality.heat import SCORE_BINS, Heat, grid, scores, strength
from agent.quality.pareto import REST, pareto
from agent.quality.yields import Counts, summed

counts = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(0, 1000), max_size=30)


@settings(max_examples=60, deadline=None)
@given(counts, st.integers(2, 12))
def test_pareto_falls_and_loses_nothing(found: dict[str, int], most: int) -> None:
    bars = pareto(found, most)
    assert sum(bar.count for bar in bars) == sum(found.values())
    assert len(bars) <= most
    named = [bar for bar in bars if bar.name != REST]
    assert [b.count for b in named] == sorted((b.count for b in named), reverse=True)
    assert [b.cumulative for b in bars] == sorted(b.cumulative for b in bars)
    assert not bars or bars[-1].cumulative == 1.0


def test_pareto_refuses_what_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="negative"):
        pareto({"open": -1})


def test_unsure_is_not_a_pass() -> None:
    whole = summed([Counts(6, 3, 2, 1, 4, 3), Counts(4, 3, 0, 1, 4, 3)])
    assert whole == Counts(10, 6, 2, 2, 8, 6)
    assert (whole.passed, whole.first_passed) == (0.6, 0.75)
    assert (Counts().passed, Counts().first_passed) == (None, None)


def test_cells_are_nearly_square() -> None:
    assert grid(640, 480) == (32, 24)
    assert grid(100, 3200) == (1, 32)
    with pytest.raises(ValueError, match="0 x 5 px"):
        grid(0, 5)
    assert Heat(2, 1, {(0, 0): 4, (1, 0): 1}, 2, 1, 5, True).most == 4
    assert strength(1, 4) == 0.5
    assert strength(0, 0) == 0


def test_scores_are_counted_in_their_bins() -> None:
    found = scores("open", [(int(0.46 * SCORE_BINS), 3), (int(0.91 * SCORE_BINS), 2)], 0.45)
    assert (found.total, found.near) == (5, 3)
    assert scores("open", [], None).near == 0
