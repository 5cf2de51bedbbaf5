"""Two verdicts on one part: which holds, where they differ, and what becomes of a canary that goes wrong."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import SystemClock, boot_id
from agent.station.beside.canary import Canary, Terms, drawn
from agent.station.beside.compare import SEVERITY, compared, stricter
from agent.station.beside.keep import Candidate, Keeper
from agent.station.job import Job, look_and_judge
from pipelines.recipe import Recipe
from pipelines.values import Detection, Frame, Inspection, Origin, Outcome, Quality, Reason, Rule, Stamp, Verdict

CLOCK = SystemClock()
GOOD = Quality(100.0, 120.0, 0.0, 0.0, 0)


def job(look: object, deadline_ms: float = 5000) -> Job:
    recipe = Recipe.model_validate({"name": "trial", "model": "m-1", "deadline_ms": deadline_ms})
    origin = Origin("top", "virtual", "", "trial", "r", "m-1", "h", "CPU", "0")
    return Job(recipe, {"open": 0.5}, origin, look, lambda: "", "", 100.0)  # type: ignore[arg-type]


def canary(look: object, trouble: int = 3, deadline_ms: float = 5000) -> Canary:
    keeper = Keeper(Candidate("m-2", "h2", "canary"), lambda _: None, lambda *_: None, CLOCK)
    return Canary(job(look, deadline_ms), Terms(1.0, b"k", trouble), keeper, CLOCK)


def frame(number: int = 1) -> Frame:
    return Frame("top", number, np.full((8, 8, 3), 120, np.uint8), CLOCK.now())


def clean(_: Frame) -> Inspection:
    return Inspection((), GOOD, 8, 8)


def broken(_: Frame) -> Inspection:
    raise ValueError("it broke")


def test_a_canary_that_fails_ends_by_itself_and_the_active_model_is_not_blamed() -> None:
    side = canary(broken)
    active = replace(job(clean), beside=(side,))
    outcomes = [look_and_judge(active, frame(n), "", CLOCK) for n in range(1, 6)]
    assert [j.verdict.outcome for j in outcomes] == [Outcome.UNSURE] * 3 + [Outcome.OK] * 2
    assert all(j.own.outcome is Outcome.OK for j in outcomes)
    assert all(r.rule is Rule.ERROR for j in outcomes[:3] for r in j.verdict.reasons)
    assert "3 parts could not be judged for an error: ValueError: it broke" in side.trouble


def test_a_canary_that_makes_parts_late_ends_by_itself() -> None:
    def slow(given_: Frame) -> Inspection:
        end = CLOCK.now().mono_ns + 60_000_000
        while CLOCK.now().mono_ns < end:
            pass
        return clean(given_)

    side = canary(slow, trouble=1, deadline_ms=50)
    side.weigh(frame(), clean(frame()), Verdict(Outcome.OK))
    assert "1 parts were late because of it" in side.trouble


VERDICTS = st.builds(
    lambda outcome, labels: Verdict(
        outcome,
        ()
        if outcome is Outcome.OK
        else tuple(Reason(Rule.DEFECT if outcome is Outcome.NG else Rule.ERROR, label=n) for n in labels),
    ),
    st.sampled_from(list(Outcome)),
    st.lists(st.sampled_from(["open", "short", "spur"]), min_size=1, max_size=3, unique=True),
)


@settings(deadline=None)
@given(VERDICTS, VERDICTS)
def test_the_stricter_verdict_is_never_better_than_either(one: Verdict, two: Verdict) -> None:
    both = stricter(one, two)
    assert SEVERITY[both.outcome] == max(SEVERITY[one.outcome], SEVERITY[two.outcome])
    assert (both.outcome is Outcome.OK) == (one.outcome is two.outcome is Outcome.OK)
    assert (both.outcome is Outcome.OK) == (not both.reasons)
    nothing = Inspection((), GOOD, 8, 8)
    assert not compared(nothing, one, (), one).differs
    assert compared(nothing, one, (), two).differs == compared(nothing, two, (), one).differs


def test_a_defect_elsewhere_is_a_disagreement_and_one_in_the_same_place_is_none() -> None:
    here, near, there = (Detection("open", 0.9, x, 0, x + 10, 10) for x in (0, 1, 30))
    verdict = Verdict(Outcome.NG, (Reason(Rule.DEFECT, label="open", detection=0),))
    seen = Inspection((here,), GOOD, 40, 40)
    assert not compared(seen, verdict, (near,), verdict).differs
    assert compared(seen, verdict, (there,), verdict).differs


def test_the_draw_is_fair_and_hangs_on_the_key() -> None:
    pixels, boot = np.zeros((1, 1, 3), np.uint8), boot_id()
    frames = [Frame("top", n, pixels, Stamp(n * 100_000, n, boot)) for n in range(4000)]
    first, second = ([drawn(f, 0.25, key) for f in frames] for key in (b"one", b"two"))
    assert 850 < sum(first) < 1150
    assert 150 < sum(a and b for a, b in zip(first, second, strict=True)) < 350, "another key draws others"
