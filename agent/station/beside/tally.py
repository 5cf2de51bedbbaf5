"""Figures of a second model: how many parts it judged, and how often it said otherwise."""

import threading
from collections import deque
from dataclasses import dataclass, fields

from agent.station.beside.compare import Compared
from agent.station.meters import percentile

LATENCIES = 1000


@dataclass(frozen=True, slots=True)
class Figures:
    """Since the second model began on this lane, in this run of the station."""

    compared: int = 0
    agreed: int = 0
    rejects_more: int = 0
    """Parts that passed and that it would not have passed."""
    passes_more: int = 0
    """Parts that did not pass and that it would have passed."""
    differ: int = 0
    """Parts with another outcome, or with a defect in one of the two only."""
    errors: int = 0
    """Parts that it could not judge."""
    late: int = 0
    """Canary: parts that it made late."""
    dropped: int = 0
    """Parts that it did not judge. Canary: those of its share that were too late before it began. Shadow: with what
    it compared all parts that its lane has judged since; why is in the next three."""
    dropped_busy: int = 0
    """Shadow: a newer part came before it had taken this one."""
    dropped_away: int = 0
    """Shadow: its process was not there, still loading, or went away over this part."""
    dropped_unseen: int = 0
    """Shadow: the part had been triggered before the shadow was there, or before it had come to a new recipe or model;
    or the active model could not judge it."""
    restarts: int = 0
    """Shadow: how often its process had to be started anew."""
    pictures: int = 0
    """Of parts on which they differ, kept for that reason alone."""
    p50_ms: float = 0.0
    """It alone, a part, over its last 1,000."""
    p99_ms: float = 0.0


class Tally:
    """Counts. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = {field.name: 0 for field in fields(Figures) if field.type is int}
        self._times: deque[float] = deque(maxlen=LATENCIES)

    def count(self, name: str) -> int:
        """One more of this figure; returns how many by now."""
        with self._lock:
            self._counts[name] += 1
            return self._counts[name]

    def drop(self, cause: str) -> None:
        """One more part that it did not judge: "busy" or "away"."""
        with self._lock:
            self._counts["dropped"] += 1
            self._counts[f"dropped_{cause}"] += 1

    def judged(self, said: Compared, took_ms: float) -> None:
        """One part was judged by both."""
        with self._lock:
            self._times.append(took_ms)
            for name, more in (
                ("compared", True),
                ("agreed", not said.differs),
                ("differ", said.differs),
                ("rejects_more", said.rejects),
                ("passes_more", said.passes),
            ):
                self._counts[name] += more

    def figures(self) -> Figures:
        """As they stand."""
        with self._lock:
            times, counts = tuple(self._times), dict(self._counts)
        ordered = sorted(times)
        p50, p99 = round(percentile(ordered, 0.5), 2), round(percentile(ordered, 0.99), 2)
        return Figures(**counts, p50_ms=p50, p99_ms=p99)
