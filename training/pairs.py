"""Training pictures from pairs: a part, its golden picture (the reference), and what is wrong with the part.

For any product that has a golden picture. A pair gives many pictures: all its defects, some of
them, one, none; turned and mirrored; resampled as an aligned part is; brighter, darker, blurred.
Three channels in the order that the network sees them: grey part, grey reference, absolute
difference of the two; or the part alone, grey, for a detector without a reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""(height, width)."""
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in px, the second corner outside."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect of a part: which label (index) and where."""

    label: int
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A part beside its reference, of one size, aligned."""

    name: str
    part: Grey
    reference: Grey
    defects: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class Variety:
    """How the pictures of a training set differ from the pairs they are made from; shares are 0..1."""

    whole: float = 0.55
    """The part with all its defects."""
    some: float = 0.3
    """A random number of the part's defects; what is left are `empty` ones."""
    one_in_some: float = 0.5
    """Of `some`: those with one defect only."""
    on_reference: float = 0.5
    """Of `some` and `empty`: defects pasted into the reference; the others are the part with defects erased."""
    margin_px: int = 4
    """Pasted or erased round a defect's box."""
    resampled: float = 0.5
    """Moved, turned and scaled away and back, bilinear both times, off by the residuals below."""
    residual_px: float = 0.7
    residual_deg: float = 0.08
    residual_scale: float = 0.001
    light: float = 0.5
    """Of the resampled: gain and offset of the part changed (after the station's matching, or without any)."""
    gain: float = 0.07
    offset: float = 12.0
    unmatched: float = 0.1
    """Of `light`: gain off by up to 30 %, as if nothing had matched it."""
    blur_px: float = 0.8
    noise: float = 5.0
    """Highest sigma of blur and noise, each on a third of the resampled."""
    zoomed: float = 0.0
    """Part and reference scaled alike by 1 +- `zoom` and binarised anew: other line widths."""
    zoom: float = 0.2
    etched: float = 0.0
    """The part's edges moved out and in, here more, there less: lines as another batch's etching leaves them."""
    etch: float = 70.0
    """Of 127 grey levels: how far the level that parts copper from ground goes, after a blur of `etch_blur_px`."""
    etch_blur_px: float = 1.2


def is_close(one: Box, other: Box, margin: float) -> bool:
    """Whether a box with a margin round it touches another."""
    return (
        one[0] - margin < other[2]
        and other[0] < one[2] + margin
        and one[1] - margin < other[3]
        and other[1] < one[3] + margin
    )


def with_neighbours(defects: Sequence[Defect], chosen: set[int], margin: float) -> set[int]:
    """The chosen defects and every one that pasting them would bring in a piece of."""
    known = set(chosen)
    while True:
        more = {
            i
            for i, other in enumerate(defects)
            if i not in known and any(is_close(defects[k].box, other.box, margin) for k in known)
        }
        if not more:
            return known
        known |= more


def _paste(target: Grey, source: Grey, box: Box, margin: int) -> None:
    height, width = target.shape
    x1, y1 = max(0, int(np.floor(box[0])) - margin), max(0, int(np.floor(box[1])) - margin)
    x2, y2 = min(width, int(np.ceil(box[2])) + margin), min(height, int(np.ceil(box[3])) + margin)
    target[y1:y2, x1:x2] = source[y1:y2, x1:x2]


def with_defects(pair: Pair, chosen: set[int], margin: int, on_reference: bool) -> Pair:
    """The pair with only the chosen defects (and those inseparable from them) on its part."""
    kept = with_neighbours(pair.defects, chosen, margin)
    part = (pair.reference if on_reference else pair.part).copy()
    source = pair.part if on_reference else pair.reference
    for i, defect in enumerate(pair.defects):
        if (i in kept) == on_reference:
            _paste(part, source, defect.box, margin)
    if not on_reference:  # an erased neighbour's margin must not have eaten a kept defect
        for i in kept:
            _paste(part, pair.part, pair.defects[i].box, 0)
    return Pair(pair.name, part, pair.reference, tuple(pair.defects[i] for i in sorted(kept)))


