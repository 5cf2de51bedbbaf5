"""The virtual line's boards: sizes as on real boards, defects that are what they are called."""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.station.cameras.virtual.boards import Board, draw_board
from agent.station.cameras.virtual.dataset import write_dataset, yolo_rows
from agent.station.cameras.virtual.defects import (
    BOX_MARGIN_PX,
    LABELS,
    REAL_LONG_PX,
    REAL_SHORT_PX,
    TrueDefect,
    draw_defect,
)
from agent.station.cameras.virtual.layout import Layout, draw_layout
from agent.station.cameras.virtual.styles import STYLES

DEEPPCB = Path(__file__).parents[3] / "shared" / "data" / "deeppcb"


@pytest.fixture(scope="module")
def layouts() -> tuple[Layout, ...]:
    """One of each style."""
    return tuple(draw_layout(seed) for seed in range(len(STYLES)))


def drawn(layouts: tuple[Layout, ...], label: str, each: int) -> Iterator[tuple[Layout, NDArray[np.uint8], TrueDefect]]:
    for layout in layouts:
        rng = np.random.default_rng(layout.seed)
        for _ in range(each):
            done = draw_defect(layout.pixels, layout.sites, label, rng)
            if done is not None:
                yield layout, *done


def sides(box: tuple[int, int, int, int]) -> tuple[int, int]:
    w, h = box[2] - box[0], box[3] - box[1]
    return max(w, h), min(w, h)


def pieces(mask: NDArray[np.bool_], connectivity: int) -> int:
    """How many connected pieces; specks of a ragged edge (under 12 px) are none."""
    stats = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)[2]
    return int(np.count_nonzero(stats[1:, cv2.CC_STAT_AREA] >= 12))


@pytest.mark.parametrize("label", LABELS)
def test_a_thousand_defects_are_as_large_as_real_ones(layouts: tuple[Layout, ...], label: str) -> None:
    kind = LABELS.index(label)
    sizes = np.array([sides(true.box) for _, _, true in drawn(layouts, label, 160)])
    assert len(sizes) >= 1000
    for side, real in ((0, REAL_LONG_PX[kind]), (1, REAL_SHORT_PX[kind])):
        assert real[0] <= sizes[:, side].min()
        assert sizes[:, side].max() <= real[1]
    low, high = np.percentile(sizes[:, 0], [5, 95])
    assert high - low >= 10, "sizes must be spread"


def test_the_real_sizes_are_those_of_deeppcb() -> None:
    if not DEEPPCB.is_dir():
        pytest.skip(f"no DeepPCB pictures at {DEEPPCB}")
    sizes: list[list[tuple[int, int]]] = [[] for _ in LABELS]
    for row in (DEEPPCB / "trainval.txt").read_text().splitlines():
        for line in (DEEPPCB / row.split()[1]).read_text().splitlines():
            if line.strip():
                x1, y1, x2, y2, kind = (int(v) for v in line.split())
                sizes[kind - 1].append(sides((x1, y1, x2, y2)))
    for kind in range(len(LABELS)):
        low, high = np.percentile(np.array(sizes[kind]), [5, 95], axis=0)
        assert (round(low[0]), round(high[0])) == REAL_LONG_PX[kind]
        assert (round(low[1]), round(high[1])) == REAL_SHORT_PX[kind]


@pytest.mark.parametrize("label", LABELS)
def test_a_defect_is_what_it_says(layouts: tuple[Layout, ...], label: str) -> None:
    """Counted over the whole board, an open in its box: pieces of copper (8-connected) and of air (4-connected)."""
    removes = label in ("open", "mousebite", "pin-hole")
    for layout, after, true in drawn(layouts, label, 12):
        before = layout.pixels
        changed = before != after
        assert bool((before[changed] == (0 if removes else 255)).all())
        x, y, w, h = cv2.boundingRect(changed.astype(np.uint8))
        m = BOX_MARGIN_PX
        assert true.box == (x - m, y - m, x + w + m, y + h + m)
        copper = pieces(after == 0, 8) - pieces(before == 0, 8)
        air = pieces(after > 0, 4) - pieces(before > 0, 4)
        if label == "open":
            x1, y1, x2, y2 = true.box
            inside = (slice(y1, y2), slice(x1, x2))
            assert pieces(after[inside] == 0, 8) > pieces(before[inside] == 0, 8)
        elif label == "short":
            assert copper < 0
        else:
            assert (copper, air) == {"copper": (1, 0), "pin-hole": (0, 1)}.get(label, (0, 0))


