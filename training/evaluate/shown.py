"""Pictures to look at, made out of a data set: as they are, good ones, and ones with a single defect."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.errors import OkngError
from pipelines.values import Pixels
from training.datasets.values import Dataset, Picture
from training.evaluate.eye import Shown, pixels_of
from training.parts import MARGIN_PX, one_defect_parts, paste


class References:
    """Decodes reference pictures; parts in a row that have the same one get the very same pixels."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._pixels: Pixels | None = None

    def of(self, picture: Picture) -> Pixels | None:
        """The reference of a part, or None. Raises OkngError where it cannot be read."""
        if picture.reference is None:
            return None
        if picture.reference != self._file:
            self._file, self._pixels = picture.reference, pixels_of(picture.reference)
        return self._pixels


def as_they_are(dataset: Dataset, pictures: Sequence[Picture]) -> Iterator[Shown]:
    """Each picture with its truth."""
    references = References()
    for picture in pictures:
        yield Shown(
            name=dataset.name(picture.file),
            pixels=pixels_of(picture.file),
            truth=picture.boxes,
            reference=references.of(picture),
            file=picture.file,
            reference_file=picture.reference,
        )


def golden(dataset: Dataset, pictures: Sequence[Picture]) -> Iterator[Shown]:
    """Each reference as a part of its own: a good one."""
    for file in dict.fromkeys(p.reference for p in pictures if p.reference is not None):
        pixels = pixels_of(file)
        yield Shown(dataset.name(file), pixels, reference=pixels, file=file, reference_file=file)


def repaired(dataset: Dataset, pictures: Sequence[Picture]) -> Iterator[Shown]:
    """Each part with its reference pasted over every defect: good, but with all of the part's own noise.

    A reference as a part equals itself, which asks nothing of a method that looks at the difference.
    """
    for shown, picture in zip(as_they_are(dataset, pictures), pictures, strict=True):
        if shown.reference is None or shown.pixels.shape != shown.reference.shape:
            continue
        pixels = shown.pixels
        for box in picture.boxes:
            mended = paste(pixels, shown.reference, box, MARGIN_PX)
            pixels = pixels if mended is None else mended
        yield Shown(f"{shown.name} repaired", pixels, reference=shown.reference, reference_file=picture.reference)


def one_defect(dataset: Dataset, split: str, most: int) -> Iterator[Shown]:
    """References with a single defect pasted in, of the split's first `most` pictures (0: of all)."""
    files = {p.file for p in chosen(dataset, split, most)}
    for part in one_defect_parts(dataset, split):
        if part.origin.file in files:
            yield Shown(
                part.name,
                part.pixels,
                (part.truth,),
                part.reference,
                reference_file=part.origin.reference,
            )


def chosen(dataset: Dataset, split: str, most: int) -> tuple[Picture, ...]:
    """The split's pictures; with `most` above 0, so many of them, evenly out of all. Raises OkngError."""
    there = dataset.of(split)
    if not there:
        splits = ", ".join(repr(s) for s in dataset.splits) or "none"
        raise OkngError(f"{dataset.root}: split {split!r} holds no picture; --split may be: {splits}")
    if not most or most >= len(there):
        return there
    return tuple(there[i * len(there) // most] for i in range(most))
