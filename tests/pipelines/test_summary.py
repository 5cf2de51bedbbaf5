"""Summaries are folds: what two windows say adds up to what one over both says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.summary import LATENCY_BOUNDS_MS, SCORE_BOUNDS, Window, histogram, quantile, summarise
from pipelines.values import (
    Detection,
    Inspection,
    Origin,
    Outcome,
    Purpose,
    Quality,
    Reason,
    Record,
    Rule,
    Stages,
    Stamp,
    Verdict,
)

ORIGIN = Origin("top", "cam", "serial", "board-a", "ab" * 32, "m-1", "cd" * 32, "CPU", "0.1")
WINDOW = Window(0, 60_000_000, 1, 99)
VERDICT = st.sampled_from(
    [
        Verdict(Outcome.OK),
        Verdict(
            Outcome.NG, (Reason(Rule.DEFECT, 0.9, 0.6, "open", "", 0), Reason(Rule.DEFECT, 0.8, 0.6, "open", "", 1))
        ),
        Verdict(Outcome.NG, (Reason(Rule.MISSING, 1, 2, "screw"),)),
        Verdict(Outcome.UNSURE, (Reason(Rule.TOO_DARK, 1, 5), Reason(Rule.BLURRED, 1, 5))),
        Verdict(Outcome.UNSURE, (Reason(Rule.LATE, 2000, 1000),)),
    ]
)
RECORD = st.builds(
    lambda utc, missed, ms, score, verdict, purpose, attempt, measured: Record(
        origin=ORIGIN,
        run="run",
        sequence=1,
        missed=missed,
        captured=Stamp(utc, 0, "boot"),
        decided_utc_us=utc + 1,
        inspection=Inspection(
            (Detection("open", score, 0, 0, 1, 1),),
            Quality(10, 20, 0, 1, 0) if measured else None,
            640,
            640,
            Stages(total_ms=ms),
        ),
        verdict=verdict,
        purpose=purpose,
        attempt=attempt,
    ),
    st.integers(1, 60_000_000),
    st.integers(0, 5),
    st.integers(0, 2000).map(float),
    st.floats(0, 1),
    VERDICT,
    st.sampled_from(list(Purpose)),
    st.integers(1, 3),
    st.booleans(),
)
ADDING = (
    "parts",
    "ok",
    "ng",
    "unsure",
    "first_pass_ok",
    "first_pass",
    "missed",
    "latency_sum_ms",
    "quality_parts",
    "brightness_sum",
    "sharpness_sum",
    "other_purposes",
    "untrusted_clock",
)


def add(a, b):
    return tuple(sorted({name: dict(a).get(name, 0) + dict(b).get(name, 0) for name in {**dict(a), **dict(b)}}.items()))


@given(st.lists(RECORD, max_size=12), st.lists(RECORD, max_size=12))
def test_summaries_add_up(first, second) -> None:
    one, two = summarise("top", "cam", WINDOW, first), summarise("top", "cam", WINDOW, second)
    both = summarise("top", "cam", WINDOW, first + second)
    for name in ADDING:
        assert getattr(both, name) == getattr(one, name) + getattr(two, name), name
    for name in ("latency_ms", "scores"):
        pairs = zip(getattr(one, name), getattr(two, name), strict=True)
        assert getattr(both, name) == tuple(a + b for a, b in pairs)
    assert both.defects == add(one.defects, two.defects)
    assert both.missing == add(one.missing, two.missing)
    assert both.unsure_reasons == add(one.unsure_reasons, two.unsure_reasons)
    assert both.latency_max_ms == max(one.latency_max_ms, two.latency_max_ms)


@given(st.lists(RECORD, max_size=12), st.randoms(use_true_random=False))
def test_order_does_not_matter(records, random) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)
    assert summarise("top", "cam", WINDOW, records) == summarise("top", "cam", WINDOW, shuffled)


@given(st.lists(RECORD, max_size=12))
def test_only_production_counts(records) -> None:
    summary = summarise("top", "cam", WINDOW, records)
    assert summary.parts == summary.ok + summary.ng + summary.unsure == sum(summary.latency_ms) == sum(summary.scores)
    assert summary.parts + summary.other_purposes == len(records)
    assert summary.first_pass_ok <= summary.first_pass <= summary.parts
    production = [replace(r, missed=0) for r in records if r.purpose is Purpose.PRODUCTION]
    again = summarise("top", "cam", WINDOW, production)
    assert replace(summary, missed=0, other_purposes=0, models=again.models, recipes=again.recipes) == again


@given(st.lists(st.floats(-1, 5000), max_size=50), st.sampled_from([LATENCY_BOUNDS_MS, SCORE_BOUNDS]))
def test_histogram_counts_every_value_once(values, bounds) -> None:
    counts = histogram(values, bounds)
    assert len(counts) == len(bounds) + 1
    assert sum(counts) == len(values)
    for i, bound in enumerate(bounds):
        assert sum(counts[: i + 1]) == sum(value <= bound for value in values)


@given(st.lists(st.floats(0, 900), min_size=1, max_size=50), st.floats(0.01, 1))
def test_quantile_lies_in_the_bucket_of_the_exact_one(values, q) -> None:
    counts = histogram(values, LATENCY_BOUNDS_MS)
    rank = max(1, -(-q * len(values) // 1))
    exact = sorted(values)[int(rank) - 1]
    edges = (0.0, *LATENCY_BOUNDS_MS)
    bucket = histogram([exact], LATENCY_BOUNDS_MS).index(1)
    assert edges[bucket] <= quantile(counts, LATENCY_BOUNDS_MS, q) <= edges[bucket + 1]


def test_quantile_of_nothing() -> None:
    assert quantile((0,) * 15, LATENCY_BOUNDS_MS, 0.5) == 0
    assert quantile((*(0,) * 14, 3), LATENCY_BOUNDS_MS, 0.5) == pytest.approx(1000)


def test_what_is_missing_is_no_defect() -> None:
    """Only what was seen and made a part NG is a defect; too few of a component are counted apart."""
    reasons = (
        Reason(Rule.DEFECT, 0.9, 0.6, "open", "", 0),
        Reason(Rule.DEFECT, 0.8, 0.6, "open", "", 1),
        Reason(Rule.MISSING, 1, 2, "screw"),
    )
    bad = Record(ORIGIN, "run", 1, 0, Stamp(1, 0, "b"), 2, Inspection((), None, 1, 1), Verdict(Outcome.NG, reasons))
    unsure = replace(bad, verdict=Verdict(Outcome.UNSURE, (Reason(Rule.ERROR, label="open"),)))
    summary = summarise("top", "cam", WINDOW, [bad, bad, unsure])
    assert summary.defects == (("open", 4),)
    assert summary.missing == (("screw", 2),)
