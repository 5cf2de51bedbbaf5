"""Alarms follow from the station's state: they begin and end with it, each beginning and end an event.

A person acknowledges one: "I know, I am on it". That is an event of its own; it ends no alarm.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.status import Alarm


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason for an alarm that holds now."""

    name: str
    lane: str = ""
    detail: str = ""


class Alarms:
    """The alarms that stand now. Begun and ended by one thread (the main loop), acknowledged from any."""

    def __init__(self, event: Callable[..., None]) -> None:
        self._event = event
        self._standing: dict[tuple[str, str], Alarm] = {}
        self._changing = threading.Lock()

    @property
    def standing(self) -> tuple[Alarm, ...]:
        return tuple(self._standing.values())

    def update(self, causes: Iterable[Cause], now_utc_us: int) -> None:
        """Begin what is new, end what no longer holds."""
        holding = {(c.name, c.lane): c for c in causes}
        with self._changing:
            standing = dict(self._standing)
            for key in [k for k in standing if k not in holding]:
                ended = standing.pop(key)
                self._event("alarm_end", alarm=ended.name, lane=ended.lane)
            for key, cause in holding.items():
                known = standing.get(key)
                if known is None:
                    self._event("alarm", alarm=cause.name, lane=cause.lane, detail=cause.detail)
                    known = Alarm(name=cause.name, lane=cause.lane, since_utc_us=now_utc_us, detail=cause.detail)
                standing[key] = known.model_copy(update={"detail": cause.detail})
            # Swapped as a whole: `standing` is read by the threads that answer `status`.
            self._standing = standing

    def acknowledge(self, name: str, lane: str, since_utc_us: int, who: str, note: str, now_utc_us: int) -> bool:
        """Note who deals with it. False where it does not stand any more, or is another one than was seen."""
        with self._changing:
            known = self._standing.get((name, lane))
            if known is None or known.since_utc_us != since_utc_us:
                return False
            said = {"acknowledged_by": who, "acknowledged_note": note, "acknowledged_utc_us": now_utc_us}
            self._standing = {**self._standing, (name, lane): known.model_copy(update=said)}
        self._event("alarm_acknowledged", alarm=name, lane=lane, who=who, note=note)
        return True
