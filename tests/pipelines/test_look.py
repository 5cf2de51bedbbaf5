"""The look over the canned engine's session: geometry, faults, repeats, stage times."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent.config import EngineConfig
from agent.station.engines.canned import CannedModel, encode
from pipelines.look import Look, ModelFacts, plan
from pipelines.recipe import Recipe
from pipelines.rules import judge
from pipelines.values import Frame, Outcome, Pixels, Rule, Stamp

FACTS = ModelFacts(("open", "short"), "raw", 640, 640, False, 114, 0.5, {"short": 0.2})


class Ticks:
    """A clock that gains a millisecond with each reading."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now


def look_for(height, width, answers=(), output=None, facts=FACTS, live=True, **told) -> Look:
    recipe = Recipe.model_validate({"name": "r", "model": "m-1", **told})
    there = plan(facts, recipe, height, width)
    if output is None:
        output = encode(answers, facts.labels, facts.head)
    session = CannedModel(EngineConfig(), "CPU", there.input_size, output).session(there.slots)
    return Look(facts, recipe, there, session, now_ns=Ticks(), live=live)


def frame(pixels: Pixels, sequence=1, fault=None) -> Frame:
    return Frame("c", sequence, pixels, Stamp(0, 0, ""), fault=fault)


def grey(height=640, width=640, level=100) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def test_boxes_come_back_in_the_frames_pixels() -> None:
    # 1280 x 720 in 640 x 640: half the size, 140 px of border above and below.
    look = look_for(720, 1280, (("open", 0.9, 100, 240, 120, 260), ("short", 0.3, 0, 0, 640, 640)))
    open_, short = look(frame(grey(720, 1280))).detections
    assert (open_.x1, open_.y1, open_.x2, open_.y2) == pytest.approx((200, 200, 240, 240))
    assert (short.x1, short.y1, short.x2, short.y2) == (0, 0, 1280, 720)


def test_nothing_that_may_decide_is_filtered_away() -> None:
    look = look_for(640, 640, (("short", 0.21, 0, 0, 9, 9), ("open", 0.19, 50, 50, 60, 60)), keep_score=0.4)
    assert [d.label for d in look(frame(grey())).detections] == ["short"]


def test_limits_recipe_class_before_recipe_before_model() -> None:
    told = Recipe.model_validate({"name": "r", "model": "m", "classes": {"open": {"threshold": 0.7}}})
    assert FACTS.limits(told) == {"open": 0.7, "short": 0.2}
    assert FACTS.limits(told.model_copy(update={"threshold": 0.4})) == {"open": 0.7, "short": 0.4}


def test_dynamic_model_gets_the_cameras_aspect() -> None:
    recipe = Recipe.model_validate({"name": "r", "model": "m"})
    dynamic = ModelFacts(("open",), "raw", 640, 640, True, 114, 0.5)
    assert plan(dynamic, recipe, 480, 640).input_size == (480, 640)
    assert plan(FACTS, recipe, 480, 640).input_size == (640, 640)


def test_tiles_run_in_turns_of_the_slots_and_are_shifted() -> None:
    look = look_for(3000, 3000, (("open", 0.9, 100, 100, 120, 120),), tiles={"size_px": 640, "overlap_px": 0})
    seen = look(frame(grey(3000, 3000)))
    assert (len(seen.detections), seen.fault) == (25, None)
    assert all((d.x1 - 100) % 640 in (0, 440) for d in seen.detections)


@pytest.mark.parametrize("fault", [Rule.UNREADABLE, Rule.INCOMPLETE, Rule.WRONG_SIZE])
def test_drivers_fault_is_handed_on(fault) -> None:
    seen = look_for(640, 640)(frame(grey(0, 0), fault=fault))
    assert (seen.fault, seen.quality, seen.detections) == (fault, None, ())


def test_other_size_than_planned_is_named() -> None:
    seen = look_for(640, 640)(frame(grey(480, 640)))
    assert (seen.fault, seen.note) == (Rule.WRONG_SIZE, "the picture has 640 x 480 px, wanted 640 x 640")


@pytest.mark.parametrize("harm", [np.nan, np.inf, -np.inf, 7.0])
def test_broken_numbers_are_a_fault(harm) -> None:
    output = np.zeros((1, 6, 100), np.float32)
    output[0, 5, 99] = harm
    seen = look_for(640, 640, output=output)(frame(grey()))
    assert (seen.fault, seen.detections) == (Rule.ERROR, ())
    assert seen.quality is not None
    assert "wanted 0..1" in seen.note or "not finite" in seen.note


def test_wrong_shape_is_a_fault_that_names_both() -> None:
    seen = look_for(640, 640, output=np.zeros((1, 84, 8400), np.float32))(frame(grey()))
    assert seen.fault is Rule.ERROR
    assert "(1, 84, 8400), wanted (1, 6, anchors)" in seen.note


def test_repeats_and_age_count_for_live_cameras_only() -> None:
    """FIELD 3."""
    for live, wanted in ((True, [0, 1, 2, 0]), (False, [0, 0, 0, 0])):
        look = look_for(640, 640, live=live)
        pictures = [grey(), grey(), grey(), grey(level=101)]
        qualities = [look(frame(picture)).quality for picture in pictures]
        assert [q.identical for q in qualities if q] == wanted
        assert all((q.age_ms > 0) is live for q in qualities if q)


