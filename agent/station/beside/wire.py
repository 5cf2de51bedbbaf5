"""What the station and a shadow's process say to each other over its stdin and stdout.

In: one line, a `Task`; then for each part one line, a `Part`, and the picture's bytes (height x width x 3,
BGR). Out: one line, a `Ready`; then one line a part, an `Answer`. JSON; whoever closes a pipe ends it.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from agent.config import EngineConfig
from pipelines.values import Detection, Outcome, Quality, Reason, Rule, Verdict

MAX_LINE_BYTES = 4 << 20
MAX_PICTURE_BYTES = 1 << 30


class _Said(BaseModel):
    # A number that is not one arrives as what it is: the rules know what to make of it.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Task(_Said):
    """Who judges, by what."""

    bundle: Path
    digest: str
    data: Path
    """The station's data folder: its cache, and the recipe's reference."""
    engine: EngineConfig
    device: str
    recipe: dict[str, Any]
    """With the candidate's model pinned."""
    height_px: int
    """Of the model's input."""
    width_px: int
    slots: int
    memory_mb: int
    """Most that its process may keep resident once it is ready."""


class Ready(_Said):
    """The shadow can judge, or why it cannot."""

    why: str = ""
    device: str = ""


class Part(_Said):
    """A part whose picture follows; its quality was measured when the active model looked at it."""

    camera: str
    sequence: int
    height_px: int
    width_px: int
    sharpness: float
    brightness: float
    saturated: float
    age_ms: float
    identical: int

    @property
    def quality(self) -> Quality:
        return Quality(self.sharpness, self.brightness, self.saturated, self.age_ms, self.identical)


class Answer(_Said):
    """What the shadow made of it."""

    outcome: Outcome
    reasons: tuple[tuple[Rule, float | None, float | None, str, str, int | None], ...]
    detections: tuple[tuple[str, float, float, float, float, float], ...]
    took_ms: float
    error: str = ""
    """Not empty: it could not judge, and why."""

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.outcome, tuple(Reason(*reason) for reason in self.reasons))

    @property
    def found(self) -> tuple[Detection, ...]:
        return tuple(Detection(*row) for row in self.detections)


def line_of(said: BaseModel) -> bytes:
    """One line."""
    return said.model_dump_json().encode() + b"\n"
