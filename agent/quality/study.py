"""All that is known of a lane's quality in a span of time: numbers only, for the page, REST and the shift's report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from agent.quality.baseline import HOUR_US, ShareBaseline, level_baseline, share_baseline
from agent.quality.bins import Bin, Hit, Level, Revision, Series, levels, shares, width_of
from agent.quality.charts import g_chart, individuals_chart, is_rare, p_chart
from agent.quality.control import Stretch
from agent.quality.groups import Group
from agent.quality.heat import Heat, Scores
from agent.quality.yields import Counts, summed

Measure = Literal["ng", "unsure", "brightness", "sharpness"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
HITS: tuple[Measure, ...] = ("ng", "unsure")
MOST_REVISIONS = 6
"""Of more revisions in one span of time only the newest are charted."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be looked at."""

    lane: str
    recipe: str
    """"": every recipe."""
    since_utc_us: int
    until_utc_us: int
    """Half open; both on whole bins."""

    @property
    def width_us(self) -> int:
        """Of a subgroup."""
        return width_of(self.until_utc_us - self.since_utc_us)


@dataclass(frozen=True, slots=True)
class Causes:
    """Parts by what was wrong with them; a part counts once for each of its causes."""

    counts: Mapping[str, int]
    parts: int
    """That were looked at: the newest ones."""
    all_looked_at: bool = True


@dataclass(frozen=True, slots=True)
class Study:
    """A lane's quality."""

    asked: Asked
    series: tuple[Series, ...]
    """By revision, in the order in which they began within the span."""
    control: Mapping[Measure, tuple[Stretch, ...]]
    """Without stretches that have no point."""
    defects: Causes
    unsure: Causes
    heat: Heat | None
    scores: tuple[Scores, ...]
    all_scores: bool
    """False: the newest detections only."""
    picture: int | None
    """Id of the newest part whose picture is kept."""

    @property
    def bins(self) -> tuple[Bin, ...]:
        return tuple(each for one in self.series for each in one.bins)

    @property
    def counts(self) -> Counts:
        return summed(each.counts for each in self.bins)

    @property
    def signals(self) -> int:
        """Of the charts of NG and UNSURE."""
        return sum(stretch.signals for hit in HITS for stretch in self.control.get(hit, ()))


def _base_width(width_us: int) -> int:
    """Of a baseline's subgroups: as wide as those shown, but not above an hour, or too few would be left."""
    return min(width_us, HOUR_US)


def _share_base(one: Series, hit: Hit, width_us: int) -> ShareBaseline:
    return share_baseline(shares(one.baseline.bins, hit, _base_width(width_us)), one.baseline.frozen)


def charted(series: Sequence[Series]) -> tuple[Series, ...]:
    """The series that are charted: those with parts, the newest of them, by their beginning."""
    some = [each for each in series if each.bins]
    newest = sorted(some, key=lambda each: each.bins[-1].start_utc_us)[-MOST_REVISIONS:]
    return tuple(sorted(newest, key=lambda each: each.bins[0].start_utc_us))


def expected(series: Sequence[Series], hit: Hit, width_us: int) -> float:
    """How many hits the baselines let expect in all that is shown."""
    whole = 0.0
    for each in series:
        base = _share_base(each, hit, width_us)
        whole += base.share * sum(one.counts.first for one in each.bins)
    return whole


def share_stretches(series: Sequence[Series], hit: Hit, width_us: int) -> tuple[Stretch, ...]:
    """Shares of subgroups against each revision's baseline."""
    return tuple(
        stretch
        for each in series
        if (
            stretch := p_chart(
                each.revision.name,
                shares(each.bins, hit, width_us),
                _share_base(each, hit, width_us),
            )
        ).points
    )


def gap_stretches(
    found: Sequence[tuple[Series, tuple[Group, ...], bool]], hit: Hit, width_us: int
) -> tuple[Stretch, ...]:
    """Parts from hit to hit: of (series, its gaps, whether the last of them has not ended)."""
    return tuple(
        g_chart(
            series.revision.name,
            gaps,
            _share_base(series, hit, width_us),
            open_end,
        )
        for series, gaps, open_end in found
        if gaps
    )


def level_stretches(series: Sequence[Series], level: Level, width_us: int) -> tuple[Stretch, ...]:
    """Means of what was measured on the pictures against each revision's baseline."""
    return tuple(
        stretch
        for each in series
        if (
            stretch := individuals_chart(
                each.revision.name,
                levels(each.bins, level, width_us),
                level_baseline(levels(each.baseline.bins, level, _base_width(width_us)), each.baseline.frozen),
            )
        ).points
    )


def rare(series: Sequence[Series], hit: Hit, width_us: int) -> bool:
    """Whether hits are so rare that a g chart says more than a p-chart."""
    return is_rare(expected(series, hit, width_us))


def names_of(series: Sequence[Series]) -> tuple[tuple[Revision, Counts], ...]:
    """Counts by revision."""
    return tuple((each.revision, summed(one.counts for one in each.bins)) for each in series if each.bins)
