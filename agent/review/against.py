"""A person's boxes against the machine's: which were kept, moved, added, and which of the machine's are wrong."""

from collections.abc import Sequence

import numpy as np

from agent.review import layout
from agent.review.choose import counting
from agent.review.labels import same
from agent.store.values import ReviewBox, StoredPart
from pipelines.boxes import iou
from pipelines.values import Detection

NUDGED_IOU = 0.5
"""From this overlap on a box of the same label is the machine's, moved; below it is another one."""


def against_machine(part: StoredPart, boxes: Sequence[layout.Box]) -> tuple[ReviewBox, ...]:
    """A person's boxes, each as what it is against what the machine had found; what it found wrongly at the end."""
    left, seen = list(counting(part)), part.record.inspection
    said = []
    for label, x1, y1, x2, y2 in boxes:
        machine = _nearest((label, x1, y1, x2, y2), left)
        if machine is None:
            said.append(ReviewBox(label, x1, y1, x2, y2, "added"))
            continue
        left.remove(machine)
        found = label, machine.x1, machine.y1, machine.x2, machine.y2
        kept = same([found], [(label, x1, y1, x2, y2)], seen.width_px, seen.height_px)
        said.append(ReviewBox(label, x1, y1, x2, y2, "kept" if kept else "nudged"))
    removed = [ReviewBox(d.label, d.x1, d.y1, d.x2, d.y2, "removed") for d in left]
    return (*said, *removed)


def _nearest(box: layout.Box, found: Sequence[Detection]) -> Detection | None:
    """The detection of the box's label that overlaps it most, if it overlaps it enough to be the same thing."""
    alike = [d for d in found if d.label == box[0]]
    if not alike:
        return None
    edges = np.array([[d.x1, d.y1, d.x2, d.y2] for d in alike], np.float32)
    overlaps = iou(np.array([box[1:]], np.float32), edges)[0]
    best = int(overlaps.argmax())
    return alike[best] if overlaps[best] >= NUDGED_IOU else None
