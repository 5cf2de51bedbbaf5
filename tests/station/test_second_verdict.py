"""Two verdicts on one part: which holds, where they differ, and what becomes of a canary that goes wrong."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import SystemClock, boot_id
from agent.config import LaneConfig
from agent.errors import StoreFailed
from agent.ports import CameraInfo, Shot
from agent.station.beside.canary import Canary, Terms, drawn
from agent.station.beside.casting import Casting, Opinions
from agent.station.beside.compare import SEVERITY, compared, stricter
from agent.station.beside.keep import EVERY_S, PICTURES, Candidate, Keeper, Opinion
from agent.station.beside.purse import LOOK_S, Purse
from agent.station.job import Job, Weighed, look_and_judge
from agent.station.lane import Lane
from agent.station.models.figures import Figures
from agent.station.models.health import Limits, problem_of
from agent.station.pause import Paused
from agent.store.memory import MemoryStore
from agent.store.values import PartQuery, Role
from pipelines.recipe import Recipe
from pipelines.values import Detection, Frame, Inspection, Origin, Outcome, Quality, Reason, Rule, Stamp, Verdict
from tests.station.rig import wait_for
from tests.store.made import HandClock

CLOCK = SystemClock()
GOOD = Quality(100.0, 120.0, 0.0, 0.0, 0)


def job(look: object, deadline_ms: float = 5000) -> Job:
    recipe = Recipe.model_validate({"name": "trial", "model": "m-1", "deadline_ms": deadline_ms})
    origin = Origin("top", "virtual", "", "trial", "r", "m-1", "h", "CPU", "0")
    return Job(recipe, {"open": 0.5}, origin, look, lambda: "", "", 100.0)  # type: ignore[arg-type]


def purse_of(most_bytes: float, stored: Callable[[], int] = lambda: 0) -> Purse:
    """One that has seen what lies there."""
    purse = Purse(most_bytes, stored, HandClock())
    purse.look()
    return purse


def canary(look: object, trouble: int = 3, deadline_ms: float = 5000) -> Canary:
    keeper = Keeper(Candidate("m-2", "h2", "canary"), lambda _: None, lambda *_: False, CLOCK, purse_of(0))
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


@dataclass(slots=True)
class OnePart:
    """A camera that shows one part. Implements `agent.ports.Camera`."""

    clock: HandClock
    shown: bool = False

    def open(self) -> CameraInfo:
        return CameraInfo("one part", 8, 8)

    def read(self, timeout_s: float) -> Shot | None:
        if self.shown:
            time.sleep(min(timeout_s, 0.1))
            return None
        self.shown = True
        return Shot(np.full((8, 8, 3), 120, np.uint8), self.clock.now(), source="part 1")

    def close(self) -> None:
        """Nothing to let go of."""


class Bench:
    """A candidate whose every look takes as long as it is told to."""

    def __init__(self, trouble: int = 3) -> None:
        self.clock = HandClock()
        self.takes_s = 0.0
        self.looked = 0
        keeper = Keeper(Candidate("m-2", "h2", "canary"), lambda _: None, lambda *_: False, self.clock, purse_of(0))
        self.canary = Canary(job(self._look, deadline_ms=50), Terms(1.0, b"k", trouble), keeper, self.clock)

    def _look(self, given_: Frame) -> Inspection:
        self.looked += 1
        self.clock.pass_s(self.takes_s)
        return clean(given_)

    def part(self, number: int, takes_s: float = 0.0, waited_s: float = 0.0) -> Weighed:
        """A part that the active model passed; the candidate's look takes so long."""
        self.takes_s = takes_s
        taken = Frame("top", number, np.full((8, 8, 3), 120, np.uint8), self.clock.now())
        self.clock.pass_s(waited_s)
        return self.canary.weigh(taken, clean(taken), Verdict(Outcome.OK))


def test_a_canary_that_makes_parts_late_ends_by_itself() -> None:
    """Among its last 1,000 parts: a hiccup of the machine now and then is not the candidate's."""
    bench = Bench(trouble=2)
    bench.part(1, takes_s=0.06)
    for number in range(2, 1002):
        bench.part(number)
    bench.part(1002, takes_s=0.06)
    assert (bench.canary.trouble, bench.canary.tally.figures().late) == ("", 2)
    bench.part(1003, takes_s=0.06)
    assert "2 of the last 1000 parts were late because of it: 60 ms, 50 ms are allowed" in bench.canary.trouble
    looked = bench.looked
    assert bench.part(1004).verdict.outcome is Outcome.OK
    assert bench.looked == looked, "it has ended"


def test_a_part_that_is_late_anyway_is_not_made_later_by_the_canary() -> None:
    bench = Bench()
    bench.part(1, waited_s=0.06)
    figures = bench.canary.tally.figures()
    assert (bench.looked, figures.dropped, figures.compared, figures.late) == (0, 1, 0, 0)


