"""Does a new model do worse? Figures and comparisons, without a station."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.station.models.chances import at_least, chi_square, more
from agent.station.models.figures import BINS, KEEPS, Figures, History, Sample, figures_of, sample_of, together
from agent.station.models.health import ALPHA, COMPARISONS, FEWEST, Limits, due, problem_of
from pipelines.values import Detection, Inspection, Outcome, Reason, Rule, Stages, Verdict

LIMITS = Limits(errors=3, deadline_ms=1000, share=0.8)
GOOD = Sample(ng=False, unsure=False, error=False, total_ms=10.0, missed=0, top=0.1)
BAD = replace(GOOD, ng=True, top=0.9, labels=("open",))
samples = st.lists(
    st.builds(
        Sample,
        ng=st.booleans(),
        unsure=st.booleans(),
        error=st.just(False),
        total_ms=st.floats(0, 2000),
        missed=st.integers(0, 3),
        top=st.floats(0, 1),
        labels=st.sets(st.sampled_from(["open", "short"])).map(tuple),
    ),
    max_size=60,
)


def line(parts: int, bad_share: float, seed: int, **changes: float) -> Figures:
    draw = random.Random(seed)
    parts_ = [BAD if draw.random() < bad_share else GOOD for _ in range(parts)]
    return figures_of(replace(sample, **changes) for sample in parts_)  # type: ignore[arg-type]


def test_an_equal_model_is_let_be() -> None:
    """A good model is hardly ever taken back by chance, however often it is looked at."""
    alarms = 0
    for seed in range(400):
        before, now = line(500, 0.2, seed), line(200, 0.2, 10_000 + seed)
        alarms += bool(problem_of(before, now, LIMITS))
    assert alarms <= 2


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_another_share_of_bad_parts_is_noticed(share: float) -> None:
    """A blind model, and one that rejects everything."""
    assert "NG" in problem_of(line(500, 0.25, 1), line(120, share, 2), LIMITS)
    assert problem_of(line(500, 0.25, 1), line(120, share, 2), replace(LIMITS, drift=False)) == ""


def test_errors_are_enough_by_themselves() -> None:
    failing = [replace(GOOD, error=True, unsure=True)] * 3
    assert "3 of 5 parts" in problem_of(Figures(), figures_of([GOOD, GOOD, *failing]), LIMITS)
    assert problem_of(Figures(), figures_of([GOOD, GOOD, *failing[:2]]), LIMITS) == ""


def test_unsure_parts_are_compared_with_before() -> None:
    unsure = replace(GOOD, unsure=True)
    before, now = figures_of([GOOD] * 198 + [unsure] * 2), figures_of([GOOD] * 80 + [unsure] * 20)
    assert "UNSURE" in problem_of(before, now, LIMITS)
    assert problem_of(now, now, LIMITS) == ""
    assert "UNSURE" in problem_of(Figures(), figures_of([unsure] * 10 + [GOOD] * 20), LIMITS)


def test_time_is_compared_with_before_and_with_the_deadline() -> None:
    fast = line(100, 0.2, 1, total_ms=10.0)
    assert "810 ms" in problem_of(fast, line(100, 0.2, 2, total_ms=810.0), LIMITS)
    assert "was 10 ms" in problem_of(fast, line(100, 0.2, 2, total_ms=250.0), LIMITS)
    assert problem_of(fast, line(100, 0.2, 2, total_ms=150.0), LIMITS) == ""
    slow_line = line(100, 0.2, 1, total_ms=900.0)
    assert problem_of(slow_line, line(100, 0.2, 2, total_ms=950.0), LIMITS) == ""


def test_single_late_parts_are_hiccups_of_the_machine() -> None:
    """A flush of the disk now and then is no fault of the model's, whatever the 99th percentile makes of it."""
    late = replace(GOOD, total_ms=850.0)
    for hiccups in (1, 3, 6):
        now = figures_of([GOOD] * (200 - hiccups) + [late] * hiccups)
        assert problem_of(figures_of([GOOD] * 997 + [late] * 3), now, LIMITS) == ""
    assert "20 of 200 parts took longer" in problem_of(
        figures_of([GOOD] * 997 + [late] * 3), figures_of([GOOD] * 180 + [late] * 20), LIMITS
    )
    # Nothing is known of the time before: 1 % may be late.
    assert problem_of(Figures(), figures_of([GOOD] * 19 + [late]), LIMITS) == ""
    assert "5 of 20 parts took longer" in problem_of(Figures(), figures_of([GOOD] * 15 + [late] * 5), LIMITS)


def test_the_chance_to_take_back_an_equal_model_is_stated() -> None:
    """Whole windows, looked at as they are: late parts, UNSURE ones and missed pictures come as before."""
    draw = random.Random(7)

    def one() -> Sample:
        ng, late = draw.random() < 0.05, draw.random() < 0.01
        return Sample(
            ng=ng,
            unsure=draw.random() < 0.01,
            error=False,
            total_ms=850.0 if late else draw.lognormvariate(3.4, 0.2),
            missed=int(draw.random() < 0.01),
            top=draw.betavariate(8, 2) if ng else draw.betavariate(2, 8),
            labels=(draw.choice("aaabbc"),) if ng else (),
        )

    back, windows, parts = 0, 40, 200
    for _ in range(windows):
        before, history, looked = figures_of(one() for _ in range(500)), History(), 0
        for n in range(1, parts + 1):
            history.add(one())
            if due(n, looked):
                looked = n
                back += bool(problem_of(before, history.figures(), LIMITS))
    assert back <= 1
    looks = looked = 0
    for n in range(1, parts + 1):
        if due(n, looked):
            looks, looked = looks + 1, n
    assert looks * COMPARISONS * ALPHA < 0.008, "as docs/models.md states it"


