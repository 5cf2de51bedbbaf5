"""The traditional method, twice: by okng's own pipeline, and by the bare difference from the reference as it is."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from pipelines.difference import LABEL, blobs, difference_facts
from pipelines.light import grey_of
from pipelines.recipe import DifferenceRule, Recipe
from pipelines.values import Detection, Outcome
from training.evaluate.eye import MOST, OPEN_GATES, Eye, Shown
from training.evaluate.values import Seen

BARE = "bare difference"
ALIGNED = "okng's difference pipeline"


def traditional_eye() -> Eye:
    """Looks by the difference alone, aligned, with the settings that a recipe has by itself."""
    recipe = Recipe.model_validate(
        {
            "name": "traditional",
            "pipeline": "difference",
            "reference": {"picture": "reference.png"},
            "quality": OPEN_GATES,
            "max_detections": 10 * MOST,
            "keep_score": 0.001,
        }
    )
    return Eye(difference_facts(), recipe, None, "", None)


def bare(pictures: Iterable[Shown]) -> Iterator[Seen]:
    """|part - reference| as they lie, with the same threshold, opening and blobs: what is published of the method."""
    rule = DifferenceRule.model_validate({})
    for shown in pictures:
        assert shown.reference is not None
        apart = cv2.absdiff(grey_of(shown.pixels), grey_of(shown.reference))
        found = blobs(np.asarray(apart, np.uint8), rule)
        rows = zip(found.scores.tolist(), found.boxes.tolist(), strict=True)
        detections = tuple(Detection(LABEL, score, *box) for score, box in rows)
        yield Seen(shown.name, shown.truth, detections, Outcome.NG if detections else Outcome.OK)


def settings(eye: Eye) -> str:
    """Of the method, in words."""
    rule = eye.recipe.difference or DifferenceRule.model_validate({})
    return (
        f"contrast from {rule.contrast} grey levels, {rule.opening_px} x {rule.opening_px} opening, "
        f"blobs from {rule.min_area_px} px"
    )
