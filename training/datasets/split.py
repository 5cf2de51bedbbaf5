"""Divides pictures into splits by group: a group never lies in two of them.

Groups are taken from the largest to the smallest (equal ones in an order drawn by the seed), each to the split
that lacks most of what it holds: pictures, good parts, boxes of each class. After K. Sechidis, G. Tsoumakas,
I. Vlahavas 2011, "On the stratification of multi-label data", with groups in place of single examples.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from training.datasets.values import SPLITS, Dataset, DatasetRefused, Picture

SHARES: Mapping[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}


def split(
    dataset: Dataset,
    shares: Mapping[str, float] = SHARES,
    seed: int = 0,
    together: Iterable[tuple[int, int]] = (),
) -> Dataset:
    """The data set with every picture in a split: the author's are kept, those without one are divided.

    `together`: places of pictures that must not be parted (the same picture twice). A picture without a
    group is a group of its own. The same seed divides the same set the same way. Raises DatasetRefused:
    fewer groups than splits, or shares that cannot be.
    """
    return _divided(dataset, "", shares, seed, together)


def divide(dataset: Dataset, of: str, shares: Mapping[str, float], seed: int = 0) -> Dataset:
    """As `split`, for the pictures of one split: {"train": 0.9, "val": 0.1} of "train" makes a "val"."""
    return _divided(dataset, of, shares, seed, ())


def hold_out(dataset: Dataset, groups: Sequence[str], to: str = "val", of: str = "train") -> Dataset:
    """Moves whole groups from one split to another. Raises DatasetRefused for a group that is not there."""
    there = {p.group for p in dataset.of(of)}
    if strange := sorted(set(groups) - there):
        known = ", ".join(sorted(there - {""})) or "none"
        raise DatasetRefused(f"{dataset.root}: no group {', '.join(strange)} in {of}; known are {known}")
    pictures = (replace(p, split=to) if p.split == of and p.group in groups else p for p in dataset.pictures)
    return replace(dataset, pictures=tuple(pictures))


def _divided(
    dataset: Dataset, of: str, shares: Mapping[str, float], seed: int, together: Iterable[tuple[int, int]]
) -> Dataset:
    wanted = {name: share for name, share in shares.items() if share > 0}
    if not wanted or set(shares) - set(SPLITS) or min(shares.values()) < 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise DatasetRefused(f"shares {dict(shares)}: wanted {', '.join(SPLITS)} with numbers that add up to 1")
    places = [i for i, p in enumerate(dataset.pictures) if p.split == of]
    if not places:
        return dataset
    groups = _groups(dataset.pictures, places, together)
    if len(groups) < len(wanted):
        raise DatasetRefused(_too_few_groups(dataset, places, len(groups), tuple(wanted)))
    chosen = _assigned(dataset, list(groups.values()), wanted, seed)
    pictures = list(dataset.pictures)
    for members, name in zip(groups.values(), chosen, strict=True):
        for i in members:
            pictures[i] = replace(pictures[i], split=name)
    return replace(dataset, pictures=tuple(pictures))


def _too_few_groups(dataset: Dataset, places: Sequence[int], groups: int, wanted: tuple[str, ...]) -> str:
    names = sorted({dataset.pictures[i].group for i in places} - {""})
    called = f" ({', '.join(names[:5])})" if names else ""
    return (
        f"{dataset.root}: {groups} group(s){called} cannot be divided into {', '.join(wanted)}: the {len(places)} "
        f"pictures of a group, and pictures that are nearly the same, stay together. Needed are pictures of at least "
        f"{len(wanted)} groups (another day, another lot, another board), or splits made by hand: folders "
        f"{', '.join(wanted)}"
    )


def _groups(
    pictures: Sequence[Picture], places: Sequence[int], together: Iterable[tuple[int, int]]
) -> dict[int, list[int]]:
    """First place -> all places of each group, groups that share a pair of twins being one."""
    root = {i: i for i in places}

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    def join(i: int, j: int) -> None:
        a, b = sorted((find(i), find(j)))
        root[b] = a

    first: dict[str, int] = {}
    for i in places:
        if pictures[i].group:
            join(first.setdefault(pictures[i].group, i), i)
    for i, j in together:
        if i in root and j in root:
            join(i, j)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in places:
        groups[find(i)].append(i)
    return groups


def _assigned(dataset: Dataset, groups: Sequence[Sequence[int]], shares: Mapping[str, float], seed: int) -> list[str]:
    """The split of each group."""
    holds = np.array([_holding(dataset, members) for members in groups], np.float64)
    weights = 1 / np.maximum(holds.sum(axis=0), 1)  # what is rare counts as much as what is common
    names = list(shares)
    lacks = np.array([shares[name] for name in names])[:, None] * holds.sum(axis=0)[None, :]
    draws = [_draw(dataset.name(dataset.pictures[members[0]].file), seed) for members in groups]
    chosen = [""] * len(groups)
    for done, g in enumerate(sorted(range(len(groups)), key=lambda g: (-holds[g, 0], draws[g]))):
        # Each split gets a group before the last ones are given away.
        empty = [k for k, name in enumerate(names) if name not in chosen]
        open_ = empty if len(groups) - done <= len(empty) else range(len(names))
        best = max(open_, key=lambda k: (float((np.minimum(holds[g], lacks[k]) * weights).sum()), lacks[k][0]))
        chosen[g] = names[best]
        lacks[best] -= holds[g]
    return chosen


def _holding(dataset: Dataset, members: Sequence[int]) -> NDArray[np.float64]:
    """Pictures, good parts, boxes of each label."""
    own = [dataset.pictures[i] for i in members]
    boxes = [sum(b.label == label for p in own for b in p.boxes) for label in dataset.labels]
    return np.array([len(own), sum(p.bad is False for p in own), *boxes], np.float64)


def _draw(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{name}".encode()).digest()
