"""Scores of a raw YOLO head on drawn boards: boxes, mean average precision, escapes and overkills."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.station.cameras.virtual.boards import Board
from agent.station.cameras.virtual.defects import LABELS

Found = NDArray[np.float32]
"""(n, 6): x1, y1, x2, y2 in px, score, label's index; by falling score."""
Boxes = NDArray[np.float32]

LEAST_SCORE = 0.01
NMS_IOU = 0.5


def ious(one: Boxes, many: Boxes) -> NDArray[np.float32]:
    """Overlap of one box, (4,), with many, (n, 4)."""
    w = np.minimum(one[2], many[:, 2]) - np.maximum(one[0], many[:, 0])
    h = np.minimum(one[3], many[:, 3]) - np.maximum(one[1], many[:, 1])
    inner = w.clip(0) * h.clip(0)
    areas = (many[:, 2] - many[:, 0]) * (many[:, 3] - many[:, 1])
    shares: NDArray[np.float32] = inner / ((one[2] - one[0]) * (one[3] - one[1]) + areas - inner)
    return shares


def detections(raw: NDArray[np.float32]) -> Found:
    """A raw head's output, (4 + labels, anchors), after class-wise suppression."""
    label, score = raw[4:].argmax(axis=0), raw[4:].max(axis=0)
    keep = np.flatnonzero(score >= LEAST_SCORE)
    keep = keep[np.argsort(-score[keep], kind="stable")]
    middle, size = raw[:2, keep].T, raw[2:4, keep].T
    rows = np.column_stack([middle - size / 2, middle + size / 2, score[keep], label[keep]]).astype(np.float32)
    kept: list[NDArray[np.float32]] = []
    while len(rows):
        kept.append(rows[0])
        double = (rows[:, 5] == rows[0, 5]) & (ious(rows[0, :4], rows[:, :4]) > NMS_IOU)
        double[0] = True
        rows = rows[~double]
    return np.array(kept, np.float32).reshape(-1, 6)


def _average_precision(right: NDArray[np.bool_], score: NDArray[np.float32], defects: int) -> float:
    """Area under the precision envelope at 101 recalls, as COCO counts it."""
    right = right[np.argsort(-score, kind="stable")]
    hits = np.cumsum(right)
    recall, precision = hits / max(defects, 1), hits / np.arange(1, len(right) + 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(np.mean(envelope[np.searchsorted(recall, np.linspace(0, 1, 101))]))


def _hits(
    boards: Sequence[Board], found: Sequence[Found], label: int, iou: float
) -> tuple[list[bool], list[float], int]:
    """For every detection of a label: whether it is right, its score; and the number of defects."""
    right, score, defects = [], [], 0
    for board, seen in zip(boards, found, strict=True):
        truth = np.array([t.box for t in board.truth if t.label == LABELS[label]], np.float32).reshape(-1, 4)
        free = np.ones(len(truth), np.bool_)
        defects += len(truth)
        for row in seen[seen[:, 5] == label]:
            overlap = np.where(free, ious(row[:4], truth), 0.0)
            best = int(overlap.argmax()) if len(truth) else -1
            hit = best >= 0 and overlap[best] >= iou
            if hit:
                free[best] = False
            right.append(bool(hit))
            score.append(float(row[4]))
    return right, score, defects


def mean_average_precision(boards: Sequence[Board], found: Sequence[Found]) -> dict[str, float]:
    """mAP50, mAP50-95 (means over labels) and each label's AP50."""
    table = np.zeros((len(LABELS), 10))
    for label in range(len(LABELS)):
        for i, iou in enumerate(np.arange(0.5, 1.0, 0.05)):
            right, score, defects = _hits(boards, found, label, float(iou))
            table[label, i] = _average_precision(np.array(right, np.bool_), np.array(score, np.float32), defects)
    each = {f"AP50 {name}": round(float(table[i, 0]), 4) for i, name in enumerate(LABELS)}
    return {"mAP50": round(float(table[:, 0].mean()), 4), "mAP50-95": round(float(table.mean()), 4), **each}


def _tops(boards: Sequence[Board], found: Sequence[Found]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The highest score on each bad and on each good board."""
    top = np.array([seen[:, 4].max(initial=0.0) for seen in found])
    bad = np.array([len(board.truth) > 0 for board in boards])
    return top[bad], top[~bad]


def part_counts(boards: Sequence[Board], found: Sequence[Found], threshold: float) -> dict[str, int]:
    """Bad boards with nothing at or over the threshold (escapes), good ones with something (overkills)."""
    bad, good = _tops(boards, found)
    single = [(b, f) for b, f in zip(boards, found, strict=True) if len(b.truth) == 1]
    return {
        "bad": len(bad),
        "escapes": int(np.count_nonzero(bad < threshold)),
        "one_defect": len(single),
        "one_defect_escapes": sum(bool(f[:, 4].max(initial=0.0) < threshold) for _, f in single),
        "good": len(good),
        "overkills": int(np.count_nonzero(good >= threshold)),
    }


def best_threshold(boards: Sequence[Board], found: Sequence[Found]) -> float:
    """The middle of the widest range of thresholds with the lowest share of escapes plus overkills."""
    bad, good = _tops(boards, found)
    steps = np.arange(0.05, 0.951, 0.01)
    cost = np.array([np.mean(bad < t) + np.mean(good >= t) for t in steps])
    lowest = np.flatnonzero(cost <= cost.min() + 1e-12)
    runs = np.split(lowest, np.flatnonzero(np.diff(lowest) > 1) + 1)
    widest = max(runs, key=len)
    return round(float(steps[widest].mean()), 3)
