"""The held-out pictures in two: on the one whatever is left to choose is chosen, on the other the promise is made.

What a promise is calibrated on may have no say in what it is made for: not in which INT8 graph is taken, not in the
order in which thresholds are tried, not in which of those that hold is taken. Whole groups go to one side where there
are enough of them, else single pictures; which ones hangs on the seed and on what they show, never on a model.
"""

from dataclasses import dataclass, replace

from agent.quality.binomial import needed
from training.datasets.split import divide
from training.datasets.values import Dataset, Picture

FEWEST_GROUPS = 8
"""With fewer groups one of them would be a large part of a side."""
SHARES = (0.67, 0.8, 0.9)
"""Of the held-out pictures that the promise is made on: the first that is enough for it."""


@dataclass(frozen=True, slots=True)
class Halves:
    """A data set twice, each with a part of its held-out pictures and nothing else."""

    choosing: Dataset
    calibrating: Dataset | None
    """None: there are too few bad parts for any promise, and all pictures are for choosing."""
    says: str
    """How they were divided, or why they were not."""


def halves(dataset: Dataset, split: str, limit: float, confidence: float, seed: int) -> Halves:
    """Divides the pictures of a split. `limit` and `confidence` are those of the promise that is wished for."""
    held = dataset.of(split)
    least = needed(limit, confidence)
    whole = replace(dataset, pictures=held)
    best = 0
    by_group = len({p.group for p in held if p.group}) >= FEWEST_GROUPS
    for share in SHARES if len(held) > 1 else ():
        choosing, calibrating = _divided(whole, split, share, seed, by_group)
        best = max(best, bad_parts(calibrating.pictures))
        if bad_parts(calibrating.pictures) >= least:
            return Halves(choosing, calibrating, _says(choosing, calibrating, by_group))
    promise = f"at most {100 * limit:g} % with {100 * confidence:g} % confidence"
    why = (
        f"{promise} needs at least {least} bad parts that had no say in what was chosen (none of them failing), there "
        f"are {bad_parts(held)} held-out ones, and at most {best} of them can be left for it"
    )
    return Halves(whole, None, why)


def bad_parts(pictures: tuple[Picture, ...]) -> int:
    """Bad parts that a promise can be made on: one a defect where there are references, else one a picture."""
    paired = [p for p in pictures if p.reference is not None and p.boxes]
    return sum(len(p.boxes) for p in paired) if paired else sum(bool(p.boxes) for p in pictures)


def _divided(whole: Dataset, split: str, share: float, seed: int, by_group: bool) -> tuple[Dataset, Dataset]:
    """(for choosing, for calibrating)"""
    plain = whole if by_group else replace(whole, pictures=tuple(replace(p, group="") for p in whole.pictures))
    sides = divide(plain, split, {"train": 1 - share, "val": share}, seed).pictures
    both = list(zip(whole.pictures, sides, strict=True))
    return (
        replace(whole, pictures=tuple(p for p, side in both if side.split == "train")),
        replace(whole, pictures=tuple(p for p, side in both if side.split == "val")),
    )


def _says(choosing: Dataset, calibrating: Dataset, by_group: bool) -> str:
    how = "whole groups" if by_group else "single pictures, for there are few groups"
    chosen, promised = len(choosing.pictures), len(calibrating.pictures)
    return f"chosen on {chosen} held-out pictures, calibrated on {promised} others ({how})"
