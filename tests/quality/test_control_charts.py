"""Control charts against textbook values, and what must hold for any numbers."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality.baseline import (
    FEWEST,
    HOUR_US,
    HOURS,
    PARTS,
    ShareBaseline,
    is_complete,
    level_baseline,
    share_baseline,
    spread,
)
from agent.quality.charts import TAIL, g_chart, gap_limits, individuals_chart, is_rare, p_chart
from agent.quality.control import Kind, Limits, Point, Signal, judged
from agent.quality.groups import LEAST_EXPECTED, Group, Measured, grown

JUICE = (12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6)
"""Montgomery, Introduction to Statistical Quality Control, 7th ed., table 7.1: nonconforming cans of 50."""
LOANS = (310, 288, 297, 298, 307, 303, 294, 297, 308, 306, 294, 299, 297, 299, 314, 295, 293, 306, 301, 304)
"""The same, table 6.6: costs of processing mortgage loans."""

hours = st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1)), max_size=60)


def of(hits: Sequence[int], parts: int) -> tuple[Group, ...]:
    return tuple(Group(i * HOUR_US, (i + 1) * HOUR_US, parts, n) for i, n in enumerate(hits))


def made(counted: Sequence[tuple[int, float]]) -> tuple[Group, ...]:
    return tuple(Group(i, i + 1, n, round(n * share)) for i, (n, share) in enumerate(counted))


def test_p_chart_of_the_textbook() -> None:
    """Montgomery, example 7.1: 0.2313, 0.0524 to 0.4102; samples 15 and 23 are out of control."""
    base = ShareBaseline(1500, sum(JUICE), frozen=True, spread=1.0)
    chart = p_chart("juice", of(JUICE, 50), base)
    limits = chart.points[0].limits
    assert limits is not None
    assert (limits.centre, limits.lower, limits.upper) == pytest.approx((0.2313, 0.0524, 0.4102), abs=1e-4)
    assert [i for i, p in enumerate(chart.points, 1) if Signal.BEYOND in p.signals] == [15, 23]
    assert chart.kind is Kind.P


def test_individuals_chart_of_the_textbook() -> None:
    """Montgomery, example 6.5: 300.5, 279.78 to 321.22; no point is out of control."""
    groups = [Measured(i, i + 1, 40, cost) for i, cost in enumerate(LOANS)]
    chart = individuals_chart("loans", groups, level_baseline(groups, frozen=True))
    limits = chart.points[0].limits
    assert limits is not None
    assert (limits.centre, limits.lower, limits.upper) == pytest.approx((300.5, 279.78, 321.22), abs=0.01)
    assert chart.signals == 0


def test_gap_limits_are_the_quantiles_of_the_geometric_distribution() -> None:
    limits = gap_limits(0.01)
    assert limits is not None
    for bound, left in ((limits.centre, 0.5), (limits.lower, 1 - TAIL), (limits.upper, TAIL)):
        assert 0.99**bound == pytest.approx(left)
    assert gap_limits(0.0) is gap_limits(1.0) is None


def test_a_gap_that_still_runs_is_a_signal_only_by_being_long() -> None:
    base = ShareBaseline(10_000, 100, frozen=True, spread=1.0)
    short, long = Group(0, 1, 1, 0), Group(0, 1, 2000, 0)
    assert g_chart("r", [short], base, open_end=True).points[0].growing
    assert g_chart("r", [long], base, open_end=True).points[0].signals == (Signal.BEYOND,)
    assert g_chart("r", [Group(0, 1, 1, 1)], ShareBaseline(10**6, 10, True, 1.0), False).points[0].signals


def test_eight_on_one_side() -> None:
    limits = Limits(10.0, 0.0, 20.0)
    values = [11.0] * 9 + [10.0] + [9.0] * 7 + [11.0]
    points = judged([Point(i, i + 1, 1, 0, v, limits) for i, v in enumerate(values)])
    assert [i for i, p in enumerate(points, 1) if p.signals] == [8, 9]
    assert all(p.signals == (Signal.RUN,) for p in points[7:9])


def test_a_growing_point_is_never_a_signal() -> None:
    limits = Limits(10.0, 0.0, 20.0)
    assert judged([Point(0, 1, 1, 0, 99.0, limits, growing=True)])[0].signals == ()


def test_laney_widens_only_where_the_share_itself_moves() -> None:
    """Laney 2002: with sigma_z 1 it is the p-chart; large subgroups whose share wanders have limits that hold them."""
    steady = of(JUICE, 50)
    calm = [Group(i, i + 1, 5000, 1000 + (17 if i % 2 else -17)) for i in range(30)]
    wandering = [Group(i, i + 1, 50_000, 10_000 + 900 * ((i * 7) % 5 - 2)) for i in range(30)]
    assert share_baseline(calm, True).spread == 1.0
    base = share_baseline(wandering, True)
    assert base.spread > 5
    assert p_chart("r", wandering, base).kind is Kind.LANEY
    assert p_chart("r", wandering, base).signals < p_chart("r", wandering, ShareBaseline(10, 2, True, 1.0)).signals
    assert spread(steady[: FEWEST - 1], 0.2) == 1.0


@settings(max_examples=60, deadline=None)
@given(hours, st.floats(0.0, 1.0))
def test_growing_loses_no_part(counted: list[tuple[int, float]], share: float) -> None:
    groups = made(counted)
    large, last_is_small = grown(groups, share)
    assert sum(g.parts for g in large) == sum(g.parts for g in groups)
    assert sum(g.hits for g in large) == sum(g.hits for g in groups)
    for place, group in enumerate(large, 1):
        small = group.parts * share < LEAST_EXPECTED
        assert small is (last_is_small and place == len(large))


@settings(max_examples=60, deadline=None)
@given(hours)
def test_limits_lie_around_the_centre_and_inside_of_what_is_possible(counted: list[tuple[int, float]]) -> None:
    groups = made(counted)
    chart = p_chart("r", groups, share_baseline(groups, False))
    assert sum(p.parts for p in chart.points) == sum(g.parts for g in groups)
    for point in chart.points:
        assert point.limits is not None
        assert 0 <= point.limits.lower <= point.limits.centre <= point.limits.upper <= 1
        assert math.isfinite(point.value)
        assert not (point.growing and point.signals)


def test_a_baseline_is_complete_with_hours_and_parts() -> None:
    assert is_complete(HOURS, PARTS)
    assert not is_complete(HOURS - 1, PARTS * 9)
    assert not is_complete(HOURS * 9, PARTS - 1)


def test_a_baseline_without_hits_still_judges() -> None:
    base = share_baseline([Group(0, 1, 4000, 0)], True)
    assert base.share == pytest.approx(0.5 / 4001)
    assert 0 < share_baseline([Group(0, 1, 10, 10)], True).share < 1
    assert is_rare(base.share * 10_000)


def test_without_a_baseline_points_are_shown_and_not_judged() -> None:
    for chart in (
        p_chart("r", of(JUICE, 50), share_baseline([], False)),
        g_chart("r", of(JUICE, 50), share_baseline([], False), False),
        individuals_chart("r", [Measured(0, 1, 4, 9.0)], level_baseline([], False)),
    ):
        assert chart.points
        assert all(p.limits is None and not p.signals for p in chart.points)