def test_the_same_seed_gives_the_same_board() -> None:
    first, second = (draw_board(draw_layout(5), np.random.default_rng(9), bad=True) for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert first.truth == second.truth
    other = draw_board(draw_layout(5), np.random.default_rng(10), bad=True)
    assert not np.array_equal(first.pixels, other.pixels)


def test_neighbouring_seeds_look_different(layouts: tuple[Layout, ...]) -> None:
    for one, other in pairwise(layouts):
        assert (one.pixels != other.pixels).mean() > 0.1


def check_board(board: Board, size: tuple[int, int], bad: bool) -> None:
    assert board.pixels.shape == size
    assert not board.pixels.flags.writeable
    assert set(np.unique(board.pixels)) <= {0, 255}
    assert 1 <= len(board.truth) <= 3 if bad else board.truth == ()
    for i, true in enumerate(board.truth):
        x1, y1, x2, y2 = true.box
        assert 0 <= x1 < x2 <= size[1]
        assert 0 <= y1 < y2 <= size[0]
        for x3, y3, x4, y4 in (t.box for t in board.truth[:i]):
            assert x2 < x3 or x4 < x1 or y2 < y3 or y4 < y1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(256, 400), height=st.integers(256, 400), bad=st.booleans())
def test_boards_of_any_seed_and_size(seed: int, width: int, height: int, bad: bool) -> None:
    layout = draw_layout(seed, width, height)
    check_board(draw_board(layout, np.random.default_rng(seed), bad), (height, width), bad)


def test_many_boards_of_each_style(layouts: tuple[Layout, ...]) -> None:
    counts = []
    for layout in layouts:
        rng = np.random.default_rng(layout.seed)
        for _ in range(60):
            board = draw_board(layout, rng, bad=True)
            check_board(board, (640, 640), bad=True)
            counts.append(len(board.truth))
    assert np.mean(np.array(counts) == 1) > 0.5, "mostly one defect a board"


def test_a_good_board_stays_close_to_its_golden(layouts: tuple[Layout, ...]) -> None:
    """Edges wander by a few px and dust is far below any defect: nothing opened, nothing shorted."""
    core = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    for layout in layouts:
        golden = layout.pixels
        for seed in range(4):
            pixels = draw_board(layout, np.random.default_rng(seed), bad=False).pixels
            assert (pixels != golden).mean() < 0.1
            calm = cv2.medianBlur(pixels, 5)
            deep_copper, deep_air = cv2.dilate(golden, core) == 0, cv2.erode(golden, core) > 0
            assert not calm[deep_copper].any()
            assert calm[deep_air].all()


def test_a_board_is_drawn_in_time_for_ten_a_second(layouts: tuple[Layout, ...]) -> None:
    rng, times_ms = np.random.default_rng(0), []
    for layout in layouts:
        for _ in range(5):
            start = time.perf_counter()
            draw_board(layout, rng, bad=True)
            times_ms.append((time.perf_counter() - start) * 1e3)
    assert np.median(times_ms) < 8.0


def test_a_data_set_says_where_the_defects_are(tmp_path: Path) -> None:
    written = write_dataset(tmp_path, layouts=2, boards=3, seed=100_000, good_share=0.3, val_layouts=1, crop_px=320)
    train = sorted(p.stem for p in (tmp_path / "images/train").glob("*.png"))
    val = sorted(p.stem for p in (tmp_path / "images/val").glob("*.png"))
    assert (len(train), len(val), written.pictures) == (6, 3, 9)
    assert {name.split("_")[0] for name in train}.isdisjoint(name.split("_")[0] for name in val)
    rows = [row.split() for p in tmp_path.glob("labels/*/*.txt") for row in p.read_text().splitlines()]
    assert len(rows) == sum(written.defects) > 0
    for kind, x, y, w, h in rows:
        assert 0 <= int(kind) < len(LABELS)
        assert float(w) / 2 - 1e-5 <= float(x) <= 1 - float(w) / 2 + 1e-5
        assert float(h) / 2 - 1e-5 <= float(y) <= 1 - float(h) / 2 + 1e-5
    picture = cv2.imread(str(tmp_path / "images/train" / f"{train[0]}.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (320, 320)


def test_a_label_row_holds_middle_and_size() -> None:
    pixels = np.zeros((200, 400), np.uint8)
    assert (
        yolo_rows(Board(pixels, (TrueDefect("spur", (100, 50, 140, 90)),))) == "3 0.300000 0.350000 0.100000 0.200000\n"
    )


def test_seeds_of_recipes_are_not_trained_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="100000"):
        write_dataset(tmp_path, layouts=1, boards=1, seed=3, good_share=0.5)
