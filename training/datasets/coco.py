"""COCO's layout: a JSON file of images, annotations and categories (Lin et al. 2014, cocodataset.org/#format-data).

Boxes are [x, y, width, height] in px from the picture's corner. Crowd boxes are left out. The split is what
the JSON file's name or folder says: instances_train2017.json, valid/_annotations.coco.json.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.datasets.headers import PICTURES
from training.datasets.notes import Notes
from training.datasets.options import Options
from training.datasets.safely import Folder, read_json
from training.datasets.values import Box, Code, Dataset, DatasetRefused, Picture, is_place
from training.datasets.words import split_of

LOOKS_FOR = "*.json (here, in annotations/, in train/ valid/ test/) with images, annotations and categories"
_KEYS = re.compile(rb'"(?:images|annotations|categories)"\s*:\s*\[')
_PEEK_BYTES = 1 << 20
_NOT_BOXES = ("captions", "keypoints", "panoptic", "stuff", "image_info")


def sees(folder: Folder) -> bool:
    """Whether the folder looks like COCO."""
    return bool(_files(folder))


def _files(folder: Folder) -> list[Path]:
    places = [folder.root, *folder.folders(folder.root)]
    found = [
        file
        for place in places
        if folder.inside(place) is not None
        for file in folder.files({".json"}, below=place, deep=False)
        if not any(word in file.stem for word in _NOT_BOXES) and _looks_like_coco(file)
    ]
    instances = [file for file in found if file.stem.startswith("instances")]
    return instances or found


def _looks_like_coco(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            head = stream.read(_PEEK_BYTES)
            stream.seek(max(0, file.stat().st_size - _PEEK_BYTES))
            return bool(_KEYS.search(head) or _KEYS.search(stream.read(_PEEK_BYTES)))
    except OSError:
        return False


def read(folder: Folder, options: Options) -> Dataset:
    """Labels are in the order of the categories' ids. Raises DatasetRefused."""
    files = [options.file] if options.file is not None and options.file.suffix == ".json" else _files(folder)
    if not files:
        raise DatasetRefused(f"{folder.root}: wanted {LOOKS_FOR}")
    notes = Notes(folder)
    names: dict[int, str] = {}
    pictures: list[Picture] = []
    for file in files:
        data = read_json(file)
        if not isinstance(data, dict):
            raise DatasetRefused(f"{file}: wanted images, annotations and categories, got {type(data).__name__}")
        own = _categories(file, data)
        if clash := [f"{i}: {names[i]} and {own[i]}" for i in own if names.get(i, own[i]) != own[i]]:
            raise DatasetRefused(f"{file}: categories have other names than in {files[0]}: {'; '.join(clash)}")
        names |= own
        pictures += _Reading(folder, notes, file, own).pictures(data)
    labels = [names[i] for i in sorted(names)]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise DatasetRefused(f"{folder.root}: categories twice: {', '.join(twice)}")
    return Dataset(folder.root, "coco", tuple(labels), tuple(pictures), notes.findings)


def _rows(file: Path, data: Mapping[str, object], key: str) -> list[dict[str, object]]:
    rows = data.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatasetRefused(f"{file}: {key}: wanted a list of objects, got {rows!r:.80}")
    return rows


def _categories(file: Path, data: Mapping[str, object]) -> dict[int, str]:
    names = {}
    for row in _rows(file, data, "categories"):
        number, name = row.get("id"), row.get("name")
        if not isinstance(number, int) or not isinstance(name, str) or not name:
            raise DatasetRefused(f"{file}: categories: wanted an id and a name, got {row!r:.80}")
        names[number] = name
    if not names:
        raise DatasetRefused(f"{file}: categories: there are none")
    return names


