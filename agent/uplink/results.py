"""Live results, one message a part, where they are asked for: from committed rows, and not kept for later."""

from dataclasses import dataclass, field
from typing import Protocol

from agent.store.values import PartQuery, StoredPart
from agent.uplink.payload import StationEncoder

POLL_S = 0.2
MOST = 100
"""More new parts of a lane in one look than this: the older ones are not sent."""


class Parts(Protocol):
    """The stored parts, read only (`agent.store.read.Reader`). Raises StoreFailed."""

    def last_ids(self) -> dict[str, int]:
        """The newest judged part's id of each lane."""
        ...

    def parts(self, query: PartQuery) -> tuple[StoredPart, ...]:
        """Judged parts, the newest first."""
        ...


@dataclass(slots=True)
class Results:
    """Finds the parts that were committed since the last look. One thread uses it."""

    source: Parts
    encoder: StationEncoder
    _seen: dict[str, int] | None = None
    """Lane -> newest id; None before the first look, which only notes where things stand."""
    _poll_s: float = field(default=0.0)

    def due(self, epoch: str, now: float) -> tuple[tuple[str, bytes], ...]:
        """(topic below the prefix, payload) of the new parts, by id; `now` is monotonic, s. Raises StoreFailed."""
        if now < self._poll_s:
            return ()
        self._poll_s = now + POLL_S
        newest, seen = self.source.last_ids(), self._seen
        self._seen = newest
        if seen is None:
            return ()
        fresh: list[StoredPart] = []
        for lane, last in newest.items():
            if last > seen.get(lane, 0):
                parts = self.source.parts(PartQuery(lane=lane, limit=MOST))
                fresh += [part for part in parts if seen.get(lane, 0) < part.id <= last]
        return tuple(self.encoder.result(epoch, part) for part in sorted(fresh, key=lambda part: part.id))

    def skip(self) -> None:
        """Nobody could be told for a while: begin anew at the newest part."""
        self._seen = None
