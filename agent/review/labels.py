"""Boxes as label files: YOLO rows and COCO annotations, there and back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from agent.review.layout import Box

MOST_ROWS = 3_000
SAME_SHARE, SAME_PX = 1e-6, 1e-3
"""A label tool that writes shares with six digits moves an edge by no more than this share of the picture's side; one
that writes px with three digits by no more px."""


class LabelsWrong(ValueError):
    """A label file that cannot be read; says where and why."""


def clipped(boxes: Sequence[Box], width_px: int, height_px: int) -> tuple[Box, ...]:
    """The boxes inside the picture; one that lies outside altogether is left out."""
    inside = [
        (name, max(x1, 0.0), max(y1, 0.0), min(x2, float(width_px)), min(y2, float(height_px)))
        for name, x1, y1, x2, y2 in boxes
    ]
    return tuple(box for box in inside if box[1] < box[3] and box[2] < box[4])


def yolo(boxes: Sequence[Box], labels: Sequence[str], width_px: int, height_px: int) -> str:
    """`class cx cy w h` a row, as shares of the picture, 9 digits after the point; empty for no box."""
    rows = []
    for name, x1, y1, x2, y2 in boxes:
        shares = (x1 + x2) / 2 / width_px, (y1 + y2) / 2 / height_px, (x2 - x1) / width_px, (y2 - y1) / height_px
        rows.append(f"{labels.index(name)} {' '.join(f'{share:.9f}' for share in shares)}\n")
    return "".join(rows)


def read_yolo(text: str, labels: Sequence[str], width_px: int, height_px: int) -> tuple[Box, ...]:
    """The boxes of a label file. Raises LabelsWrong with the row and the reason."""
    rows = [(n, row.split()) for n, row in enumerate(text.splitlines(), 1) if row.strip()]
    if len(rows) > MOST_ROWS:
        raise LabelsWrong(f"{len(rows)} rows; at most {MOST_ROWS} are allowed")
    return tuple(_row(n, row, labels, width_px, height_px) for n, row in rows)


def _row(n: int, row: Sequence[str], labels: Sequence[str], width_px: int, height_px: int) -> Box:
    try:
        number, (cx, cy, w, h) = int(row[0]), map(float, row[1:])
    except ValueError:
        raise LabelsWrong(f"row {n} {' '.join(row)[:60]!r}: allowed is: class cx cy w h") from None
    if not 0 <= number < len(labels):
        known = f"0 to {len(labels) - 1}" if labels else "none"
        raise LabelsWrong(f"row {n}: class {number}; known: {known} (labels in okng-review.json, add new ones there)")
    if not all(map(math.isfinite, (cx, cy, w, h))) or w <= 0 or h <= 0:
        raise LabelsWrong(f"row {n}: {cx} {cy} {w} {h}: finite numbers with a size above 0 are allowed")
    half_w, half_h = w / 2, h / 2
    inside = _clean((cx - half_w) * width_px, width_px), _clean((cy - half_h) * height_px, height_px)
    outside = _clean((cx + half_w) * width_px, width_px), _clean((cy + half_h) * height_px, height_px)
    return _checked(n, (labels[number], *inside, *outside), width_px, height_px)


def _clean(value: float, most: int) -> float:
    """A box that ends a little beyond the picture's edge ends at it. Rounded far below what nine digits can say."""
    rounded = round(value, 9)
    return min(max(rounded, 0.0), float(most)) if -1 < rounded < most + 1 else rounded


def _checked(n: int, box: Box, width_px: int, height_px: int) -> Box:
    name, x1, y1, x2, y2 = box
    if x1 < 0 or y1 < 0 or x2 > width_px or y2 > height_px or x1 >= x2 or y1 >= y2:
        where = f"{x1:.0f}, {y1:.0f}, {x2:.0f}, {y2:.0f}"
        raise LabelsWrong(f"row {n}: box {name} ({where}) is not inside the picture of {width_px} x {height_px} px")
    return box


def coco(pictures: Sequence[tuple[int, str, int, int, Sequence[Box]]], labels: Sequence[str]) -> dict[str, Any]:
    """COCO of (id, file name, width, height, boxes); a category's id is its YOLO class + 1."""
    boxes = [(picture, box) for picture, _, _, _, its in pictures for box in its]
    return {
        "images": [
            {"id": number, "file_name": name, "width": width, "height": height}
            for number, name, width, height, _ in pictures
        ],
        "categories": [{"id": n, "name": label} for n, label in enumerate(labels, 1)],
        "annotations": [
            {
                "id": n,
                "image_id": picture,
                "category_id": labels.index(name) + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": 0,
            }
            for n, (picture, (name, x1, y1, x2, y2)) in enumerate(boxes, 1)
        ],
    }


def read_coco(data: Any, sizes: Mapping[str, tuple[int, int]]) -> dict[str, tuple[Box, ...]]:
    """File name -> boxes of a COCO file, of the pictures in `sizes` (name -> width, height). Raises LabelsWrong."""
    try:
        names = {int(c["id"]): str(c["name"]) for c in data["categories"]}
        files = {int(i["id"]): str(i["file_name"]).rsplit("/", 1)[-1] for i in data["images"]}
        rows = [(int(a["image_id"]), int(a["category_id"]), [float(v) for v in a["bbox"]]) for a in data["annotations"]]
    except (KeyError, TypeError, ValueError) as error:
        raise LabelsWrong(f"is not COCO: {error}") from error
    found: dict[str, list[Box]] = {name: [] for name in files.values() if name in sizes}
    for n, (picture, kind, edges) in enumerate(rows, 1):
        if (file := files.get(picture)) not in found or file is None:
            continue
        if kind not in names or len(edges) != 4 or not all(map(math.isfinite, edges)):
            raise LabelsWrong(f"annotation {n} of {file}: category {kind}, bbox {edges}")
        width, height = sizes[file]
        x1, y1, x2, y2 = edges[0], edges[1], edges[0] + edges[2], edges[1] + edges[3]
        box = names[kind], _clean(x1, width), _clean(y1, height), _clean(x2, width), _clean(y2, height)
        found[file].append(_checked(n, box, width, height))
    return {file: tuple(boxes) for file, boxes in found.items()}


def same(some: Sequence[Box], others: Sequence[Box], width_px: int, height_px: int) -> bool:
    """Whether both say the same of a picture, in whatever order: label for label, edge for edge but for rounding."""
    x_px, y_px = (max(SAME_PX, SAME_SHARE * side) for side in (width_px, height_px))
    left = list(others)
    for box in some:
        like = next((other for other in left if _is_alike(box, other, x_px, y_px)), None)
        if like is None:
            return False
        left.remove(like)
    return not left


def _is_alike(box: Box, other: Box, x_px: float, y_px: float) -> bool:
    apart = [abs(a - b) for a, b in zip(box[1:], other[1:], strict=True)]
    return box[0] == other[0] and max(apart[0], apart[2]) <= x_px and max(apart[1], apart[3]) <= y_px
