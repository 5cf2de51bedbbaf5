"""A data set as the pictures that a detector is trained and calibrated on, in Ultralytics' layout.

For a detector: the pictures as they are, and the reference pictures of the training parts as empty ones (a good
part is what it must learn to leave alone). For a guided one: part, reference and their difference as the three
channels, each pair in several varieties (`training.pairs`).
Only the splits "train" and "val" are ever written: the test split is nobody's business here.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.errors import OkngError
from agent.station.cameras.decode import read_picture
from pipelines.align import Aligner
from pipelines.light import grey_of
from pipelines.recipe import Reference
from pipelines.values import Pose
from pipelines.view import Misfit
from training.datasets.values import Dataset, Picture
from training.datasets.write import write_yolo
from training.pairs import Defect, Grey, Pair, Variety, varied, write, write_data_yaml
from training.processes import processes

Say = Callable[[str], None]

GUIDED_PICTURES = 6000
"""Training pictures that a guided data set is blown up to, where it has fewer."""
MOST_EACH = 8
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Pictures to train on."""

    data: Path
    """Ultralytics' data.yaml."""
    train: tuple[Path, ...]
    """The training pictures as the network sees them: calibration pictures come from here."""
    references: int = 0
    """Of these: references as empty pictures."""
    left_out: int = 0
    """Parts that do not fit their reference: the station would not judge them either."""


def prepare(dataset: Dataset, to: Path, pipeline: str, *, seed: int, unknown: bool = False, each: int = 0) -> Prepared:
    """Writes the pictures below `to`, which must be empty.

    `unknown`: pictures of which nobody has said anything are taken as empty ones (sampled passes of a review
    export). `each`: varieties of a pair (guided), 0: as many as make `GUIDED_PICTURES`, at most `MOST_EACH`.
    Raises OkngError where there is nothing to train on.
    """
    used = replace(dataset, pictures=tuple(p for p in dataset.pictures if p.split in ("train", "val")))
    if not used.of("train"):
        raise OkngError(f"{dataset.root}: no picture in the split train")
    if pipeline == "guided":
        left_out = _guided(used, to / "guided", seed, each, unknown)
        data = write_data_yaml(to / "guided", dataset.labels)
        return Prepared(data, pictures_of(data), left_out=left_out)
    write_yolo(used, to / "yolo", unknown)
    references = _references(used, to / "yolo")
    data = write_data_yaml(to / "yolo", dataset.labels)
    return Prepared(data, pictures_of(data), references)


def pictures_of(data: Path) -> tuple[Path, ...]:
    """The training pictures beside a data.yaml of `prepare`, in a fixed order."""
    folder = data.parent / "images/train"
    return tuple(sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES))


def _references(dataset: Dataset, folder: Path) -> int:
    """Adds each reference of the training parts once, as a picture with an empty label."""
    files = dict.fromkeys(p.reference for p in dataset.of("train") if p.reference is not None)
    for number, file in enumerate(files):
        name = f"reference-{number:05d}"
        shutil.copyfile(file, folder / "images/train" / f"{name}{file.suffix.lower()}")
        (folder / "labels/train" / f"{name}.txt").write_text("")
    return len(files)


Job = tuple[Path, Picture, tuple[str, ...], int, int, int]
"""folder, picture, labels, its number, varieties, seed."""


def _guided(dataset: Dataset, folder: Path, seed: int, each: int, unknown: bool) -> int:
    """Gives how many parts did not fit their reference."""
    train = [p for p in dataset.of("train") if p.reference is not None and (_boxed(p) or (unknown and p.bad is None))]
    held = [p for p in dataset.of("val") if p.reference is not None and _boxed(p)]
    if not train or not held:
        what = "training" if not train else "held-out"
        raise OkngError(f"{dataset.root}: pipeline guided, and no {what} picture has a reference (golden picture)")
    each = each or max(1, min(MOST_EACH, round(GUIDED_PICTURES / len(train))))
    jobs: list[Job] = [(folder, p, dataset.labels, number, each, seed) for number, p in enumerate(train)]
    jobs += [(folder, p, dataset.labels, number, 0, seed) for number, p in enumerate(held)]
    with processes() as pool:
        fitting = sum(pool.map(_write_pair, jobs, chunksize=8))
    for split in ("train", "val"):
        if not (folder / "images" / split).is_dir():
            raise OkngError(f"{dataset.root}: no {split} part fits its reference")
    return len(jobs) - fitting


def _boxed(picture: Picture) -> bool:
    return bool(picture.boxes) or picture.bad is False


def _write_pair(job: Job) -> bool:
    """All varieties of one training pair; with none asked for, the pair as it is, as a held-out picture.

    Gives whether the part fits its reference; nothing is written of one that does not.
    """
    folder, picture, labels, number, each, seed = job
    cv2.setNumThreads(1)
    pair = read_pair(picture, labels)
    if pair is None:
        return False
    if not each:
        write(folder, "val", f"{number:05d}-{pair.name}", pair, True)
    for turn in range(each):
        rng = np.random.default_rng((seed, number, turn))
        write(folder, "train", f"{number:05d}-{pair.name}-{turn}", varied(pair, Variety(), rng), True)
    return True


def read_pair(picture: Picture, labels: Sequence[str]) -> Pair | None:
    """A part as the station lays it over its reference (aligned, its light matched), both grey.

    None where it does not fit. Raises OkngError where the two are not of one size.
    """
    if picture.reference is None:
        raise OkngError(f"{picture.file}: has no reference")
    part, reference = _grey(picture.file), _grey(picture.reference)
    if part.shape != reference.shape:
        sizes = f"{part.shape[1]} x {part.shape[0]} and {reference.shape[1]} x {reference.shape[0]} px"
        raise OkngError(f"{picture.file}: not of its reference's size ({sizes})")
    try:
        aligned = Aligner(reference, Reference.model_validate({"picture": "reference"}))(part)
    except ValueError as error:
        raise OkngError(f"{picture.reference}: cannot be a reference: {error}") from error
    if isinstance(aligned, Misfit):
        return None
    boxes = into_reference(np.array([(b.x1, b.y1, b.x2, b.y2) for b in picture.boxes]).reshape(-1, 4), aligned.pose)
    rows = zip(picture.boxes, boxes.tolist(), strict=True)
    defects = tuple(Defect(labels.index(box.label), (r[0], r[1], r[2], r[3])) for box, r in rows)
    return Pair(picture.file.stem, aligned.grey.copy(), reference, defects)


def into_reference(boxes: NDArray[np.float64], pose: Pose) -> NDArray[np.float64]:
    """Boxes of the picture, (n, 4) px, as upright boxes of the reference's frame: what `to_frame` takes back."""
    if pose.still:
        return boxes
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2 - 0.5, (boxes[:, 1] + boxes[:, 3]) / 2 - 0.5
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    a, b = pose.a, pose.b
    middle = np.stack((a * x - b * y + pose.x_px, b * x + a * y + pose.y_px), axis=1) + 0.5
    half = np.stack((np.hypot(a * width, b * height), np.hypot(b * width, a * height)), axis=1) / 2
    return np.asarray(np.concatenate((middle - half, middle + half), axis=1))


def _grey(file: Path) -> Grey:
    decoded = read_picture(file)
    if decoded.fault is not None:
        raise OkngError(f"{file}: {decoded.note}")
    return np.asarray(grey_of(decoded.pixels), np.uint8)
