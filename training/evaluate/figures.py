"""What an evaluation is asked for and what it gives: all of `Evaluation` goes into the JSON file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.recipe import Recipe
from training.evaluate.authors import AuthorsScore
from training.evaluate.calls import Against, Curve
from training.evaluate.chances import Share
from training.evaluate.coco import Precision
from training.evaluate.cost import Cost, Machine
from training.evaluate.defects import ClassFigures, Defects
from training.evaluate.parts import Parts
from training.evaluate.values import Seen
from training.evaluate.wrong import WrongReference

SCHEMA = "okng.evaluation/1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure, and how."""

    split: str = "test"
    precision: str = ""
    """int8, f16, f32; empty: the bundle's own graph, as a station runs it."""
    device: str = "CPU"
    threads: int = 0
    """CPU threads for inference, 0: the device's own choice."""
    limit: int = 0
    """Pictures, evenly out of the split; 0: all."""
    one_defect: bool = False
    perturb: bool = False
    wrong_reference: bool = False
    against_difference: bool = False
    seed: int = 1
    recipe: Recipe | None = None
    """Whose thresholds, regions and gates judge; none: the bundle's thresholds and no gates."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Box by box."""

    pictures: int
    defects: int
    precision: Precision
    authors: AuthorsScore
    classes: Mapping[str, ClassFigures]
    named: Mapping[str, Mapping[str, int]]
    """Truth -> what it was called -> how often; "" is nothing."""


@dataclass(frozen=True, slots=True)
class Perturbed:
    """Under shift, rotation, scale and light; what was lost is in points of 100."""

    limits: str
    seed: int
    precision: Precision
    lost_map50: float | None
    lost_map50_95: float | None
    outcomes: Mapping[str, Share]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured."""

    schema: str
    utc: str
    bundle: Mapping[str, Any]
    """id, digest, pipeline, precision, thresholds, bytes."""
    dataset: Mapping[str, Any]
    """folder, kind, split, pictures, groups, licence."""
    machine: Machine
    detection: Detection | None
    """None where no picture of the split has boxes."""
    parts: Parts
    """The split's own pictures, and the references as good parts."""
    repaired: Parts | None
    """The same bad parts; as good ones those with the reference pasted over every defect."""
    one_defect: Parts | None
    perturbed: Perturbed | None
    wrong_reference: WrongReference | None
    against: tuple[Against, ...]
    """The bare difference, and the aligned one of okng's own pipeline."""
    cost: Cost


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """An evaluation with what its page shows besides."""

    figures: Evaluation
    defects: Defects
    curve: Curve
    escapes: tuple[Seen, ...] = ()
    overkills: tuple[Seen, ...] = ()
