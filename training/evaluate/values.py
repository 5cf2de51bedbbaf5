"""What was seen on each picture of a data set, beside its truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.values import Detection, Outcome, Stages
from training.datasets.values import Box


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture: its truth, what the station's look found on it, and the verdict."""

    name: str
    """Of the picture, unique within the data set."""
    truth: tuple[Box, ...]
    """In the data set's order."""
    found: tuple[Detection, ...]
    """By falling score, from the evaluation's floor on; nothing where the look failed."""
    outcome: Outcome
    why: tuple[str, ...] = ()
    """Names of the rules that made it other than OK."""
    stages: Stages = field(default_factory=Stages)
    file: Path | None = None
    """None where the picture was made and not kept."""
    reference: Path | None = None
    beyond: tuple[Box, ...] = ()
    """Boxes that mostly left the picture: neither they nor what is found on them counts."""


def rows(boxes: Sequence[Box] | Sequence[Detection]) -> NDArray[np.float32]:
    """(n, 4) x1, y1, x2, y2 px."""
    return np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes], np.float32).reshape(-1, 4)
