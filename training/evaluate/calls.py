"""False calls a picture at equal recall: the model against the traditional method, by one rule for both.

The traditional method has no classes and its blobs are no boxes of defects, so the rule asks for
neither: a detection is on a defect when the centre of either lies in the other's box. A defect with a
detection on it is found; a detection on no defect is a false call.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.values import Detection
from training.datasets.values import Box
from training.evaluate.values import Seen, rows

LEVELS = (0.95, 0.98, 0.983, 0.99, 0.995)
"""Recalls at which both are told, beside the one that the traditional method reaches with its settings."""
QUOTED = 0.983
"""What the bare difference is quoted with on DeepPCB; the one of LEVELS that stands on top of a page."""
RULE = "the centre of the detection lies in the defect's box, or the defect's centre in the detection's"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What is found and what is called falsely at every threshold."""

    best: NDArray[np.float64]
    """Of each defect, the best score of a detection on it; 0: none is. Rising."""
    false: NDArray[np.float64]
    """Score of each detection that is on no defect. Rising."""
    pictures: int

    def recall(self, threshold: float) -> float:
        """Share of the defects found at this threshold."""
        return float((self.best >= threshold).mean()) if self.best.size else 0.0

    def false_calls(self, threshold: float) -> float:
        """A picture, at this threshold."""
        return float((self.false >= threshold).sum()) / max(self.pictures, 1)

    def threshold(self, recall: float) -> float | None:
        """The highest threshold that finds at least this share; None: no threshold does."""
        wanted = max(1, math.ceil(recall * self.best.size - 1e-9))
        if wanted > self.best.size:
            return None
        reached = float(self.best[-wanted])
        return reached if reached > 0 else None


def curve(seen: Sequence[Seen]) -> Curve:
    """Of pictures with a truth (a picture without a defect is one as well)."""
    best: list[float] = []
    false: list[float] = []
    for one in seen:
        on = touches(one.truth, one.found)
        scores = np.array([d.score for d in one.found])
        best += [float(scores[row].max(initial=0.0)) for row in on]
        lost = touches(one.beyond, one.found).any(axis=0)
        false += scores[~on.any(axis=0) & ~lost].tolist()
    return Curve(np.sort(np.array(best, np.float64)), np.sort(np.array(false, np.float64)), len(seen))


def touches(truth: Sequence[Box], found: Sequence[Detection]) -> NDArray[np.bool_]:
    """(defects, detections): whether each detection is on each defect."""
    a, b = rows(truth), rows(found)
    return np.asarray(_holds(a, _centres(b)) | _holds(b, _centres(a)).T, np.bool_)


def _centres(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, np.float32)


def _holds(boxes: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(boxes, points)"""
    inside = (points[None] >= boxes[:, None, :2]) & (points[None] <= boxes[:, None, 2:])
    return np.asarray(inside.all(axis=2), np.bool_)


@dataclass(frozen=True, slots=True)
class Level:
    """False calls a picture at one recall; None: not reached at any threshold."""

    recall: float
    model: float | None
    traditional: float | None
    """Of its blobs the surest, as its own score has them: by area and contrast."""

    @property
    def fewer(self) -> float | None:
        """1 - model / traditional."""
        return 1 - self.model / self.traditional if self.model is not None and self.traditional else None


@dataclass(frozen=True, slots=True)
class Against:
    """The model beside the traditional method, on the same pictures in the same run."""

    method: str
    rule: str
    pictures: int
    defects: int
    traditional_recall: float
    traditional_false_calls: float
    """A picture."""
    traditional_unsure: int
    """Pictures that did not fit their reference; nothing is found on them."""
    settings: str
    """Of the traditional method."""
    threshold: float | None
    """The model's, chosen on its curve: the highest that finds as much; None: it never finds as much."""
    recall: float
    """The model's there, or its highest."""
    false_calls: float
    """The model's there, a picture."""
    fewer: float | None
    """1 - model / traditional; None where the recall is not reached or there is nothing to compare with."""
    levels: tuple[Level, ...] = ()


def against(model: Sequence[Seen], traditional: Sequence[Seen], method: str, settings: str) -> Against:
    """Compare at the recall that the traditional method reaches."""
    ours, theirs = curve(model), curve(traditional)
    recall, false = theirs.recall(0.0 + 1e-12), theirs.false_calls(0.0)
    threshold = ours.threshold(recall)
    at = threshold if threshold is not None else 1e-12
    ours_false = ours.false_calls(at)
    return Against(
        method=method,
        rule=RULE,
        pictures=theirs.pictures,
        defects=int(theirs.best.size),
        traditional_recall=recall,
        traditional_false_calls=false,
        traditional_unsure=sum(one.outcome == "UNSURE" for one in traditional),
        settings=settings,
        threshold=threshold,
        recall=ours.recall(at),
        false_calls=ours_false,
        fewer=1 - ours_false / false if threshold is not None and false > 0 else None,
        levels=tuple(Level(level, _at(ours, level), _at(theirs, level)) for level in LEVELS),
    )


def _at(of: Curve, recall: float) -> float | None:
    threshold = of.threshold(recall)
    return None if threshold is None else of.false_calls(threshold)