def symmetric(pair: Pair, which: int) -> Pair:
    """One of the 8 symmetries of the square: quarter turns (0-3), mirrored first (4-7)."""
    height, width = pair.part.shape
    boxes = np.array([d.box for d in pair.defects], np.float64).reshape(-1, 4)
    part, reference = pair.part, pair.reference
    if which >= 4:
        part, reference = part[:, ::-1], reference[:, ::-1]
        boxes = np.column_stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]])
    for _ in range(which % 4):  # counter-clockwise, as np.rot90: (x, y) goes to (y, width - x)
        boxes = np.column_stack([boxes[:, 1], width - boxes[:, 2], boxes[:, 3], width - boxes[:, 0]])
        height, width = width, height
    part, reference = (np.ascontiguousarray(np.rot90(grey, which % 4)) for grey in (part, reference))
    return Pair(pair.name, part, reference, _defects(pair.defects, boxes))


def _defects(old: Sequence[Defect], boxes: NDArray[np.float64]) -> tuple[Defect, ...]:
    return tuple(
        Defect(d.label, (float(b[0]), float(b[1]), float(b[2]), float(b[3]))) for d, b in zip(old, boxes, strict=True)
    )


def zoomed(pair: Pair, factor: float, rng: np.random.Generator) -> Pair:
    """Part and reference scaled by `factor` about a random point and binarised anew, size unchanged.

    A defect of which less than 40 % stays in the picture is erased before.
    """
    height, width = pair.part.shape
    middle = rng.uniform(0.0, 1.0, 2) * (width, height)
    shift = middle * (1 - factor)
    old = np.array([d.box for d in pair.defects], np.float64).reshape(-1, 4)
    boxes = old * factor + np.concatenate([shift, shift])
    limits = np.array([width, height, width, height], np.float64)
    clipped = boxes.clip(0, limits)
    sizes, seen = (np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (boxes, clipped))
    stays = {int(i) for i in np.flatnonzero(seen >= 0.4 * sizes)}
    left = with_defects(pair, stays, 2, on_reference=False) if len(stays) < len(pair.defects) else pair
    matrix = np.array([[factor, 0, shift[0]], [0, factor, shift[1]]])
    levels = (int(127 + rng.integers(-30, 31)), 127)
    part, reference = (_binary(g, matrix, level) for g, level in zip((left.part, left.reference), levels, strict=True))
    there = cv2.warpAffine(np.ones_like(part), matrix, (width, height), flags=cv2.INTER_NEAREST)
    part = np.where(there == 1, part, reference)  # round the part lies its mirror image, with defects nobody labelled
    moved = np.array([d.box for d in left.defects], np.float64).reshape(-1, 4) * factor
    moved = (moved + np.concatenate([shift, shift])).clip(0, limits)
    inside = np.flatnonzero((moved[:, 2] - moved[:, 0] >= 4) & (moved[:, 3] - moved[:, 1] >= 4))
    return Pair(pair.name, part, reference, _defects([left.defects[i] for i in inside], moved[inside]))


