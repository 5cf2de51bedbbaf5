"""The retained message on `alarms`: which alarms stand, for whoever comes to the broker later."""

from dataclasses import dataclass

from agent.ports import Clock
from agent.uplink.payload import StationEncoder
from agent.uplink.talk import Seen

Gist = tuple[tuple[str, str, bool], ...] | None
"""Name, lane and whether it is acknowledged, of each alarm: the rest of it (how full a disk is) is not sent."""


@dataclass(slots=True)
class Standing:
    """Says it once a connection, and when it changed. One thread uses it."""

    prefix: str
    encoder: StationEncoder
    clock: Clock
    _said: Gist = None
    _silent: bool = True
    """Nothing was said over this connection yet."""

    @property
    def topic(self) -> str:
        return f"{self.prefix}/alarms"

    def connected(self) -> None:
        """Another connection: the broker may have lost what it kept."""
        self._silent = True

    def due(self, seen: Seen | None) -> bytes | None:
        """What is to be said now; None: nothing new."""
        if seen is None:
            return None
        gist = _gist(seen)
        if gist == self._said and not self._silent:
            return None
        self._said, self._silent = gist, False
        return self.encoder.alarms(self.clock.now().utc_us // 1000, seen.alarms)


def _gist(seen: Seen) -> Gist:
    if seen.alarms is None:
        return None
    return tuple((alarm.name, alarm.lane, bool(alarm.acknowledged_by)) for alarm in seen.alarms)
