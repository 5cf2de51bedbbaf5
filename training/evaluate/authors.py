"""The DeepPCB authors' score, counted as their script counts (github.com/tangsanli5201/DeepPCB, evaluation/).

In each picture, in the order of its ground truth, a defect is paired with the first detection, not yet
paired, whose IoU with it is over 0.33, whatever its class; the pair is right only if the class agrees.
AP pools all classes and pictures: detections by falling score, the precision at each right one summed,
divided by the number of defects (no interpolation). F = 2PR / (P + R) at one threshold a class.

A picture's detections come by falling score. Where several lie on one place (IoU over 0.4, whatever
their class) only the best counts, as a station's rules would name one defect: the script pairs a defect
with one detection only, and every other one would be a false call.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.boxes import iou, suppress
from pipelines.values import Detection
from training.datasets.values import Box
from training.evaluate.values import Seen, rows

OVER_IOU = 0.33
ONE_PLACE_IOU = 0.4


@dataclass(frozen=True, slots=True)
class AuthorsScore:
    """All by the rules of this module; F at thresholds chosen on these pictures is an upper bound."""

    ap: float
    best_f: float
    """At the thresholds of `best_at`, chosen on these pictures themselves."""
    best_at: Mapping[str, float]
    f: float
    """At the thresholds that the bundle or the recipe names."""
    precision: float
    recall: float
    """Both at those thresholds too."""
    over_iou: float = OVER_IOU
    one_place_iou: float = ONE_PLACE_IOU


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """Every detection of some pictures, by falling score."""

    scores: NDArray[np.float64]
    """(n,)"""
    right: NDArray[np.bool_]
    """(n,) paired with a defect of its own class."""
    labels: tuple[str, ...]
    """n of them."""
    defects: int


def score(seen: Sequence[Seen], thresholds: Mapping[str, float]) -> AuthorsScore:
    """The authors' score of what was found on these pictures; `thresholds` by label."""
    places = [(one.name, one.truth, one_class_a_place(one.found)) for one in seen]
    marked = mark(places)
    best_at = best_thresholds(marked)
    best = mark((name, truth, above(found, best_at)) for name, truth, found in places)
    given = mark((name, truth, above(found, thresholds)) for name, truth, found in places)
    return AuthorsScore(
        ap=average_precision(marked),
        best_f=f_score(best),
        best_at=best_at,
        f=f_score(given),
        precision=float(given.right.mean()) if given.right.size else 0.0,
        recall=float(given.right.sum()) / max(given.defects, 1),
    )


def mark(pictures: Iterable[tuple[str, Sequence[Box], Sequence[Detection]]]) -> Marked:
    """Mark each detection right or wrong; (name, truth, detections by falling score) of each picture.

    Equal scores are ordered by the picture's name and the box, so that the answer does not depend on
    the order in which the pictures came.
    """
    marks: list[tuple[float, str, tuple[float, float, float, float], str, bool]] = []
    defects = 0
    for name, truth, found in pictures:
        defects += len(truth)
        rights = _rights(truth, found)
        marks += [(-d.score, name, (d.x1, d.y1, d.x2, d.y2), d.label, r) for d, r in zip(found, rights, strict=True)]
    marks.sort()
    scores = np.array([-row[0] for row in marks], np.float64)
    return Marked(scores, np.array([row[4] for row in marks], np.bool_), tuple(row[3] for row in marks), defects)


def _rights(truth: Sequence[Box], found: Sequence[Detection]) -> list[bool]:
    rights, paired = [False] * len(found), [False] * len(found)
    if not truth or not found:
        return rights
    overlaps = iou(rows(truth), rows(found))
    for defect, row in zip(truth, overlaps, strict=True):
        first = next((i for i in range(len(found)) if not paired[i] and row[i] > OVER_IOU), None)
        if first is not None:
            paired[first], rights[first] = True, found[first].label == defect.label
    return rights


def average_precision(marked: Marked) -> float:
    """The precision at each right detection, summed, over the number of defects; 0 where there are none."""
    precision = np.cumsum(marked.right) / np.arange(1, marked.right.size + 1)
    return float(precision[marked.right].sum()) / max(marked.defects, 1)


def f_score(marked: Marked) -> float:
    """2PR / (P + R) = 2 right / (found + defects)."""
    return 2 * float(marked.right.sum()) / max(marked.right.size + marked.defects, 1)


def best_thresholds(marked: Marked) -> dict[str, float]:
    """The threshold a class that gives the best F over all classes together.

    F is a fraction of sums over the classes, so the best thresholds are found one class at a time for a
    given F, and F anew for them, until it stays (Dinkelbach 1967, Management Science 13, 492).
    """
    names = np.array(marked.labels)
    classes = sorted(set(marked.labels))
    cut: dict[str, int] = dict.fromkeys(classes, 0)
    wins = {label: np.concatenate(([0], np.cumsum(marked.right[names == label]))) for label in classes}
    best, f = -1.0, 0.0
    while f > best:
        best = f
        for label in classes:
            gain = 2.0 * wins[label] - best * np.arange(len(wins[label]))
            cut[label] = int(gain.argmax())
        kept = sum(cut.values())
        f = 2.0 * sum(float(wins[label][cut[label]]) for label in classes) / max(kept + marked.defects, 1)
    return {label: _threshold(marked.scores[names == label], cut[label]) for label in classes}


def _threshold(scores: NDArray[np.float64], kept: int) -> float:
    """Keeps the `kept` best of falling scores, and those equal to the last of them."""
    return float(scores[kept - 1]) if kept else 1.0


def one_class_a_place(found: Sequence[Detection]) -> tuple[Detection, ...]:
    """The best detection of each place."""
    if not found:
        return ()
    scores = np.array([d.score for d in found], np.float32)
    kept = suppress(rows(found), scores, np.zeros(len(found), np.intp), ONE_PLACE_IOU, len(found))
    return tuple(found[i] for i in kept)


def above(found: Sequence[Detection], thresholds: Mapping[str, float]) -> tuple[Detection, ...]:
    """Those that reach their class's threshold; a label without one always does."""
    return tuple(d for d in found if d.score >= thresholds.get(d.label, 0.0))
