"""Thresholds with a promise: what is refused, what is chosen, and exact numbers."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.quality.binomial import at_most, interval, needed, upper
from pipelines.values import Detection
from training.alike import design_effect
from training.datasets.values import Box
from training.losses import EXACT, PromiseRefused
from training.thresholds import (
    Tops,
    calibrate,
    common_path,
    on_bad_part,
    on_good_part,
    quantile_path,
)

LABELS = ("open", "short")


# the binomial distribution


@pytest.mark.parametrize(
    ("limit", "confidence", "failures", "number"),
    [(0.01, 0.95, 0, 299), (0.02, 0.95, 0, 149), (0.001, 0.95, 0, 2995), (0.01, 0.99, 0, 459), (0.5, 0.5, 0, 1)]
    + [(0.01, 0.95, 1, 473), (0.01, 0.95, 2, 628), (0.05, 0.95, 1, 93)],
)
def test_how_many_parts_are_needed(limit: float, confidence: float, failures: int, number: int) -> None:
    """299 for 1 % at 95 % (the "rule of three"); 473 and 628 with one and two failures, as in any table."""
    assert needed(limit, confidence, failures) == number


@settings(deadline=None, max_examples=100)
@given(st.floats(0.002, 0.6), st.floats(0.5, 0.999), st.integers(0, 6))
def test_needed_is_the_smallest(limit: float, confidence: float, failures: int) -> None:
    n = needed(limit, confidence, failures)
    assert at_most(failures, n, limit) <= 1 - confidence + 1e-12
    assert n == 1 or at_most(failures, n - 1, limit) > 1 - confidence - 1e-9


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0.0, 0.30850), (1, 10, 0.00253, 0.44502), (5, 10, 0.18709, 0.81291), (10, 10, 0.69150, 1.0)]
    + [(3, 500, 0.001239, 0.017434)],
)
def test_exact_intervals(k: int, n: int, low: float, high: float) -> None:
    """Values of Clopper and Pearson's interval as the beta distribution gives them (scipy 1.17)."""
    assert interval(k, n) == pytest.approx((low, high), abs=6e-6)


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 400), st.data(), st.floats(0.001, 0.999))
def test_tails_agree_with_the_sum_and_bounds_with_the_tails(n: int, data: st.DataObject, p: float) -> None:
    k = data.draw(st.integers(0, n))
    exact = math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    assert at_most(k, n, p) == pytest.approx(exact, abs=1e-9)
    bound = upper(k, n, 0.9)
    assert k / n <= bound <= 1
    assert k == n or at_most(k, n, bound) == pytest.approx(0.1, abs=1e-6)


# calibration


def tops(scores: Sequence[float], label: str = "open") -> list[Tops]:
    return [Tops({label: s}) for s in scores]


def test_too_few_parts_are_refused_with_the_number_needed() -> None:
    good = tops([0.1])
    with pytest.raises(
        PromiseRefused, match=r"at most 1 % with 95 % confidence needs at least 299 bad parts.*there are 298"
    ):
        calibrate(tops([0.9] * 298), good, LABELS, limit=0.01, confidence=0.95)
    assert calibrate(tops([0.9] * 299), good, LABELS).promise.parts == 299
    with pytest.raises(PromiseRefused, match=r"with 150 the lowest limit is 1\.98 %"):
        calibrate(tops([0.9] * 150), good, LABELS)
    assert calibrate(tops([0.9] * 150), good, LABELS, limit=0.02).promise.limit == 0.02
    with pytest.raises(PromiseRefused, match="there are none"):
        calibrate([], good, LABELS)


def test_too_many_escapes_are_refused_with_what_could_be_promised() -> None:
    bad = [*tops([0.9] * 396), *[Tops({})] * 4]
    with pytest.raises(PromiseRefused, match=r"4 escapes of 400: 2\.27 % can be promised.*4 would need 913 parts"):
        calibrate(bad, tops([0.1]), LABELS)
    assert at_most(4, 913, 0.01) <= 0.05 < at_most(4, 912, 0.01)


def test_without_good_parts_nothing_is_promised() -> None:
    with pytest.raises(PromiseRefused, match="overkill"):
        calibrate(tops([0.9] * 300), [], LABELS)


@pytest.mark.parametrize(("limit", "confidence"), [(0, 0.95), (1, 0.95), (0.01, 0), (0.01, 1), (math.nan, 0.95)])
def test_wishes_that_cannot_be(limit: float, confidence: float) -> None:
    with pytest.raises(PromiseRefused, match="between 0 and 1"):
        calibrate(tops([0.9] * 300), tops([0.1]), LABELS, limit=limit, confidence=confidence)


