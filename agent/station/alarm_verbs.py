"""The verb `acknowledge`: a person says of an alarm that they are dealing with it."""

from collections.abc import Callable, Mapping
from typing import Any

from agent.errors import OkngError
from agent.station.alarms import Alarms
from agent.station.server import Verb

MOST_NAME, MOST_NOTE = 100, 500


class AcknowledgementRefused(OkngError):
    """An acknowledgement that cannot be taken; says why."""


class AlarmVerbs:
    """Called from the control socket's threads."""

    def __init__(self, alarms: Alarms, now_utc_us: Callable[[], int], changed: Callable[[], None]) -> None:
        """`changed` is called after each acknowledgement that was taken."""
        self._alarms = alarms
        self._now_utc_us = now_utc_us
        self._changed = changed

    def table(self) -> Mapping[str, Verb]:
        return {"acknowledge": self.acknowledge}

    def acknowledge(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """alarm, lane, since_utc_us as the status gave them; who, note. Answers acknowledged: its name."""
        alarm, lane, since = str(said["alarm"]), str(said.get("lane", "")), said["since_utc_us"]
        who, note = str(said["who"]).strip(), str(said.get("note", "")).strip()
        if isinstance(since, bool) or not isinstance(since, int):
            raise AcknowledgementRefused(f"since_utc_us {str(since)[:40]}: a whole number is allowed")
        if not 0 < len(who) <= MOST_NAME:
            raise AcknowledgementRefused(f"who: {len(who)} characters, 1 to {MOST_NAME} are allowed")
        if len(note) > MOST_NOTE:
            raise AcknowledgementRefused(f"note: {len(note)} characters, at most {MOST_NOTE} are allowed")
        if not self._alarms.acknowledge(alarm, lane, since, who, note, self._now_utc_us()):
            raise AcknowledgementRefused(f"alarm {alarm[:60]!r} does not stand any more")
        self._changed()
        return {"acknowledged": alarm}
