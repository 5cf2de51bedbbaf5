"""The live pictures, as the station puts them into the runtime folder (`agent/station/live.py`)."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.web.shown import Seen
from pipelines.values import Detection, Outcome, Reason, Rule

FOLDER = "live"
MAX_BYTES = 1 << 20
HELD = 40
"""Pictures held, of all lanes: some seconds of them, a few MB."""
_PICTURE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}-[0-9]{1,19}\.jpg")
"""LANE-ID.jpg: nothing else of the runtime folder is ever handed out."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class _Read(BaseModel):
    """Unknown keys are let be: the station may be newer than the page."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class LiveReason(_Read):
    rule: Rule
    measured: Number | None = None
    limit: Number | None = None
    label: str = ""
    region: str = ""
    detection: int | None = None


class LivePart(_Read):
    """LANE.json: the committed part whose picture lies beside it."""

    id: int
    lane: str
    picture: str
    outcome: Outcome
    reasons: tuple[LiveReason, ...]
    detections: tuple[tuple[str, Number, Number, Number, Number, Number], ...]
    width: int = Field(ge=0)
    height: int = Field(ge=0)
    captured_utc_us: int

    def seen(self) -> Seen:
        return Seen(
            id=self.id,
            lane=self.lane,
            outcome=self.outcome,
            reasons=tuple(Reason(**r.model_dump()) for r in self.reasons),
            detections=tuple(Detection(*d) for d in self.detections),
            width_px=self.width,
            height_px=self.height,
            captured_utc_us=self.captured_utc_us,
            picture=f"/live/{self.picture}" if _PICTURE.fullmatch(self.picture) else "",
        )


class LiveFiles:
    """Reads the folder; a description is parsed once, when it has changed.

    The station removes a picture within half a second; here the newest ones are held a little longer,
    for a browser that shows a bad part for a second before it asks for the next one's picture.
    """

    def __init__(self, runtime: Path) -> None:
        self._folder = runtime / FOLDER
        self._known: dict[str, tuple[int, int, Seen]] = {}
        self._pictures: dict[str, bytes] = {}

    def newest(self, lane: str) -> Seen | None:
        """The part that was drawn last; None where none is, or what is there cannot be read."""
        path = self._folder / f"{lane}.json"
        try:
            stat = path.stat()
            known = self._known.get(lane)
            if known and known[:2] == (stat.st_mtime_ns, stat.st_ino):
                return known[2]
            if stat.st_size > MAX_BYTES:
                return None
            part = LivePart.model_validate_json(path.read_bytes())
            if _PICTURE.fullmatch(part.picture):
                self._hold(part.picture, (self._folder / part.picture).read_bytes())
        except (OSError, ValidationError):
            return None
        seen = part.seen()
        self._known[lane] = (stat.st_mtime_ns, stat.st_ino, seen)
        return seen

    def _hold(self, name: str, jpeg: bytes) -> None:
        self._pictures[name] = jpeg
        while len(self._pictures) > HELD:
            self._pictures.pop(next(iter(self._pictures)))

    def picture(self, name: str) -> bytes | None:
        """A held picture by its name."""
        return self._pictures.get(name)
