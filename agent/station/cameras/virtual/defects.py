"""The six defects of DeepPCB, drawn into a board picture so that each is what its name says.

A defect is placed by search: a site is tried, the change is drawn with ragged edges, and it
stays only if the board's copper then really is open, shorted, bitten, and so on, and if its
box is as large as real ones. Boxes have the real annotations' margin round the change.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.station.cameras.virtual import shapes

LABELS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
"""DeepPCB's names in DeepPCB's order (its types 1 to 6)."""

BOX_MARGIN_PX = 10
"""Between the changed pixels and the box, as in the real annotations."""

REAL_LONG_PX = ((32, 90), (35, 94), (27, 53), (30, 50), (29, 60), (28, 53))
REAL_SHORT_PX = ((26, 54), (24, 46), (24, 39), (25, 40), (26, 47), (24, 43))
"""5 and 95 % of a real box's longest and shortest side, a label (DeepPCB, trainval split)."""

_OPEN, _SHORT, _BITE, _SPUR, _COPPER, _PIN_HOLE = range(6)
_REACH_PX = 56
_APART_PX = 8
_TRIES = 40

Mask = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in px, the second corner outside."""


@dataclass(frozen=True, slots=True)
class TrueDefect:
    """One drawn defect: what it is and where."""

    label: str
    box: Box


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Places of a layout where a defect may be drawn, a label an array."""

    rows: tuple[NDArray[np.float32], ...]
    """In the order of LABELS, each (n, 4): x, y in px, direction in rad, room in px.

    Direction and room: across the track or gap and its width (open, short); out of the
    edge's material into the other and the depth to change (mousebite, spur); 0 and the free radius
    (copper, pin-hole)."""


def find_sites(copper: Mask, rng: np.random.Generator, each: int = 500) -> Sites:
    """Searches a golden layout, (height, width) 1 = copper, for up to `each` sites a label."""
    air: Mask = 1 - copper
    opens = _crossings(copper, None, (7, 32), rng, each)
    shorts = _crossings(air, _labels(copper), (7, 42), rng, each)
    bites, spurs = _edges(copper, 10, rng, each), _edges(air, 13, rng, each)
    coppers, pin_holes = _inside(air, 9, rng, each), _inside(copper, 6.5, rng, each)
    return Sites((opens, shorts, bites, spurs, coppers, pin_holes))