def test_the_highest_thresholds_let_as_many_escape_as_the_promise_bears() -> None:
    """473 parts bear one escape, 472 none."""
    scores = [0.3, 0.4, *[0.9] * 471]
    good = [*tops([0.35]), *tops([0.05] * 9)]
    done = calibrate(tops(scores), good, LABELS)
    assert done.highest["open"] == pytest.approx(0.4, abs=1e-3)  # at 0.4 the part with 0.4 still counts
    assert 0.35 < done.thresholds["open"] <= 0.4  # and from 0.35 up no good part is rejected
    assert (done.failures.k, done.failures.n, done.overkills.k, done.overkills.n) == (1, 473, 0, 10)
    assert done.bound == pytest.approx(upper(1, 473), abs=1e-12)
    fewer = calibrate(tops(scores[:-1]), good, LABELS)
    assert fewer.highest["open"] == pytest.approx(0.3, abs=1e-3)
    assert fewer.overkills.k == 1
    assert fewer.promise.overkill is not None
    assert fewer.promise.overkill.measured == 0.1
    assert (fewer.promise.overkill.low, fewer.promise.overkill.high) == pytest.approx(interval(1, 10))
    assert "0 of 472" in str(fewer)


def test_room_on_both_sides_where_nothing_is_lost() -> None:
    done = calibrate(tops([0.8] * 300), tops([0.2] * 50), LABELS)
    assert done.thresholds["open"] == pytest.approx(0.5, abs=0.01)
    assert done.promise.method == EXACT
    assert done.promise.source.endswith("arXiv:2110.01052")


def test_any_class_rejects_and_an_unsure_part_is_no_escape() -> None:
    bad = [*[Tops({"open": 0.2, "short": 0.9})] * 200, *[Tops({}, unsure=True)] * 100]
    good = [Tops({"short": 0.3}), Tops({}, unsure=True)]
    done = calibrate(bad, good, LABELS)
    assert done.failures.k == 0
    assert done.highest["short"] == pytest.approx(0.9, abs=1e-3)
    assert (done.overkills.k, done.overkills.n) == (1, 2)  # the unsure good part, at any threshold


def of_boards(scores: Sequence[float], each: int) -> list[Tops]:
    """Parts with these scores, so many in a row of one board."""
    return [Tops({"open": s}, board=f"b{i // each}") for i, s in enumerate(scores)]


def test_parts_that_are_all_alike_count_as_their_boards() -> None:
    """300 parts of 100 boards, each board's parts all found alike, are 100 boards' worth of knowledge."""
    hard = np.repeat(np.random.default_rng(3).beta(6, 1, 100), 3).tolist()
    with pytest.raises(PromiseRefused, match=r"there are 300 of 100 boards, which are alike and count as 100"):
        calibrate(of_boards(hard, 3), tops([0.1]), LABELS)
    done = calibrate(of_boards(hard, 3), tops([0.1]), LABELS, limit=0.04)
    assert (done.promise.parts, done.boards, done.failures.n) == (100, 100, 300)
    assert done.promise.method == f"{EXACT}, 300 parts of 100 boards, design effect 3.00"
    assert "of 300 of 100 boards, which count as 100, in calibration" in str(done)


def test_parts_that_are_not_alike_count_as_nearly_all() -> None:
    effects = [
        design_effect([f"b{i // 5}" for i in range(600)], np.random.default_rng(seed).permutation(600))
        for seed in range(40)
    ]
    assert min(effects) >= 1
    assert float(np.mean(effects)) < 1.3


def test_few_boards_count_as_no_more_parts_than_they_are() -> None:
    assert design_effect(["a"] * 50 + ["b"] * 50, list(range(100))) == 50
    assert design_effect([""] * 100, list(range(100))) == 1
    assert design_effect([f"b{i}" for i in range(100)], list(range(100))) == 1
    assert design_effect([], []) == 1


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50)), max_size=200))
def test_an_effect_lies_between_no_likeness_and_all(parts: list[tuple[int, int]]) -> None:
    sizes = Counter(board for board, _ in parts)
    effect = design_effect([f"b{board}" for board, _ in parts], [step for _, step in parts])
    assert 1 <= effect <= max(1.0, sum(n * n for n in sizes.values()) / max(1, len(parts))) + 1e-9


