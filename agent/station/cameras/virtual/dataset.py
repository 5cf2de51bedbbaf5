"""Writes drawn boards as a YOLO data set: the only file of the virtual line that writes files.

Training layouts have seeds from 100,000 on, recipes' layouts seeds below 1,000 (`layout.py`):
what a demo or a test judges was never trained on. The validation split has layouts of its own.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.station.cameras.virtual.boards import Board, draw_board
from agent.station.cameras.virtual.defects import LABELS, Box, TrueDefect
from agent.station.cameras.virtual.layout import draw_layout

FIRST_TRAINING_SEED = 100_000
_SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True)
class Written:
    """What a data set came to hold."""

    pictures: int
    good: int
    defects: tuple[int, ...]
    """In the order of LABELS."""


def write_dataset(
    folder: Path, *, layouts: int, boards: int, seed: int, good_share: float, val_layouts: int = 0, crop_px: int = 0
) -> Written:
    """Draws `boards` boards of each of `layouts` layouts (and of `val_layouts` more for "val").

    Layout seeds count up from `seed`; below 100,000 it is refused. `crop_px` above 0 writes a square piece
    of each board instead, that cuts no defect's box. Gives what was written.
    """
    if seed < FIRST_TRAINING_SEED:
        raise ValueError(f"seed {seed}: training layouts start at {FIRST_TRAINING_SEED}, those below are for recipes")
    names = "".join(f"  {i}: {name}\n" for i, name in enumerate(LABELS))
    for split in _SPLITS:
        (folder / "images" / split).mkdir(parents=True, exist_ok=True)
        (folder / "labels" / split).mkdir(parents=True, exist_ok=True)
    head = f"path: {folder.resolve()}\ntrain: images/train\nval: images/val\n"
    (folder / "data.yaml").write_text(f"{head}names:\n{names}")
    pictures, good, defects = 0, 0, np.zeros(len(LABELS), np.int64)
    for i in range(layouts + val_layouts):
        layout = draw_layout(seed + i)
        rng = np.random.default_rng((seed + i, 1))
        for n in range(boards):
            board = draw_board(layout, rng, bad=bool(rng.random() >= good_share))
            if crop_px:
                board = _cropped(board, crop_px, rng)
            _write(folder, _SPLITS[i >= layouts], f"{seed + i}_{n:03d}", board)
            pictures, good = pictures + 1, good + (not board.truth)
            defects += np.bincount([LABELS.index(t.label) for t in board.truth], minlength=len(LABELS))
    return Written(pictures, good, tuple(int(n) for n in defects))


def yolo_rows(board: Board) -> str:
    """A board's truth as YOLO label rows: class, then middle and size as shares of the picture."""
    height, width = board.pixels.shape
    rows = []
    for true in board.truth:
        x1, y1, x2, y2 = true.box
        middle = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        rows.append(f"{LABELS.index(true.label)} " + " ".join(f"{v:.6f}" for v in middle) + "\n")
    return "".join(rows)


def _write(folder: Path, split: str, name: str, board: Board) -> None:
    cv2.imwrite(str(folder / "images" / split / f"{name}.png"), board.pixels)
    (folder / "labels" / split / f"{name}.txt").write_text(yolo_rows(board))


def _cropped(board: Board, side: int, rng: np.random.Generator) -> Board:
    """A square piece of a board round one of its defects, or anywhere on a good board."""
    height, width = board.pixels.shape
    for _ in range(40):
        left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
        piece = (left, top, left + side, top + side)
        seen = [t for t in board.truth if _overlap(t.box, piece)]
        whole = all(_moved(t.box, left, top) == _clipped(_moved(t.box, left, top), side) for t in seen)
        if whole and (seen or not board.truth):
            truth = tuple(TrueDefect(t.label, _moved(t.box, left, top)) for t in seen)
            return Board(_piece(board.pixels, left, top, side), truth)
    first = board.truth[0]
    left = int(np.clip((first.box[0] + first.box[2] - side) // 2, 0, width - side))
    top = int(np.clip((first.box[1] + first.box[3] - side) // 2, 0, height - side))
    seen = [t for t in board.truth if _overlap(t.box, (left, top, left + side, top + side))]
    truth = tuple(TrueDefect(t.label, _clipped(_moved(t.box, left, top), side)) for t in seen)
    return Board(_piece(board.pixels, left, top, side), truth)


def _piece(pixels: NDArray[np.uint8], left: int, top: int, side: int) -> NDArray[np.uint8]:
    return pixels[top : top + side, left : left + side]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _moved(box: Box, left: int, top: int) -> Box:
    return box[0] - left, box[1] - top, box[2] - left, box[3] - top


def _clipped(box: Box, side: int) -> Box:
    return max(0, box[0]), max(0, box[1]), min(side, box[2]), min(side, box[3])
