"""What is being done about models just now, for people."""

from collections.abc import Iterator
from contextlib import contextmanager


class Acts:
    """The acts under way, the last begun one first to be told. From any thread."""

    def __init__(self) -> None:
        self._under_way: list[str] = []

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """It is being done as long as this lasts."""
        self._under_way.append(what)
        try:
            yield
        finally:
            self._under_way.remove(what)

    @property
    def stage(self) -> str:
        """What is being done; empty: nothing."""
        last = self._under_way[-1:]
        return last[0] if last else ""