def test_what_an_overkill_is_told_of_did_not_choose_the_thresholds() -> None:
    """The cheapest thresholds for the one half are not the cheapest for the other, and its price is the one told."""
    bad = [*tops([0.9] * 300), *tops([0.5] * 4)]
    steering, others = tops([0.3] * 10), tops([0.6] * 10)
    done = calibrate(bad, others, LABELS, limit=0.05, steering=steering)
    assert 0.3 < done.thresholds["open"] <= 0.9
    assert done.overkills.k == 10 * (done.thresholds["open"] <= 0.6)
    assert calibrate(bad, others, LABELS, limit=0.05).overkills.k == 0
    assert done.thresholds["open"] == pytest.approx(0.6, abs=0.01), "the middle of 0.3 and 0.9"


@settings(deadline=None, max_examples=60)
@given(st.integers(300, 500), st.integers(0, 2**31), st.floats(0.01, 0.2))
def test_what_is_promised_is_what_the_parts_show(n: int, seed: int, limit: float) -> None:
    """At the thresholds given back, the parts' own escapes and overkills are those that are reported."""
    rng = np.random.default_rng(seed)
    bad = [Tops({"open": float(a), "short": float(b)}) for a, b in rng.beta(6, 1, (n, 2))]
    good = [Tops({"open": float(a), "short": float(b)}) for a, b in rng.beta(1, 6, (80, 2))]
    try:
        done = calibrate(bad, good, LABELS, limit=limit)
    except PromiseRefused:
        assert needed(limit, 0.95) > n
        return

    def rejected(part: Tops) -> bool:
        return any(part.scores[label] >= done.thresholds[label] for label in LABELS)

    escapes, overkills = sum(not rejected(p) for p in bad), sum(map(rejected, good))
    assert (escapes, overkills) == (done.failures.k, done.overkills.k)
    assert at_most(escapes, n, limit) <= 0.05
    assert escapes / n <= done.bound <= limit
    assert all(done.thresholds[label] <= done.highest[label] for label in LABELS)


# paths


def test_a_path_of_quantiles_gives_every_class_its_own_threshold() -> None:
    rng = np.random.default_rng(0)
    scores = {"open": rng.uniform(0.2, 0.6, 400).tolist(), "short": rng.uniform(0.7, 0.9, 400).tolist()}
    path = quantile_path(scores, LABELS)
    middle = path[np.searchsorted(path[:, 0], 0.4)]
    assert middle == pytest.approx([0.4, 0.8], abs=0.02)
    bad = [Tops({"open": s}) for s in rng.uniform(0.2, 0.6, 300)] + [
        Tops({"short": s}) for s in rng.uniform(0.7, 0.9, 300)
    ]
    good = [Tops({"open": 0.1, "short": 0.6})] * 50
    own = calibrate(bad, good, LABELS, limit=0.05, path=path)
    same = calibrate(bad, good, LABELS, limit=0.05)
    assert own.overkills.k == 0
    assert same.overkills.k == 50


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), max_size=60), st.lists(st.floats(0, 1), min_size=20, max_size=60))
def test_a_path_never_falls_and_stays_within_what_a_manifest_takes(one: list[float], other: list[float]) -> None:
    for path in (quantile_path({"open": one, "short": other}, LABELS), common_path(LABELS, floor=0.2)):
        assert (np.diff(path, axis=0) >= 0).all()
        assert ((path > 0) & (path < 1)).all()


@pytest.mark.parametrize(
    "path", [np.array([[0.5, 0.5], [0.4, 0.6]]), np.zeros((3, 2)), np.full((3, 1), 0.5), np.zeros((0, 2))]
)
def test_a_path_that_falls_is_refused(path: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> None:
    with pytest.raises(PromiseRefused, match="path"):
        calibrate(tops([0.9] * 300), tops([0.1]), LABELS, path=path)
    with pytest.raises(PromiseRefused, match="3 scores are too few"):
        quantile_path({"open": [0.1, 0.2, 0.3]}, LABELS)


# what counts


def test_only_a_detection_on_a_defect_shows_that_a_part_is_bad() -> None:
    truth = (Box("open", 10, 10, 30, 30), Box("short", 60, 60, 80, 80))
    found = (
        Detection("short", 0.9, 100, 100, 120, 120),
        Detection("open", 0.8, 12, 12, 28, 28),
        Detection("spur", 0.7, 61, 61, 79, 79),
        Detection("open", 0.6, 9, 9, 31, 31),
    )
    assert on_bad_part(found, truth).scores == {"open": 0.8, "spur": 0.7}
    assert on_good_part(found).scores == {"short": 0.9, "open": 0.8, "spur": 0.7}
    assert on_bad_part((), truth, unsure=True) == Tops({}, unsure=True)
