"""FIELD 15: what a model costs a part, against what the recipe leaves it. Pure."""

from agent.errors import OkngError
from agent.station.models.gate import Entry
from pipelines.recipe import Recipe


def takes_ms(gate: Entry, looks: int = 1) -> float:
    """What one part takes at the gate's figures, looked at in so many tiles one after the other."""
    return max(gate.p99_ms, looks * gate.p50_ms)


def must_be_in_time(gate: Entry, recipe: Recipe, share: float, part_ms: float) -> None:
    """Raises OkngError where a part takes more of the recipe's deadline than this share.

    `part_ms`: as measured by a job; without one, as the gate's figures say.
    """
    most = recipe.deadline_ms * share
    if part_ms > most:
        limit = f"{most:.0f} ms are allowed: deadline_ms {recipe.deadline_ms:.0f} x models.budget_share {share:g}"
        raise OkngError(f"model {gate.model} takes {part_ms:.0f} ms a picture on {gate.device}; {limit}")
