"""Who looks at which part just now: in memory only, a courtesy and no lock."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

HELD_S = 75.0
"""So long a part is somebody's after the page last said so; it says so every 25 s."""
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Seat:
    """A browser that somebody sits at: two persons may have one name, and one person two browsers."""

    id: str
    name: str


class Claims:
    """Any thread may ask."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._held: dict[int, tuple[Seat, float]] = {}

    def take(self, part: int, seat: Seat) -> Seat | None:
        """Sit down before a part; who sits there already, if it is another one."""
        now = self._monotonic()
        with self._lock:
            other = self._other(part, seat, now)
            if other is None:
                self._held = {n: held for n, held in self._held.items() if held[0] != seat and held[1] > now}
                if len(self._held) < MOST:
                    self._held[part] = (seat, now + HELD_S)
            return other

    def others(self, seat: Seat) -> frozenset[int]:
        """The parts that others sit before."""
        now = self._monotonic()
        with self._lock:
            return frozenset(n for n, (by, until) in self._held.items() if by.id != seat.id and until > now)

    def leave(self, seat: Seat) -> None:
        with self._lock:
            self._held = {n: held for n, held in self._held.items() if held[0] != seat}

    def _other(self, part: int, seat: Seat, now: float) -> Seat | None:
        held = self._held.get(part)
        return held[0] if held is not None and held[0].id != seat.id and held[1] > now else None
