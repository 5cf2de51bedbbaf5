"""One-defect parts: the hard question of an inspection, made out of pairs of part and golden picture.

A part with six defects is bad as soon as one of them is seen. A part with one defect is the reference
with that defect's box, and a few pixels round it, pasted in from the part's picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.station.cameras.decode import read_picture
from pipelines.values import Pixels
from training.datasets.values import Box, Dataset, DatasetRefused, Picture

MARGIN_PX = 4
"""Pasted round a defect's box, so that its edge is the part's own."""


@dataclass(frozen=True, slots=True, eq=False)
class OneDefect:
    """A part with one defect."""

    name: str
    """The picture's stem and the defect's number: "20085291_test-3"."""
    pixels: Pixels
    """(height, width, 3), BGR."""
    reference: Pixels
    """As `pixels`: the golden picture, untouched."""
    truth: Box
    origin: Picture
    """The picture that the defect was taken from."""


def one_defect_parts(dataset: Dataset, split: str, margin_px: int = MARGIN_PX) -> Iterator[OneDefect]:
    """One part for each defect of each picture that has a reference, in the data set's order.

    Boxes are clipped to the picture, those of nothing left out. Raises DatasetRefused where a picture
    cannot be read or is of another size than its reference.
    """
    for picture in dataset.of(split):
        if picture.reference is None or not picture.boxes:
            continue
        part, good = read_picture(picture.file), read_picture(picture.reference)
        for name, read in ((picture.file, part), (picture.reference, good)):
            if read.fault is not None:
                raise DatasetRefused(f"{name}: {read.note}")
        if part.pixels.shape != good.pixels.shape:
            sizes = f"{part.pixels.shape[1::-1]} and {good.pixels.shape[1::-1]}"
            raise DatasetRefused(f"{picture.file}: not of its reference's size: {sizes} px")
        for number, box in enumerate(picture.boxes):
            if (pasted := paste(good.pixels, part.pixels, box, margin_px)) is not None:
                yield OneDefect(f"{picture.file.stem}-{number}", pasted, good.pixels, box, picture)


def paste(good: Pixels, bad: Pixels, box: Box, margin_px: int = MARGIN_PX) -> Pixels | None:
    """`good` with the place of `box` taken from `bad` (both of one shape); None where the box is outside."""
    height, width = good.shape[:2]
    x1, y1 = max(0, int(box.x1) - margin_px), max(0, int(box.y1) - margin_px)
    x2, y2 = min(width, -int(-box.x2 // 1) + margin_px), min(height, -int(-box.y2 // 1) + margin_px)
    if x1 >= x2 or y1 >= y2:
        return None
    part = good.copy()
    part[y1:y2, x1:x2] = bad[y1:y2, x1:x2]
    return part
