"""Image-level folders: a part is good or bad by the folder that its picture lies in.

`ok/ ng/`, `train/good train/bad`, `ng/scratch`, and where one folder says good, every other folder beside it
is a kind of bad one (`good/ scratch/ dent/`). There are no boxes: it serves to measure parts, not to train
a detector of defects.
"""

from collections import Counter
from pathlib import Path
from typing import Literal

from training.datasets.headers import PICTURES
from training.datasets.notes import Notes
from training.datasets.options import Options
from training.datasets.safely import Folder
from training.datasets.values import Code, Dataset, Picture
from training.datasets.words import is_good, split_of

LOOKS_FOR = "folders named ok/ng, good/bad, pass/fail, 良品/不良 ..., at the top or in train/ val/ test/"


def sees(folder: Folder) -> bool:
    """Whether folders with pictures say good or bad."""
    return any(_verdict(folder, place) is not None for place in _places(folder))


def _places(folder: Folder) -> set[Path]:
    return {file.parent for file in folder.files(PICTURES)}


def read(folder: Folder, options: Options) -> Dataset:
    """A picture in a folder that says neither is left open."""
    del options
    notes, pictures, kinds = Notes(folder), list[Picture](), Counter[str]()
    verdicts = {place: _verdict(folder, place) for place in _places(folder)}
    for file in folder.files(PICTURES):
        parts = file.relative_to(folder.root).parent.parts
        verdict = verdicts[file.parent]
        if verdict is None:
            notes.warning(Code.MISSING_LABEL, file, "its folder says neither good nor bad")
        elif verdict == "ng":
            kinds[parts[-1]] += 1
        width, height = notes.size(file)
        ok = verdict == "ok"
        pictures.append(Picture(file, (), split_of(parts), "", width, height, verdict=verdict, empty_known=ok))
    return Dataset(folder.root, "folders", (), tuple(pictures), notes.findings, {"bad": dict(sorted(kinds.items()))})


def _verdict(folder: Folder, place: Path) -> Literal["ok", "ng"] | None:
    parts = place.relative_to(folder.root).parts
    for end in range(len(parts), 0, -1):
        good = is_good(parts[end - 1])
        if (
            good is None
            and _has_good_beside(folder, folder.root.joinpath(*parts[:end]))
            and not split_of(parts[end - 1 : end])
        ):
            good = False
        if good is not None:
            return "ok" if good else "ng"
    return None


def _has_good_beside(folder: Folder, place: Path) -> bool:
    return any(is_good(other.name) for other in folder.folders(place.parent) if other != place)
