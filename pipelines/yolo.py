"""YOLO output to boxes, for the two heads that Ultralytics 8.4 exports.

raw      (1, 4 + classes, anchors): cx, cy, w, h in px of the input, then a score a class
nmsfree  (1, n, 6): x1, y1, x2, y2 in px of the input, score, class
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.boxes import Boxes, Floats, Indices, suppress

Head = Literal["raw", "nmsfree"]

MAX_CANDIDATES = 30_000
"""Best-scored boxes that enter suppression; Ultralytics' own bound."""
SCORE_SLACK = 0.01
"""Quantised models may leave 0..1 by a rounding step; by more, the numbers are not scores."""


class OutputWrong(ValueError):
    """What the model gave is not an output of its head: wrong shape, or numbers that cannot be."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Boxes by falling score."""

    boxes: Boxes
    """(n, 4) px."""
    scores: Floats
    """(n,) 0..1."""
    classes: Indices
    """(n,) index of the label."""
    left_out: float = 0.0
    """Best score that a box had, or may have had, which a limit kept out; 0 where none was."""


def decode(output: NDArray[np.float32], head: Head, classes: int, *, floor: float, overlap: float, limit: int) -> Found:
    """What one output says: boxes with a score of at least `floor`, at most `limit`, doubles suppressed.

    The score filter comes first, then class-wise suppression above an IoU of `overlap`. A raw anchor
    counts for its best class only, as in Ultralytics' `predict`. The NMS-free head is suppressed as
    well: quantised to INT8 it leaves doubles. It has room for n boxes: where every row is taken, there
    may have been more, and `left_out` is the lowest row's score.

    Raises OutputWrong when the shape is not the head's, when a number is not finite, when scores lie
    outside of 0..1, or when a class is none of the model's.
    """
    check_shape(output.shape, head, classes)
    if output.size == 0:
        return _nothing()
    found = _raw(output[0], floor) if head == "raw" else _nmsfree(output[0], classes, floor)
    if found.scores.size == 0:
        return found
    keep = suppress(found.boxes, found.scores, found.classes, overlap, limit + 1)
    return at_most(Found(found.boxes[keep], found.scores[keep], found.classes[keep], found.left_out), limit)


def at_most(found: Found, limit: int) -> Found:
    """The best `limit` boxes; `left_out` says how good the best of the others was."""
    if len(found.scores) <= limit:
        return found
    left_out = max(found.left_out, float(found.scores[limit]))
    return Found(found.boxes[:limit], found.scores[:limit], found.classes[:limit], left_out)


def check_shape(shape: tuple[int, ...], head: Head, classes: int) -> None:
    """Raises OutputWrong, naming what came and what was wanted, when a shape is not the head's."""
    if head == "raw":
        if len(shape) != 3 or shape[:2] != (1, 4 + classes):
            wanted = f"(1, {4 + classes}, anchors): a raw head with {classes} classes"
            raise OutputWrong(f"the model's output has shape {tuple(shape)}, wanted {wanted}")
    elif len(shape) != 3 or (shape[0], shape[2]) != (1, 6):
        raise OutputWrong(f"the model's output has shape {tuple(shape)}, wanted (1, n, 6): an NMS-free head")


def _raw(rows: NDArray[np.float32], floor: float) -> Found:
    scores = rows[4:]
    best = scores.max(axis=0)
    _check_numbers(rows[:4], float(scores.min()), float(best.max()))
    index, left_out = np.flatnonzero(best >= floor), 0.0
    if index.size > MAX_CANDIDATES:
        index = index[np.argsort(-best[index], kind="stable")]
        left_out = float(best[index[MAX_CANDIDATES]])
        index = index[:MAX_CANDIDATES]
    centre, half = rows[:2, index], rows[2:4, index] / 2
    boxes = np.concatenate((centre - half, centre + half)).T
    return Found(np.ascontiguousarray(boxes), best[index], scores[:, index].argmax(axis=0), left_out)


def _nmsfree(rows: NDArray[np.float32], classes: int, floor: float) -> Found:
    scores = rows[:, 4]
    lowest = float(scores.min())
    _check_numbers(rows, lowest, float(scores.max()))
    left_out = lowest if lowest >= floor else 0.0
    rows = rows[scores >= floor]
    index = rows[:, 5].astype(np.intp)
    if rows.size and (np.any(index != rows[:, 5]) or index.min() < 0 or index.max() >= classes):
        strange = sorted({float(c) for c in rows[:, 5]} - set(map(float, range(classes))))
        raise OutputWrong(f"the model's output names class {strange[0]:g}, allowed are 0..{classes - 1}")
    return Found(np.ascontiguousarray(rows[:, :4]), rows[:, 4].copy(), index, left_out)


def _check_numbers(others: NDArray[np.float32], low: float, high: float) -> None:
    """Look at every number there is: `others`, and the lowest and highest of the scores."""
    # min and max hand a NaN on, so they see each broken number.
    if not all(map(math.isfinite, (low, high, float(others.min()), float(others.max())))):
        raise OutputWrong("the model's output holds numbers that are not finite (NaN or infinite)")
    if low < -SCORE_SLACK or high > 1 + SCORE_SLACK:
        raise OutputWrong(f"the model's scores run from {low:g} to {high:g}, wanted 0..1: another head, or no sigmoid")


def _nothing() -> Found:
    return Found(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.intp))
