"""What one part is on its way through a lane: taken, decided, committed."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.ports import Shot
from agent.station.job import Job, Kept
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Record, Stamp, Verdict

Committed = Callable[[int, Record, Frame | None, Recipe], None]
"""(record's id, record, picture, recipe): called on the write thread once the row is durable."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A numbered picture on its way to the inspect thread."""

    frame: Frame
    shot: Shot
    job: Job
    """The recipe revision and model of the part's trigger: a part keeps them."""
    open_id: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """A part's verdict, and whose it is."""

    job: Job
    seen: Inspection
    verdict: Verdict
    own: Verdict
    """The job's own, had there been no second opinion."""
    own_ms: float
    """From grab to the answer, without what second opinions took."""
    at: Stamp
    kept: tuple[Kept, ...]
    """What second opinions want to be told once the row is durable."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The row that was opened for a part at its trigger, if the lane opens any."""

    id: int | None = None


@dataclass(frozen=True, slots=True)
class AfterCommit:
    """What follows a durable row: the page and the evidence, then whoever wants to know."""

    station: Committed
    recipe: Recipe
    kept: tuple[Kept, ...]
    """Second opinions ..."""
    told: Callable[[int], None] | None
    """... then the picture's own source."""

    def __call__(self, record_id: int, record: Record, frame: Frame | None) -> None:
        self.station(record_id, record, frame, self.recipe)
        for keep in self.kept:
            keep(record_id, record, frame)
        if self.told is not None:
            self.told(record_id)
