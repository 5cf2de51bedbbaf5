"""How a model does on the line, and whether it does worse than the one before it.

Pure: samples of judged parts in, figures and a reason out. While a model is new, its figures are compared
with those of the model before it on the same lane. Each comparison asks for two things together, a size that
matters and a chance so small that it may be asked again and again while parts come in:

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
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock

from agent.station.models.chances import at_least, chi_square, more
from pipelines.values import Inspection, Outcome, Rule, Verdict

KEEPS = 1000
BINS = 20
"""Of the best score, 0..1; one more in front for parts on which nothing was found."""
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
PER_OCTAVE = 32
"""Bins of the latency in each doubling of it: 2.2 % wide, from 1 ms on."""
CLASS_SHIFT, SCORE_SHIFT = 0.4, 0.4
"""Smallest total variation of the class mix, and smallest Kolmogorov-Smirnov distance of the best scores."""
FEWEST_DEFECTS = 20
OF_THE_STATION = frozenset({Rule.ERROR, Rule.LATE, Rule.STALE, Rule.INCOMPLETE, Rule.MISALIGNED})
"""UNSURE for these speaks of the model, its device and its speed; the other rules speak of the picture."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One judged part."""

    ng: bool
    unsure: bool
    """For a reason of the station's own (`OF_THE_STATION`)."""
    error: bool
    """The look failed; nothing was found."""
    total_ms: float
    missed: int
    """Pictures lost just before it."""
    top: float
    """Best score of all that was found; 0 where nothing was."""
    labels: tuple[str, ...] = ()
    """Classes that made it NG, each once."""


def sample_of(seen: Inspection, verdict: Verdict, missed: int) -> Sample:
    """What a judged part says of its model."""
    rules = {reason.rule for reason in verdict.reasons}
    return Sample(
        ng=verdict.outcome is Outcome.NG,
        unsure=verdict.outcome is Outcome.UNSURE and bool(rules & OF_THE_STATION),
        error=failed(seen),
        total_ms=seen.stages.total_ms,
        missed=missed,
        top=max((d.score for d in seen.detections), default=0.0),
        labels=tuple(sorted({reason.label for reason in verdict.reasons if reason.label})),
    )


def failed(seen: Inspection) -> bool:
    """Whether the look went wrong. With detections it is a picture of too many things, not a bad model."""
    return seen.fault is Rule.ERROR and not seen.detections


class History:
    """The last parts that one job judged. Thread-safe: the inspect thread adds, others read."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._samples: deque[Sample] = deque(maxlen=KEEPS)
        self._errors = 0
        self._parts = 0

    def add(self, sample: Sample) -> None:
        with self._lock:
            self._samples.append(sample)
            self._parts += 1
            self._errors += sample.error

    @property
    def errors(self) -> int:
        """Parts that could not be judged, since the job began."""
        return self._errors

    @property
    def parts(self) -> int:
        """Parts judged since the job began."""
        return self._parts

    def figures(self) -> "Figures":
        with self._lock:
            samples, parts = tuple(self._samples), self._parts
        return replace(figures_of(samples), judged=parts)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the last parts of one or several lanes were, in numbers that can be kept and compared."""

    parts: int = 0
    ng: int = 0
    unsure: int = 0
    errors: int = 0
    missed: int = 0
    p99_ms: float = 0.0
    """Over all lanes: the largest of theirs."""
    scores: tuple[int, ...] = (0,) * (BINS + 1)
    """Parts a bin of the best score; the first one: nothing was found."""
    labels: Mapping[str, int] = field(default_factory=dict)
    """Parts that each class made NG."""
    times: Mapping[int, int] = field(default_factory=dict)
    """Parts a bin of the latency (`PER_OCTAVE`)."""
    judged: int = 0
    """Parts since the job began, those that are not kept any more too."""


def figures_of(samples: Iterable[Sample]) -> Figures:
    """The figures of these parts."""
    known = tuple(samples)
    scores = Counter(_bin(s.top) for s in known)
    ordered = sorted(s.total_ms for s in known)
    return Figures(
        parts=len(known),
        ng=sum(s.ng for s in known),
        unsure=sum(s.unsure for s in known),
        errors=sum(s.error for s in known),
        # What was lost before the first part was lost by the job before.
        missed=sum(s.missed for s in known[1:]),
        p99_ms=ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)) - 1)] if ordered else 0.0,
        scores=tuple(scores[n] for n in range(BINS + 1)),
        labels=dict(Counter(label for s in known for label in s.labels)),
        times=dict(sorted(Counter(_time_bin(s.total_ms) for s in known).items())),
        judged=len(known),
    )


def together(lanes: Iterable[Figures]) -> Figures:
    """Several lanes as one."""
    known = tuple(lanes)
    labels: Counter[str] = Counter()
    times: Counter[int] = Counter()
    for one in known:
        labels.update(one.labels)
        times.update(one.times)
    return Figures(
        parts=sum(f.parts for f in known),
        ng=sum(f.ng for f in known),
        unsure=sum(f.unsure for f in known),
        errors=sum(f.errors for f in known),
        missed=sum(f.missed for f in known),
        p99_ms=max((f.p99_ms for f in known), default=0.0),
        scores=tuple(sum(f.scores[n] for f in known) for n in range(BINS + 1)),
        labels=dict(labels),
        times=dict(sorted(times.items())),
        judged=sum(f.judged for f in known),
    )


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
    own = _time_bin(limit_ms)
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


def _bin(top: float) -> int:
    return 0 if top <= 0 else min(BINS, 1 + int(top * BINS))


def _time_bin(total_ms: float) -> int:
    return 0 if total_ms <= 1 else math.ceil(PER_OCTAVE * math.log2(total_ms))
