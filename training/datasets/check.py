"""Checks a data set: what it holds, and what is wrong with it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from training.datasets.headers import exif_orientation
from training.datasets.likeness import Alike, Print, alike, print_of
from training.datasets.report import Class, Report, Split, Spread
from training.datasets.values import Box, Code, Dataset, Finding, Picture, Severity

SLACK_PX = 1.0
"""A box may stick out so far: rounding of shares, and tools that count pixels otherwise."""


def check(
    dataset: Dataset, allow_leak: bool = False, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Report:
    """Reads every picture and reports what the set holds and what is wrong.

    `allow_leak`: pictures that are (nearly) the same in two splits are a warning and no error.
    `progress`: called with pictures read and pictures in all.
    """
    prints = []
    for number, picture in enumerate(dataset.pictures, 1):
        prints.append(print_of(picture.file))
        progress(number, len(dataset.pictures))
    findings = [*dataset.findings, *_empty_sets(dataset)]
    for picture, seen in zip(dataset.pictures, prints, strict=True):
        findings += _picture_findings(dataset, picture, seen)
    findings += _same(dataset, prints, allow_leak)
    if len(dataset.splits) > 1:
        kinds = [p.split for p in dataset.pictures]
        near = alike([p.file for p in dataset.pictures], prints, kinds)
        findings += [_leak(dataset, one, allow_leak) for one in near]
    findings += _groups(dataset)
    return Report(
        root=str(dataset.root),
        kind=dataset.kind,
        splits={split: _split(dataset.of(split)) for split in dataset.splits},
        classes={label: _class(dataset, label) for label in dataset.labels},
        sizes=dict(Counter(f"{p.width_px} x {p.height_px}" for p in dataset.pictures)),
        references=sum(p.reference is not None for p in dataset.pictures),
        findings=tuple(findings),
        facts=dataset.facts,
    )


def _split(pictures: Sequence[Picture]) -> Split:
    bad = [p.bad for p in pictures]
    groups = {p.group for p in pictures if p.group}
    boxes = sum(len(p.boxes) for p in pictures)
    return Split(len(pictures), bad.count(True), bad.count(False), bad.count(None), boxes, len(groups))


def _class(dataset: Dataset, label: str) -> Class:
    boxes = [(p.split, b) for p in dataset.pictures for b in p.boxes if b.label == label]
    sides = np.array([(b.width, b.height) for _, b in boxes], np.float64).reshape(-1, 2)
    return Class(
        boxes=dict(Counter(split for split, _ in boxes)),
        pictures=sum(any(b.label == label for b in p.boxes) for p in dataset.pictures),
        longest_px=_spread(sides.max(axis=1, initial=0.0)),
        shortest_px=_spread(sides.min(axis=1, initial=np.inf)),
    )


def _spread(values: np.typing.NDArray[np.float64]) -> Spread | None:
    if not values.size:
        return None
    return Spread(*(round(float(v), 2) for v in np.percentile(values, (5, 50, 95))))


def _empty_sets(dataset: Dataset) -> Iterator[Finding]:
    if not dataset.pictures:
        yield Finding(Severity.ERROR, Code.NOTHING, dataset.name(dataset.root), "no pictures")
    used = {b.label for p in dataset.pictures for b in p.boxes}
    for label in dataset.labels:
        if label not in used:
            yield Finding(
                Severity.WARNING, Code.UNUSED_CLASS, dataset.name(dataset.root), f"class {label!r} has no box"
            )
        elif (train := dataset.of("train")) and all(b.label != label for p in train for b in p.boxes):
            yield Finding(
                Severity.WARNING,
                Code.UNUSED_CLASS,
                dataset.name(dataset.root),
                f"class {label!r} has no box in the train split",
            )


def _picture_findings(dataset: Dataset, picture: Picture, seen: Print) -> Iterator[Finding]:
    where = dataset.name(picture.file)
    if seen.fault and picture.width_px:  # without a size it was reported when it was read
        yield Finding(Severity.ERROR, Code.UNREADABLE, where, seen.fault)
    if (turned := exif_orientation(picture.file)) != 1:
        what = f"EXIF orientation {turned}: stations ignore it, label tools do not; save it upright, without EXIF"
        yield Finding(Severity.ERROR, Code.TURNED, where, what)
    if picture.empty_known and picture.verdict is None:
        yield Finding(Severity.NOTE, Code.EMPTY_LABEL, where, "labelled, and nothing on it")
    if picture.verdict == "ok" and picture.boxes:
        what = f"said to be good, with {len(picture.boxes)} box(es)"
        yield Finding(Severity.ERROR, Code.CONTRADICTION, where, what)
    if picture.width_px and picture.height_px:
        yield from _box_findings(picture, where)


def _box_findings(picture: Picture, where: str) -> Iterator[Finding]:
    width, height = picture.width_px, picture.height_px
    for number, box in enumerate(picture.boxes, 1):
        at, text = f"{where}, box {number}", f"{box.label} {_text(box)}"
        if box.width <= 0 or box.height <= 0:
            yield Finding(Severity.ERROR, Code.BOX_EMPTY, at, f"{text}: no width or no height")
        elif box.x2 <= 0 or box.y2 <= 0 or box.x1 >= width or box.y1 >= height:
            yield Finding(Severity.ERROR, Code.BOX_OUTSIDE, at, f"{text}: wholly outside of {width} x {height} px")
        elif max(-box.x1, -box.y1, box.x2 - width, box.y2 - height) > SLACK_PX:
            yield Finding(Severity.ERROR, Code.BOX_OUTSIDE, at, f"{text}: sticks out of {width} x {height} px")
        elif box.width < 1 or box.height < 1:
            yield Finding(Severity.WARNING, Code.BOX_EMPTY, at, f"{text}: less than a pixel")
    for box, count in Counter(picture.boxes).items():
        if count > 1:
            yield Finding(Severity.WARNING, Code.BOX_TWICE, where, f"{box.label} {_text(box)}: {count} times")


def _text(box: Box) -> str:
    return f"({box.x1:g}, {box.y1:g}, {box.x2:g}, {box.y2:g})"


def _same(dataset: Dataset, prints: Sequence[Print], allow_leak: bool) -> Iterator[Finding]:
    """Pictures with the same pixels."""
    places: dict[str, list[int]] = defaultdict(list)
    for i, one in enumerate(prints):
        if one.sha256:
            places[one.sha256].append(i)
    for first, *others in places.values():
        for other in others:
            a, b = dataset.pictures[first], dataset.pictures[other]
            where, name = dataset.name(b.file), dataset.name(a.file)
            if a.split != b.split:
                severity = Severity.WARNING if allow_leak else Severity.ERROR
                what = f"in split {b.split or 'none'}, the same pixels as {name} in {a.split or 'none'}"
                yield Finding(severity, Code.LEAK, where, what)
            else:
                yield Finding(Severity.WARNING, Code.DUPLICATE, where, f"the same pixels as {name}")
            if set(a.boxes) != set(b.boxes) or a.bad != b.bad:
                yield Finding(Severity.ERROR, Code.CONTRADICTION, where, f"labelled otherwise than its twin {name}")


def _leak(dataset: Dataset, one: Alike, allow_leak: bool) -> Finding:
    a, b = dataset.pictures[one.one], dataset.pictures[one.other]
    turned = ", turned or mirrored" if one.turned else ""
    what = (
        f"in split {a.split or 'none'}, nearly the same as {dataset.name(b.file)} in {b.split or 'none'}{turned} "
        f"(they differ by at most {100 * one.difference:.1f} % of the contrast anywhere)"
    )
    return Finding(Severity.WARNING if allow_leak else Severity.ERROR, Code.LEAK, dataset.name(a.file), what)


def _groups(dataset: Dataset) -> Iterable[Finding]:
    splits: dict[str, Counter[str]] = defaultdict(Counter)
    for picture in dataset.pictures:
        if picture.group:
            splits[picture.group][picture.split] += 1
    for group, counts in sorted(splits.items()):
        if len(counts) > 1:
            shares = ", ".join(f"{count} in {split or 'none'}" for split, count in counts.items())
            what = f"group {group!r} lies in more than one split ({shares}): its parts may be alike"
            yield Finding(Severity.WARNING, Code.GROUP_IN_SPLITS, dataset.name(dataset.root), what)
