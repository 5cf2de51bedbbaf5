"""A summary: the fold over one lane's records of one window. Counts add, histograms merge.

Only counts, sums and histograms with fixed bounds travel, so that a centre can add stations up.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.values import Outcome, Purpose, Record, Rule

LATENCY_BOUNDS_MS = (2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0)
"""Upper bounds, inclusive; one more bucket holds everything above. Never changed, only added to."""
SCORE_BOUNDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
"""Upper bounds of the detections' scores; one more bucket holds those above 0.95."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time and the contiguous range of record ids that was cut by it."""

    start_utc_us: int
    end_utc_us: int
    first_id: int
    """First record id of the range; `last_id` + 1 of the window before."""
    last_id: int
    """Last record id of the range; first_id - 1 when the range is empty."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is sent about one lane and one window."""

    lane: str
    camera: str
    window: Window
    parts: int
    ok: int
    ng: int
    unsure: int
    first_pass_ok: int
    """OK at attempt 1."""
    first_pass: int
    """Judged at attempt 1."""
    missed: int
    defects: tuple[tuple[str, int], ...]
    """(class, detections that made parts NG), by name."""
    unsure_reasons: tuple[tuple[str, int], ...]
    """(rule, parts), by name; a part counts for each of its rules once."""
    first_part_utc_us: int
    """Capture time of the first part; 0 in an empty window."""
    last_part_utc_us: int
    latency_ms: tuple[int, ...]
    """Counts a bucket of LATENCY_BOUNDS_MS, len + 1, frame to verdict."""
    latency_sum_ms: float
    latency_max_ms: float
    scores: tuple[int, ...]
    """Counts a bucket of SCORE_BOUNDS, len + 1, over all stored detections."""
    quality_parts: int
    """Parts with a measured picture: the divisor of the two sums."""
    brightness_sum: float
    sharpness_sum: float
    other_purposes: int
    """Records of the range that are not production and count nowhere else."""
    models: tuple[str, ...]
    recipes: tuple[str, ...]
    untrusted_clock: int
    """Parts whose wall clock was known to be wrong."""
    temperature_c: float | None = None
    """Of the device that answers, at the end of the window; None where it has no sensor."""
    missing: tuple[tuple[str, int], ...] = ()
    """(class, parts that were NG because they had too few of it), by name. Apart from `defects`: what is not
    there is no detection, and its class is that of a component and not of a defect."""


def histogram(values: Iterable[float], bounds: tuple[float, ...]) -> tuple[int, ...]:
    """Counts a bucket: bucket i holds values <= bounds[i] and above bounds[i - 1]; the last, the rest."""
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_left(bounds, value)] += 1
    return tuple(counts)


def quantile(counts: tuple[int, ...], bounds: tuple[float, ...], q: float) -> float:
    """The q-quantile (0..1) of a histogram, linear inside its bucket; 0 when it is empty.

    The last bucket has no upper bound: its lower bound is answered.
    """
    total = sum(counts)
    if total == 0:
        return 0.0
    rank, seen = q * total, 0
    for i, count in enumerate(counts):
        if count and seen + count >= rank:
            low = bounds[i - 1] if i else 0.0
            high = bounds[i] if i < len(bounds) else low
            return low + (high - low) * (rank - seen) / count
        seen += count
    return bounds[-1]


def _sorted(counter: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counter.items()))


