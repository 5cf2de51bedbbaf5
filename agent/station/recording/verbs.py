"""The verb `record`: every picture of a lane is kept for a while, or no more."""

from collections.abc import Collection, Mapping
from typing import Any

from agent.errors import ControlFailed
from agent.station.recording.recorder import Recorder
from agent.station.server import Verb
from agent.status import MOST_RECORDED_MIN


class RecordVerbs:
    """Called from the control socket's threads."""

    def __init__(self, recorder: Recorder, lanes: Collection[str]) -> None:
        self._recorder = recorder
        self._lanes = lanes

    def table(self) -> Mapping[str, Verb]:
        return {"record": self.record}

    def record(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """lane, minutes (1 to MOST_RECORDED_MIN; 0 ends it). Answers recording: its state; {} where it was ended."""
        lane, minutes = str(said["lane"]), said["minutes"]
        if lane not in self._lanes:
            raise ControlFailed(f"unknown lane {lane[:80]!r}; known: {', '.join(self._lanes)}")
        if isinstance(minutes, bool) or not isinstance(minutes, int) or not 0 <= minutes <= MOST_RECORDED_MIN:
            allowed = f"a whole number from 1 to {MOST_RECORDED_MIN} is allowed, or 0 to end it"
            raise ValueError(f"minutes {str(minutes)[:40]}: {allowed}")
        if minutes == 0:
            self._recorder.end(lane)
            return {"recording": {}}
        return {"recording": self._recorder.begin(lane, minutes).model_dump(mode="json")}
