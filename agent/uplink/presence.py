"""What stands on `status`: that this station is there, and whether somebody else says so in its name."""

import secrets
from dataclasses import dataclass, field

from agent.clock import boot_id
from agent.ports import Clock
from agent.uplink.payload import PayloadRefused, StationEncoder, StatusMessage, decode
from agent.version import __version__

REMEMBERED_MS = 600_000
"""A second client is reported for so long after it was last noticed, ms."""


@dataclass(slots=True)
class Presence:
    """One process's birth, farewell and last will. One thread uses it.

    A broker throws a client out when another one comes with its id, and few say why (mosquitto 2.0.11
    does not). So each status carries the instance that made it, and the uplink listens to its own
    topic: a status that another instance made later than our first birth is a second client's.
    """

    prefix: str
    encoder: StationEncoder
    clock: Clock
    instance: str = field(default_factory=lambda: secrets.token_hex(8))
    _born_ms: int = 0
    _double_ms: int = 0

    @property
    def topic(self) -> str:
        return f"{self.prefix}/status"

    def birth(self) -> bytes:
        """Made once a connection."""
        self._born_ms = self._born_ms or self._now_ms()
        return self._status(online=True, why="")

    def farewell(self) -> bytes:
        return self._status(online=False, why="stopped")

    def will(self) -> tuple[str, bytes]:
        """Topic and payload of the last will, made anew for each connection."""
        return self.topic, self._status(online=False, why="lost")

    def heard(self, payload: bytes) -> bool:
        """Somebody's status came; True when a second client speaks as this station."""
        try:
            said = decode(StatusMessage, payload)
        except PayloadRefused:
            return False
        # Older ones are of an earlier process of ours, retained, or come back with the broker's old store.
        if said.instance == self.instance or not self._born_ms or said.ts <= self._born_ms:
            return False
        self._double_ms = self._now_ms()
        return True

    def double(self) -> bool:
        """Whether a second client was noticed lately."""
        return bool(self._double_ms) and self._now_ms() - self._double_ms < REMEMBERED_MS

    def _status(self, online: bool, why: str) -> bytes:
        return self.encoder.status(online, self._now_ms(), __version__, boot_id(), self.instance, why)

    def _now_ms(self) -> int:
        return self.clock.now().utc_us // 1000
