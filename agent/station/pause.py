"""Whether a lane's pictures are judged now, and as what: a person's word, and the gate's."""

from dataclasses import dataclass
from typing import Protocol

from agent.station.job import Job
from pipelines.values import Frame


@dataclass(frozen=True, slots=True)
class Paused:
    """Whether a lane is paused, and why."""

    on: bool = False
    why: str = ""
    setting_up: bool = False
    """While it is: pictures are taken and judged for whoever sets up the camera, and count as no part of the line's."""


class Gate(Protocol):
    """Whether a lane is released, and whose picture this is. Called for every picture: quick, never raises."""

    def wants(self, job: Job) -> bool:
        """Whether pictures are judged now, as far as release goes. On the capture thread."""
        ...

    def claimed(self, frame: Frame, job: Job) -> Frame | None:
        """The frame, or the challenge part that it is; None where it is not to be judged. On the capture thread."""
        ...

    def refusal(self, job: Job, code: str) -> str:
        """Why a picture that somebody hands in is not taken; empty: it is. `code`: its part's. From any thread."""
        ...
