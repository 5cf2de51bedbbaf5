"""Whether a new model does worse on the line than the one before it.

Pure: figures of judged parts in (`agent.station.models.figures`), a reason out. While a model is new, its
figures are compared with those of the model before it on the same lane. Each comparison asks for two things
together, a size that matters and a chance so small that it may be asked again and again while parts come in:

- errors: so many parts that could not be judged for an error of the model or its device;
- unsure: the share of parts that the station (not the picture) made UNSURE;
- missed: the share of pictures that a free-running camera lost because the lane was not ready for them;
- late: the share of parts that take more of the recipe's deadline than is allowed, or far longer than before;
- drift of the verdicts: the share of NG, the mix of defect classes, the best scores.

Shares and classes are compared as `agent.station.models.chances` says, the scores by the Kolmogorov-Smirnov
distance with its asymptotic bound. `due` thins out how often that is done, so that the chance of a whole window
to take back a model that is like the one before can be stated: at most `ALPHA` a comparison, `COMPARISONS` of
them a look, and a look only after a quarter more parts.
"""

import math
from dataclasses import dataclass

from agent.station.models.chances import at_least, chi_square, more
from agent.station.models.figures import Figures, time_bin

ALPHA = 1e-4
"""Chance of one comparison to call a model worse that is not."""
COMPARISONS = 7
"""In one look: unsure, missed, late, slower, NG, classes, scores."""
GROWTH = 1.25
"""So many times the parts of the last look: then the next one."""
FEWEST = 20
"""Parts before anything but errors is compared."""
UNSURE_POINTS, MISSED_POINTS, LATE_POINTS, NG_POINTS = 0.02, 0.02, 0.02, 0.10
"""Smallest difference of a share that counts."""
UNSURE_ALONE = 0.2
"""Share of UNSURE from which a model is bad where nothing is known of the time before."""
LATE_ALONE = 0.01
"""Share of late parts that a model may have where nothing is known of the time before."""
LATENCY_TIMES = 3.0
"""A part that takes so many times the 99th percentile before, and a quarter of what is allowed, is slow."""
CLASS_SHIFT, SCORE_SHIFT = 0.4, 0.4
"""Smallest total variation of the class mix, and smallest Kolmogorov-Smirnov distance of the best scores."""
FEWEST_DEFECTS = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What a new model must keep to."""

    errors: int
    deadline_ms: float
    share: float
    """Of the deadline that the 99th percentile of the latency may take."""
    drift: bool = True
    """Its verdicts are expected to be like those before; otherwise only errors, unsure and time are looked at."""
    same_labels: bool = True


def due(parts: int, looked: int) -> bool:
    """Whether a new model is to be compared again: with `parts` now, `looked` at the last time (0: never)."""
    return parts >= FEWEST and parts >= looked * GROWTH


def errors_of(now: Figures, most: int) -> str:
    """Why it fails for errors alone, of which there is no chance to speak; empty: it does not."""
    return f"{now.errors} of {now.parts} parts could not be judged for an error" if now.errors >= most else ""


def problem_of(before: Figures, now: Figures, limits: Limits) -> str:
    """Why the new model does worse than the one before; empty: it does not, as far as can be told."""
    if failing := errors_of(now, limits.errors):
        return failing
    if now.parts < FEWEST:
        return ""
    found = _unsure(before, now) or _missed(before, now) or _late(before, now, limits)
    if found or not limits.drift or before.parts < FEWEST:
        return found
    return _ng(before, now) or (_classes(before, now) if limits.same_labels else "") or _scores(before, now)


def _unsure(before: Figures, now: Figures) -> str:
    share = now.unsure / now.parts
    if before.parts < FEWEST:
        return f"{share:.0%} of {now.parts} parts are UNSURE" if share > UNSURE_ALONE else ""
    was = before.unsure / before.parts
    if share - was >= UNSURE_POINTS and more(now.unsure, now.parts, before.unsure, before.parts) < ALPHA:
        return f"{share:.1%} of {now.parts} parts are UNSURE, {was:.1%} were before"
    return ""


def _missed(before: Figures, now: Figures) -> str:
    if before.parts < FEWEST:
        return ""
    here, there = now.parts + now.missed, before.parts + before.missed
    share, was = now.missed / here, before.missed / there
    if share - was >= MISSED_POINTS and more(now.missed, here, before.missed, there) < ALPHA:
        return f"{share:.1%} of {here} pictures were missed, {was:.1%} were before: the model is too slow"
    return ""


def _late(before: Figures, now: Figures, limits: Limits) -> str:
    """Too many parts take longer than the deadline's share; a single one of them is a hiccup of the machine."""
    most, known = limits.deadline_ms * limits.share, before.parts >= FEWEST
    late, p99 = _longer(now, most), f"p99 of the latency is {now.p99_ms:.0f} ms"
    alone = not known and late > 0 and at_least(late, now.parts, LATE_ALONE) < ALPHA
    if alone or (known and _more_than_before(late, now, _longer(before, most), before)):
        return f"{p99}, {most:.0f} ms of the deadline are allowed: {late} of {now.parts} parts took longer"
    slow = max(LATENCY_TIMES * before.p99_ms, most / 4)
    if known and _more_than_before(_longer(now, slow), now, _longer(before, slow), before):
        took = f"{_longer(now, slow)} of {now.parts} parts took longer than {slow:.0f} ms"
        return f"{p99}, it was {before.p99_ms:.0f} ms before: {took}"
    return ""


