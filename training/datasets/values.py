"""What a data set is, whatever it was read from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from agent.errors import OkngError

SPLITS = ("train", "val", "test")
"""The splits there are; "" is a picture that its author put into none."""
Answer = Literal["ok", "ng"]
"""What is known of a whole part: good or bad."""


class DatasetRefused(OkngError):
    """A folder that cannot be read as a data set; the message says what was looked for or what is wrong."""


class Severity(StrEnum):
    """How bad a finding is. Errors make `okng dataset` fail."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(StrEnum):
    """What was found. The names stand in the JSON report."""

    # while reading
    BAD_ROW = "bad_row"
    """A label that cannot be understood."""
    UNKNOWN_CLASS = "unknown_class"
    MISSING_PICTURE = "missing_picture"
    """A label, or a row of a list, whose picture is not there."""
    MISSING_LABEL = "missing_label"
    """A picture without any label: whether it is empty is not known."""
    MISSING_REFERENCE = "missing_reference"
    OUTSIDE_FOLDER = "outside_folder"
    """A path that leads out of the data set's folder; it was not followed."""
    UNREADABLE = "unreadable"
    TURNED = "turned"
    """An EXIF orientation: okng ignores it, label tools and trainers do not."""
    SIZE_DIFFERS = "size_differs"
    """The size that the label names is not the picture's."""
    SKIPPED = "skipped"
    """Something that okng does not use: crowd boxes, specks of a mask."""
    CONVERTED = "converted"
    """Something that was taken in another sense: polygons as boxes, a data.yaml's foreign path."""
    # of what was read
    BOX_OUTSIDE = "box_outside"
    BOX_EMPTY = "box_empty"
    BOX_TWICE = "box_twice"
    EMPTY_LABEL = "empty_label"
    """A label without boxes: a picture that is known to show nothing."""
    CONTRADICTION = "contradiction"
    """A good part with boxes, or one picture with two different labels."""
    DUPLICATE = "duplicate"
    """The same pixels twice in one split."""
    LEAK = "leak"
    """The same or nearly the same picture in two splits."""
    GROUP_IN_SPLITS = "group_in_splits"
    """A group of parts that lies in more than one split."""
    UNUSED_CLASS = "unused_class"
    NOTHING = "nothing"
    """A split or the data set holds nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found in a data set."""

    severity: Severity
    code: Code
    where: str
    """The file, relative to the data set's folder, with the row or the box where there is one."""
    what: str
    """The value and what is allowed."""

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.what}"


MOST_PX = 1e7
"""Numbers beyond it are no places on a picture."""


def is_place(numbers: Iterable[float]) -> bool:
    """Whether numbers can be corners of a box in px (or shares): finite, and not beyond MOST_PX."""
    return all(abs(number) <= MOST_PX for number in numbers)  # False for NaN


@dataclass(frozen=True, slots=True)
class Box:
    """A defect's place: px of the picture, edges between pixels: a box over the first pixel is 0, 0, 1, 1."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of one part, and what is known of it."""

    file: Path
    boxes: tuple[Box, ...] = ()
    split: str = ""
    """"train", "val", "test"; "" where the author made none."""
    group: str = ""
    """Parts that belong together (a board's layout, a lot, a day) and must never be split; "" is none."""
    width_px: int = 0
    height_px: int = 0
    """0 where the file cannot be read."""
    reference: Path | None = None
    """The golden picture of this part, of the same size and aligned to it."""
    verdict: Answer | None = None
    """Of the whole part, where the author or a person said so; boxes may be lacking then."""
    empty_known: bool = False
    """No boxes and that is known: a label says so; False: nobody looked."""

    @property
    def bad(self) -> bool | None:
        """Whether the part is bad: by its verdict, by its boxes; None where it is not known."""
        if self.verdict is not None:
            return self.verdict == "ng"
        return True if self.boxes else False if self.empty_known else None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, as they were read. Nothing is repaired: `check` says what is wrong."""

    root: Path
    """Its folder, resolved; no file lies outside."""
    kind: str
    """What it was read as: one of `training.datasets.read.KINDS`."""
    labels: tuple[str, ...]
    """In the author's order: a label's place is its number in YOLO files and in a model."""
    pictures: tuple[Picture, ...]
    findings: tuple[Finding, ...] = ()
    """What was noticed while reading."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else the author says: licence, recipes and models of a review export."""

    def of(self, split: str) -> tuple[Picture, ...]:
        """The pictures of one split."""
        return tuple(p for p in self.pictures if p.split == split)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold pictures, in the order of SPLITS, "" last."""
        there = {p.split for p in self.pictures}
        return tuple(s for s in (*SPLITS, "") if s in there)

    def name(self, file: Path) -> str:
        """A file's path below the folder, for people."""
        return name_below(self.root, file)


def name_below(root: Path, path: Path) -> str:
    """A path below a folder, for people: the folder itself by its name, what lies elsewhere in full."""
    if path == root:
        return f"{root.name}/"
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
