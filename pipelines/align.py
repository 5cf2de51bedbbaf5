"""Lays a part over its reference: shift, turn and scale found, light matched, or refused.

Three steps. A part that lies as the reference does is found to do so cheaply. Otherwise every shift, turn
and scale within the bounds is tried on small copies (`pipelines.search`), the best few are settled to a
fraction of a px (`pipelines.edges`), and the best of these is compared as a whole (`pipelines.likeness`).
What does not fit is refused: another product's picture, a part beyond the bounds, one that fits as well
somewhere else, one that lies off by a pitch of the reference's own pattern.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.copies import Copies, Mask, halved, laid_over, resized_mask, shrunk
from pipelines.edges import FEWEST_EDGES, Edges, Step
from pipelines.light import Grey, Tones, grey_of
from pipelines.likeness import Contours
from pipelines.pitch import Pitches
from pipelines.recipe import Recipe, Reference
from pipelines.regions import counting_mask
from pipelines.search import Search
from pipelines.similarity import Move
from pipelines.values import Pixels, Pose
from pipelines.view import Misfit

SMALL_PX = 80
"""About the longer side of the copies that the search looks at."""
FINE_PX = 1300
"""Longer side up to which a part is settled on the picture itself; a larger one on half of it."""
STILL_PX = 0.5
"""A part whose edges lie off by less (root mean square) lies still: it is not resampled."""
GUESSES = 5
SETTLED = 2
"""Guesses that are settled to the end."""
STEPS = 6
SURE_FIT = 0.75
"""A part that fits so well where it was first looked for is not looked for elsewhere."""
SURE_DIFFERING = 0.012
"""And differs over so little."""
DIFFERING_LEVELS = 64
EDGE_PX = 1
"""An edge may lie off by so much, without and beyond the rest, before it counts towards `max_differing`."""
PURE_PX = 4.0
"""A move is a shift and nothing else when its turn and scale move the picture's corner by less."""
LEAST_PITCH_PX = 4.0
"""Two places whose edges lie less far apart are one place, settled better and worse: no pattern is so fine. A part
that is stretched along one axis (a line scan's, by its transport) has several such."""
MARGIN = 0.05
"""By so much the best place fits better than any other."""


@dataclass(frozen=True, slots=True, eq=False)
class Aligned:
    """A part laid over its reference."""

    grey: Grey
    """The part in the reference's frame and light; the reference itself where the part does not reach."""
    difference: Grey
    """|part - reference|."""
    pose: Pose
    fit: float
    """0..1, see `pipelines.likeness`."""
    cover: float
    """Share of the area that counts which the part shows."""


@dataclass(frozen=True, slots=True, eq=False)
class _Laid:
    """A part under one move."""

    move: Move
    grey: Grey
    covered: Mask | None
    """None: everywhere."""
    difference: Grey
    fit: float
    differing: float
    """Share of the area that counts where the part differs, edges that lie off by a little left out."""


