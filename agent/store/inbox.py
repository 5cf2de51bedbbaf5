"""What waits for the write thread: a queue that is bounded in records and in pixels."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition

from sqlalchemy import Connection

from agent.errors import StoreFailed
from agent.ports import OnCommit
from pipelines.values import Frame, Record, Stamp

MOST_PIXEL_BYTES = 64 << 20
"""Pictures that may wait for a slow disk; what comes above is queued without its picture. One may always wait."""
MOST_EVENTS = 10_000


@dataclass(slots=True, eq=False)
class Put:
    """A judged record; `frame` is let go where too many pixels wait."""

    record: Record
    frame: Frame | None
    on_commit: OnCommit | None


@dataclass(slots=True, eq=False)
class Opening:
    """A triggered part whose caller waits for its row."""

    record: Record
    done: Future[int]


@dataclass(slots=True, eq=False)
class Happening:
    """An event."""

    at: Stamp
    name: str
    detail: dict[str, str | int | float]


@dataclass(slots=True, eq=False)
class Fact:
    """Any other change, as a function of the connection; its caller may wait for the answer."""

    write: Callable[[Connection], int]
    done: Future[int] | None = None


Item = Put | Opening | Happening | Fact


class Inbox:
    """Between everybody and the write thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[Item] = deque()
        self._changed = Condition()
        self._records = 0
        self._pixels = 0
        self._held = 0
        self._closed = ""
        self.pictures_let_go = 0
        """Records queued without their picture since the start."""
        self.events_lost = 0
        """Events that found MOST_EVENTS waiting, since the start."""

    def put(self, item: Put | Opening) -> None:
        """Queue a record; waits while the queue is full. Raises StoreFailed once closed."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._closed) or self._records < self._most)
            if self._closed:
                raise StoreFailed(self._closed)
            if isinstance(item, Put) and item.frame is not None:
                size = item.frame.pixels.nbytes
                if self._pixels and self._pixels + size > MOST_PIXEL_BYTES:
                    item.frame = None
                    self.pictures_let_go += 1
                else:
                    self._pixels += size
            self._records += 1
            self._append(item)

    def tell(self, item: Happening | Fact) -> None:
        """Queue something else; never waits. Raises StoreFailed once closed, but for events: those are let go."""
        with self._changed:
            event = isinstance(item, Happening)
            if event and (self._closed or len(self._items) >= MOST_EVENTS):
                self.events_lost += 1
                return
            if self._closed:
                raise StoreFailed(self._closed)
            self._append(item)

    def _append(self, item: Item) -> None:
        self._items.append(item)
        self._changed.notify_all()

    def take(self, most: int, wait_s: float, group_s: float) -> list[Item]:
        """The next group: until the queue is empty, `most` are taken or `group_s` have passed."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items), wait_s)
            until = time.monotonic() + group_s
            group: list[Item] = []
            while self._items and len(group) < most and (not group or time.monotonic() < until):
                item = self._items.popleft()
                group.append(item)
                if isinstance(item, Put | Opening):
                    self._records -= 1
                if isinstance(item, Put) and item.frame is not None:
                    self._pixels -= item.frame.pixels.nbytes
            self._held = len(group)
            self._changed.notify_all()
            return group

    def hold(self, count: int) -> None:
        """So many of the group that was taken are not yet durable."""
        with self._changed:
            self._held = count

    def close(self, why: str) -> None:
        """Nothing more goes in, and who waits for room is told why; what is queued can still be taken."""
        with self._changed:
            self._closed = self._closed or why
            self._changed.notify_all()

    def abandon(self, why: str) -> None:
        """Close, and tell everybody whose item is still here that it will not be done."""
        self.close(why)
        with self._changed:
            left, self._records = list(self._items), 0
            self._items.clear()
        refuse(left, why)

    def __len__(self) -> int:
        """How much is handed over and not yet durable."""
        with self._changed:
            return len(self._items) + self._held


def refuse(items: list[Item], why: str) -> list[Item]:
    """Tell the callers that wait for an answer that it failed; the items nobody waits for."""
    kept: list[Item] = []
    for item in items:
        waiting = item.done if isinstance(item, Opening | Fact) else None
        if waiting is None:
            kept.append(item)
        elif not waiting.done():
            waiting.set_exception(StoreFailed(why))
    return kept
