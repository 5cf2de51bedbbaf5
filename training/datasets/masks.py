"""Mask pictures: a picture of the defects for each picture of a part; connected pieces become boxes.

Three layouts: MVTec AD's (Bergmann et al. 2019), `test/scratch/007.png` with
`ground_truth/scratch/007_mask.png`, the class being the folder; a folder of masks in place of one of
pictures, `images/a.png` with `masks/a.png`, the class being the value or the colour; and the mask beside its
picture, `Part0.jpg` with `Part0_label.bmp`. `labelmap.txt` names colours ("name:r,g,b::" a row, as CVAT
writes it), `labels.txt` or `classes.txt` names values (row number from 0, row 0 the background). Without
them a single value is "defect" and several are "value 3", "#800000".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.datasets.headers import PICTURES
from training.datasets.notes import Notes
from training.datasets.options import Options
from training.datasets.pieces import MaskWrong, Piece, pieces
from training.datasets.safely import Folder, read_text
from training.datasets.values import Answer, Box, Code, Dataset, Picture
from training.datasets.words import is_good, split_of

LOOKS_FOR = "ground_truth/ beside test/ (MVTec), masks/ beside images/, or X_mask.* / X_label.* beside X.*"
_OF_PICTURES = ("images", "image", "imgs", "img", "JPEGImages", "Images")
_OF_MASKS = (
    "masks",
    "mask",
    "SegmentationClass",
    "ground_truth",
    "gt",
    "Masks",
    "label_images",
    "annotations",
    "labels",
)
_ENDINGS = ("_mask", "_label", "_labels", "_gt", "_GT")


@dataclass(frozen=True, slots=True)
class _Pair:
    picture: Path
    mask: Path | None
    label: str = ""
    """The class, where the folder says it; empty: the mask's values do."""
    verdict: Answer | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    pair: _Pair
    width_px: int
    height_px: int
    pieces: tuple[Piece, ...] = ()
    known: bool = False
    """Whether it is known what is on the picture."""


def sees(folder: Folder) -> bool:
    """Whether the folder holds masks."""
    return any(pair.mask is not None for pair in _pairs(folder))


def read(folder: Folder, options: Options) -> Dataset:
    """Raises DatasetRefused for a label file that cannot be read; labels in the order of their values."""
    notes = Notes(folder)
    found = [_Read(pair, *notes.size(pair.picture)) for pair in _pairs(folder)]
    found = [_with_pieces(notes, one, options) for one in found]
    values = {piece.value for one in found for piece in one.pieces if piece.value is not None}
    names = _names(folder, values)
    if strange := sorted(values - set(names)):
        shown = ", ".join(_value_name(value) for value in strange[:10])
        notes.warning(Code.SKIPPED, folder.root, f"masks have values without a name, left out: {shown}")
    pictures = [_picture(folder, one, names) for one in found]
    labels = [*dict.fromkeys(one.pair.label for one in found if one.pieces), *(names[v] for v in sorted(names))]
    used = tuple(dict.fromkeys(label for label in labels if label))
    return Dataset(folder.root, "masks", used, _grouped(folder, pictures), notes.findings)


def _picture(folder: Folder, one: "_Read", names: Mapping[int, str]) -> Picture:
    pair = one.pair
    boxes = tuple(
        Box(pair.label or names[piece.value or 0], *piece.box)
        for piece in one.pieces
        if pair.label or piece.value in names
    )
    split = split_of(pair.picture.relative_to(folder.root).parent.parts)
    verdict: Answer | None = pair.verdict or ("ng" if boxes else None)
    empty = one.known and not one.pieces
    return Picture(pair.picture, boxes, split, "", one.width_px, one.height_px, None, verdict, empty)


def _grouped(folder: Folder, pictures: Sequence[Picture]) -> tuple[Picture, ...]:
    """Where the pictures lie in many folders that name no split (one a part), the folder is the group."""

    def own(picture: Picture) -> str:
        parts = picture.file.relative_to(folder.root).parent.parts
        return parts[-1] if parts and not split_of(parts) and parts[-1] not in _OF_PICTURES else ""

    groups = {own(picture) for picture in pictures}
    if len(groups) < 3 or any(is_good(group) is not None for group in groups):
        return tuple(pictures)
    return tuple(replace(picture, group=own(picture)) for picture in pictures)


def _pairs(folder: Folder) -> list[_Pair]:
    for layout in (_mvtec, _apart, _beside):
        if pairs := layout(folder):
            return pairs
    return []


