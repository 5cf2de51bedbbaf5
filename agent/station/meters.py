"""Figures of the last seconds, for the page and the alarms. What is kept for ever comes from the rows."""

import math
import threading
from collections import deque
from dataclasses import dataclass

LATENCIES = 1000
RATE_SPAN_S = 10.0


def percentile(ordered: list[float], q: float) -> float:
    """The q-quantile (0..1) of a sorted list by nearest rank; 0 when it is empty."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a lane judges."""

    parts_per_s: float
    latency_p50_ms: float
    latency_p99_ms: float


class Meter:
    """Latencies of the last 1,000 parts and the rate over the last 10 s. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latencies: deque[float] = deque(maxlen=LATENCIES)
        self._times: deque[int] = deque()

    def add(self, mono_ns: int, latency_ms: float) -> None:
        """One part was decided at this moment."""
        with self._lock:
            self._latencies.append(latency_ms)
            self._times.append(mono_ns)
            self._forget(mono_ns)

    def _forget(self, mono_ns: int) -> None:
        while self._times and mono_ns - self._times[0] > RATE_SPAN_S * 1e9:
            self._times.popleft()

    def pace(self, mono_ns: int) -> Pace:
        """The figures now."""
        with self._lock:
            self._forget(mono_ns)
            times, ordered = len(self._times), sorted(self._latencies)
            first = self._times[0] if times else mono_ns
        span_s = max((mono_ns - first) / 1e9, 0.1)
        # The first of n parts opens the span: n - 1 intervals lie within it.
        rate = (times - 1) / span_s if times > 1 else 0.0
        return Pace(rate, percentile(ordered, 0.5), percentile(ordered, 0.99))
