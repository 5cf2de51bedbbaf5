"""Reads a folder of labelled pictures, whatever it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from training.datasets import coco, deeppcb, folders, masks, review, voc, yolo
from training.datasets.options import Options
from training.datasets.safely import Folder
from training.datasets.values import Dataset, DatasetRefused


@dataclass(frozen=True, slots=True)
class Kind:
    """A format: what tells it, and what reads it."""

    looks_for: str
    sees: Callable[[Folder], bool]
    read: Callable[[Folder, Options], Dataset]


KINDS: Mapping[str, Kind] = {
    "review": Kind(review.LOOKS_FOR, review.sees, review.read),
    "deeppcb": Kind(deeppcb.LOOKS_FOR, deeppcb.sees, deeppcb.read),
    "yolo": Kind(yolo.LOOKS_FOR, yolo.sees, yolo.read),
    "coco": Kind(coco.LOOKS_FOR, coco.sees, coco.read),
    "voc": Kind(voc.LOOKS_FOR, voc.sees, voc.read),
    "masks": Kind(masks.LOOKS_FOR, masks.sees, masks.read),
    "folders": Kind(folders.LOOKS_FOR, folders.sees, folders.read),
}
"""In the order in which they are tried."""


def read_dataset(path: Path, kind: str = "auto", options: Options = Options()) -> Dataset:  # noqa: B008 - frozen
    """A data set out of its folder (or its data.yaml or JSON file). Raises DatasetRefused.

    "auto" takes the first kind of KINDS that is there; what is wrong in single files stands in the
    data set's `findings` and stops nothing.
    """
    if kind not in ("auto", *KINDS):
        raise DatasetRefused(f"kind {kind!r}: known are auto, {', '.join(KINDS)}")
    if path.suffix.lower() in (".yaml", ".yml", ".json") and path.is_file():
        options = replace(options, file=path.resolve())
        path = path.parent.parent if path.parent.name == "annotations" else path.parent
    if path.is_file():
        allowed = (
            "a data set's folder, its data.yaml, or its COCO file (.json) is allowed; of an archive, unpack it first"
        )
        raise DatasetRefused(f"{path}: is a file of another kind; {allowed}")
    folder = Folder(path)
    for name, known in KINDS.items():
        if kind == name or (kind == "auto" and known.sees(folder)):
            return known.read(folder, options)
    looked = "\n".join(f"  {name}: {known.looks_for}" for name, known in KINDS.items())
    raise DatasetRefused(f"{path}: no data set of a known kind; looked for\n{looked}")
