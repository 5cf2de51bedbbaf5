"""A large picture cut into overlapping tiles, and what was found on them merged without doubles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.boxes import Boxes, area, intersection
from pipelines.recipe import Tiling
from pipelines.yolo import Found

TOUCH_SHARE = 1 / 128
"""A box that comes this close to a tile's inner edge (share of its side) may go on beyond it: it counts as cut."""
MAX_BOXES = 2000
"""Boxes that enter a merge, the best of all tiles: a bound of time and memory."""
SAME_SHARE = 0.5
"""Two boxes are one thing when they share this much of the smaller one, where both tiles look."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A rectangle of the picture, px."""

    x_px: int
    y_px: int
    width_px: int
    height_px: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        return (self.x_px, self.y_px, self.x_px + self.width_px, self.y_px + self.height_px)


def cut(height_px: int, width_px: int, tiling: Tiling) -> tuple[Tile, ...]:
    """Tiles of one size that cover the picture, row by row; the last ones are flush with its edges.

    A side shorter than the tiling's size makes the tile shorter on that side.
    """
    height, width = min(tiling.size_px, height_px), min(tiling.size_px, width_px)
    step = tiling.size_px - tiling.overlap_px
    rows, columns = _starts(height_px, height, step), _starts(width_px, width, step)
    return tuple(Tile(x, y, width, height) for y in rows for x in columns)


def _starts(side_px: int, tile_px: int, step_px: int) -> tuple[int, ...]:
    last = side_px - tile_px
    return (*range(0, last, step_px), last)


def merge(tiles: tuple[Tile, ...], found: tuple[Found, ...], picture: tuple[int, int], overlap: float) -> Found:
    """One answer out of the tiles' answers (boxes in px of the picture), by falling score.

    A defect in the overlap of two tiles is seen by both. Where both see it whole, the two boxes are
    one when their IoU is above `overlap`, as everywhere. Where a tile's edge cuts it, IoU fails: the
    fragment is small beside the whole. So a cut box is compared inside the area that both tiles see,
    by intersection over the smaller one; the whole box then stands for both, and cut boxes alone (a
    defect larger than the overlap) make one box around all of them. The best score is kept. A
    fragment that nobody else sees stays: nothing found is lost. A tile tells its own boxes apart, so
    two boxes of one tile are never one, but for fragments of what another tile sees whole.

    A whole box also takes a fragment of another class with it (half a defect looks like another
    one), but only with a score at least as high as the fragment's.
    """
    pool = _pool(tiles, found, picture)
    return _answer(pool, _groups(pool, _same(pool, overlap)))


@dataclass(frozen=True, slots=True, eq=False)
class _Pool:
    """The boxes of all tiles in one place."""

    boxes: Boxes
    scores: NDArray[np.float32]
    classes: NDArray[np.intp]
    tile: NDArray[np.intp]
    """(n,) index of the tile that gave the box."""
    edges: Boxes
    """(n, 4) the tile of each box."""
    is_cut: NDArray[np.bool_]
    """(n,) whether the box touches an edge of its tile that is not the picture's."""


def _pool(tiles: tuple[Tile, ...], found: tuple[Found, ...], picture: tuple[int, int]) -> _Pool:
    scores = np.concatenate([f.scores for f in found])
    best = np.sort(np.argsort(-scores, kind="stable")[:MAX_BOXES])
    boxes = np.concatenate([f.boxes for f in found])[best]
    tile = np.repeat(np.arange(len(tiles)), [len(f.scores) for f in found])[best]
    edges = np.array([t.box for t in tiles], np.float32)[tile]
    inner = np.stack((edges[:, 0] > 0, edges[:, 1] > 0, edges[:, 2] < picture[1], edges[:, 3] < picture[0]), axis=1)
    touches = np.abs(boxes - edges) <= TOUCH_SHARE * max(tiles[0].width_px, tiles[0].height_px)
    classes = np.concatenate([f.classes for f in found])[best]
    is_cut = np.asarray((touches & inner).any(axis=1), np.bool_)
    return _Pool(boxes, scores[best], classes, tile, edges, is_cut)


def _same(pool: _Pool, overlap: float) -> NDArray[np.bool_]:
    """(n, n) whether box j joins box i: seen by another tile, and the same thing. See `merge`."""
    shared, areas = intersection(pool.boxes, pool.boxes), area(pool.boxes)
    both_whole = shared > overlap * (areas[:, None] + areas[None, :] - shared)
    seen = intersection(pool.boxes, pool.edges)  # px² of box i inside the tile of box j
    either_cut = shared > SAME_SHARE * np.minimum(seen, seen.T)
    alike = pool.classes[:, None] == pool.classes[None, :]
    cut = pool.is_cut
    takes = ~cut[:, None] & cut[None, :] & (pool.scores[:, None] >= pool.scores[None, :])
    same = np.where(cut[:, None] | cut[None, :], either_cut & (alike | takes), both_whole & alike)
    return np.asarray(same & (pool.tile[:, None] != pool.tile[None, :]), np.bool_)


def _groups(pool: _Pool, same: NDArray[np.bool_]) -> list[list[int]]:
    """Indices of the boxes that are one thing. The first of a group is its best whole box, if it has one."""
    groups: list[list[int]] = []
    group_of = np.full(len(pool.scores), -1)
    for i in map(int, np.lexsort((-pool.scores, pool.is_cut))):
        near = sorted({int(g) for g in group_of[same[:, i]] if g >= 0})
        near = [g for g in near if _may_join(pool, groups[g], i)]
        if not near:
            near = [len(groups)]
            groups.append([])
        groups[near[0]].append(i)
        # One more fragment can be the bridge between fragments of one large thing.
        for other in near[1:]:
            if pool.is_cut[groups[near[0]][0]] and _apart(pool, groups[near[0]], groups[other]):
                groups[near[0]] += groups[other]
                groups[other] = []
        group_of[groups[near[0]]] = near[0]
    return [group for group in groups if group]


def _may_join(pool: _Pool, group: list[int], i: int) -> bool:
    if pool.is_cut[i] and not pool.is_cut[group[0]]:
        return bool(pool.tile[i] != pool.tile[group[0]])
    return _apart(pool, group, [i])


def _apart(pool: _Pool, a: list[int], b: list[int]) -> bool:
    """Whether no tile gave boxes to both groups."""
    return not set(pool.tile[a].tolist()) & set(pool.tile[b].tolist())


def _answer(pool: _Pool, groups: list[list[int]]) -> Found:
    boxes, scores = np.empty((len(groups), 4), np.float32), np.empty(len(groups), np.float32)
    for row, group in enumerate(groups):
        first, members = group[0], pool.boxes[group]
        around = np.concatenate((members[:, :2].min(axis=0), members[:, 2:].max(axis=0)))
        boxes[row] = around if pool.is_cut[first] else pool.boxes[first]
        scores[row] = max(pool.scores[i] for i in group if pool.classes[i] == pool.classes[first])
    classes = pool.classes[[group[0] for group in groups]].astype(np.intp)
    order = np.argsort(-scores, kind="stable")
    return Found(boxes[order], scores[order], classes[order])