class _Reading:
    """One JSON file."""

    def __init__(self, folder: Folder, notes: Notes, file: Path, names: Mapping[int, str]) -> None:
        self._folder, self._notes, self._file, self._names = folder, notes, file, names
        below = file.relative_to(folder.root).with_suffix("").parts
        self._split = split_of(below)
        base, root = file.parent, folder.root
        stem = file.stem.removeprefix("instances_")
        places = [base, base / "images", base.parent, base.parent / "images", base.parent / stem]
        places += [root, root / "images", root / stem, root / "images" / stem]
        self._places = [p for p in dict.fromkeys(places) if folder.inside(p) is not None and p.is_dir()]
        self._by_name: dict[str, Path | None] | None = None

    def pictures(self, data: Mapping[str, object]) -> list[Picture]:
        boxes, crowds, broken = self._boxes(data)
        found = []
        for row in _rows(self._file, data, "images"):
            number, name = row.get("id"), row.get("file_name")
            if not isinstance(number, int | str) or not isinstance(name, str):
                self._notes.error(Code.BAD_ROW, self._file, f"images: {row!r:.80}: wanted an id and a file_name")
                continue
            own = tuple(boxes.pop(number, ()))
            if (file := self._place(name)) is None:
                continue
            width, height = self._size(file, row)
            known = not own and number not in crowds and number not in broken
            found.append(Picture(file, own, self._split, width_px=width, height_px=height, empty_known=known))
        for number, lost in boxes.items():
            what = f"{len(lost)} annotation(s) of image {number!r:.40}, which is not listed"
            self._notes.error(Code.MISSING_PICTURE, self._file, what)
        return found

    def _boxes(self, data: Mapping[str, object]) -> tuple[dict[int | str, list[Box]], set[object], set[object]]:
        """(boxes by image, images with crowd boxes, images of which a box could not be read)."""
        boxes: dict[int | str, list[Box]] = defaultdict(list)
        crowds, broken = set[object](), set[object]()
        for row in _rows(self._file, data, "annotations"):
            image, category, sides = row.get("image_id"), row.get("category_id"), _sides(row.get("bbox"))
            where = f"annotation {row.get('id')!r:.40}"
            if not isinstance(image, int | str) or sides is None:
                self._notes.error(Code.BAD_ROW, self._file, f"{where}: {row!r:.120}: wanted an image_id and a bbox")
                broken.add(image if isinstance(image, int | str) else None)
            elif not isinstance(category, int) or category not in self._names:
                what = f"{where}: category {category!r:.40}, known are {', '.join(map(str, sorted(self._names)))}"
                self._notes.error(Code.UNKNOWN_CLASS, self._file, what[:300])
                broken.add(image)
            elif row.get("iscrowd"):
                crowds.add(image)
            else:
                x, y, w, h = sides
                boxes[image].append(Box(self._names[category], x, y, x + w, y + h))
        if crowds:
            self._notes.note(Code.SKIPPED, self._file, f"crowd boxes of {len(crowds)} picture(s) are left out")
        return boxes, crowds, broken

    def _place(self, name: str) -> Path | None:
        places = [p for base in self._places if (p := self._folder.inside(name, base)) is not None]
        if not places:
            self._notes.error(Code.OUTSIDE_FOLDER, self._file, f"{name!r:.200} leads out of the data set's folder")
            return None
        if (there := next((p for p in places if p.is_file()), None)) is not None:
            return there
        if (anywhere := self._anywhere(name)) is None:
            self._notes.error(Code.MISSING_PICTURE, self._file, f"{name!r:.200} is not there")
        return anywhere

    def _anywhere(self, name: str) -> Path | None:
        """A picture of this name in any folder, where only one has it."""
        if self._by_name is None:
            self._by_name = {}
            for file in self._folder.files(PICTURES):
                self._by_name[file.name] = None if file.name in self._by_name else file
        return self._by_name.get(Path(name.replace("\\", "/")).name)

    def _size(self, file: Path, row: Mapping[str, object]) -> tuple[int, int]:
        width, height = self._notes.size(file)
        said = (row.get("width"), row.get("height"))
        if width and said not in ((None, None), (width, height)):
            what = f"{self._file.name} says {said[0]!r:.20} x {said[1]!r:.20} px, the picture has {width} x {height}"
            self._notes.error(Code.SIZE_DIFFERS, file, what)
        return width, height


def _sides(box: object) -> Sequence[float] | None:
    if not isinstance(box, list) or len(box) != 4:
        return None
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in box) or not is_place(box):
        return None
    return [float(v) for v in box]
