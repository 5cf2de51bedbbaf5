"""`okng dataset`: read, check, report, write."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.atomic import refuse_unwritable, write_atomically
from training.datasets.blocks import in_blocks
from training.datasets.check import check
from training.datasets.likeness import twins
from training.datasets.options import Options
from training.datasets.read import read_dataset
from training.datasets.split import split
from training.datasets.values import SPLITS, Dataset, DatasetRefused
from training.datasets.write import write_coco, write_yolo


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line."""

    folder: Path
    kind: str = "auto"
    json: Path | None = None
    allow_leak: bool = False
    out: Path | None = None
    form: Literal["yolo", "coco"] = "yolo"
    shares: str = "0.8,0.1,0.1"
    """Of train, val, test."""
    seed: int = 0
    least_px: int = 4


def run(wishes: Wishes) -> int:
    """Exit code: 0, or 1 where the data set has errors; it is not written anew then."""
    refuse_unwritable(wishes.json)
    dataset = read_dataset(wishes.folder, wishes.kind, Options(mask_least_px=wishes.least_px))
    if wishes.out is not None and wishes.out.exists():
        raise DatasetRefused(f"{wishes.out}: is there already, a data set is written to a new folder")
    report = check(dataset, wishes.allow_leak, _progress)
    print(report)
    if wishes.json is not None:
        _write_json(wishes.json, report.as_json())
    if not report.ok:
        return 1
    if wishes.out is not None:
        print(f"{_write(dataset, wishes.out, wishes)}: written")
    return 0


def _write(dataset: Dataset, out: Path, wishes: Wishes) -> Path:
    if any(picture.split == "" for picture in dataset.pictures):
        if dataset.kind == "review":
            before, dataset = len(dataset.findings), in_blocks(dataset)
            for finding in dataset.findings[before:]:
                print(finding)
        together = twins([picture.file for picture in dataset.pictures])
        dataset = split(dataset, shares_of(wishes.shares), wishes.seed, together)
    return write_yolo(dataset, out) if wishes.form == "yolo" else write_coco(dataset, out)


def shares_of(text: str) -> Mapping[str, float]:
    """ "0.8,0.1,0.1" as shares of train, val, test. Raises DatasetRefused."""
    try:
        return dict(zip(SPLITS, map(float, text.split(",")), strict=True))
    except ValueError as error:
        raise DatasetRefused(f"shares {text!r}: wanted three numbers, as in 0.8,0.1,0.1") from error


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty() and (done % 50 == 0 or done == of):
        print(f"\r{done} of {of} pictures read", end="\n" if done == of else "", file=sys.stderr, flush=True)


def _write_json(file: Path, report: Mapping[str, object]) -> None:
    try:
        write_atomically(file, (json.dumps(report, indent=1, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise DatasetRefused(f"{file}: cannot be written: {error.strerror}") from error
