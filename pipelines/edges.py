"""The last pixels of an alignment: a reference's edges laid over a part's, by Gauss-Newton.

Lucas and Kanade's method in its inverse compositional form (Baker and Matthews, "Lucas-Kanade 20 Years
On", IJCV 2004): the derivatives are the reference's, so they are made once for all parts. A shift, a
scale, a turn, and the light's gain and offset are found together. Only edges say anything about a move,
so only edge pixels are sampled, and at the end they are weighted by how well they fit (Geman and
McClure's function), so that a defect's edges do not pull.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.light import Grey
from pipelines.similarity import Move

Floats = NDArray[np.float32]

BLUR_PX = 1.2
"""Sigma before the derivatives are taken: a step in a binarised picture becomes a slope."""
LEAST_SLOPE = 6.0
"""Grey levels per px from which a pixel is an edge."""
MOST_EDGES = 12_000
"""Edge pixels that are used, evenly picked: more make it no more accurate."""
FEWEST_EDGES = 60
"""With fewer there is nothing to align by."""
DAMPING = 1e-3
HOLD = 240.0
"""How strongly a part is drawn to where the reference lies: as by 240 edge pixels of one grey level per px, a pixel's
shift being told by the picture's corner. What a board's edges speak of is thousands of times stronger. What they do
not speak of (a stripe's shift along itself), or a few edges in one place say by chance (a turn, a scale), is not: so
the hold does not weaken with fewer edges."""
STILL_PX = 0.02
"""A step that moves the picture's corner by less is the last one."""
ROBUST_LEVELS = 60.0
"""Grey levels by which a pixel may be off before it loses its say."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where the iteration stands."""

    move: Move
    gain: float = 1.0
    offset: float = 0.0
    """The light: gain * (part - 128) + 128 + offset is as bright as the reference."""
    error: float = math.inf
    """Mean square of what is left, grey levels squared."""


def softened(grey: Grey) -> Floats:
    """A part as `Edges.settle` wants it."""
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), BLUR_PX), np.float32)


class Edges:
    """The edges of a reference at one size. Made once for it."""

    def __init__(self, reference: Grey) -> None:
        self._height, self._width = reference.shape
        self._x0, self._y0 = (self._width - 1) / 2, (self._height - 1) / 2
        radius = self._radius = math.hypot(self._x0, self._y0)
        soft = softened(reference)
        slope_x, slope_y = slopes(soft)
        rows, columns = np.nonzero(slope_x * slope_x + slope_y * slope_y >= LEAST_SLOPE**2)
        if rows.size > MOST_EDGES:
            picked = np.linspace(0, rows.size - 1, MOST_EDGES).astype(np.intp)
            rows, columns = rows[picked], columns[picked]
        self._x, self._y = (columns - self._x0).astype(np.float32), (rows - self._y0).astype(np.float32)
        self._level = soft[rows, columns]
        gx, gy = slope_x[rows, columns], slope_y[rows, columns]
        self._normal = np.stack((gx, gy)) / np.maximum(np.hypot(gx, gy), 1e-6)
        along = (gx, gy, gx * self._x + gy * self._y, gy * self._x - gx * self._y)
        self._slopes = np.stack((*along, self._level - 128, np.ones_like(gx)), axis=1).astype(np.float32)
        squares = np.array((1, 1, radius**2, radius**2, 100, 0.1))
        self._hold = HOLD * squares

    def __len__(self) -> int:
        return int(self._level.size)

    def settle(self, soft: Floats, begin: Step, steps: int, robust: bool) -> Step:
        """Steps from `begin` until it stands still, at most `steps`. `soft` is the part, `softened`."""
        now = begin
        if len(self) < FEWEST_EDGES:
            return now
        for _ in range(steps):
            now, moved_px = self._step(soft, now, robust)
            if moved_px < STILL_PX:
                break
        return now

    def off_px(self, move: Move) -> float:
        """Root mean square, over the edges and across them, of how far they lie off under a move."""
        return float(np.sqrt(np.mean(self._across(move) ** 2))) if len(self) else 0.0

    def apart_px(self, move: Move) -> float:
        """The same over the edges that tell of x and over those that tell of y, whichever is larger.

        On a board of tracks, a few fingers across these are all that tells of a shift along them. Where hardly an
        edge tells of an axis, none is believed.
        """
        tells = self._normal**2
        squares = tells @ self._across(move) ** 2 / np.maximum(tells.sum(axis=1), FEWEST_EDGES)
        return float(np.sqrt(squares.max()))

    def _across(self, move: Move) -> Floats:
        """How far each edge lies off under a move, across itself."""
        x = (move.a - 1) * self._x - move.b * self._y + move.x_px
        y = move.b * self._x + (move.a - 1) * self._y + move.y_px
        return np.asarray(x * self._normal[0] + y * self._normal[1], np.float32)

    def _step(self, soft: Floats, now: Step, robust: bool) -> tuple[Step, float]:
        move = now.move
        x = move.a * self._x - move.b * self._y + np.float32(self._x0 + move.x_px)
        y = move.b * self._x + move.a * self._y + np.float32(self._y0 + move.y_px)
        at = cv2.remap(soft, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
        error = now.gain * (at - 128) + (128 + now.offset) - self._level
        inside = (x >= 0) & (x <= soft.shape[1] - 1) & (y >= 0) & (y <= soft.shape[0] - 1)
        weight = inside.astype(np.float32)
        if robust:
            weight = weight / (1 + (error / ROBUST_LEVELS) ** 2) ** 2
        weighted = self._slopes * weight[:, None]
        square = (weighted.T @ self._slopes).astype(np.float64)
        square[np.diag_indices(6)] += DAMPING * np.diag(square) + self._hold
        far = np.array((move.x_px, move.y_px, move.a - 1, move.b, now.gain - 1, now.offset))
        pull = (weighted.T @ error).astype(np.float64) + self._hold * far
        d = np.linalg.solve(square, pull).tolist()
        after = Step(
            move.after_undoing(d[0], d[1], 1 + d[2], d[3]),
            min(max(now.gain / max(1 + d[4], 0.1), 0.4), 2.5),
            min(max(now.offset - d[5], -128.0), 128.0),
            float((weight * error * error).sum() / max(float(weight.sum()), 1.0)),
        )
        return after, abs(d[0]) + abs(d[1]) + self._radius * (abs(d[2]) + abs(d[3]))


def slopes(soft: Floats | Grey) -> tuple[Floats, Floats]:
    """Derivatives along x and y, grey levels per px (Scharr's 3 x 3)."""
    x, y = (cv2.Scharr(soft, cv2.CV_32F, dx, 1 - dx, scale=1 / 32) for dx in (1, 0))
    return np.asarray(x, np.float32), np.asarray(y, np.float32)
