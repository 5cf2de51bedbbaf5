"""The traditional method: what differs from the reference is a defect.

Align, |part - reference|, threshold, opening, blobs (so the DeepPCB authors describe the usual practice,
arXiv:1902.06197, section 2). It needs no model and no training, only a golden picture: a first station
begins with it, and every model is measured against it.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.admission import Admission
from pipelines.align import Aligner, aligner_of
from pipelines.light import grey_of
from pipelines.look import ModelFacts
from pipelines.recipe import DifferenceRule, Recipe
from pipelines.regions import inspected_box
from pipelines.values import Detection, Frame, Inspection, Pixels, Rule, Stages
from pipelines.view import Misfit, in_frame, misaligned
from pipelines.yolo import Found, at_most

LABEL = "difference"
THRESHOLD = 0.5
"""Every blob that the recipe's rule lets through scores at least this."""
LARGE = 16.0
"""A blob of so many times the smallest one's area has half of what its size can add to the score."""


def difference_facts() -> ModelFacts:
    """What stands for a model's facts: the one label, and the score from which it counts."""
    return ModelFacts((LABEL,), "raw", 32, 32, False, 0, THRESHOLD, pipeline="difference")


class DifferenceLook:
    """Looks at the frames of one camera by the difference from the reference. Belongs to one thread.

    `reference` is (height, width, 3) BGR; frames have its size. Faults, `now_ns` and `live` as for `Look`.
    Raises ValueError where the reference is not one that a part can be aligned to.
    """

    def __init__(self, recipe: Recipe, reference: Pixels, *, now_ns: Callable[[], int], live: bool = True) -> None:
        self._recipe, self._now_ns = recipe, now_ns
        self._rule = recipe.difference or DifferenceRule.model_validate({})
        self._aligner: Aligner = aligner_of(recipe, reference)
        size = (reference.shape[0], reference.shape[1])
        self._admit = Admission(size, inspected_box(recipe, *size), now_ns=now_ns, live=live)
        facts = difference_facts()
        self._decides = facts.limit(recipe, LABEL)
        self._floor = min(recipe.keep_score, self._decides)

    def __call__(self, frame: Frame) -> Inspection:
        """Look at one frame. `stages.judge_ms` and `total_ms` are left to whoever answers."""
        admitted = self._admit(frame)
        if isinstance(admitted, Inspection):
            return admitted
        height, width = frame.pixels.shape[:2]
        aligned = self._aligner(grey_of(frame.pixels))
        if isinstance(aligned, Misfit):
            return misaligned(aligned, (height, width), admitted.spent, admitted.quality)
        placed = self._now_ns()
        found = at_most(self._above(blobs(aligned.difference, self._rule)), self._recipe.max_detections)
        found = in_frame(found, aligned.pose)
        spent = admitted.spent
        prepare_ms, decode_ms = (placed - admitted.since_ns) / 1e6, (self._now_ns() - placed) / 1e6
        stages = Stages(spent.wait_ms, spent.quality_ms, prepare_ms, 0.0, decode_ms)
        rows = zip(found.scores.tolist(), found.boxes.tolist(), strict=True)
        detections = tuple(Detection(LABEL, score, *box) for score, box in rows)
        cut = found.left_out >= self._decides
        note = f"more blobs than max_detections {self._recipe.max_detections}" if cut else ""
        fault = Rule.ERROR if cut else None
        return Inspection(detections, admitted.quality, width, height, stages, fault, note, pose=aligned.pose)

    def _above(self, found: Found) -> Found:
        keep = found.scores >= self._floor
        return Found(found.boxes[keep], found.scores[keep], found.classes[keep])


def blobs(difference: NDArray[np.uint8], rule: DifferenceRule) -> Found:
    """The blobs of a difference picture, (height, width) grey levels, by falling score.

    Pixels from `contrast` on, opened by a square, joined over edges and corners, of `min_area_px` and
    more. A score begins at THRESHOLD and nears 1 with the blob's area and its mean difference.
    """
    mask = cv2.threshold(difference, rule.contrast - 1, 255, cv2.THRESH_BINARY)[1]
    if rule.opening_px > 1:
        mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((rule.opening_px, rule.opening_px), np.uint8))
    _, names, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    labelled = np.asarray(names, np.int32)
    rows = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= rule.min_area_px) + 1
    area = stats[rows, cv2.CC_STAT_AREA].astype(np.float32)
    height = np.array([_mean(difference, labelled, stats[row], int(row)) for row in rows], np.float32) / 255
    size = 1 - np.exp2(-area / (LARGE * rule.min_area_px))
    scores = np.minimum(THRESHOLD + (1 - THRESHOLD) * height * size, 0.999).astype(np.float32)
    corner = stats[rows][:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]]
    boxes = np.concatenate((corner, corner + stats[rows][:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]), axis=1)
    order = np.argsort(-scores, kind="stable")
    return Found(boxes[order].astype(np.float32), scores[order], np.zeros(len(rows), np.intp))


def _mean(difference: NDArray[np.uint8], names: NDArray[np.int32], stat: NDArray[np.int32], name: int) -> float:
    """Mean difference of the pixels of one blob."""
    left, top = int(stat[cv2.CC_STAT_LEFT]), int(stat[cv2.CC_STAT_TOP])
    there = np.s_[top : top + int(stat[cv2.CC_STAT_HEIGHT]), left : left + int(stat[cv2.CC_STAT_WIDTH])]
    return float(difference[there][names[there] == name].mean())
