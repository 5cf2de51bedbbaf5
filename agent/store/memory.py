"""A store that keeps everything in memory: for trials of what uses a store, and gone with the process."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Literal

from agent.ports import Clock, OnCommit
from agent.store.values import PartQuery, StoredEvent, StoredPart
from pipelines.values import Frame, Record


class MemoryStore:
    """Implements `agent.ports.Store`, and shows what it holds as `agent.store.read.Reader` does.

    What is added is "durable" at once: `on_commit` is called on the caller's thread before `add` returns.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._parts: dict[int, StoredPart] = {}
        self._events: list[StoredEvent] = []
        self._last_id = 0

    def open_part(self, record: Record) -> int:
        """See `agent.ports.Store`."""
        with self._lock:
            return self._new(record, "open").id

    def add(self, record: Record, frame: Frame | None, on_commit: OnCommit | None = None) -> None:
        """See `agent.ports.Store`."""
        with self._lock:
            if record.open_id is None:
                part = self._new(record, "judged")
            else:
                opened = self._parts.get(record.open_id)
                if opened is None or opened.state != "open":
                    self._happen("close_refused", id=record.open_id, lane=record.origin.lane)
                    return
                part = StoredPart(opened.id, replace(record, open_id=None), "judged", None)
                self._parts[part.id] = part
        if on_commit is not None:
            on_commit(part.id, record, frame)

    def event(self, name: str, **detail: str | int | float) -> None:
        """See `agent.ports.Store`."""
        with self._lock:
            self._happen(name, **detail)

    def _new(self, record: Record, state: Literal["open", "judged"]) -> StoredPart:
        self._last_id += 1
        part = self._parts[self._last_id] = StoredPart(self._last_id, record, state, None)
        return part

    def _happen(self, name: str, **detail: str | int | float) -> None:
        self._events.append(StoredEvent(len(self._events) + 1, self._clock.now().utc_us, name, detail))

    def parts(self, query: PartQuery) -> tuple[StoredPart, ...]:
        """Judged parts, the newest first."""
        with self._lock:
            found = [p for _, p in sorted(self._parts.items(), reverse=True) if _matches(query, p)]
        return tuple(found[: query.limit])

    def part(self, part_id: int) -> StoredPart | None:
        """One part, open or judged."""
        with self._lock:
            return self._parts.get(part_id)

    def events(self, limit: int, before: int | None = None) -> tuple[StoredEvent, ...]:
        """Events, the newest first; `before`: only ids below it."""
        with self._lock:
            return tuple(e for e in reversed(self._events) if before is None or e.id < before)[:limit]


_CONDITIONS: tuple[Callable[[PartQuery, StoredPart], bool], ...] = (
    lambda _, p: p.state == "judged",
    lambda q, p: q.lane in ("", p.record.origin.lane),
    lambda q, p: q.outcome in (None, p.record.verdict.outcome),
    lambda q, p: not q.label or any(r.label == q.label for r in p.record.verdict.reasons),
    lambda q, p: q.part_id in ("", p.record.part_id),
    lambda q, p: q.purpose in ("", p.record.purpose),
    lambda q, p: q.since_utc_us is None or p.record.captured.utc_us >= q.since_utc_us,
    lambda q, p: q.until_utc_us is None or p.record.captured.utc_us < q.until_utc_us,
    lambda q, p: q.before_id is None or p.id < q.before_id,
    lambda q, p: q.recipe in ("", p.record.origin.recipe),
    lambda q, p: q.model in ("", p.record.origin.model),
    lambda q, p: not q.kept or p.evidence is not None,
    lambda q, _: not q.overridden,  # nobody reviews what is in memory only
)


def _matches(query: PartQuery, part: StoredPart) -> bool:
    return all(holds(query, part) for holds in _CONDITIONS)
