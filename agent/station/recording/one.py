"""One recording of a lane, as it stands."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.station.recording.place import Place
from agent.status import RecordingStatus
from pipelines.values import Stamp

Why = Literal["time", "stopped", "room", "station"]


@dataclass(slots=True, eq=False)
class Recording:
    """One of a lane, running or the last one. Changed by the recorder's thread, but for `dropped` and `asked_off`."""

    lane: str
    name: str
    begun: Stamp
    for_s: float
    place: Place | None = None
    ready: threading.Event = field(default_factory=threading.Event)
    asked_off: bool = False
    kept: int = 0
    bytes: int = 0
    dropped: int = 0
    trouble: str = ""
    retry_ns: int = 0
    ended: Why | Literal[""] = ""
    ended_utc_us: int = 0

    def status(self, root: Path) -> RecordingStatus:
        return RecordingStatus(
            lane=self.lane,
            folder=str(root / self.name),
            running=not self.ended,
            begun_utc_us=self.begun.utc_us,
            until_utc_us=self.begun.utc_us + round(self.for_s * 1e6),
            kept=self.kept,
            bytes=self.bytes,
            dropped=self.dropped,
            trouble=self.trouble,
            ended=self.ended,
            ended_utc_us=self.ended_utc_us,
        )