def test_the_binomial_tail_against_known_numbers() -> None:
    assert at_least(0, 10, 0.3) == pytest.approx(1.0)
    assert at_least(10, 10, 0.5) == pytest.approx(2**-10)
    assert at_least(1, 2, 0.1) == pytest.approx(0.19)


def test_missed_pictures_are_compared_with_before() -> None:
    before, now = line(200, 0.2, 1), line(100, 0.2, 2, missed=1)
    assert "too slow" in problem_of(before, now, LIMITS)
    assert problem_of(now, now, LIMITS) == ""


def test_labels_in_another_order_are_noticed_by_the_mix_of_defects() -> None:
    draw = random.Random(1)
    mix = ["open"] * 7 + ["short"] * 2 + ["spur"]
    swapped = {"open": "spur", "short": "short", "spur": "open"}
    right = [replace(BAD, labels=(draw.choice(mix),)) if draw.random() < 0.3 else GOOD for _ in range(600)]
    wrong = [replace(s, labels=tuple(swapped[n] for n in s.labels)) for s in right[:200]]
    assert "mix of defects" in problem_of(figures_of(right), figures_of(wrong), LIMITS)
    assert problem_of(figures_of(right), figures_of(wrong), replace(LIMITS, same_labels=False)) == ""
    assert problem_of(figures_of(right), figures_of(right[:200]), LIMITS) == ""


def test_other_scores_are_noticed() -> None:
    before = figures_of([replace(BAD, top=0.9)] * 200)
    assert "Kolmogorov" in problem_of(before, figures_of([replace(BAD, top=0.55)] * 50), LIMITS)
    assert problem_of(before, figures_of([replace(BAD, top=0.92)] * 50), LIMITS) == ""


def test_nothing_is_said_of_few_parts() -> None:
    assert problem_of(line(500, 0.2, 1), line(FEWEST - 1, 1.0, 2), LIMITS) == ""


def test_fisher_against_known_numbers() -> None:
    """The lady tasting tea: 4 of 4 against 0 of 4 has a chance of 1 in 70 (Fisher 1935)."""
    assert more(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert more(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert more(0, 10, 0, 10) == 1.0
    assert more(5, 100, 5, 100) > ALPHA


@given(samples, samples)
def test_figures_add_up(one: list[Sample], other: list[Sample]) -> None:
    both = together([figures_of(one), figures_of(other)])
    assert both.parts == len(one) + len(other) == sum(both.scores)
    assert both.ng == sum(s.ng for s in [*one, *other])
    assert len(both.scores) == BINS + 1
    assert all(count > 0 for count in both.labels.values())
    assert sum(both.times.values()) == both.judged == both.parts


@given(samples, samples)
def test_any_two_lines_can_be_compared(one: list[Sample], other: list[Sample]) -> None:
    assert isinstance(problem_of(figures_of(one), figures_of(other), LIMITS), str)


def test_history_keeps_the_last_parts_and_counts_all() -> None:
    history = History()
    for _ in range(KEEPS + 5):
        history.add(replace(GOOD, error=True))
    assert (history.parts, history.errors, history.figures().parts) == (KEEPS + 5, KEEPS + 5, KEEPS)


def test_only_reasons_of_the_station_speak_against_a_model() -> None:
    seen = Inspection((), None, 8, 8, Stages(total_ms=5))
    dark = sample_of(seen, Verdict(Outcome.UNSURE, (Reason(Rule.TOO_DARK),)), 0)
    late = sample_of(seen, Verdict(Outcome.UNSURE, (Reason(Rule.LATE),)), 0)
    assert (dark.unsure, late.unsure, dark.error) == (False, True, False)
    many = replace(seen, fault=Rule.ERROR, detections=(Detection("open", 0.9, 0, 0, 1, 1),))
    assert sample_of(replace(seen, fault=Rule.ERROR), Verdict(Outcome.UNSURE), 0).error
    assert not sample_of(many, Verdict(Outcome.UNSURE), 0).error, "too many boxes are the picture's"


def test_rare_classes_count_as_one() -> None:
    """Many labels of one part each: chi-square by label would call half of all equal mixes strange."""
    before = {f"label-{n}": 1 for n in range(20)}
    now = {f"label-{n}": 1 for n in range(20, 40)}
    assert chi_square(before, now, sorted({*before, *now})) == 1.0
    mixed = {"a": 300, "b": 300}
    assert chi_square(mixed, {"a": 290, "b": 310, "c": 1}, ["a", "b", "c"]) > 0.1
    assert chi_square(mixed, {"a": 550, "b": 50}, ["a", "b"]) < 1e-6
