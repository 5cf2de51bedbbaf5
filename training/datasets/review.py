"""okng's own review export (`okng review export`): okng-review.json with images/ and labels/.

The manifest is the truth; a label file that was edited since (its hash differs) outranks it. A part that a
person called bad without drawing anything has no known boxes. An unreviewed pass has no boxes and nobody
looked: it is not known to be empty.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from training.datasets.notes import Notes
from training.datasets.options import Options
from training.datasets.safely import Folder, read_bytes
from training.datasets.values import Box, Code, Dataset, DatasetRefused, Picture, is_place
from training.datasets.yolo import read_rows

MANIFEST = "okng-review.json"
LOOKS_FOR = f"{MANIFEST}, as `okng review export` writes it"
MAX_MANIFEST_BYTES = 1 << 28
MAX_PICTURE_BYTES = 1 << 30


class _Loose(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Part(_Loose):
    name: str = Field(min_length=1, max_length=200)
    picture: str = Field(min_length=1, max_length=300)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    recipe: str = ""
    recipe_hash: str = ""
    model: str = ""
    model_hash: str = ""
    captured_utc_us: int = 0
    evidence_share: FiniteFloat | None = None
    split: Literal["train", "val", "test", ""] = ""
    group: str = ""
    truth: Literal["person", "machine"] = "machine"
    verdict: Literal["ok", "ng"] | None = None
    boxes: tuple[tuple[str, FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat], ...] = ()
    boxes_known: bool = False
    empty_known: bool = False
    labels_sha256: str = ""


class _Manifest(_Loose):
    schema_: Literal["okng.review/1"] = Field(alias="schema")
    software: str = ""
    export: str = ""
    labels: tuple[str, ...] = Field(min_length=1)
    sampling: dict[str, object] = {}
    parts: tuple[_Part, ...]


def sees(folder: Folder) -> bool:
    """Whether the folder is a review export."""
    return (folder.root / MANIFEST).is_file()


def read(folder: Folder, options: Options) -> Dataset:
    """Raises DatasetRefused for a manifest that is not one."""
    del options
    file = folder.root / MANIFEST
    try:
        manifest = _Manifest.model_validate_json(read_bytes(file, MAX_MANIFEST_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DatasetRefused(f"{file}: {where}: {first['msg']} ({error.error_count()} problem(s))") from error
    notes = Notes(folder)
    parts = sorted(manifest.parts, key=lambda part: part.captured_utc_us)  # see training.datasets.blocks
    pictures = [p for part in parts if (p := _picture(folder, notes, part, manifest.labels)) is not None]
    return Dataset(folder.root, "review", manifest.labels, tuple(pictures), notes.findings, _facts(manifest))


def _facts(manifest: _Manifest) -> Mapping[str, object]:
    parts = manifest.parts
    newest = sorted(parts, key=lambda p: p.captured_utc_us, reverse=True)
    shares = sorted({part.evidence_share for part in parts if part.evidence_share is not None})
    return {
        "software": manifest.software,
        "export": manifest.export,
        "models": dict(Counter(f"{p.model} {p.model_hash}".strip() for p in newest)),
        "recipes": dict(Counter(f"{p.recipe} {p.recipe_hash}".strip() for p in parts)),
        "truth": dict(Counter(p.truth for p in parts)),
        "sampling": manifest.sampling,
        "evidence_shares": shares,
    }


def _picture(folder: Folder, notes: Notes, part: _Part, labels: tuple[str, ...]) -> Picture | None:
    file = folder.inside(part.picture)
    if file is None:
        notes.error(Code.OUTSIDE_FOLDER, part.name, f"{part.picture!r} leads out of the data set's folder")
        return None
    try:
        sha256 = hashlib.sha256(read_bytes(file, MAX_PICTURE_BYTES)).hexdigest()
    except DatasetRefused as error:
        notes.error(Code.MISSING_PICTURE, part.name, str(error))
        return None
    if sha256 != part.sha256:
        notes.error(Code.CONTRADICTION, file, f"sha256 is {sha256[:12]}…, the manifest says {part.sha256[:12]}…")
        return None
    width, height = notes.size(file)
    boxes, known, empty = _truth(folder, notes, part, labels, (width, height))
    if part.verdict == "ng" and not boxes:
        notes.warning(Code.MISSING_LABEL, file, "a person said NG and drew nothing: bad, and where is not known")
    return Picture(
        file,
        boxes,
        split=part.split,
        group=part.group,
        width_px=width,
        height_px=height,
        verdict=part.verdict,
        empty_known=known and empty and not boxes and part.verdict != "ng",
    )


def _truth(
    folder: Folder, notes: Notes, part: _Part, labels: tuple[str, ...], size: tuple[int, int]
) -> tuple[tuple[Box, ...], bool, bool]:
    """(boxes, whether they are known, whether somebody looked for more)."""
    label = folder.inside(f"labels/{part.name}.txt")
    there = label is not None and label.is_file()
    if label is not None and there:
        if hashlib.sha256(read_bytes(label)).hexdigest() == part.labels_sha256:
            return _own(notes, part, labels), part.boxes_known, part.empty_known
        notes.note(Code.CONVERTED, label, "edited since the export: taken instead of the manifest's boxes")
        boxes, whole = read_rows(notes, label, labels, *size)
        return boxes, whole, whole
    if part.labels_sha256:
        notes.warning(Code.MISSING_LABEL, f"labels/{part.name}.txt", "was exported and is gone: boxes are not known")
        return (), False, False
    return (), False, False


def _own(notes: Notes, part: _Part, labels: tuple[str, ...]) -> tuple[Box, ...]:
    if strange := sorted({label for label, *_ in part.boxes if label not in labels}):
        notes.error(Code.UNKNOWN_CLASS, part.name, f"boxes of {', '.join(strange)}, known are {', '.join(labels)}")
    if nowhere := [box for box in part.boxes if not is_place(box[1:])]:
        notes.error(Code.BAD_ROW, part.name, f"boxes that are nowhere: {nowhere[0]!r:.100}")
    return tuple(Box(*box) for box in part.boxes if box[0] in labels and is_place(box[1:]))
