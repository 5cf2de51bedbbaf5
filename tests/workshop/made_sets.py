"""Small data sets in every format, of the same six pictures."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipelines.values import Pixels
from training.datasets.values import Box

LABELS = ("dent", "scratch")
WIDTH, HEIGHT = 120, 80


@dataclass(frozen=True, slots=True)
class Made:
    """A picture that a made set holds."""

    split: str
    name: str
    boxes: tuple[Box, ...]


MADE = (
    Made("train", "a", (Box("dent", 10, 20, 30, 40), Box("scratch", 50, 10, 90, 16))),
    Made("train", "b", (Box("scratch", 0, 0, 120, 80),)),
    Made("train", "c", ()),
    Made("val", "d", (Box("dent", 100, 60, 120, 80),)),
    Made("test", "e", (Box("dent", 5, 5, 9, 9),)),
    Made("test", "f", ()),
)


def picture(name: str, seed: int = 0) -> Pixels:
    """(HEIGHT, WIDTH, 3): coarse blots, different for each name."""
    rng = np.random.default_rng((seed, *name.encode()))
    coarse = rng.integers(0, 256, (10, 15), np.uint8)
    grey = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def save(file: Path, pixels: Pixels) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), pixels)
    return file


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def yolo(root: Path) -> Path:
    for one in MADE:
        save(root / "images" / one.split / f"{one.name}.png", picture(one.name))
        put(root / "labels" / one.split / f"{one.name}.txt", yolo_rows(one.boxes))
    splits = "".join(f"{split}: images/{split}\n" for split in ("train", "val", "test"))
    put(root / "data.yaml", f"{splits}names:\n  0: dent\n  1: scratch\n")
    return root


def yolo_rows(boxes: tuple[Box, ...]) -> str:
    rows = ""
    for b in boxes:
        middle = ((b.x1 + b.x2) / 2 / WIDTH, (b.y1 + b.y2) / 2 / HEIGHT, b.width / WIDTH, b.height / HEIGHT)
        rows += f"{LABELS.index(b.label)} " + " ".join(f"{v:.9f}" for v in middle) + "\n"
    return rows


def coco(root: Path) -> Path:
    for split in ("train", "val", "test"):
        own = [one for one in MADE if one.split == split]
        for one in own:
            save(root / "images" / f"{one.name}.png", picture(one.name))
        put(root / "annotations" / f"instances_{split}.json", json.dumps(coco_of({o.name: o.boxes for o in own})))
    return root


def coco_of(boxes: Mapping[str, tuple[Box, ...]]) -> dict[str, object]:
    """Category ids are 7 and 9: they need not count up from anything."""
    images = [
        {"id": i, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT} for i, name in enumerate(boxes, 40)
    ]
    annotations = [
        {"image_id": i, "category_id": 7 + 2 * LABELS.index(b.label), "bbox": [b.x1, b.y1, b.width, b.height]}
        for i, own in enumerate(boxes.values(), 40)
        for b in own
    ]
    categories = [{"id": 7, "name": "dent"}, {"id": 9, "name": "scratch"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def voc(root: Path, first: int = 1) -> Path:
    """`first`: the number of the first pixel."""
    for one in MADE:
        save(root / "JPEGImages" / f"{one.name}.png", picture(one.name))
        put(root / "Annotations" / f"{one.name}.xml", voc_xml(one.boxes, first))
        with (root / "lists").open("a") as stream:
            stream.write(f"{one.split} {one.name}\n")
    for split in ("train", "val", "test"):
        put(root / "ImageSets/Main" / f"{split}.txt", "\n".join(o.name for o in MADE if o.split == split))
    (root / "lists").unlink()
    return root


def voc_xml(boxes: tuple[Box, ...], first: int = 1, size: tuple[int, int] = (WIDTH, HEIGHT)) -> str:
    things = "".join(
        f"<object><name>{b.label}</name><bndbox><xmin>{b.x1 + first:g}</xmin><ymin>{b.y1 + first:g}</ymin>"
        f"<xmax>{b.x2:g}</xmax><ymax>{b.y2:g}</ymax></bndbox></object>"
        for b in boxes
    )
    head = f"<filename>C:\\elsewhere\\x.jpg</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"<annotation>{head}{things}</annotation>"


def masks(root: Path) -> Path:
    """Values 1 and 2, named by labels.txt."""
    put(root / "labels.txt", "background\ndent\nscratch\n")
    for one in MADE:
        save(root / one.split / "images" / f"{one.name}.png", picture(one.name))
        save(root / one.split / "masks" / f"{one.name}.png", mask(one.boxes))
    return root


def mask(boxes: tuple[Box, ...], values: Mapping[str, int] | None = None) -> Pixels:
    """(HEIGHT, WIDTH): the boxes filled; a smaller one lies over a larger one."""
    grey = np.zeros((HEIGHT, WIDTH), np.uint8)
    for b in sorted(boxes, key=lambda b: -b.width * b.height):
        value = values[b.label] if values is not None else LABELS.index(b.label) + 1
        grey[int(b.y1) : int(b.y2), int(b.x1) : int(b.x2)] = value
    return grey


def deeppcb(root: Path) -> Path:
    """Two boards a split, one group in both."""
    rows = {"trainval": ("00041000", "00041001"), "test": ("00041002", "12000003")}
    for split, names in rows.items():
        lines = []
        for name in names:
            group = name[:5]
            place = root / f"group{group}"
            save(place / group / f"{name}_test.jpg", picture(name))
            save(place / group / f"{name}_temp.jpg", picture(name, seed=1))
            put(place / f"{group}_not" / f"{name}.txt", "10 20 30 40 1\n50 10 90 16 6\n")
            lines.append(f"group{group}/{group}/{name}.jpg group{group}/{group}_not/{name}.txt")
        put(root / f"{split}.txt", "\n".join(lines))
    return root
