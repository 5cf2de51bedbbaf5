"""The rules of a roll-out: who is asked when, what a station's word changes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.intake.topics import Address
from fleet.rollout.rules import (
    ENDS,
    UNDER_WAY,
    Step,
    failures,
    moved,
    next_to_ask,
    overdue,
    phase_of,
    step_of_answer,
    step_of_event,
)
from fleet.rollout.values import ModelFile, Progress, Rollout, Target

FILE = ModelFile(1, "t" * 32, "boards-2.okng", "boards-2", "0" * 64, 10, 0, "anna")
THERE = tuple(Address("plant", "line1", f"s{n}") for n in range(6))
STEPS = (
    Step("accepted"),
    *(Step("downloading", percent) for percent in (25, 50, 75)),
    Step("accepted", why="no room"),
    Step("checking", 100),
)


def rollout(*progress: Progress, first: int = 2, most: int = 0, activate: bool = False) -> Rollout:
    targets = tuple(Target(THERE[n], n, f"c{n}", each, expires_ms=1000) for n, each in enumerate(progress))
    return Rollout(1, FILE, 0, "anna", first, most, 0, activate, "", "running", "", targets)


def asked(known: Rollout, at_once: int = 10, there: tuple[Address, ...] = THERE) -> list[int]:
    return [target.place for target in next_to_ask(known, there, at_once)]


def test_the_first_ones_come_first_and_the_others_when_all_of_them_have_it() -> None:
    assert asked(rollout("waiting", "waiting", "waiting", "waiting")) == [0, 1]
    assert asked(rollout("installed", "checking", "waiting", "waiting")) == []
    assert asked(rollout("installed", "activated", "waiting", "waiting")) == [2, 3]
    assert asked(rollout("waiting", "waiting", "waiting", first=0)) == [0, 1, 2]


def test_few_at_once_and_only_those_that_are_there() -> None:
    known = rollout("downloading", "waiting", "waiting", "waiting", first=0)
    assert asked(known, at_once=2) == [1]
    assert asked(known, at_once=1) == []
    assert asked(known, there=THERE[2:3]) == [2]
    assert asked(rollout("waiting", "waiting", "waiting"), there=THERE[2:3]) == [], "the first ones keep their turn"


@pytest.mark.parametrize("failure", ["refused", "silent"])
def test_it_stops_at_failures(failure: Progress) -> None:
    known = rollout("installed", failure, "waiting", "waiting")
    assert failures(known) == 1
    assert phase_of(known) == "stopped"
    assert asked(known) == []
    assert asked(replace(known, most_failures=1)) == [2, 3]
    assert asked(replace(known, forgiven=1)) == [2, 3], "a person has let it go on"
    again = replace(rollout("installed", failure, failure, "waiting"), forgiven=1)
    assert phase_of(again) == "stopped"


def test_a_model_that_was_to_judge_and_does_not_is_a_failure() -> None:
    assert phase_of(rollout("installed", "waiting", activate=True)) == "stopped"
    assert phase_of(rollout("activated", "waiting", activate=True)) == "running"


def test_it_is_done_when_everybody_is() -> None:
    assert phase_of(rollout("installed", "refused", "silent")) == "done"
    stopped = replace(rollout("installed", "waiting"), phase="stopped")
    assert phase_of(stopped) == "stopped"
    assert asked(stopped) == []


def test_what_stations_say_is_a_step() -> None:
    assert step_of_answer(True, "") == Step("accepted")
    assert step_of_answer(False, "busy") == Step("refused", why="busy")
    assert step_of_event("update_progress", {"percent": 50}) == Step("downloading", 50)
    assert step_of_event("update_done", {"activated": 1}) == Step("activated", 100)
    refused = step_of_event("update_done", {"activated": 0, "activation_refused": "too slow"})
    assert refused == Step("installed", 100, "too slow")
    assert step_of_event("camera_gone", {}) is None


def test_silence_is_noticed() -> None:
    target = rollout("asked").targets[0]
    assert not overdue(target, 1000, 60)
    assert overdue(target, 1001, 60)
    loading = replace(target, progress="downloading", changed_us=5_000_000)
    assert not overdue(loading, 65_000, 60)
    assert overdue(loading, 65_001, 60)
    assert moved(replace(target, progress="silent"), Step("accepted"), 9).progress == "accepted", "it was late"


@given(st.permutations(STEPS), st.sampled_from(["installed", "activated", "refused"]), st.integers(0, 6))
def test_the_order_of_steps_does_not_matter(steps: list[Step], end: Progress, at: int) -> None:
    said = [*steps[:at], Step(end, why="why"), *steps[at:]]
    target = Target(THERE[0], 0, "c0", "asked")
    before = target
    for step in said:
        target = moved(target, step, 1)
        assert (before.progress in ENDS) <= (target.progress == before.progress)
        before = target
    assert target.progress == end
    assert not UNDER_WAY & ENDS
