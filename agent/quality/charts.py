"""Control charts of a recipe's revision: p and Laney's p', g, individuals."""

import math
from collections.abc import Sequence

from agent.quality.baseline import LevelBaseline, ShareBaseline
from agent.quality.control import SIGMAS, Kind, Limits, Point, Stretch, judged
from agent.quality.groups import LEAST_EXPECTED, Group, Measured, grown

FEWEST_POINTS = 8
"""A p-chart with fewer points could not show a run: a g chart does, with a point for each hit."""
TAIL = 0.00135
"""Of the normal distribution beyond three sigma, on one side."""


def is_rare(expected: float) -> bool:
    """Whether a g chart is to be drawn: the hits that are expected in all that is shown make too few subgroups."""
    return expected < FEWEST_POINTS * LEAST_EXPECTED


def p_chart(name: str, groups: Sequence[Group], base: ShareBaseline) -> Stretch:
    """Shares of subgroups against p-bar +- 3 sqrt(p-bar (1 - p-bar) / n) sigma_z, never under 0 nor over 1.

    Subgroups grow until n p-bar, or n (1 - p-bar), is 5 or more (Montgomery, 7.2.2: variable sample size).
    """
    if base.parts == 0:
        some = tuple(group for group in groups if group.parts)
        bare = (_share_point(group, None, False) for group in some)
        return Stretch(name, Kind.P, tuple(bare), False, 0)
    large, last_is_small = grown(groups, min(base.share, 1 - base.share))
    points = [
        _share_point(group, share_limits(base, group.parts), last_is_small and place == len(large))
        for place, group in enumerate(large, 1)
    ]
    kind = Kind.LANEY if base.spread > 1 else Kind.P
    return Stretch(name, kind, judged(points), base.frozen, base.parts, base.spread)


def share_limits(base: ShareBaseline, parts: int) -> Limits:
    """Of a subgroup of so many parts."""
    share = base.share
    half = SIGMAS * base.spread * math.sqrt(share * (1 - share) / parts)
    return Limits(share, max(0.0, share - half), min(1.0, share + half))


def _share_point(group: Group, limits: Limits | None, growing: bool) -> Point:
    return Point(group.start_utc_us, group.end_utc_us, group.parts, group.hits, group.share, limits, growing)


def g_chart(name: str, gaps: Sequence[Group], base: ShareBaseline, open_end: bool) -> Stretch:
    """Parts from one hit to the next, each gap counted up to and with its hit, against the geometric distribution.

    Limits are its quantiles at 0.135 % on either side, and the centre is its median: it is so skewed that three
    sigma would leave no lower limit, which is the one that shows things getting worse (Benneyan 2001, Health Care
    Manag. Sci. 4, 305; Xie and Goh 1992, IJQRM 9(2), on probability limits of CCC charts). `open_end`: the last
    gap has not ended; it can only be a signal by being long already.
    """
    limits = gap_limits(base.share) if base.parts else None
    points = []
    for place, gap in enumerate(gaps, 1):
        runs_on = open_end and place == len(gaps)
        growing = runs_on and (limits is None or gap.parts <= limits.upper)
        points.append(Point(gap.start_utc_us, gap.end_utc_us, gap.parts, gap.hits, gap.parts, limits, growing))
    return Stretch(name, Kind.G, judged(points), base.frozen, base.parts)


def gap_limits(share: float) -> Limits | None:
    """Quantiles of the number of parts up to the first hit; None at a share of 0 or 1."""
    if not 0 < share < 1:
        return None
    log_good = math.log1p(-share)
    return Limits(*(math.log(left) / log_good for left in (0.5, 1 - TAIL, TAIL)))


def individuals_chart(name: str, groups: Sequence[Measured], base: LevelBaseline | None) -> Stretch:
    """Means of subgroups, each taken as one value, against mean +- 3 sigma by the moving range.

    Not an X-bar chart: thousands of pictures of one hour say next to nothing about how the light wanders from hour
    to hour, so limits by the scatter within the hour would cry at each point (Montgomery, 6.4; NIST/SEMATECH
    e-Handbook 6.3.2.2).
    """
    limits = Limits(base.mean, base.mean - SIGMAS * base.sigma, base.mean + SIGMAS * base.sigma) if base else None
    points = [
        Point(group.start_utc_us, group.end_utc_us, group.parts, 0, group.mean, limits)
        for group in groups
        if group.parts and math.isfinite(group.mean)
    ]
    frozen, parts = (base.frozen, base.parts) if base else (False, 0)
    return Stretch(name, Kind.INDIVIDUALS, judged(points), frozen, parts)
