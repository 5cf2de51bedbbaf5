"""Alarms follow from the station's state: they begin and end with it, each beginning and end an event."""

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
    """The alarms that stand now. Used by one thread (the main loop)."""

    def __init__(self, event: Callable[..., None]) -> None:
        self._event = event
        self._standing: dict[tuple[str, str], Alarm] = {}

    @property
    def standing(self) -> tuple[Alarm, ...]:
        return tuple(self._standing.values())

    def update(self, causes: Iterable[Cause], now_utc_us: int) -> None:
        """Begin what is new, end what no longer holds."""
        holding = {(c.name, c.lane): c for c in causes}
        standing = dict(self._standing)
        for key in [k for k in standing if k not in holding]:
            ended = standing.pop(key)
            self._event("alarm_end", alarm=ended.name, lane=ended.lane)
        for key, cause in holding.items():
            known = standing.get(key)
            if known is None:
                self._event("alarm", alarm=cause.name, lane=cause.lane, detail=cause.detail)
            since = known.since_utc_us if known else now_utc_us
            standing[key] = Alarm(name=cause.name, lane=cause.lane, since_utc_us=since, detail=cause.detail)
        # Swapped as a whole: `standing` is read by the threads that answer `status`.
        self._standing = standing