class Aligner:
    """Aligns parts to one reference. Made once for it; a call leaves nothing behind.

    `reference` is grey, (height, width). `counts` is 255 where the fit and the cover count, None:
    everywhere. Raises ValueError where the bounds leave too little of the reference to compare.
    """

    def __init__(self, reference: Grey, bounds: Reference, counts: Mask | None = None) -> None:
        self.reference, self._bounds = reference, bounds
        self._counts = np.full(reference.shape, 255, np.uint8) if counts is None else counts
        small = max(0, round(math.log2(max(reference.shape) / SMALL_PX)))
        copies = halved(reference, small)
        self._fine = next((i for i, copy in enumerate(copies) if max(copy.shape) <= FINE_PX), small)
        self._whole = min(self._fine + 1, small)
        self._small = small
        self._edges = {level: Edges(copies[level]) for level in range(self._fine, small + 1)}
        self._tones = Tones(reference)
        brush = np.ones((2 * EDGE_PX + 1, 2 * EDGE_PX + 1), np.uint8)
        self._darkest, self._brightest = cv2.erode(reference, brush), cv2.dilate(reference, brush)
        self._contours = Contours(copies[self._whole], resized_mask(self._counts, copies[self._whole]))
        shift = bounds.max_shift_px / 2**small
        try:
            self._search = Search(copies[small], shift, bounds.max_rotation_deg, bounds.max_scale)
        except ValueError as error:
            height, width = reference.shape
            what = f"max_shift_px {bounds.max_shift_px:g} is too far for a reference of {width} x {height} px"
            raise ValueError(what) from error
        self._pitches = Pitches(copies[self._whole], bounds.max_shift_px / 2**self._whole)

    def __call__(self, part: Grey) -> Aligned | Misfit:
        """Lay a part of the reference's size over it, or say why it does not fit."""
        copies = Copies(part, self._small + 1)
        found = self._beside(copies)
        others: Sequence[_Laid] = ()
        if not self._sure(found) and len(self._edges[self._fine]) >= FEWEST_EDGES:
            places = (self._laid(copies, Move()), found, *self._anywhere(copies))
            found, *others = sorted(places, key=self._better)
        misfit = self._misfit(found, others, copies)
        if misfit is not None:
            return misfit
        return self._aligned(found)

    def _beside(self, copies: Copies) -> _Laid:
        """The part where it lies, but for a few px; just where it lies when it fits no worse there.

        What a defect's edges pull at is no move: nothing is resampled for it.
        """
        begin = self._settled(copies, Step(Move()), self._whole, robust=False)
        beside = self._laid(copies, self._finer(copies, begin, self._whole).move)
        if beside.covered is None or self._off_px(beside.move) > LEAST_PITCH_PX:
            return beside
        return min(self._laid(copies, Move()), beside, key=self._better)

    def _anywhere(self, copies: Copies) -> list[_Laid]:
        """The part at the best places within the bounds."""
        small, middle = self._small, max(self._small - 1, self._whole)
        steps = []
        for guess in self._search.best(copies.grey(small), GUESSES):
            step = self._settled(copies, Step(guess.move), small, robust=False)
            for level in range(small - 1, middle - 1, -1):
                step = self._settled(copies, _up(step), level, robust=False)
            steps.append(step)
        steps.sort(key=lambda step: step.error)
        return [self._laid(copies, self._finer(copies, step, middle).move) for step in steps[:SETTLED]]

    def _finer(self, copies: Copies, step: Step, level: int) -> Step:
        """From a level's px to the picture's own."""
        for finer in range(level - 1, self._fine - 1, -1):
            step = self._settled(copies, _up(step), finer, robust=True)
        return Step(step.move.resized(2.0**self._fine), step.gain, step.offset, step.error)

    def _settled(self, copies: Copies, step: Step, level: int, robust: bool) -> Step:
        return self._edges[level].settle(copies.soft(level), step, STEPS, robust)

    def _laid(self, copies: Copies, move: Move) -> _Laid:
        if self._off_px(move) < STILL_PX:
            move = Move()
        grey, covered = laid_over(copies.grey(0), move)
        grey = self._tones.light(grey, covered).matched(grey)
        like = shrunk(grey, self._whole)
        fit = self._contours.compare(like, None if covered is None else resized_mask(covered, like)).fit
        if covered is not None:
            grey = np.where(covered > 0, grey, self.reference)
        difference = np.asarray(cv2.absdiff(grey, self.reference), np.uint8)
        return _Laid(move, grey, covered, difference, fit, self._differing(difference))

    def _off_px(self, move: Move) -> float:
        """How far the reference's edges lie off under a move, root mean square, px of the picture."""
        return self._edges[self._fine].off_px(move.resized(0.5**self._fine)) * 2.0**self._fine

    def _apart_px(self, one: Move, other: Move) -> float:
        """How far the reference's edges lie apart under two moves, px of the picture."""
        left = _from(one, other).resized(0.5**self._fine)
        return self._edges[self._fine].apart_px(left) * 2.0**self._fine

    def _sure(self, laid: _Laid) -> bool:
        """Whether the part need not be looked for elsewhere: it fits better than a pitch off could."""
        fits = laid.fit >= max(SURE_FIT, (1 + self._pitches.likeness) / 2)
        return fits and laid.differing <= SURE_DIFFERING and self._beyond(laid.move) is None

    def _misfit(self, found: _Laid, others: Sequence[_Laid], copies: Copies) -> Misfit | None:
        bounds, move = self._bounds, found.move
        if found.fit < bounds.min_fit:
            return Misfit(f"fits by {found.fit:.2f}: another product, or not the whole part", found.fit, bounds.min_fit)
        if (beyond := self._beyond(move)) is not None:
            return beyond
        # A pitch off, a part fits nearly as well as its reference fits itself there: that much less is enough.
        margin = min(MARGIN, (1 - self._pitches.likeness) / 2)
        for other in others:
            if self._apart_px(found.move, other.move) > LEAST_PITCH_PX and other.fit > found.fit - margin:
                why = f"fits by {found.fit:.2f} here and by {other.fit:.2f} at {_named(other.move)}"
                return Misfit(why, found.fit - other.fit, margin)
        if self._is_a_pitch(move, copies.grey(self._whole)):
            shift = math.hypot(move.x_px, move.y_px)
            return Misfit(f"lies at {_named(move)}: a pitch of the reference's own pattern", shift, 0.0)
        if (cover := self._cover(found)) < bounds.min_cover:
            return Misfit(f"shows {cover:.2f} of the inspected area", cover, bounds.min_cover)
        if found.differing > bounds.max_differing and (left := self._beside_edges(found)) > bounds.max_differing:
            return Misfit(f"differs over {left:.3f} of the inspected area", left, bounds.max_differing)
        return None

    def _is_a_pitch(self, move: Move, part: Grey) -> bool:
        """Whether a part, as it is and small, is shifted by a pitch and nothing else.

        So lies a picture that was taken, or a reference that was cut out, a period off; a part that happens
        to lie as far is turned or scaled a little as well.
        """
        size = 2.0**self._whole
        else_px = math.hypot(*self.reference.shape) / 2 * (abs(move.a - 1) + abs(move.b))
        if else_px > PURE_PX or math.hypot(move.x_px, move.y_px) < LEAST_PITCH_PX:
            return False
        shift = (move.x_px / size, move.y_px / size)
        # What the part shows may repeat where the reference is cut off, and the other way round.
        return shift in self._pitches or shift in Pitches(part, max(map(abs, shift)) + 2)

    def _beyond(self, move: Move) -> Misfit | None:
        bounds = self._bounds
        checks = (
            ("is shifted by {:.1f} px", max(abs(move.x_px), abs(move.y_px)), bounds.max_shift_px),
            ("is turned by {:.2f} degrees", abs(move.turn_deg), bounds.max_rotation_deg),
            ("is larger or smaller by {:.4f}", abs(move.scale - 1), bounds.max_scale),
        )
        for text, measured, limit in checks:
            if measured > limit:
                return Misfit(f"{text.format(measured)}, allowed {limit:g}", measured, limit)
        return None

    def _better(self, laid: _Laid) -> tuple[bool, float]:
        """Sorts the best place first. Where a pattern fits as well elsewhere, it is the one that shows most."""
        return self._beyond(laid.move) is not None, -laid.fit * self._cover(laid)

    def _cover(self, laid: _Laid) -> float:
        if laid.covered is None:
            return 1.0
        counts = cv2.countNonZero(self._counts)
        return cv2.countNonZero(cv2.bitwise_and(laid.covered, self._counts)) / counts if counts else 1.0

    def _differing(self, difference: Grey) -> float:
        mask = cv2.threshold(difference, DIFFERING_LEVELS, 255, cv2.THRESH_BINARY)[1]
        mask = cv2.bitwise_and(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), self._counts)
        return cv2.countNonZero(mask) / max(cv2.countNonZero(self._counts), 1)

    def _beside_edges(self, laid: _Laid) -> float:
        """The share that differs from all of the reference within `EDGE_PX`; at most `differing`.

        On a board of fine tracks that is stretched along one axis every edge lies a pixel or two off, which is much
        of the area and nothing that another product's picture would show alone.
        """
        above, below = cv2.subtract(laid.grey, self._brightest), cv2.subtract(self._darkest, laid.grey)
        return self._differing(np.asarray(cv2.max(above, below), np.uint8))

    def _aligned(self, laid: _Laid) -> Aligned:
        pose = laid.move.pose(*self.reference.shape)
        return Aligned(laid.grey, laid.difference, pose, laid.fit, self._cover(laid))


def aligner_of(recipe: Recipe, reference: Pixels) -> Aligner:
    """The aligner of a recipe with a reference. Raises ValueError, see `Aligner`."""
    if recipe.reference is None:
        raise ValueError(f"recipe {recipe.name} has no reference")
    grey = grey_of(reference)
    return Aligner(grey, recipe.reference, counting_mask(recipe, *grey.shape))


def _up(step: Step) -> Step:
    return Step(step.move.resized(2.0), step.gain, step.offset, step.error)


def _from(one: Move, other: Move) -> Move:
    """The move that is left between two."""
    return Move(
        one.x_px - other.x_px,
        one.y_px - other.y_px,
        1 + one.a - other.a,
        one.b - other.b,
    )


def _named(move: Move) -> str:
    return f"({move.x_px:.1f}, {move.y_px:.1f}) px, {move.turn_deg:.2f} degrees, scale {move.scale:.3f}"
