"""The rules: what makes a part OK, NG or UNSURE."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.recipe import Recipe
from pipelines.rules import judge, late
from pipelines.values import Detection, Inspection, Outcome, Quality, Reason, Rule, Verdict

LIMITS = {"open": 0.6, "short": 0.8, "screw": 0.5}
GOOD = Quality(sharpness=100, brightness=120, saturated=0.1, age_ms=5, identical=0)
GATES = {"min_sharpness": 10, "max_saturated": 0.5}


def recipe(**told) -> Recipe:
    return Recipe.model_validate({"name": "r", "model": "m-1", "quality": GATES, **told})


def box(label="open", score=0.9, x=100.0, y=100.0, width=20.0, height=10.0) -> Detection:
    return Detection(label, score, x, y, x + width, y + height)


def seen(*found: Detection, quality: Quality | None = GOOD, **more) -> Inspection:
    return Inspection(found, quality, 640, 480, **more)


def rules(verdict: Verdict) -> list[Rule]:
    return [reason.rule for reason in verdict.reasons]


def test_nothing_found_is_ok() -> None:
    assert judge(seen(), recipe(), LIMITS) == Verdict(Outcome.OK)


def test_defect_is_ng_with_measured_and_limit() -> None:
    verdict = judge(seen(box("short", 0.85), box("open", 0.7), box("open", 0.59)), recipe(), LIMITS)
    assert verdict == Verdict(
        Outcome.NG,
        (Reason(Rule.DEFECT, 0.85, 0.8, "short", "", 0), Reason(Rule.DEFECT, 0.7, 0.6, "open", "", 1)),
    )


def test_score_at_its_limit_counts() -> None:
    assert judge(seen(box(score=0.6)), recipe(), LIMITS).outcome is Outcome.NG
    assert judge(seen(box(score=math.nextafter(0.6, 0))), recipe(), LIMITS).outcome is Outcome.OK


def test_longest_side_decides_on_size() -> None:
    told = recipe(classes={"open": {"min_size_px": 20}})
    assert judge(seen(box(width=20, height=1)), told, LIMITS).outcome is Outcome.NG
    assert judge(seen(box(width=19.9, height=19.9)), told, LIMITS).outcome is Outcome.OK


def test_one_more_than_allowed_is_ng_and_every_one_is_a_reason() -> None:
    told = recipe(classes={"open": {"allowed": 2}})
    assert judge(seen(box(), box(x=200)), told, LIMITS).outcome is Outcome.OK
    assert len(judge(seen(box(), box(x=200), box(x=300)), told, LIMITS).reasons) == 3


def test_regions() -> None:
    left = {"name": "left", "kind": "inspect", "points": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
    hole = {"name": "hole", "kind": "ignore", "points": [[0.1, 0.1], [0.3, 0.1], [0.3, 0.4], [0.1, 0.4]]}
    told = recipe(regions=[left, hole])
    assert judge(seen(box(x=100, y=100)), told, LIMITS).outcome is Outcome.OK
    assert judge(seen(box(x=500, y=300)), told, LIMITS).outcome is Outcome.OK
    verdict = judge(seen(box(x=20, y=300)), told, LIMITS)
    assert [(r.rule, r.region) for r in verdict.reasons] == [(Rule.DEFECT, "left")]


def test_point_on_an_outline_counts_as_defect() -> None:
    inspect = {"name": "i", "kind": "inspect", "points": [[0.25, 0], [0.75, 0], [0.75, 1], [0.25, 1]]}
    ignore = {**inspect, "kind": "ignore"}
    at_edge = box(x=150, width=20)  # its centre is at 160 px: a quarter of 640
    assert judge(seen(at_edge), recipe(regions=[inspect]), LIMITS).outcome is Outcome.NG
    assert judge(seen(at_edge), recipe(regions=[ignore]), LIMITS).outcome is Outcome.NG


def test_required_label_that_is_seen_too_seldom_is_missing() -> None:
    told = recipe(require={"screw": 2})
    assert judge(seen(box("screw"), box("screw", x=200)), told, LIMITS).outcome is Outcome.OK
    assert judge(seen(box("screw")), told, LIMITS) == Verdict(Outcome.NG, (Reason(Rule.MISSING, 1, 2, "screw"),))
    assert judge(seen(box("screw"), box("screw", 0.4)), told, LIMITS).outcome is Outcome.NG


def test_required_label_may_have_a_most_as_well() -> None:
    told = recipe(require={"screw": 1}, classes={"screw": {"allowed": 2}})
    screws = [box("screw", x=100 * i) for i in range(3)]
    assert judge(seen(*screws[:2]), told, LIMITS).outcome is Outcome.OK
    assert rules(judge(seen(*screws), told, LIMITS)) == [Rule.DEFECT] * 3


BROKEN = {
    Rule.TOO_DARK: {"brightness": 1.0},
    Rule.TOO_BRIGHT: {"brightness": 254.0},
    Rule.SATURATED: {"saturated": 0.6},
    Rule.BLURRED: {"sharpness": 9.0},
    Rule.STALE: {"age_ms": 1001.0},
    Rule.FROZEN: {"identical": 3},
}


@pytest.mark.parametrize("rule", BROKEN)
def test_each_gate_makes_the_part_unsure(rule) -> None:
    """FIELD 3 and 7: a stale, frozen, dark, bright or blurred picture is UNSURE, whatever was found on it."""
    quality = replace(GOOD, **BROKEN[rule])
    for found in ((), (box(),)):
        verdict = judge(seen(*found, quality=quality), recipe(), LIMITS)
        assert (verdict.outcome, rules(verdict)) == (Outcome.UNSURE, [rule])


def test_every_broken_gate_is_named() -> None:
    quality = Quality(sharpness=1, brightness=254, saturated=0.9, age_ms=5000, identical=9)
    wanted = [Rule.TOO_BRIGHT, Rule.SATURATED, Rule.BLURRED, Rule.STALE, Rule.FROZEN]
    assert rules(judge(seen(quality=quality), recipe(), LIMITS)) == wanted


def test_fault_comes_first() -> None:
    verdict = judge(seen(box(), quality=None, fault=Rule.UNREADABLE), recipe(), LIMITS)
    assert verdict == Verdict(Outcome.UNSURE, (Reason(Rule.UNREADABLE),))


def test_late_verdict_is_unsure() -> None:
    wrong = judge(seen(box()), recipe(), LIMITS)
    assert late(wrong, 100, 100) == wrong
    assert late(wrong, 100.1, 100) == Verdict(Outcome.UNSURE, (Reason(Rule.LATE, 100.1, 100),))
    unsure = judge(seen(fault=Rule.ERROR), recipe(), LIMITS)
    assert rules(late(unsure, 101, 100)) == [Rule.LATE, Rule.ERROR]
    assert late(Verdict(Outcome.OK), math.nan, 100).outcome is Outcome.UNSURE


NUMBER = st.floats(allow_nan=True, allow_infinity=True)
FOUND = st.builds(Detection, st.sampled_from([*LIMITS, "unknown"]), *[NUMBER] * 5)
QUALITY = st.builds(Quality, NUMBER, NUMBER, NUMBER, NUMBER, st.integers(0, 9))
INSPECTION = st.builds(
    Inspection,
    st.lists(FOUND, max_size=4).map(tuple),
    st.none() | st.just(GOOD) | QUALITY,
    st.just(640),
    st.just(480),
    fault=st.none() | st.sampled_from(list(Rule)),
)


@given(INSPECTION)
def test_ok_only_for_what_was_seen_whole_and_well(inspection) -> None:
    """It never says OK without having looked."""
    verdict = judge(inspection, recipe(), LIMITS)
    assert (verdict.outcome is Outcome.OK) == (not verdict.reasons)
    if verdict.outcome is not Outcome.OK:
        return
    quality = inspection.quality
    assert inspection.fault is None
    assert quality is not None
    assert quality.sharpness >= 10
    assert 5 <= quality.brightness <= 250
    assert quality.saturated <= 0.5
    assert quality.age_ms <= 1000
    assert quality.identical <= 2
    assert all(d.score < LIMITS.get(d.label, 0.0) for d in inspection.detections)


@given(INSPECTION, NUMBER)
def test_late_never_makes_a_verdict_better(inspection, total_ms) -> None:
    before = judge(inspection, recipe(), LIMITS)
    after = late(before, total_ms, 1000)
    assert after == before or after.outcome is Outcome.UNSURE
