"""A job: one revision of a recipe with its model's session on one lane, ready to judge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Origin

LookAt = Callable[[Frame], Inspection]
"""What is seen on a frame; errors of the engine pass through."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What a part is judged by. Immutable: a change of recipe or model is another job."""

    recipe: Recipe
    thresholds: Mapping[str, float]
    """Score from which each of the model's labels counts: recipe's class, else recipe's, else bundle's."""
    origin: Origin
    look: LookAt
    """Used by the lane's inspect thread only."""
    prove: Callable[[], str]
    """Judges a golden picture; what was wrong, or an empty string. Same thread as `look`."""
    fallback: str
    """Why another device answers than the first of the order; empty when it is the first."""
    capacity_per_s: float
    """Pictures a second that the model alone could judge on its device, measured when it was loaded."""
