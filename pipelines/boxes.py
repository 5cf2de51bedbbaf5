"""Boxes in px: overlap and class-wise suppression. Rows are (x1, y1, x2, y2)."""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
"""(n, 4): x1, y1, x2, y2."""
Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

BLOCK = 128
"""Boxes that are compared with each other at once."""


def area(boxes: Boxes) -> Floats:
    """(n,) px²; a box turned inside out has none."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def intersection(a: Boxes, b: Boxes) -> Floats:
    """(n, m) px² that each box of `a` shares with each of `b`."""
    # Side by side, not as pairs: numpy is several times slower along a last axis of two.
    width = np.minimum(a[:, 2, None], b[:, 2]) - np.maximum(a[:, 0, None], b[:, 0])
    height = np.minimum(a[:, 3, None], b[:, 3]) - np.maximum(a[:, 1, None], b[:, 1])
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0), np.float32)


def iou(a: Boxes, b: Boxes) -> Floats:
    """(n, m) intersection over union, 0..1; 0 where both boxes are empty."""
    shared = intersection(a, b)
    union = area(a)[:, None] + area(b)[None, :] - shared
    share: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share


def suppress(boxes: Boxes, scores: Floats, classes: Indices, overlap: float, limit: int) -> Indices:
    """Class-wise non-maximum suppression: the indices that stay, by falling score, at most `limit`.

    A box goes when its IoU with a better box of its class, one that stays, is above `overlap`: the
    semantics of torchvision's `nms` as Ultralytics calls it. Equal scores are ordered by class and
    place, so that the answer does not depend on the order in which the boxes came.
    """
    order = np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], classes, -scores))
    kept = order[:0]
    # In blocks: the whole matrix of a model gone wild (30,000 candidates) would not fit into memory.
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        if kept.size:
            block = block[~_doubles(boxes, classes, kept, block, overlap).any(axis=0)]
        doubles = _doubles(boxes, classes, block, block, overlap)
        alive = np.ones(len(block), np.bool_)
        for i in range(len(block)):
            if alive[i]:
                alive[i + 1 :] &= ~doubles[i, i + 1 :]
        kept = np.concatenate((kept, block[alive]))
        if kept.size >= limit:
            break
    return np.asarray(kept[:limit], np.intp)


def _doubles(boxes: Boxes, classes: Indices, a: Indices, b: Indices, overlap: float) -> NDArray[np.bool_]:
    """(n, m) whether boxes a and b are of one class and overlap by more than `overlap` (IoU)."""
    first, second = boxes[a], boxes[b]
    shared = intersection(first, second)
    union = area(first)[:, None] + area(second)[None, :] - shared
    return np.asarray((shared > overlap * union) & (classes[a][:, None] == classes[b][None, :]), np.bool_)
