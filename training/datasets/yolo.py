"""YOLO's layout: a data.yaml (or classes.txt), pictures, and a text file of rows for each picture.

A row is "class cx cy w h", the class a number from 0, the rest shares of the picture's width and height;
a row "class x y x y x y ..." is a polygon (three corners and more), taken as the box round it. The label of
`.../images/A/b.png` is `.../labels/A/b.txt`, or the text file beside the picture. An empty file is a
picture that is known to show nothing; no file at all leaves it open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from training.datasets.headers import PICTURES
from training.datasets.notes import Notes
from training.datasets.options import Options
from training.datasets.safely import Folder, read_text, read_yaml
from training.datasets.values import MOST_PX, SPLITS, Box, Code, Dataset, DatasetRefused, Picture, is_place
from training.datasets.words import split_of

YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
NAMES = ("classes.txt", "obj.names", "labels/classes.txt")
LOOKS_FOR = f"{', '.join(YAMLS)} or any .yaml with names; or {' or '.join(NAMES[:2])} with *.txt labels"
_NO_LABELS = frozenset({"classes.txt", "train.txt", "val.txt", "valid.txt", "test.txt", "readme.txt", "notes.txt"})


def sees(folder: Folder) -> bool:
    """Whether the folder looks like a YOLO data set."""
    return _yaml(folder, None) is not None or (
        any((folder.root / name).is_file() for name in NAMES) and bool(folder.files({".txt"}))
    )


def read(folder: Folder, options: Options) -> Dataset:
    """Raises DatasetRefused where the names or the splits cannot be understood."""
    notes = Notes(folder)
    file = _yaml(folder, options.file)
    if file is not None:
        data = read_yaml(file)
        if not isinstance(data, dict):
            raise DatasetRefused(f"{file}: wanted names and splits, got {type(data).__name__}")
        labels = _names(file, data.get("names"))
        pose = "kpt_shape" in data
        listed = [(p, split) for split, key in _keys(data) for p in _listed(folder, notes, file, data, key)]
    else:
        labels = _plain_names(folder)
        pose = False
        pictures = folder.files(PICTURES)
        listed = [(p, split_of(p.relative_to(folder.root).parent.parts)) for p in pictures]
    seen: dict[Path, Picture] = {}
    pictures_read = []
    for picture, split in listed:
        if picture not in seen:
            seen[picture] = _picture(folder, notes, picture, labels, pose)
        pictures_read.append(replace(seen[picture], split=split))
    _orphans(folder, notes, seen)
    return Dataset(folder.root, "yolo", labels, tuple(pictures_read), notes.findings)


def _yaml(folder: Folder, given: Path | None) -> Path | None:
    if given is not None and given.suffix.lower() in (".yaml", ".yml"):
        return given
    if (named := next((folder.root / n for n in YAMLS if (folder.root / n).is_file()), None)) is not None:
        return named
    for file in folder.files({".yaml", ".yml"}, deep=False):
        try:
            data = read_yaml(file)
        except DatasetRefused:
            continue
        if isinstance(data, dict) and "names" in data and any(key in data for key in SPLITS):
            return file
    return None


def _names(file: Path, names: object) -> tuple[str, ...]:
    """The labels in the order of their numbers."""
    if isinstance(names, dict):
        if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            raise DatasetRefused(f"{file}: names: numbers {list(names)[:20]}, they must count up from 0 without a gap")
        names = [names[key] for key in sorted(names, key=int)]
    if not isinstance(names, list) or not names:
        raise DatasetRefused(f"{file}: names: wanted a list, or a table of numbers and names, got {names!r:.80}")
    if not all(isinstance(name, str | int | float) for name in names):
        raise DatasetRefused(f"{file}: names: every name must be a text, got {names!r:.80}")
    return _unique(file, [str(name) for name in names])


def _plain_names(folder: Folder) -> tuple[str, ...]:
    for name in NAMES:
        if (file := folder.root / name).is_file():
            return _unique(file, [row.strip() for row in read_text(file).splitlines() if row.strip()])
    raise DatasetRefused(f"{folder.root}: neither {', '.join((*YAMLS, *NAMES))} is there: the classes have no names")


def _unique(file: Path, names: Sequence[str]) -> tuple[str, ...]:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DatasetRefused(f"{file}: names twice: {', '.join(twice)}")
    return tuple(names)


def _keys(data: Mapping[object, object]) -> Iterable[tuple[str, str]]:
    """(split, key) of the data.yaml."""
    return [
        (split, key)
        for split, key in (*((s, s) for s in SPLITS), ("val", "valid"), ("val", "validation"))
        if data.get(key)
    ]


def _listed(folder: Folder, notes: Notes, file: Path, data: Mapping[object, object], key: str) -> list[Path]:
    """The pictures that one entry of the data.yaml names: folders, lists, or single pictures."""
    entry, found = data[key], list[Path]()
    for item in entry if isinstance(entry, list) else [entry]:
        where = f"{file.name}: {key}"
        if not isinstance(item, str):
            raise DatasetRefused(f"{file}: {key}: wanted a path, got {item!r:.80}")
        place = _place(folder, notes, where, data.get("path"), item)
        if place is None:
            continue
        if place.is_dir():
            found += folder.files(PICTURES, below=place)
        elif place.suffix.lower() == ".txt":
            found += _list_file(folder, notes, place)
        else:
            found.append(place)
    if not found:
        notes.lack(Code.NOTHING, f"{file.name}: {key}", f"{entry!r:.80}: no picture there", key == "train")
    return found


def _place(folder: Folder, notes: Notes, where: str, base: object, item: str) -> Path | None:
    """An entry's place inside of the folder.

    `path` often names the machine where the data set was made, and "../train/images" a parent that is not
    there; then the folder itself is meant.
    """
    bases = [folder.root]
    if isinstance(base, str) and (own := folder.inside(base)) is not None and own.is_dir():
        bases.insert(0, own)
    shorter = PurePosixPath(*(part for part in PurePosixPath(item.replace("\\", "/")).parts if part != ".."))
    for name in (item, str(shorter)):
        for start in bases:
            place = folder.inside(name, start)
            if place is not None and place.exists():
                if name != item:
                    notes.note(Code.CONVERTED, where, f"{item!r} taken as {name!r}")
                return place
    if all(folder.inside(item, start) is None for start in bases):
        notes.error(Code.OUTSIDE_FOLDER, where, f"{item!r} leads out of the data set's folder")
    else:
        notes.lack(Code.MISSING_PICTURE, where, f"{item!r} is not there", where.endswith("train"))
    return None


def _list_file(folder: Folder, notes: Notes, file: Path) -> list[Path]:
    """The pictures of a list, one a row; "./" is the list's own folder."""
    found = []
    for number, row in enumerate(map(str.strip, read_text(file).splitlines()), 1):
        if not row:
            continue
        where = f"{file.relative_to(folder.root).as_posix()}:{number}"
        places = [p for base in (file.parent, folder.root) if (p := folder.inside(row, base)) is not None]
        there = next((p for p in places if p.is_file()), None)
        if there is not None:
            found.append(there)
        elif places:
            notes.error(Code.MISSING_PICTURE, where, f"{row!r:.200} is not there")
        else:
            notes.error(Code.OUTSIDE_FOLDER, where, f"{row!r:.200} leads out of the data set's folder")
    return found


