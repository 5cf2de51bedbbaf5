"""When a lane is released: only after all parts of the set were judged right since the last requirement."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.challenges import ChallengePart
from agent.config import OCCASIONS, Occasion
from agent.release import Bound, Ruled, Run, required, wrong
from pipelines.values import Outcome, Reason, Rule, Verdict

HERE = Bound("boards", "r1", "m-1", "h1", "run1", "2026-11-30/early")
PASSED = Ruled("passed", HERE, 1)
PARTS = tuple(ChallengePart(id=code, expected="ng") for code in ("A", "B", "C"))


def verdict(outcome: Outcome, *labels: str) -> Verdict:
    return Verdict(outcome, tuple(Reason(Rule.DEFECT, 0.9, 0.5, label) for label in labels))


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ({}, ()),
        ({"shift": "2026-11-30/late"}, ("shift_start",)),
        ({"shift": ""}, ()),
        ({"recipe": "other", "recipe_hash": "r9", "model_hash": "h9"}, ("recipe", "model")),
        ({"recipe_hash": "r2"}, ("recipe",)),
        ({"recipe_hash": "r2", "model": "m-2", "model_hash": "h2"}, ("model",)),
        ({"run": "run2"}, ("restart",)),
    ],
)
def test_what_has_changed_asks_for_a_run(now: dict[str, str], why: tuple[str, ...]) -> None:
    here = replace(HERE, **now)
    assert required(OCCASIONS, PASSED, here) == why
    assert required(("shift_end",), PASSED, here) == ()
    assert required(OCCASIONS, replace(PASSED, ruling="overridden"), here) == why


def test_a_lane_that_never_passed_or_failed_is_not_released_whatever_is_configured() -> None:
    assert required((), None, HERE) == ("first",)
    assert required((), replace(PASSED, ruling="failed"), HERE) == ("failed",)


@pytest.mark.parametrize(
    ("expected", "defect", "outcome", "labels", "says"),
    [
        ("ok", "", Outcome.OK, (), ""),
        ("ok", "", Outcome.NG, ("spur",), "verdict"),
        ("ok", "", Outcome.UNSURE, (), "verdict"),
        ("ng", "", Outcome.NG, ("spur",), ""),
        ("ng", "spur", Outcome.NG, ("short", "spur"), ""),
        ("ng", "spur", Outcome.NG, ("short",), "defect"),
        ("ng", "spur", Outcome.OK, (), "verdict"),
        ("ng", "", Outcome.UNSURE, (), "verdict"),
        ("not_ok", "", Outcome.UNSURE, (), ""),
        ("not_ok", "spur", Outcome.UNSURE, (), ""),
        ("not_ok", "spur", Outcome.NG, ("short",), "defect"),
        ("not_ok", "", Outcome.OK, (), "verdict"),
    ],
)
def test_what_is_right_of_a_part(
    expected: str, defect: str, outcome: Outcome, labels: tuple[str, ...], says: str
) -> None:
    part = ChallengePart(id="A", expected=expected, defect=defect)  # type: ignore[arg-type]
    assert wrong(part, verdict(outcome, *labels)) == says


ACTS = st.one_of(
    st.tuples(st.just("judge"), st.sampled_from("ABC"), st.booleans()),
    st.tuples(st.sampled_from(("begin", "end", "shift", "run")), st.just(""), st.just(True)),
    st.tuples(st.sampled_from(("recipe_hash", "model_hash")), st.sampled_from("xy"), st.just(True)),
)
ASKS: dict[str, Occasion] = {"shift": "shift_start", "recipe_hash": "recipe", "model_hash": "model", "run": "restart"}


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTS, max_size=40), st.sets(st.sampled_from(OCCASIONS)))
def test_released_only_after_every_part_was_right_since_the_last_requirement(
    acts: list[tuple[str, str, bool]], at: set[Occasion]
) -> None:
    """The station's way of using the rules, against a list of what has happened."""
    now, run, count = HERE, None, 0
    ruled: Ruled | None = None
    verdicts: list[tuple[str, bool]] = []
    released = False
    for act, what, right in acts:
        asked = False
        if act == "begin" and run is None:
            run, verdicts = Run(1, "top", PARTS, now, 0, "ann"), []
        elif act == "judge" and run is not None:
            run = run.judged(next(part for part in PARTS if part.id == what), right)
            verdicts.append((what, right))
        elif act in ASKS:
            count += 1
            was, now = now, replace(now, **{act: what or f"n{count}"})
            asked = was != now and ASKS[act] in at
        ends = act == "end" or (act in ASKS and act != "shift" and now != (run.bound if run else now))
        if run is not None and (run.complete or ends):
            ending, all_right = run.ending(), all(fine for _, fine in verdicts)
            assert (ending == "passed") is ({code for code, _ in verdicts} == {"A", "B", "C"} and all_right)
            assert (ending == "failed") is not all_right
            if ending != "aborted":
                ruled = Ruled(ending, run.bound, 0)
                released = ending == "passed" and not (required(at, ruled, now))
            run = None
        released = released and not asked
        if run is None and ruled is not None and ruled.ruling == "passed" and (why := required(at, ruled, now)):
            ruled = ruled.lapsed(why, 0)
        assert (required(at, ruled, now) == ()) is released


@pytest.mark.parametrize("change", ["recipe_hash", "model_hash"])
def test_what_was_changed_and_changed_back_still_asks_for_a_run(change: str) -> None:
    lapsed = PASSED.lapsed(required(OCCASIONS, PASSED, replace(HERE, **{change: "other"})), 2)
    assert required(OCCASIONS, lapsed, HERE) == (ASKS[change],)