def test_what_the_lane_loses_while_the_canary_judges_speaks_against_it() -> None:
    bench = Bench()
    for number in range(4, 400, 4):
        bench.part(number)
    now, before = bench.canary.history.figures(), Figures(parts=1000, p99_ms=10.0)
    assert (now.parts, now.missed) == (98, 3 * 97)
    said = problem_of(before, now, Limits(errors=3, deadline_ms=50, share=0.8, drift=False))
    assert "pictures were missed" in said


def test_a_second_verdict_that_comes_late_is_unsure_and_the_active_model_is_not_blamed() -> None:
    """By the lane itself: whatever the two models said, a verdict past the deadline passes no part."""
    bench = Bench()
    bench.takes_s = 10.0
    config = LaneConfig.model_validate(
        {"recipe": "trial", "commit": "grouped", "camera": {"kind": "virtual", "free_run": False}}
    )
    store = MemoryStore(bench.clock)
    lane = Lane(
        "top", config, lambda: OnePart(bench.clock), store, lambda *_: None, bench.clock, "run", Paused(), lambda: True
    )
    active = replace(job(clean, deadline_ms=50), beside=(bench.canary,))
    lane.take_over(active)
    lane.start()
    try:
        wait_for(lambda: lane.judged == 1, 100)
    finally:
        lane.halt()
        lane.join(10)
    (part,) = store.parts(PartQuery(limit=5))
    assert part.record.verdict.outcome is Outcome.UNSURE
    assert [reason.rule for reason in part.record.verdict.reasons] == [Rule.LATE]
    assert part.record.origin.model == "m-1"
    own = active.standing.history.figures()
    assert (own.parts, own.unsure, own.errors) == (1, 0, 0)
    assert own.p99_ms < 50
    assert bench.canary.tally.figures().late == 1


def test_no_canary_is_drawn_by_a_key_that_nobody_could_repeat() -> None:
    """Without the database's key it waits; the station judges on by the active model alone."""
    opinions = Opinions(lambda _: None, lambda *_: False, lambda: b"", lambda: 0)
    nothing: Any = None
    casting = Casting(
        config=nothing,
        library=nothing,
        recipes=nothing,
        jobs=nothing,
        opinions=opinions,
        purse=purse_of(0),
        clock=CLOCK,
    )
    with pytest.raises(StoreFailed, match="no key of the draw"):
        casting.canary(nothing, nothing, nothing)


def test_pictures_of_disagreements_stay_within_their_share_of_the_disk() -> None:
    """Bounded at once, in the long run and in bytes; what the evidence keeps anyway costs nothing."""
    clock, rows, kept = HandClock(), [], [False]
    picture = frame()
    size = picture.pixels.nbytes
    keeper = Keeper(Candidate("m-2", "h2", "shadow"), rows.append, lambda *_: kept[0], clock, purse_of(40.5 * size))
    opinion = Opinion(Verdict(Outcome.OK), (), 1.0)
    record: Any = None
    assert not any(keeper.keep(number, record, picture, opinion) for number in range(100))
    kept[0] = True
    assert sum(keeper.keep(number, record, picture, opinion) for number in range(100)) == PICTURES
    assert not keeper.keep(1, record, None, opinion)
    clock.pass_s(3 * EVERY_S)
    assert sum(keeper.keep(number, record, picture, opinion) for number in range(100)) == 3
    clock.pass_s(1e6)
    assert sum(keeper.keep(number, record, picture, opinion) for number in range(100)) == 7, "40 in all"
    assert len(rows) == 401, "every opinion has its row"


def test_a_restart_and_another_candidate_get_no_new_room_for_pictures() -> None:
    """What lies on the disk counts, whoever has put it there; what has gone makes room."""
    clock, lies, opinion = HandClock(), [0], Opinion(Verdict(Outcome.OK), (), 1.0)
    picture, record = frame(), None
    size = picture.pixels.nbytes
    lies[0] = 35 * size

    def stored() -> int:
        if lies[0] < 0:
            raise StoreFailed("there is no database yet")
        return lies[0]

    def kept(purse: Purse, role: Role) -> int:
        keeper = Keeper(Candidate("m-2", "h2", role), lambda _: None, lambda *_: True, clock, purse)
        return sum(keeper.keep(number, record, picture, opinion) for number in range(20))  # type: ignore[arg-type]

    purse = Purse(40 * size, stored, clock)
    assert kept(purse, "shadow") == 0, "nobody knows yet what lies there"
    lies[0] = -1
    purse.look()
    assert kept(purse, "shadow") == 0
    lies[0] = 35 * size
    purse.look()
    assert [kept(purse, "shadow"), kept(purse, "canary")] == [5, 0]
    lies[0] = 20 * size
    assert kept(purse, "canary") == 0, "the database is not asked for each part"
    clock.pass_s(LOOK_S + 1)
    purse.look()
    assert kept(purse, "canary") == 15, "what was spent a moment ago counts once more"


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
