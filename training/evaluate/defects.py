"""Defect by defect: what was found, missed, called falsely or by another name, at given thresholds."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.boxes import iou
from pipelines.values import Detection
from training.datasets.values import Box
from training.evaluate.authors import above
from training.evaluate.chances import Share, share
from training.evaluate.values import Seen, rows

LEAST_IOU = 0.5


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class at its threshold: a detection is right if its class is and its IoU is at least 0.5."""

    threshold: float
    defects: int
    precision: Share
    """Of its detections, those that are right."""
    recall: Share
    """Of its defects, those that were found and named rightly."""


@dataclass(frozen=True, slots=True)
class Miss:
    """A defect that nothing of its class covers at the thresholds."""

    seen: Seen
    box: Box
    best: float
    """Best score of any detection of any class, at any score, that covers it; 0: nothing does."""
    called: str = ""
    """What that detection called it."""


@dataclass(frozen=True, slots=True)
class FalseCall:
    """A detection at the thresholds that no defect answers to."""

    seen: Seen
    detection: Detection
    near: str = ""
    """Label of a defect it covers although of another class, or again; empty: there is none."""


@dataclass(frozen=True, slots=True)
class Defects:
    """Every defect and detection of some pictures at the thresholds."""

    classes: Mapping[str, ClassFigures]
    named: Mapping[str, Mapping[str, int]]
    """Truth -> what the best detection on it called it; "" as truth: a false call, as name: missed."""
    misses: tuple[Miss, ...]
    """The worst first: what was nearest to never being found."""
    false_calls: tuple[FalseCall, ...]
    """The worst first: the surest."""


def defects(seen: Sequence[Seen], thresholds: Mapping[str, float], labels: Sequence[str]) -> Defects:
    """`thresholds` by label, for every label of the model."""
    right: Counter[str] = Counter()
    called: Counter[str] = Counter()
    true: Counter[str] = Counter()
    misses: list[Miss] = []
    false_calls: list[FalseCall] = []
    named: dict[str, Counter[str]] = {label: Counter() for label in (*labels, "")}
    for one in seen:
        counting = above(_counted(one), thresholds)
        pairs = _pairs(one.truth, counting, by_class=True)
        true.update(box.label for box in one.truth)
        called.update(d.label for d in counting)
        right.update(counting[j].label for j in pairs.values())
        misses += [_miss(one, box) for i, box in enumerate(one.truth) if i not in pairs]
        wrong = set(range(len(counting))) - set(pairs.values())
        false_calls += [FalseCall(one, counting[j], _near(counting[j], one.truth)) for j in sorted(wrong)]
        for of, name in _names(one.truth, counting):
            named[of][name] += 1
    return Defects(
        classes={
            label: ClassFigures(
                thresholds[label], true[label], share(right[label], called[label]), share(right[label], true[label])
            )
            for label in labels
        },
        named={of: dict(names) for of, names in named.items()},
        misses=tuple(sorted(misses, key=lambda m: (m.best, m.seen.name, m.box.x1, m.box.y1))),
        false_calls=tuple(sorted(false_calls, key=lambda f: (-f.detection.score, f.seen.name, f.detection.x1))),
    )


def _counted(one: Seen) -> tuple[Detection, ...]:
    """Without what lies on a box that mostly left the picture."""
    if not one.beyond or not one.found:
        return one.found
    overlaps = iou(rows(one.beyond), rows(one.found)).max(axis=0)
    return tuple(d for d, overlap in zip(one.found, overlaps, strict=True) if overlap < 0.1)


def _pairs(truth: Sequence[Box], found: Sequence[Detection], *, by_class: bool) -> dict[int, int]:
    """Defect -> detection, one to one: by falling score, each takes the free defect it covers best."""
    pairs: dict[int, int] = {}
    if not truth or not found:
        return pairs
    overlaps = iou(rows(truth), rows(found))
    for j, d in enumerate(found):
        free = [i for i, b in enumerate(truth) if i not in pairs and (d.label == b.label or not by_class)]
        best = max(free, key=lambda i: float(overlaps[i, j]), default=None)
        if best is not None and overlaps[best, j] >= LEAST_IOU:
            pairs[best] = j
    return pairs


def _names(truth: Sequence[Box], found: Sequence[Detection]) -> Iterator[tuple[str, str]]:
    """(truth, name) of every defect and of every detection that is on none."""
    pairs = _pairs(truth, found, by_class=False)
    for i, box in enumerate(truth):
        yield box.label, found[pairs[i]].label if i in pairs else ""
    for j, d in enumerate(found):
        if j not in pairs.values() and not _near(d, truth):
            yield "", d.label


def _miss(one: Seen, box: Box) -> Miss:
    if one.found:
        overlaps = iou(rows((box,)), rows(one.found))[0]
        best = next((d for d, overlap in zip(one.found, overlaps, strict=True) if overlap >= LEAST_IOU), None)
        if best is not None:
            return Miss(one, box, best.score, best.label)
    return Miss(one, box, 0.0)


def _near(detection: Detection, truth: Sequence[Box]) -> str:
    """The defect that a detection overlaps most, if by anything worth the name."""
    if not truth:
        return ""
    overlaps = iou(rows(truth), rows((detection,)))[:, 0]
    best = int(overlaps.argmax())
    return truth[best].label if overlaps[best] > 0.1 else ""