def _pick(mask: NDArray[np.bool_], rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Up to `count` pixels of a mask, (n, 2) x, y, at least 16 px inside the picture."""
    inner = np.zeros_like(mask)
    inner[16:-16, 16:-16] = mask[16:-16, 16:-16]
    flat = np.flatnonzero(inner)
    chosen = rng.choice(flat, min(count, len(flat)), replace=False) if len(flat) else flat
    return np.stack([chosen % mask.shape[1], chosen // mask.shape[1]], axis=1).astype(np.float64)


def _run(
    mask: Mask, at: NDArray[np.float64], way: NDArray[np.float64], far: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps until each ray leaves `mask` (far: it does not), and the pixels there, (n, 2)."""
    steps = np.arange(far + 1)[None, :, None]
    rays = np.rint(at[:, None] + way[:, None] * steps).astype(np.int64)
    x = rays[..., 0].clip(0, mask.shape[1] - 1)
    y = rays[..., 1].clip(0, mask.shape[0] - 1)
    outside = mask[y, x] == 0
    outside[:, -1] = True
    steps_in = outside.argmax(axis=1)
    rows = np.arange(len(at))
    return steps_in, np.stack([x[rows, steps_in], y[rows, steps_in]], axis=1)


def _crossings(
    mask: Mask, nets: NDArray[np.int32] | None, width: tuple[int, int], rng: np.random.Generator, each: int
) -> NDArray[np.float32]:
    """Where a strip of `mask` can be crossed: its narrowest way over, between two nets if given."""
    at = _pick(mask > 0, rng, each * 5)
    best = np.full((len(at), 4), np.inf, np.float32)
    for turn in np.arange(8) * np.pi / 8:
        way = np.broadcast_to(np.array([np.cos(turn), np.sin(turn)]), at.shape)
        there, end = _run(mask, at, way, width[1])
        back, start = _run(mask, at, -way, width[1])
        good = (mask[end[:, 1], end[:, 0]] == 0) & (mask[start[:, 1], start[:, 0]] == 0)
        if nets is not None:
            good &= nets[end[:, 1], end[:, 0]] != nets[start[:, 1], start[:, 0]]
        over = (there + back - 1).astype(np.float32)
        better = good & (over < best[:, 3])
        row = np.column_stack([(end + start) / 2, np.full(len(at), turn), over])
        best[better] = row[better]
    best = best[(best[:, 3] >= width[0]) & (best[:, 3] <= width[1])]
    return best[_goes_on(mask, best)][:each]


def _goes_on(mask: Mask, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether a strip runs straight on for 18 px to both sides of a crossing: no ring, no end."""
    along = rows[:, 2] + np.pi / 2
    way = np.stack([np.cos(along), np.sin(along)], axis=1).astype(np.float64)
    middle = rows[:, :2].astype(np.float64)
    return (_run(mask, middle, way, 18)[0] >= 18) & (_run(mask, middle, -way, 18)[0] >= 18)


def _edges(mask: Mask, least: int, rng: np.random.Generator, each: int) -> NDArray[np.float32]:
    """Edge pixels of `mask` with the direction into it and how deep it is there."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 3)
    at = _pick((mask > 0) & (cv2.erode(mask, np.ones((3, 3), np.uint8)) == 0), rng, each * 3)
    x, y = at.astype(np.int64).T
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1)[y, x]
    right = cv2.Sobel(soft, cv2.CV_32F, 1, 0)[y, x]
    turn = np.arctan2(down, right)
    inward = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    depth, _ = _run(mask, at, inward, 40)
    rows = np.column_stack([at, turn, depth]).astype(np.float32)
    return rows[(depth >= least) & _is_flat(mask, at, inward)][:each]


def _is_flat(mask: Mask, at: NDArray[np.float64], inward: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the edge goes on evenly for 12 px to both sides: no corner, no track's end, no small
    hole, where a dent would look like another design and not like a defect."""
    flat = np.ones(len(at), np.bool_)
    sideways = np.stack([-inward[:, 1], inward[:, 0]], axis=1)
    for side in (-12.0, 12.0):
        for depth, value in ((3.5, 1), (-3.5, 0)):
            x, y = np.rint(at + side * sideways + depth * inward).astype(np.int64).T
            flat &= mask[y.clip(0, mask.shape[0] - 1), x.clip(0, mask.shape[1] - 1)] == value
    return flat


def _inside(mask: Mask, least: float, rng: np.random.Generator, each: int) -> NDArray[np.float32]:
    """Pixels of `mask` that are at least `least` px away from its edge."""
    free = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    at = _pick(free >= least, rng, each)
    x, y = at.astype(np.int64).T
    return np.column_stack([at, np.zeros(len(at)), free[y, x]]).astype(np.float32)


def draw_defect(
    pixels: NDArray[np.uint8], sites: Sites, label: str, rng: np.random.Generator, taken: tuple[Box, ...] = ()
) -> tuple[NDArray[np.uint8], TrueDefect] | None:
    """A copy of the board, (height, width) 0 and 255, with one more defect, and its truth.

    None where no place was found that keeps clear of the `taken` boxes.
    """
    kind = LABELS.index(label)
    rows = sites.rows[kind]
    if len(rows) == 0:
        return None
    for _ in range(_TRIES):
        x, y, turn, room = (float(v) for v in rows[rng.integers(len(rows))])
        left, top = max(0, round(x) - _REACH_PX), max(0, round(y) - _REACH_PX)
        window = pixels[top : round(y) + _REACH_PX, left : round(x) + _REACH_PX]
        copper = (window < 128).astype(np.uint8)
        shape = _shape(kind, (x - left, y - top, turn, room), copper.shape, rng)
        changed = _largest(shape & (copper if kind in (_OPEN, _BITE, _PIN_HOLE) else 1 - copper))
        local = _box_of(changed)
        if local is None or not _real_size(kind, local) or not _is_what_it_says(kind, copper, changed, local):
            continue
        box = (local[0] + left, local[1] + top, local[2] + left, local[3] + top)
        if box[0] < 0 or box[1] < 0 or box[2] > pixels.shape[1] or box[3] > pixels.shape[0] or _near(box, taken):
            continue
        drawn = pixels.copy()
        part = drawn[top : top + copper.shape[0], left : left + copper.shape[1]]
        part[changed > 0] = 255 if kind in (_OPEN, _BITE, _PIN_HOLE) else 0
        return drawn, TrueDefect(label, box)
    return None


def _labels(mask: Mask) -> NDArray[np.int32]:
    """The connected pieces of a mask, numbered from 1, (height, width)."""
    return cv2.connectedComponents(mask, connectivity=8)[1].astype(np.int32)


def _grown(mask: Mask, side: int) -> Mask:
    return cv2.dilate(mask, np.ones((side, side), np.uint8)).astype(np.uint8)


def _near(box: Box, taken: tuple[Box, ...]) -> bool:
    x1, y1, x2, y2 = box[0] - _APART_PX, box[1] - _APART_PX, box[2] + _APART_PX, box[3] + _APART_PX
    return any(x1 < b[2] and b[0] < x2 and y1 < b[3] and b[1] < y2 for b in taken)


def _largest(mask: Mask) -> Mask:
    """The largest connected piece of a mask."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    if count < 2:
        return mask
    largest: Mask = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8)
    return largest


def _box_of(changed: Mask) -> Box | None:
    x, y, w, h = cv2.boundingRect(changed)
    if w == 0:
        return None
    return x - BOX_MARGIN_PX, y - BOX_MARGIN_PX, x + w + BOX_MARGIN_PX, y + h + BOX_MARGIN_PX


def _real_size(kind: int, box: Box) -> bool:
    w, h = box[2] - box[0], box[3] - box[1]
    long, short = REAL_LONG_PX[kind], REAL_SHORT_PX[kind]
    return long[0] <= max(w, h) <= long[1] and short[0] <= min(w, h) <= short[1]


def _shape(
    kind: int, site: tuple[float, float, float, float], window: tuple[int, int], rng: np.random.Generator
) -> Mask:
    """A ragged shape for one label at one site, with sizes spread as the real ones are."""
    at, turn, room = site[:2], site[2], site[3]
    if kind == _OPEN:
        return shapes.gap(window, at, turn, room, rng)
    if kind == _SHORT:
        return shapes.bridge(window, at, turn, room, rng)
    if kind == _BITE:
        return shapes.bite(window, at, turn, float(rng.uniform(6.0, max(6.5, min(17.0, 0.62 * room)))), rng)
    if kind == _SPUR:
        return shapes.spur(window, at, turn, float(rng.uniform(9.0, max(10.0, min(22.0, room - 4)))), rng)
    middle, least, most, spare = (18.0, 7.0, 21.0, 3.5) if kind == _COPPER else (15.5, 6.0, 13.0, 3.0)
    long = min(34.0, middle * float(np.exp(rng.normal(0.0, 0.33))))
    short = max(least, min(long * float(rng.uniform(0.45, 0.95)), most, 2 * (room - spare)))
    return shapes.blob(window, at, max(long, short), short, rng)


def _is_what_it_says(kind: int, copper: Mask, changed: Mask, box: Box) -> bool:
    """Whether the change makes the defect of its label, seen within its box (all window px)."""
    y, x = slice(max(0, box[1]), box[3]), slice(max(0, box[0]), box[2])
    copper, changed = np.ascontiguousarray(copper[y, x]), np.ascontiguousarray(changed[y, x])
    air: Mask = 1 - copper
    if kind == _OPEN:
        return _parts_a_net(copper, changed)
    if kind == _SHORT:
        return _joins_nets(copper, changed)
    if kind == _BITE:
        return _dents(copper, air, changed, deep=5.0, left=5)
    if kind == _SPUR:
        return _dents(air, copper, changed, deep=7.0, left=9)
    around = _grown(changed, 7)
    return cv2.countNonZero(around & (copper if kind == _COPPER else air)) == 0 and cv2.countNonZero(changed) >= 40


def _pieces(mask: Mask, least_px: int) -> int:
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return int(np.count_nonzero(stats[1:count, cv2.CC_STAT_AREA] >= least_px))


def _net_under(copper: Mask, changed: Mask) -> Mask:
    labels = _labels(copper)
    net: Mask = (labels == labels[changed > 0].max()).astype(np.uint8)
    return net


def _parts_a_net(copper: Mask, changed: Mask) -> bool:
    """An open: the net that it lies in falls into two pieces or more, none a mere splinter."""
    net = _net_under(copper, changed)
    return _pieces(net & (1 - changed), 1) == _pieces(net & (1 - changed), 45) >= 2


def _joins_nets(copper: Mask, changed: Mask) -> bool:
    """A short: it touches two pieces of copper or more, each along 4 px at least."""
    labels = _labels(copper)
    touched = labels[(_grown(changed, 3) > 0) & (copper > 0)]
    return int(np.count_nonzero(np.bincount(touched)[1:] >= 4)) >= 2 if touched.size else False


def _dents(material: Mask, other: Mask, changed: Mask, deep: float, left: int) -> bool:
    """A bite out of `material`: open to the other side, `deep` px or more, and what is left of
    the material stays one piece even with a rim of `left // 2` px more taken away."""
    if cv2.countNonZero(_grown(changed, 3) & other) < 4:
        return False
    framed = cv2.copyMakeBorder(material, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    if float(cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1][changed > 0].max()) < deep:
        return False
    rim = cv2.dilate(changed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (left, left))).astype(np.uint8)
    net = _net_under(material, changed)
    return _pieces(net & (1 - changed), 12) == 1 == _pieces(net & (1 - rim), 6)
