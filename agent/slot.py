"""Between two threads: a slot of one that keeps the newest, or a bounded queue that keeps every one."""

from collections import deque
from collections.abc import Callable
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Slot(Generic[T]):
    """Holds at most `size` things; when full, `newest` decides who gives way.

    newest=True: the oldest is dropped and handed to `dropped` (a free-running camera).
    newest=False: `put` waits for room (a triggered camera keeps every part).
    """

    def __init__(self, size: int = 1, newest: bool = True, dropped: Callable[[T], None] | None = None) -> None:
        self._size = size
        self._newest = newest
        self._dropped = dropped
        self._things: deque[T] = deque()
        self._changed = Condition()
        self._closed = False

    def put(self, thing: T, timeout_s: float | None = None) -> bool:
        """Hand one thing over; False when there was no room within `timeout_s`, or it is closed."""
        old: T | None = None
        with self._changed:
            if self._newest:
                if not self._closed and len(self._things) >= self._size:
                    old = self._things.popleft()
            elif not self._changed.wait_for(lambda: self._closed or len(self._things) < self._size, timeout_s):
                return False
            if self._closed:
                return False
            self._things.append(thing)
            self._changed.notify_all()
        if old is not None and self._dropped is not None:
            self._dropped(old)
        return True

    def take(self, timeout_s: float) -> T | None:
        """The oldest thing held; None after `timeout_s`, or when closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._things), timeout_s)
            if not self._things:
                return None
            thing = self._things.popleft()
            self._changed.notify_all()
            return thing

    def __len__(self) -> int:
        with self._changed:
            return len(self._things)

    def close(self) -> None:
        """Wake everybody; nothing more goes in, what is held can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
