"""How the last parts of a model were, in figures that can be kept, added up and compared."""

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock

from pipelines.values import Inspection, Outcome, Rule, Verdict

KEEPS = 1000
BINS = 20
"""Of the best score, 0..1; one more in front for parts on which nothing was found."""
PER_OCTAVE = 32
"""Bins of the latency in each doubling of it: 2.2 % wide, from 1 ms on."""
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
        times=dict(sorted(Counter(time_bin(s.total_ms) for s in known).items())),
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


def _bin(top: float) -> int:
    return 0 if top <= 0 else min(BINS, 1 + int(top * BINS))


def time_bin(total_ms: float) -> int:
    """The latency's bin (`PER_OCTAVE`)."""
    return 0 if total_ms <= 1 else math.ceil(PER_OCTAVE * math.log2(total_ms))
