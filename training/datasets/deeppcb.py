"""DeepPCB's own layout (Tang et al. 2019, arXiv:1902.06197): pairs of board and template, lists of the splits.

`trainval.txt` and `test.txt`: rows "group00041/00041/00041000.jpg group00041/00041_not/00041000.txt". The
picture is 00041000_test.jpg, its template 00041000_temp.jpg; the label's rows are "x1 y1 x2 y2 type" in px.
The licence conflict of the data belongs wherever it is named: LICENSE says MIT, the README "You can only
use this dataset for research purpose".
"""

from pathlib import Path

from training.datasets.notes import Notes
from training.datasets.options import Options
from training.datasets.safely import Folder, read_text
from training.datasets.values import Box, Code, Dataset, DatasetRefused, Picture, is_place

LABELS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
"""Type 1 to 6."""
LISTS = {"trainval.txt": "train", "test.txt": "test"}
LOOKS_FOR = "trainval.txt and test.txt with rows 'X.jpg X.txt', beside groupNNNNN/ folders"
LICENCE = "MIT by its LICENSE; its README: 'You can only use this dataset for research purpose'"


def sees(folder: Folder) -> bool:
    """Whether the folder looks like DeepPCB."""
    return all((folder.root / name).is_file() for name in LISTS) and any(folder.root.glob("group*/"))


def read(folder: Folder, options: Options) -> Dataset:
    """Both splits, each picture with its template as reference. Raises DatasetRefused."""
    del options
    notes = Notes(folder)
    pictures = [
        picture
        for name, split in LISTS.items()
        for number, row in enumerate(read_text(folder.root / name).splitlines(), 1)
        if row.strip() and (picture := _picture(folder, notes, f"{name}:{number}", row, split)) is not None
    ]
    return Dataset(folder.root, "deeppcb", LABELS, tuple(pictures), notes.findings, {"licence": LICENCE})


def _picture(folder: Folder, notes: Notes, row_name: str, row: str, split: str) -> Picture | None:
    words = row.split()
    if len(words) != 2 or not words[0].endswith(".jpg"):
        notes.error(Code.BAD_ROW, row_name, f"{row!r}: wanted 'X.jpg X.txt'")
        return None
    stem = words[0].removesuffix(".jpg")
    part, template, label = (folder.inside(n) for n in (f"{stem}_test.jpg", f"{stem}_temp.jpg", words[1]))
    if part is None or template is None or label is None:
        notes.error(Code.OUTSIDE_FOLDER, row_name, f"{row!r} leads out of the data set's folder")
        return None
    if not part.is_file():
        notes.error(Code.MISSING_PICTURE, row_name, f"{stem}_test.jpg is not there")
        return None
    if not template.is_file():
        notes.error(Code.MISSING_REFERENCE, row_name, f"{stem}_temp.jpg is not there")
    width, height = notes.size(part)
    boxes, read = _boxes(notes, label)
    return Picture(
        file=part,
        boxes=boxes,
        split=split,
        group=Path(words[0]).parts[0].removeprefix("group"),
        width_px=width,
        height_px=height,
        reference=template if template.is_file() else None,
        verdict="ng" if boxes else None,
        empty_known=read and not boxes,
    )


def _boxes(notes: Notes, label: Path) -> tuple[tuple[Box, ...], bool]:
    """(boxes, whether the label could be read)."""
    try:
        rows = read_text(label).splitlines()
    except DatasetRefused as error:
        notes.error(Code.MISSING_LABEL, label, str(error).rpartition(": ")[2])
        return (), False
    boxes, whole = [], True
    for number, row in enumerate(rows, 1):
        if not row.strip():
            continue
        try:
            x1, y1, x2, y2, kind = map(int, row.split())
            if not is_place((x1, y1, x2, y2)):
                raise ValueError(row)
            boxes.append(Box(LABELS[range(1, len(LABELS) + 1).index(kind)], x1, y1, x2, y2))
        except ValueError:
            whole = False
            notes.error(Code.BAD_ROW, label, f"row {number}: {row[:60]!r}: wanted 'x1 y1 x2 y2 type', type 1 to 6")
    return tuple(boxes), whole