def _mvtec(folder: Folder) -> list[_Pair]:
    truth = folder.root / "ground_truth"
    if not truth.is_dir() or not (folder.root / "test").is_dir():
        return []
    pairs = []
    for split in ("train", "val", "validation", "test"):
        place = folder.root / split
        for file in folder.files(PICTURES, below=place) if place.is_dir() else []:
            kind = file.parent.name
            if is_good(kind):
                pairs.append(_Pair(file, None, "", "ok"))
            else:
                mask = _mask_of(folder, truth / file.parent.relative_to(place), file.stem)
                pairs.append(_Pair(file, mask, kind, "ng"))
    return pairs


def _apart(folder: Folder) -> list[_Pair]:
    """`images/...` with `masks/...`, these words anywhere in the path."""
    pairs = []
    for file in folder.files(PICTURES):
        parts = file.relative_to(folder.root).parent.parts
        at = next((i for i in range(len(parts) - 1, -1, -1) if parts[i] in _OF_PICTURES), None)
        if at is None:
            continue
        places = [folder.root.joinpath(*parts[:at], word, *parts[at + 1 :]) for word in _OF_MASKS]
        mask = next((m for place in places if (m := _mask_of(folder, place, file.stem)) is not None), None)
        pairs.append(_Pair(file, mask))
    return pairs if any(pair.mask is not None for pair in pairs) else []


def _beside(folder: Folder) -> list[_Pair]:
    files = folder.files(PICTURES)
    masks = {file for file in files if file.stem.endswith(_ENDINGS)}
    by_stem = {(mask.parent, mask.stem): mask for mask in masks}
    pairs = [
        _Pair(file, next((m for end in _ENDINGS if (m := by_stem.get((file.parent, file.stem + end)))), None))
        for file in files
        if file not in masks
    ]
    return pairs if any(pair.mask is not None for pair in pairs) else []


def _mask_of(folder: Folder, place: Path, stem: str) -> Path | None:
    for ending in ("", *_ENDINGS):
        for suffix in (".png", ".bmp", ".tif", ".tiff", ".jpg", ".jpeg", ".PNG", ".BMP"):
            mask = place / f"{stem}{ending}{suffix}"
            if mask.is_file() and folder.inside(mask) is not None:
                return mask
    return None


def _with_pieces(notes: Notes, one: _Read, options: Options) -> _Read:
    pair = one.pair
    if pair.mask is None:
        if pair.verdict == "ok":
            return replace(one, known=True)
        notes.warning(Code.MISSING_LABEL, pair.picture, "no mask: where its defects are is not known")
        return one
    size = one.width_px, one.height_px
    try:
        read = pieces(pair.mask, size, options.mask_least_px, one_class=bool(pair.label))
    except MaskWrong as error:
        notes.error(Code.SIZE_DIFFERS if error.size else Code.UNREADABLE, pair.mask, str(error))
        return one
    if read.specks:
        notes.note(Code.SKIPPED, pair.mask, f"{read.specks} speck(s) of fewer than {options.mask_least_px} px left out")
    if read.soft:
        notes.note(Code.CONVERTED, pair.mask, "grey edges or a lossy mask: cut at half of its highest value")
    return replace(one, pieces=read.pieces, known=True)


def _names(folder: Folder, values: set[int]) -> Mapping[int, str]:
    """Value of the mask (0xrrggbb) -> label."""
    if (file := folder.root / "labelmap.txt").is_file():
        return _colours(read_text(file))
    for name in ("labels.txt", "classes.txt"):
        if (file := folder.root / name).is_file():
            rows = [row.strip() for row in read_text(file).splitlines()]
            return {number * 0x010101: row for number, row in enumerate(rows[:256]) if number and row}
    if len(values) == 1:
        return {next(iter(values)): "defect"}
    return {value: _value_name(value) for value in values}


def _colours(text: str) -> dict[int, str]:
    names = {}
    for row in text.splitlines():
        fields = row.split(":")
        if row.startswith("#") or len(fields) < 2:
            continue
        try:
            red, green, blue = (int(word) for word in fields[1].split(","))
        except ValueError:
            continue
        if (red, green, blue) != (0, 0, 0):
            names[red << 16 | green << 8 | blue] = fields[0].strip()
    return names


def _value_name(value: int) -> str:
    red, green, blue = value >> 16, value >> 8 & 255, value & 255
    return f"value {blue}" if red == green == blue else f"#{value:06x}"