def _more_than_before(here: int, now: Figures, there: int, before: Figures) -> bool:
    apart = here / now.parts - there / before.parts
    return apart >= LATE_POINTS and more(here, now.parts, there, before.parts) < ALPHA


def _longer(figures: Figures, limit_ms: float) -> int:
    """Parts that took longer; what lies in the limit's own bin did not."""
    own = time_bin(limit_ms)
    return sum(parts for place, parts in figures.times.items() if place > own)


def _ng(before: Figures, now: Figures) -> str:
    share, was = now.ng / now.parts, before.ng / before.parts
    if abs(share - was) < NG_POINTS:
        return ""
    chance = min(
        more(now.ng, now.parts, before.ng, before.parts), more(before.ng, before.parts, now.ng, now.parts)
    )  # fmt: skip
    return f"{share:.1%} of {now.parts} parts are NG, {was:.1%} were before" if chance < ALPHA / 2 else ""


def _classes(before: Figures, now: Figures) -> str:
    here, there = sum(now.labels.values()), sum(before.labels.values())
    if here < FEWEST_DEFECTS or there < FEWEST_DEFECTS:
        return ""
    names = sorted({*now.labels, *before.labels})
    shifts = {n: now.labels.get(n, 0) / here - before.labels.get(n, 0) / there for n in names}
    shift = sum(map(abs, shifts.values())) / 2
    if shift < CLASS_SHIFT or chi_square(before.labels, now.labels, names) >= ALPHA:
        return ""
    worst = max(names, key=lambda n: abs(shifts[n]))
    was, share = before.labels.get(worst, 0) / there, now.labels.get(worst, 0) / here
    return f"the mix of defects has changed by {shift:.0%}: {worst} is {share:.0%} of them, it was {was:.0%}"


def _scores(before: Figures, now: Figures) -> str:
    low = here = there = 0.0
    for mine, theirs in zip(now.scores, before.scores, strict=True):
        here, there = here + mine / now.parts, there + theirs / before.parts
        low = max(low, abs(here - there))
    # Asymptotic bound of the two-sample test (N. V. Smirnov, Ann. Math. Statist. 19, 1948).
    effective = now.parts * before.parts / (now.parts + before.parts)
    if low >= SCORE_SHIFT and 2 * math.exp(-2 * effective * low * low) < ALPHA:
        return f"the best scores of the parts are others than before (Kolmogorov-Smirnov distance {low:.2f})"
    return ""
