"""What may be said about how a data set is to be read."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Each belongs to one kind and has no meaning for the others."""

    file: Path | None = None
    """YOLO, COCO: the data.yaml or the JSON file, where it was named; none: it is looked for."""
    voc_first_px: int | None = None
    """VOC: number of the first pixel, 0 or 1; none: 1 as the Pascal VOC has it, 0 where a box begins at 0."""
    mask_least_px: int = 4
    """Masks: connected pieces of fewer pixels are specks and no defects."""
