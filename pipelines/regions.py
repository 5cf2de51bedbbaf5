"""Regions of a recipe on a picture: where defects count, and where they do not."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.recipe import Recipe, Region


def holds(region: Region, x_px: float, y_px: float, width_px: int, height_px: int) -> bool:
    """Whether a point lies in a region of a picture of this size.

    A point on the outline is inside a region that is inspected and outside of one that is ignored:
    in doubt a defect counts.
    """
    outline = np.array(region.points, np.float32) * np.array((width_px, height_px), np.float32)
    side = cv2.pointPolygonTest(outline, (x_px, y_px), False)
    return side >= 0 if region.kind == "inspect" else side > 0


def place_of(recipe: Recipe, x_px: float, y_px: float, width_px: int, height_px: int) -> str | None:
    """Name of the inspected region that a point counts in; None where it does not count.

    Without inspected regions the whole picture counts, and the name is empty.
    """
    if any(holds(r, x_px, y_px, width_px, height_px) for r in _of_kind(recipe, "ignore")):
        return None
    inspected = tuple(_of_kind(recipe, "inspect"))
    if not inspected:
        return ""
    return next((r.name for r in inspected if holds(r, x_px, y_px, width_px, height_px)), None)


def inspected_box(recipe: Recipe, height_px: int, width_px: int) -> tuple[int, int, int, int] | None:
    """(x1, y1, x2, y2) px around all inspected regions, at least 3 x 3 px; None: the whole picture."""
    points = [point for region in _of_kind(recipe, "inspect") for point in region.points]
    if not points:
        return None
    x1, x2 = _span(min(x for x, _ in points), max(x for x, _ in points), width_px)
    y1, y2 = _span(min(y for _, y in points), max(y for _, y in points), height_px)
    return x1, y1, x2, y2


def _span(low: float, high: float, side_px: int) -> tuple[int, int]:
    start = max(0, min(int(low * side_px), side_px - 3))
    return start, max(min(start + 3, side_px), min(side_px, int(-(-high * side_px // 1))))


def _of_kind(recipe: Recipe, kind: str) -> Iterable[Region]:
    return (region for region in recipe.regions if region.kind == kind)


def counting_mask(recipe: Recipe, height_px: int, width_px: int) -> NDArray[np.uint8]:
    """(height, width): 255 where a defect may count, 0 where it never does."""
    inspected = tuple(_of_kind(recipe, "inspect"))
    mask = np.full((height_px, width_px), 0 if inspected else 255, np.uint8)
    _fill(mask, inspected, 255)
    _fill(mask, tuple(_of_kind(recipe, "ignore")), 0)
    return mask


def _fill(mask: NDArray[np.uint8], regions: Iterable[Region], level: int) -> None:
    size = np.array((mask.shape[1], mask.shape[0]), np.float64)
    for region in regions:
        outline = np.rint(np.array(region.points, np.float64) * size).astype(np.int32)
        cv2.fillPoly(mask, [outline], level)
