"""Part by part: OK, NG and UNSURE against what the part is, with intervals."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.values import Outcome
from training.evaluate.chances import Share, share
from training.evaluate.values import Seen

OVERKILL = 0.01
"""At which escapes are told beside those at the bundle's thresholds."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Verdicts on bad and on good parts. An escape is a bad part that is OK, an overkill a good one that is not."""

    bad: Mapping[str, int]
    """Outcome -> parts."""
    good: Mapping[str, int]
    escapes: Share
    overkills: Share
    accuracy: Share
    """Bad parts that are not OK, and good ones that are."""
    why_unsure: Mapping[str, int]
    """Rule -> parts, good or bad."""
    escapes_by_class: Mapping[str, Share]
    """Of bad parts with one kind of defect only."""
    shifted: "Shifted | None" = None


@dataclass(frozen=True, slots=True)
class Shifted:
    """With all thresholds moved together (in log odds) until overkills are just within `OVERKILL`.

    Moved on these parts themselves: what could be reached, not what a station does.
    """

    by: float
    """Log odds added to every threshold."""
    escapes: Share
    overkills: Share


def parts(bad: Sequence[Seen], good: Sequence[Seen], thresholds: Mapping[str, float]) -> Parts:
    """Count the verdicts; `thresholds` by label are those that the verdicts were made with."""
    escapes, overkills = sum(_ok(one) for one in bad), sum(not _ok(one) for one in good)
    right = len(bad) + len(good) - escapes - overkills
    unsure = [one for one in (*bad, *good) if one.outcome is Outcome.UNSURE]
    return Parts(
        bad=_outcomes(bad),
        good=_outcomes(good),
        escapes=share(escapes, len(bad)),
        overkills=share(overkills, len(good)),
        accuracy=share(right, len(bad) + len(good)),
        why_unsure=dict(Counter(one.why[0] if one.why else "" for one in unsure)),
        escapes_by_class=_by_class(bad),
        shifted=_shifted(bad, good, thresholds),
    )


def _ok(one: Seen) -> bool:
    return one.outcome is Outcome.OK


def _outcomes(seen: Sequence[Seen]) -> dict[str, int]:
    return {outcome.value: sum(one.outcome is outcome for one in seen) for outcome in Outcome}


def _by_class(bad: Sequence[Seen]) -> dict[str, Share]:
    kinds = {one.name: {box.label for box in one.truth} for one in bad}
    labels = sorted({next(iter(kind)) for kind in kinds.values() if len(kind) == 1})
    of = {label: [one for one in bad if kinds[one.name] == {label}] for label in labels}
    return {label: share(sum(map(_ok, some)), len(some)) for label, some in of.items()}


def _shifted(bad: Sequence[Seen], good: Sequence[Seen], thresholds: Mapping[str, float]) -> Shifted | None:
    if not bad or not good:
        return None
    margins = sorted((margin(one, thresholds) for one in good), reverse=True)
    allowed = math.floor(OVERKILL * len(good))
    # Just above the best good part that must pass: everything at or below it is OK.
    by = math.nextafter(margins[allowed], math.inf) if allowed < len(margins) else -math.inf
    if not math.isfinite(by):
        return None if by > 0 else Shifted(by, share(0, len(bad)), share(len(margins), len(margins)))
    escapes = sum(margin(one, thresholds) < by for one in bad)
    return Shifted(by, share(escapes, len(bad)), share(sum(m >= by for m in margins), len(good)))


def margin(one: Seen, thresholds: Mapping[str, float]) -> float:
    """How far all thresholds could rise, in log odds, before the part is OK; infinite: UNSURE at any."""
    if one.outcome is Outcome.UNSURE:
        return math.inf
    return max((_odds(d.score) - _odds(thresholds[d.label]) for d in one.found), default=-math.inf)


def _odds(p: float) -> float:
    p = min(max(p, 1e-9), 1 - 1e-9)
    return math.log(p) - math.log1p(-p)
