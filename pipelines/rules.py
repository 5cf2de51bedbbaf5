"""The rules: an Inspection and a recipe to a Verdict.

Whatever says that the part cannot be judged outranks whatever was found on it: a dark picture with
a box on it is UNSURE, not NG, because nobody knows what the model saw. Neither passes. Among the
reasons of an UNSURE verdict there are no defects; the boxes stay in the inspection.

Limits are written so that a number that is not one (NaN) breaks them.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from pipelines.recipe import ClassRule, QualityGate, Recipe
from pipelines.regions import place_of
from pipelines.values import Detection, Inspection, Outcome, Quality, Reason, Rule, Verdict

_PLAIN = ClassRule.model_validate({})


def judge(inspection: Inspection, recipe: Recipe, limits: Mapping[str, float]) -> Verdict:
    """Judge one part.

    `limits` is the score from which a class counts, for every label of the model
    (`ModelFacts.limits`). In this order: a fault, then every quality gate that is broken: UNSURE.
    Then each detection that counts, of a class with more of them than allowed, and each required
    label that was seen too seldom: NG. Otherwise OK.

    A detection counts with a score of at least its class's limit, a longest side of at least
    `min_size_px`, and its centre inside an inspected region (where there are any) and in no ignored
    one. A required label is no defect; with `allowed` at or above what is required, more than
    `allowed` of it is one.
    """
    if unsure := tuple(_unsure(inspection, recipe.quality)):
        return Verdict(Outcome.UNSURE, unsure)
    if wrong := tuple(_wrong(inspection, recipe, limits)):
        return Verdict(Outcome.NG, wrong)
    return Verdict(Outcome.OK)


def late(verdict: Verdict, total_ms: float, deadline_ms: float) -> Verdict:
    """The verdict as it may be given after `total_ms`: past the deadline it is UNSURE (late)."""
    if total_ms <= deadline_ms:
        return verdict
    reason = Reason(Rule.LATE, measured=total_ms, limit=deadline_ms)
    others = verdict.reasons if verdict.outcome is Outcome.UNSURE else ()
    return Verdict(Outcome.UNSURE, (reason, *others))


def _unsure(inspection: Inspection, gate: QualityGate) -> Iterator[Reason]:
    if inspection.fault is not None:
        yield Reason(inspection.fault, inspection.measured, inspection.limit)
    elif inspection.quality is None or not all(map(_is_finite, inspection.detections)):
        # No picture was measured, or a box is nowhere: whoever made this inspection did not look.
        yield Reason(Rule.ERROR)
    else:
        yield from _bad_picture(inspection.quality, gate)


def _bad_picture(quality: Quality, gate: QualityGate) -> Iterator[Reason]:
    if not quality.brightness >= gate.min_brightness:
        yield Reason(Rule.TOO_DARK, quality.brightness, gate.min_brightness)
    if not quality.brightness <= gate.max_brightness:
        yield Reason(Rule.TOO_BRIGHT, quality.brightness, gate.max_brightness)
    if not quality.saturated <= gate.max_saturated:
        yield Reason(Rule.SATURATED, quality.saturated, gate.max_saturated)
    if not quality.sharpness >= gate.min_sharpness:
        yield Reason(Rule.BLURRED, quality.sharpness, gate.min_sharpness)
    if not quality.age_ms <= gate.max_age_ms:
        yield Reason(Rule.STALE, quality.age_ms, gate.max_age_ms)
    if not quality.identical <= gate.max_identical:
        yield Reason(Rule.FROZEN, quality.identical, gate.max_identical)


def _wrong(inspection: Inspection, recipe: Recipe, limits: Mapping[str, float]) -> Iterator[Reason]:
    counting: dict[str, list[Reason]] = defaultdict(list)
    for index, found in enumerate(inspection.detections):
        rule = recipe.classes.get(found.label, _PLAIN)
        # A label without a limit cannot be: it counts at any score.
        limit = limits.get(found.label, 0.0)
        # abs: a box turned inside out is a broken box, not a small defect.
        if found.score < limit or max(abs(found.width), abs(found.height)) < rule.min_size_px:
            continue
        region = _region_of(found, recipe, inspection)
        if region is not None:
            counting[found.label].append(Reason(Rule.DEFECT, found.score, limit, found.label, region, index))
    for label, reasons in counting.items():
        if len(reasons) > _allowed(recipe, label):
            yield from reasons
    for label, wanted in recipe.require.items():
        if (seen := len(counting[label]) if label in counting else 0) < wanted:
            yield Reason(Rule.MISSING, seen, wanted, label)


def _allowed(recipe: Recipe, label: str) -> float:
    allowed = recipe.classes.get(label, _PLAIN).allowed
    required = recipe.require.get(label)
    return math.inf if required is not None and allowed < required else allowed


def _region_of(found: Detection, recipe: Recipe, inspection: Inspection) -> str | None:
    if not recipe.regions:
        return ""
    x, y = (found.x1 + found.x2) / 2, (found.y1 + found.y2) / 2
    pose = inspection.pose
    if pose is not None:  # the regions were drawn on the reference
        return place_of(recipe, *pose.to_reference(x, y), pose.width_px, pose.height_px)
    return place_of(recipe, x, y, inspection.width_px, inspection.height_px)


def _is_finite(found: Detection) -> bool:
    return all(map(math.isfinite, (found.score, found.x1, found.y1, found.x2, found.y2)))