def summarise(lane: str, camera: str, window: Window, records: Iterable[Record]) -> Summary:
    """Fold one lane's records of the window's id range, in any order, into its summary."""
    every = tuple(records)
    parts = tuple(r for r in every if r.purpose is Purpose.PRODUCTION)
    outcomes = Counter(r.verdict.outcome for r in parts)
    first = tuple(r for r in parts if r.attempt == 1)
    measured = tuple(q for r in parts if (q := r.inspection.quality) is not None)
    latencies = tuple(r.inspection.stages.total_ms for r in parts)
    captured = tuple(r.captured.utc_us for r in parts)
    return Summary(
        lane=lane,
        camera=camera,
        window=window,
        parts=len(parts),
        ok=outcomes[Outcome.OK],
        ng=outcomes[Outcome.NG],
        unsure=outcomes[Outcome.UNSURE],
        first_pass_ok=sum(r.verdict.outcome is Outcome.OK for r in first),
        first_pass=len(first),
        missed=sum(r.missed for r in every),
        defects=_labels(parts, Rule.DEFECT),
        unsure_reasons=_sorted(
            Counter(
                rule
                for r in parts
                if r.verdict.outcome is Outcome.UNSURE
                for rule in {str(x.rule) for x in r.verdict.reasons}
            )
        ),
        first_part_utc_us=min(captured, default=0),
        last_part_utc_us=max(captured, default=0),
        latency_ms=histogram(latencies, LATENCY_BOUNDS_MS),
        latency_sum_ms=sum(latencies),
        latency_max_ms=max(latencies, default=0.0),
        scores=histogram((d.score for r in parts for d in r.inspection.detections), SCORE_BOUNDS),
        quality_parts=len(measured),
        brightness_sum=sum(q.brightness for q in measured),
        sharpness_sum=sum(q.sharpness for q in measured),
        other_purposes=len(every) - len(parts),
        models=tuple(sorted({r.origin.model for r in every})),
        recipes=tuple(sorted({f"{r.origin.recipe}@{r.origin.recipe_hash[:12]}" for r in every})),
        untrusted_clock=sum(not r.clock_trusted for r in parts),
        missing=_labels(parts, Rule.MISSING),
    )


def _labels(parts: Iterable[Record], rule: Rule) -> tuple[tuple[str, int], ...]:
    """How often this rule stands among the reasons of the NG parts, by the class that it names."""
    bad = (r.verdict.reasons for r in parts if r.verdict.outcome is Outcome.NG)
    return _sorted(Counter(reason.label for reasons in bad for reason in reasons if reason.rule is rule))


def merge(summaries: Sequence[Summary]) -> Summary:
    """One summary of a lane's summaries that follow on each other, as if it had been one window."""
    first, last = summaries[0], summaries[-1]
    starts = [s.first_part_utc_us for s in summaries if s.parts]
    return Summary(
        lane=last.lane,
        camera=last.camera,
        window=Window(
            start_utc_us=min(s.window.start_utc_us for s in summaries),
            end_utc_us=max(s.window.end_utc_us for s in summaries),
            first_id=first.window.first_id,
            last_id=last.window.last_id,
        ),
        parts=sum(s.parts for s in summaries),
        ok=sum(s.ok for s in summaries),
        ng=sum(s.ng for s in summaries),
        unsure=sum(s.unsure for s in summaries),
        first_pass_ok=sum(s.first_pass_ok for s in summaries),
        first_pass=sum(s.first_pass for s in summaries),
        missed=sum(s.missed for s in summaries),
        defects=_added(s.defects for s in summaries),
        unsure_reasons=_added(s.unsure_reasons for s in summaries),
        first_part_utc_us=min(starts, default=0),
        last_part_utc_us=max(s.last_part_utc_us for s in summaries),
        latency_ms=_columns(s.latency_ms for s in summaries),
        latency_sum_ms=sum(s.latency_sum_ms for s in summaries),
        latency_max_ms=max(s.latency_max_ms for s in summaries),
        scores=_columns(s.scores for s in summaries),
        quality_parts=sum(s.quality_parts for s in summaries),
        brightness_sum=sum(s.brightness_sum for s in summaries),
        sharpness_sum=sum(s.sharpness_sum for s in summaries),
        other_purposes=sum(s.other_purposes for s in summaries),
        models=tuple(sorted({name for s in summaries for name in s.models})),
        recipes=tuple(sorted({name for s in summaries for name in s.recipes})),
        untrusted_clock=sum(s.untrusted_clock for s in summaries),
        temperature_c=last.temperature_c,
        missing=_added(s.missing for s in summaries),
    )


def _added(counts: Iterable[tuple[tuple[str, int], ...]]) -> tuple[tuple[str, int], ...]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(dict(each))
    return _sorted(total)


def _columns(histograms: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*histograms, strict=True)))
