"""Writes a data set anew, as YOLO or COCO: a folder that is whole or not there.

Pictures are copied byte for byte, boxes clipped to them. What is not known to show anything or nothing
(a picture without label, a bad part without boxes) is left out: for a detector it would be an example of
an empty picture, and nobody said that it is one.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from training.datasets.values import SPLITS, Box, Dataset, DatasetRefused, Picture

_RENAMED = {".jpe": ".jpg", ".dib": ".bmp"}
"""Endings that trainers do not know, and what they are."""


def write_yolo(dataset: Dataset, out: Path, unknown: bool = False) -> Path:
    """The data set as images/SPLIT, labels/SPLIT and data.yaml, whose path is given back.

    `unknown`: pictures of which nothing is known are written as empty ones (unreviewed passes of a review
    export); bad parts without boxes never are. `out` must not be there. Raises DatasetRefused; nothing is
    left behind then.
    """

    def fill(folder: Path, chosen: list[Chosen]) -> None:
        for one in chosen:
            rows = "".join(_row(dataset.labels.index(box.label), box, one.picture) for box in one.boxes)
            _put(folder / "labels" / one.picture.split / f"{Path(one.name).stem}.txt", rows)
        splits = {s: f"images/{s}" for s in SPLITS if any(one.picture.split == s for one in chosen)}
        text = yaml.safe_dump(
            splits | {"names": dict(enumerate(dataset.labels))}, sort_keys=False, allow_unicode=True, width=1000
        )
        # No `path`: trainers then take the file's own folder, wherever it is carried.
        _put(folder / "data.yaml", text)

    _write(dataset, out, unknown, fill)
    return out / "data.yaml"


def write_coco(dataset: Dataset, out: Path, unknown: bool = False) -> Path:
    """As `write_yolo`, as images/SPLIT and annotations/instances_SPLIT.json; gives back `out`."""

    def fill(folder: Path, chosen: list[Chosen]) -> None:
        for split in SPLITS:
            if own := [one for one in chosen if one.picture.split == split]:
                text = json.dumps(_coco(dataset, own), ensure_ascii=False)
                _put(folder / "annotations" / f"instances_{split}.json", text)

    _write(dataset, out, unknown, fill)
    return out


@dataclass(frozen=True, slots=True)
class Chosen:
    """A picture that is written."""

    picture: Picture
    name: str
    """The file's new name, unique within the set."""
    boxes: tuple[Box, ...]
    """Clipped."""


def _write(dataset: Dataset, out: Path, unknown: bool, fill: Callable[[Path, list[Chosen]], None]) -> None:
    if out.exists():
        raise DatasetRefused(f"{out}: is there already, a data set is written to a new folder")
    if loose := [p for p in dataset.pictures if p.split not in SPLITS]:
        raise DatasetRefused(f"{dataset.root}: {len(loose)} picture(s) are in no split, divide them first")
    chosen = list(_chosen(dataset, unknown))
    if not chosen:
        raise DatasetRefused(f"{dataset.root}: no picture with a known label to write")
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        for one in chosen:
            to = folder / "images" / one.picture.split / one.name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one.picture.file, to)
        fill(folder, chosen)
        folder.chmod(0o755)
        folder.rename(out)
    except OSError as error:
        raise DatasetRefused(f"{out}: cannot be written: {error.strerror}: {error.filename}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _chosen(dataset: Dataset, unknown: bool) -> Iterator[Chosen]:
    names = set[str]()
    for picture in dataset.pictures:
        bad = picture.bad
        if not picture.width_px or (bad and not picture.boxes) or (bad is None and not unknown):
            continue
        boxes = tuple(_clipped(dataset, picture, box) for box in picture.boxes)
        name = _name(dataset, picture, names)
        names.add(Path(name).stem)
        yield Chosen(picture, name, boxes)


def _name(dataset: Dataset, picture: Picture, taken: set[str]) -> str:
    """The file's own name, or its whole path, or with a number: whatever is still free."""
    suffix = picture.file.suffix.lower()
    suffix = _RENAMED.get(suffix, suffix)
    stem = picture.file.stem
    if stem in taken:
        stem = dataset.name(picture.file.with_suffix("")).replace("/", "-")
    number, free = 1, stem
    while free in taken:
        number, free = number + 1, f"{stem}-{number + 1}"
    return f"{free}{suffix}"


def _clipped(dataset: Dataset, picture: Picture, box: Box) -> Box:
    width, height = picture.width_px, picture.height_px
    x1, x2 = (min(max(v, 0.0), float(width)) for v in (box.x1, box.x2))
    y1, y2 = (min(max(v, 0.0), float(height)) for v in (box.y1, box.y2))
    if x1 >= x2 or y1 >= y2:
        what = f"({box.x1:g}, {box.y1:g}, {box.x2:g}, {box.y2:g})"
        raise DatasetRefused(f"{dataset.name(picture.file)}: box {box.label} {what} is empty or outside of the picture")
    return Box(box.label, x1, y1, x2, y2)


def _row(number: int, box: Box, picture: Picture) -> str:
    width, height = picture.width_px, picture.height_px
    middle = ((box.x1 + box.x2) / 2 / width, (box.y1 + box.y2) / 2 / height, box.width / width, box.height / height)
    return f"{number} " + " ".join(f"{v:.9f}" for v in middle) + "\n"


def _coco(dataset: Dataset, own: list[Chosen]) -> dict[str, object]:
    images, annotations = [], list[dict[str, object]]()
    for number, one in enumerate(own, 1):
        size = {"width": one.picture.width_px, "height": one.picture.height_px}
        images.append({"id": number, "file_name": f"{one.picture.split}/{one.name}", **size})
        for box in one.boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": dataset.labels.index(box.label) + 1,
                    "bbox": [box.x1, box.y1, box.width, box.height],
                    "area": box.width * box.height,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": label} for i, label in enumerate(dataset.labels, 1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