def label_file(folder: Folder, picture: Path) -> Path | None:
    """The label that belongs to a picture; None where there is none."""
    parts = picture.relative_to(folder.root).parts
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == "images":
            label = folder.root.joinpath(*parts[:place], "labels", *parts[place + 1 :]).with_suffix(".txt")
            if label.is_file() and folder.inside(label) is not None:
                return label
    beside = picture.with_suffix(".txt")
    return beside if beside.is_file() and folder.inside(beside) is not None else None


def _picture(folder: Folder, notes: Notes, file: Path, labels: Sequence[str], pose: bool) -> Picture:
    width, height = notes.size(file)
    label = label_file(folder, file)
    if label is None:
        notes.warning(Code.MISSING_LABEL, file, "no label: whether it shows a defect is not known")
        return Picture(file, width_px=width, height_px=height)
    boxes, whole = read_rows(notes, label, labels, width, height, pose=pose)
    return Picture(file, boxes, width_px=width, height_px=height, empty_known=whole and not boxes)


def read_rows(
    notes: Notes, label: Path, labels: Sequence[str], width: int, height: int, *, pose: bool = False
) -> tuple[tuple[Box, ...], bool]:
    """(boxes in px, whether all rows could be read) of a label file, for a picture of this size."""
    try:
        rows = read_text(label).splitlines()
    except DatasetRefused as error:
        notes.error(Code.BAD_ROW, label, str(error).removeprefix(f"{label}: "))
        return (), False
    boxes, whole, polygons = [], True, 0
    for number, row in enumerate(rows, 1):
        if not (words := row.split()):
            continue
        words = words[:5] if pose else words
        try:
            kind, shape = int(words[0]), _shape([float(word) for word in words[1:]])
        except ValueError:
            whole = False
            notes.error(Code.BAD_ROW, label, f"row {number}: {row[:60]!r}: wanted 'class cx cy w h' or a polygon")
            continue
        if not 0 <= kind < len(labels):
            whole = False
            notes.error(Code.UNKNOWN_CLASS, label, f"row {number}: class {kind}, known are 0 to {len(labels) - 1}")
            continue
        polygons += len(words) > 5
        x1, y1, x2, y2 = shape
        boxes.append(Box(labels[kind], x1 * width, y1 * height, x2 * width, y2 * height))
    if polygons:
        notes.note(Code.CONVERTED, label, f"{polygons} polygon(s) taken as the boxes round them")
    return tuple(boxes), whole


def _shape(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 as shares. Raises ValueError."""
    if not is_place(number * MOST_PX / 1e4 for number in numbers):  # 10,000 pictures away
        raise ValueError("no place")
    if len(numbers) == 4:
        x, y, w, h = numbers
        return x - w / 2, y - h / 2, x + w / 2, y + h / 2
    if len(numbers) < 6 or len(numbers) % 2:
        raise ValueError("neither a box nor a polygon")
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


def _orphans(folder: Folder, notes: Notes, pictures: Iterable[Path]) -> None:
    """Labels whose picture is not there, in the folders that labels were taken from."""
    known = {label for picture in pictures if (label := label_file(folder, picture)) is not None}
    for place in sorted({label.parent for label in known}):
        for label in folder.files({".txt"}, below=place, deep=False):
            if label not in known and label.name.lower() not in _NO_LABELS:
                notes.warning(Code.MISSING_PICTURE, label, "a label without a picture, or of a picture in no split")