def _binary(grey: Grey, matrix: NDArray[np.float64], level: int) -> Grey:
    """Moved, mirrored where nothing was, and black and white again."""
    height, width = grey.shape
    moved = cv2.warpAffine(grey, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return cv2.threshold(moved, level, 255, cv2.THRESH_BINARY)[1].astype(np.uint8)


def _similarity(shape: tuple[int, int], degrees: float, scale: float, move: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3): turns and scales about the middle, then moves."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D((shape[1] / 2, shape[0] / 2), degrees, scale)
    matrix[:2, 2] += move
    return matrix


def resampled(part: Grey, variety: Variety, rng: np.random.Generator) -> Grey:
    """The part as the station gets it and aligns it: interpolated twice, a residual error left."""
    height, width = part.shape
    spare = 48  # more than 20 px and 3 % and 3 degrees take away at the edges
    framed = cv2.copyMakeBorder(part, spare, spare, spare, spare, cv2.BORDER_REFLECT)
    size = (framed.shape[1], framed.shape[0])
    there = _similarity(framed.shape[:2], rng.uniform(-3, 3), 1 + rng.uniform(-0.03, 0.03), rng.uniform(-20.0, 20.0, 2))
    off = _similarity(
        framed.shape[:2],
        rng.uniform(-1, 1) * variety.residual_deg,
        1 + rng.uniform(-1, 1) * variety.residual_scale,
        rng.uniform(-1, 1, 2) * variety.residual_px,
    )
    seen = cv2.warpAffine(framed, there[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    back = (off @ np.linalg.inv(there))[:2]
    aligned = cv2.warpAffine(seen, back, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(aligned[spare : spare + height, spare : spare + width]).astype(np.uint8)


def etched(part: Grey, variety: Variety, rng: np.random.Generator) -> Grey:
    """The part with its lines thicker and thinner by up to about a pixel, changing slowly over the picture.

    That is process variation and no defect: boxes stay as they are.
    """
    height, width = part.shape
    coarse = rng.uniform(-1, 1, (int(rng.integers(2, 6)), int(rng.integers(2, 6)))).astype(np.float32)
    field = cv2.resize(coarse * 0.5 + float(rng.uniform(-0.5, 0.5)), (width, height), interpolation=cv2.INTER_CUBIC)
    level = 127 + variety.etch * np.clip(field, -1, 1)
    soft = cv2.GaussianBlur(part, (0, 0), variety.etch_blur_px)
    return np.where(soft > level, 255, 0).astype(np.uint8)


def lit(part: Grey, variety: Variety, rng: np.random.Generator) -> Grey:
    """The part under another light, blurred and noisy, each by chance."""
    grey = part.astype(np.float32)
    if rng.random() < 1 / 3:
        grey = cv2.GaussianBlur(grey, (0, 0), float(rng.uniform(0.3, variety.blur_px))).astype(np.float32)
    if rng.random() < variety.light:
        gain = 0.3 if rng.random() < variety.unmatched else variety.gain
        grey = grey * (1 + float(rng.uniform(-gain, gain))) + float(rng.uniform(-variety.offset, variety.offset))
    if rng.random() < 1 / 3:
        grey = grey + rng.standard_normal(grey.shape, np.float32) * float(rng.uniform(1, variety.noise))
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def varied(pair: Pair, variety: Variety, rng: np.random.Generator) -> Pair:
    """One training picture made from a pair."""
    draw, count = rng.random(), len(pair.defects)
    if count and draw >= variety.whole:
        some = draw < variety.whole + variety.some
        wanted = 0 if not some else 1 if rng.random() < variety.one_in_some else int(rng.integers(1, count + 1))
        chosen = {int(i) for i in rng.choice(count, wanted, replace=False)}
        pair = with_defects(pair, chosen, variety.margin_px, bool(rng.random() < variety.on_reference))
    pair = symmetric(pair, int(rng.integers(8)))
    if rng.random() < variety.zoomed:
        pair = zoomed(pair, 1 + float(rng.uniform(-variety.zoom, variety.zoom)), rng)
    part = pair.part
    if variety.etched and rng.random() < variety.etched:  # asked first: what has none draws as it always did
        part = etched(part, variety, rng)
    if rng.random() < variety.resampled:
        part = lit(resampled(part, variety, rng), variety, rng)
    return Pair(pair.name, part, pair.reference, pair.defects)


def channels(part: Grey, reference: Grey) -> NDArray[np.uint8]:
    """(height, width, 3): part, reference, absolute difference, as the network sees them."""
    return np.dstack([part, reference, cv2.absdiff(part, reference)])


def yolo_rows(defects: Sequence[Defect], width: int, height: int) -> str:
    """Defects as YOLO label rows (label, then middle and size as shares); boxes are clipped to the picture."""
    rows = []
    for d in defects:
        x1, x2 = (float(np.clip(v, 0, width)) for v in (d.box[0], d.box[2]))
        y1, y2 = (float(np.clip(v, 0, height)) for v in (d.box[1], d.box[3]))
        shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        rows.append(f"{d.label} " + " ".join(f"{v:.6f}" for v in shares) + "\n")
    return "".join(rows)


def write(folder: Path, split: str, name: str, pair: Pair, guided: bool) -> None:
    """Writes one picture (PNG) and its label rows below `folder`/images and `folder`/labels."""
    height, width = pair.part.shape
    pixels = channels(pair.part, pair.reference)[:, :, ::-1] if guided else pair.part  # OpenCV's files are BGR
    for kind in ("images", "labels"):
        (folder / kind / split).mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(folder / "images" / split / f"{name}.png"), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1]):
        raise OSError(f"could not write {folder / 'images' / split / name}.png")
    (folder / "labels" / split / f"{name}.txt").write_text(yolo_rows(pair.defects, width, height))


def write_data_yaml(folder: Path, labels: Sequence[str]) -> Path:
    """The file that names a data set's splits and labels for Ultralytics."""
    names = "".join(f"  {i}: {label}\n" for i, label in enumerate(labels))
    path = folder / "data.yaml"
    path.write_text(f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\nnames:\n{names}")
    return path
