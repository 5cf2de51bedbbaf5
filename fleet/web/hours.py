"""Hours of a place as what charts are made of: yields by hour or day, and control charts with their baselines. Pure."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

from agent.quality.baseline import HOUR_US, HOURS, PARTS, ShareBaseline, share_baseline
from agent.quality.bins import width_of
from agent.quality.charts import p_chart
from agent.quality.control import Stretch
from agent.quality.groups import Group
from agent.quality.yields import Counts
from agent.web.speech import Speech
from fleet.store.values import Group as Summed
from fleet.store.values import Sums
from fleet.web.period import HOUR_MS, Period

Hit = Literal["first", "unsure"]
"""first: not OK at the first attempt, over first attempts; unsure: could not be judged, over all parts."""
HITS: tuple[Hit, ...] = ("first", "unsure")
MOST_HOURLY_MS = 48 * HOUR_MS
MOST_STRETCHES = 6

Row = tuple[str, str, Counts]
"""(short name, full name, counts)."""


def counts_of(sums: Sums) -> Counts:
    return Counts(sums.parts, sums.ok, sums.ng, sums.unsure, sums.first_pass, sums.first_pass_ok)


def whole(groups: Iterable[Summed]) -> Sums:
    return sum((group.sums for group in groups), start=Sums())


def yield_rows(groups: Sequence[Summed], period: Period, speech: Speech) -> tuple[Row, ...]:
    """The hours of a short period, else its days by the plant's calendar; those without parts between others stay."""
    hourly = period.until_ms - period.since_ms <= MOST_HOURLY_MS
    by_hour = {hour: whole(some) for hour, some in groupby(_ordered(groups), key=lambda group: group.hour_ms)}
    hours = [hour for hour, sums in by_hour.items() if sums.parts]
    if not hours:
        return ()
    if hourly:
        return tuple(
            (f"{speech.local(hour * 1000):%H:%M}", _hour_named(speech, hour), counts_of(by_hour.get(hour, Sums())))
            for hour in range(hours[0], hours[-1] + 1, HOUR_MS)
        )
    days = groupby(sorted(by_hour.items()), key=lambda each: speech.local(each[0] * 1000).date())
    made = [(list(some)) for _, some in days]
    return tuple(
        (_day(speech, some[0][0]), speech.date(some[0][0] * 1000), counts_of(sum((s for _, s in some), start=Sums())))
        for some in made
    )


def _hour_named(speech: Speech, hour_ms: int) -> str:
    begin, end = (speech.local(at_ms * 1000) for at_ms in (hour_ms, hour_ms + HOUR_MS))
    return f"{_day(speech, hour_ms)} {begin:%H:%M} – {end:%H:%M}"


def _day(speech: Speech, at_ms: int) -> str:
    at = speech.local(at_ms * 1000)
    return f"{at.month}月{at.day}日" if speech.language == "zh" else speech.date(at_ms * 1000).rpartition(" ")[0]


def stretches(
    shown: Sequence[Summed], before: Sequence[Summed], hit: Hit, period: Period, place: str
) -> tuple[Stretch, ...]:
    """A lane's revisions one after the other; `before`: their hours from their beginning, where their baselines are.

    Both are told apart by hour and recipes. Without `before` the limits are trial limits of what is shown. `place`
    names what is not told apart by recipes.
    """
    width_us = max(HOUR_US, width_of(period.span_us))
    found: list[tuple[int, Stretch]] = []
    for key, some in groupby(sorted(shown, key=_key), key=_key):
        hours = list(some)
        own = [group for group in before if _key(group) == key] or hours
        base = _baseline(own, hit)
        stretch = p_chart(named(hours[0], place), _groups(hours, hit, width_us), base)
        if stretch.points:
            found.append((hours[0].hour_ms, stretch))
    newest = sorted(found, key=lambda each: each[1].points[-1].start_utc_us)[-MOST_STRETCHES:]
    return tuple(stretch for _, stretch in sorted(newest, key=lambda each: each[0]))


def named(group: Summed, place: str) -> str:
    """A stretch's name: the recipes without most of their hashes; `place` where all are taken together."""
    return ", ".join(short(recipe) for recipe in group.recipes.split(",")) if group.recipes else place


def short(recipe: str) -> str:
    """NAME@HASH as people see it."""
    name, _, revision = recipe.partition("@")
    return f"{name} {revision[:8]}".strip()


def _key(group: Summed) -> str:
    return group.recipes


def _ordered(groups: Iterable[Summed]) -> list[Summed]:
    return sorted(groups, key=lambda group: group.hour_ms)


def _baseline(hours: Sequence[Summed], hit: Hit) -> ShareBaseline:
    """Of the first hours with parts, as the station has it (`agent.quality.baseline`)."""
    first: list[Summed] = []
    parts = 0
    for group in _ordered(hours):
        if len(first) >= HOURS and parts >= PARTS:
            return share_baseline(_groups(first, hit, HOUR_US), frozen=True)
        if group.sums.parts:
            first.append(group)
            parts += group.sums.parts
    return share_baseline(_groups(first, hit, HOUR_US), frozen=False)


def _groups(hours: Iterable[Summed], hit: Hit, width_us: int) -> tuple[Group, ...]:
    """Subgroups on whole multiples of `width_us` in UTC."""
    places = groupby(_ordered(hours), key=lambda group: group.hour_ms * 1000 // width_us)
    made = []
    for place, some in places:
        sums = whole(some)
        made.append(Group(place * width_us, (place + 1) * width_us, *_hits(sums, hit)))
    return tuple(made)


def _hits(sums: Sums, hit: Hit) -> tuple[int, int]:
    """(parts, hits)."""
    if hit == "first":
        return sums.first_pass, sums.first_pass - sums.first_pass_ok
    return sums.parts, sums.unsure