def test_stages_add_up_to_what_the_clock_saw() -> None:
    stages = look_for(640, 640)(frame(grey())).stages
    assert stages.wait_ms == 1.0
    assert (stages.quality_ms, stages.prepare_ms, stages.infer_ms) == (1.0, 1.0, 1.0)
    assert stages.decode_ms == 2.0


def test_quality_is_measured_inside_the_inspected_region() -> None:
    region = {"name": "i", "kind": "inspect", "points": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}
    pixels = grey()
    pixels[:, 320:] = 255
    seen = look_for(640, 640, regions=[region])(frame(pixels))
    assert seen.quality is not None
    assert seen.quality.brightness == 100


def test_session_with_other_inputs_than_planned_is_refused() -> None:
    recipe = Recipe.model_validate({"name": "r", "model": "m-1"})
    there = plan(FACTS, recipe, 640, 640)
    session = CannedModel(EngineConfig(), "CPU", (320, 320), encode((), FACTS.labels, "raw")).session(1)
    with pytest.raises(ValueError, match=r"\(320, 320, 3\).*\(640, 640, 3\)"):
        Look(FACTS, recipe, there, session, now_ns=Ticks())


def test_pictures_are_letterboxed_anew_whoever_used_the_buffer_before() -> None:
    def pictures() -> Iterator[Pixels]:
        yield grey(level=1)
        yield grey(level=2)

    recipe = Recipe.model_validate({"name": "r", "model": "m-1"})
    there = plan(FACTS, recipe, 320, 640)
    session = CannedModel(EngineConfig(), "CPU", (640, 640), encode((), FACTS.labels, "raw")).session(1)
    look = Look(FACTS, recipe, there, session, now_ns=Ticks())
    for picture in pictures():
        np.copyto(session.inputs[0], picture)
        look(frame(grey(320, 640, level=9)))
        assert (session.inputs[0][:160] == 114).all()
        assert (session.inputs[0][160:480] == 9).all()
        assert (session.inputs[0][480:] == 114).all()


FIVE_GOOD = tuple(("open", 0.9, 100 * i, 0, 100 * i + 50, 50) for i in range(5))
A_DEFECT = ("short", 0.6, 0, 300, 50, 350)


def verdict_of(*answers, facts=FACTS, **told):
    recipe = Recipe.model_validate({"name": "r", "model": "m-1", "require": {"open": 5}, **told})
    seen = look_for(640, 640, answers, facts=facts, require={"open": 5}, **told)(frame(grey()))
    return judge(seen, recipe, facts.limits(recipe)), seen


@pytest.mark.parametrize("head", ["raw", "nmsfree"])
def test_a_defect_beyond_the_limit_of_boxes_is_never_a_pass(head) -> None:
    """Five required parts fill the limit: the defect behind them was not looked at."""
    facts = replace(FACTS, head=head)
    assert verdict_of(*FIVE_GOOD, facts=facts, max_detections=5)[0].outcome is Outcome.OK
    verdict, seen = verdict_of(*FIVE_GOOD, A_DEFECT, facts=facts, max_detections=5)
    assert verdict.outcome is Outcome.UNSURE
    assert seen.fault is Rule.ERROR
    assert "max_detections is 5" in seen.note
    assert "0.60" in seen.note
    assert len(seen.detections) == 5
    assert verdict_of(*FIVE_GOOD, A_DEFECT, facts=facts, max_detections=6)[0].outcome is Outcome.NG


def test_what_could_not_decide_may_be_left_out() -> None:
    faint = ("short", 0.15, 0, 300, 50, 350)
    verdict, seen = verdict_of(*FIVE_GOOD, faint, max_detections=5, keep_score=0.1)
    assert (verdict.outcome, seen.fault) == (Outcome.OK, None)


def test_a_head_whose_rows_are_all_taken_may_have_had_more_to_say() -> None:
    facts = replace(FACTS, head="nmsfree")
    output = encode(FIVE_GOOD, facts.labels, "nmsfree")[:, :5]
    seen = look_for(640, 640, output=output, facts=facts)(frame(grey()))
    assert (seen.fault, len(seen.detections)) == (Rule.ERROR, 5)
    free = encode(FIVE_GOOD, facts.labels, "nmsfree")
    assert look_for(640, 640, output=free, facts=facts)(frame(grey())).fault is None


def test_tiles_that_give_more_than_the_limit_together_are_a_fault() -> None:
    one = (("open", 0.9, 100, 100, 120, 120),)
    tiling = {"size_px": 640, "overlap_px": 0}
    seen = look_for(3000, 3000, one, tiles=tiling, max_detections=12)(frame(grey(3000, 3000)))
    assert (seen.fault, len(seen.detections)) == (Rule.ERROR, 12)


def test_tiles_that_give_more_than_a_merge_holds_are_a_fault() -> None:
    many = tuple(
        ("open", 0.9, 20 * column, 20 * row, 20 * column + 10, 20 * row + 10)
        for column in range(1, 11)
        for row in range(1, 11)
    )
    seen = look_for(3000, 3000, many, tiles={"size_px": 640, "overlap_px": 0}, max_detections=3000)(
        frame(grey(3000, 3000))
    )
    assert seen.fault is Rule.ERROR
