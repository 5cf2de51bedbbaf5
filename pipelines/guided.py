"""The reference-guided look: a detector that sees the part, its golden picture and what differs.

The part is aligned to the reference and its light matched (`pipelines.align`); grey part, grey reference
and their absolute difference are the three channels of an ordinary YOLO. The idea of giving a network
the defect-free template beside the part is that of Tang et al., "Online PCB Defect Detector On A New PCB
Defect Dataset" (arXiv:1902.06197), which compares features; here the picture's own channels carry it.
"""

import numpy as np

from pipelines.align import Aligner
from pipelines.light import grey_of
from pipelines.values import Pixels
from pipelines.view import Misfit, Viewed

PART, REFERENCE, DIFFERENCE = 2, 1, 0
"""Places in a BGR buffer: the engine turns it into RGB, so that the network's channels are part, reference
and difference in this order."""


class Guide:
    """Makes of a frame what a reference-guided model sees. Keeps its buffer, so it belongs to one thread."""

    def __init__(self, aligner: Aligner) -> None:
        self._aligner = aligner
        self._seen = np.zeros((*aligner.reference.shape, 3), np.uint8)
        self._seen[:, :, REFERENCE] = aligner.reference

    def __call__(self, pixels: Pixels, /) -> Viewed | Misfit:
        """(height, width, 3) BGR of the reference's size; valid until the next call."""
        aligned = self._aligner(grey_of(pixels))
        if isinstance(aligned, Misfit):
            return aligned
        self._seen[:, :, PART] = aligned.grey
        self._seen[:, :, DIFFERENCE] = aligned.difference
        return Viewed(self._seen, aligned.pose)
