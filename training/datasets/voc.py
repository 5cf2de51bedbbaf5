"""Pascal VOC's layout: an XML file for each picture (Everingham et al. 2010, devkit section 4).

`Annotations/X.xml` beside `JPEGImages/X.jpg`, lists in `ImageSets/Main/train.txt`; or the XML files beside the
pictures, as label tools write them. VOC counts pixels from 1 and the last one belongs to the box; a set in
which a box begins at 0 counts from 0 (some tools do), with the last pixel outside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree.ElementTree import Element

from training.datasets.headers import PICTURES
from training.datasets.notes import Notes
from training.datasets.options import Options
from training.datasets.safely import Folder, read_text, read_xml
from training.datasets.values import Box, Code, Dataset, DatasetRefused, Picture, is_place
from training.datasets.words import split_of

LOOKS_FOR = "*.xml with an <annotation> (Annotations/X.xml with JPEGImages/X.jpg, or beside the pictures)"
_PLACES = ("JPEGImages", "images", "Images", "img", "imgs", "")
"""Where pictures are, beside Annotations."""


@dataclass(frozen=True, slots=True)
class _Read:
    xml: Path
    picture: Picture


def sees(folder: Folder) -> bool:
    """Whether the folder looks like Pascal VOC."""
    first = next(iter(folder.files({".xml"})), None)
    try:
        return first is not None and read_xml(first).tag == "annotation"
    except DatasetRefused:
        return (folder.root / "Annotations").is_dir()


def read(folder: Folder, options: Options) -> Dataset:
    """Labels are in alphabetical order. Raises DatasetRefused for a folder without XML files."""
    notes = Notes(folder)
    files = folder.files({".xml"})
    if not files:
        raise DatasetRefused(f"{folder.root}: no .xml files")
    splits = _lists(folder)
    found = [one for file in files if (one := _annotation(folder, notes, file)) is not None]
    first = options.voc_first_px
    if first is None:
        first = 0 if any(min(b.x1, b.y1) == 0 for one in found for b in one.picture.boxes) else 1
        if first == 0:
            notes.note(
                Code.CONVERTED, folder.root, "boxes begin at 0: pixels are counted from 0, not from 1 as VOC does"
            )
    pictures = [replace(_counted(one.picture, first), split=_split(folder, one.xml, splits)) for one in found]
    pictures += _unlabelled(folder, notes, found, splits)
    labels = tuple(sorted({box.label for picture in pictures for box in picture.boxes}))
    return Dataset(folder.root, "voc", labels, tuple(pictures), notes.findings)


def _lists(folder: Folder) -> dict[str, str]:
    """Picture's stem -> split, as ImageSets/Main says; train and val outrank trainval."""
    main = folder.root / "ImageSets" / "Main"
    splits: dict[str, str] = {}
    for name, split in (("trainval", "train"), ("train", "train"), ("val", "val"), ("test", "test")):
        if (file := main / f"{name}.txt").is_file():
            splits |= {row.split()[0]: split for row in read_text(file).splitlines() if row.strip()}
    return splits


def _split(folder: Folder, file: Path, splits: Mapping[str, str]) -> str:
    return splits.get(file.stem) or ("" if splits else split_of(file.relative_to(folder.root).parent.parts))


def _annotation(folder: Folder, notes: Notes, xml: Path) -> _Read | None:
    try:
        root = read_xml(xml)
    except DatasetRefused as error:
        notes.error(Code.BAD_ROW, xml, str(error).removeprefix(f"{xml}: "))
        return None
    if root.tag != "annotation":
        notes.note(Code.SKIPPED, xml, f"<{root.tag[:60]}>: not an annotation")
        return None
    picture = _picture_of(folder, xml, (root.findtext("filename") or "").strip())
    if picture is None:
        notes.warning(Code.MISSING_PICTURE, xml, f"no picture {xml.stem}.* beside it, nor in {', '.join(_PLACES[:-1])}")
        return None
    width, height = notes.size(picture)
    said = tuple(root.findtext(f"size/{side}", "0").strip() for side in ("width", "height"))
    if width and any(s not in ("0", "") for s in said) and said != (str(width), str(height)):
        notes.warning(Code.SIZE_DIFFERS, xml, f"says {said[0]} x {said[1]} px, the picture has {width} x {height}")
    boxes, whole = _boxes(notes, xml, root)
    known = whole and not boxes
    return _Read(xml, Picture(picture, boxes, width_px=width, height_px=height, empty_known=known))


def _picture_of(folder: Folder, xml: Path, named: str) -> Path | None:
    """By the XML file's own stem: what <filename> says is often another machine's name for it."""
    parts = list(xml.relative_to(folder.root).parent.parts)
    places = [xml.parent]
    if "Annotations" in parts:
        at = len(parts) - 1 - parts[::-1].index("Annotations")
        places += [folder.root.joinpath(*parts[:at], p, *parts[at + 1 :]) for p in _PLACES]
    else:
        places += [xml.parent.parent / p for p in _PLACES] if parts else [folder.root / p for p in _PLACES]
    for name in (xml.stem, Path(named.replace("\\", "/")).stem):
        if not name:
            continue
        for place in places:
            for suffix in sorted(PICTURES):
                for file in (place / f"{name}{suffix}", place / f"{name}{suffix.upper()}"):
                    if file.is_file() and folder.inside(file) is not None:
                        return file
    return None


def _boxes(notes: Notes, xml: Path, root: Element) -> tuple[tuple[Box, ...], bool]:
    """(boxes as they stand, whether all could be read)."""
    boxes, whole = [], True
    for number, thing in enumerate(root.iterfind("object"), 1):
        label = (thing.findtext("name") or "").strip()
        box = thing.find("bndbox")
        sides = [] if box is None else [box.findtext(side, "").strip() for side in ("xmin", "ymin", "xmax", "ymax")]
        try:
            x1, y1, x2, y2 = map(float, sides)
            if not label or not is_place((x1, y1, x2, y2)):
                raise ValueError
        except ValueError:
            whole = False
            got = f"name {label!r:.40}, box {sides!r:.80}"
            notes.error(Code.BAD_ROW, xml, f"object {number}: {got}: wanted a name and xmin, ymin, xmax, ymax")
            continue
        boxes.append(Box(label, x1, y1, x2, y2))
    return tuple(boxes), whole


def _counted(picture: Picture, first: int) -> Picture:
    boxes = tuple(replace(b, x1=b.x1 - first, y1=b.y1 - first) for b in picture.boxes)
    return replace(picture, boxes=boxes)


def _unlabelled(folder: Folder, notes: Notes, found: Iterable[_Read], splits: Mapping[str, str]) -> list[Picture]:
    known = {one.picture.file for one in found}
    left = []
    for place in sorted({file.parent for file in known}):
        for file in folder.files(PICTURES, below=place, deep=False):
            if file not in known:
                notes.warning(Code.MISSING_LABEL, file, "no .xml: whether it shows a defect is not known")
                width, height = notes.size(file)
                left.append(Picture(file, split=_split(folder, file, splits), width_px=width, height_px=height))
    return left
