"""A progress bar on stderr: for people, so only where somebody looks on; else a line now and then."""

import sys
import time
from types import TracebackType

WIDTH = 30
EVERY_S, LINE_EVERY_S = 0.1, 10.0


class Bar:
    """Shows (done, of how many) with the time that is left. Cleared at the end, however that comes."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._begun_s = time.monotonic()
        self._shown_s = self._begun_s - EVERY_S
        self._seen = sys.stderr.isatty()
        self._drawn = False

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, done: int, total: int) -> None:
        """Show where it is; draws ten times a second at most."""
        now_s = time.monotonic()
        if now_s - self._shown_s < (EVERY_S if self._seen else LINE_EVERY_S):
            return
        self._shown_s = now_s
        left_s = (now_s - self._begun_s) * (total - done) / max(done, 1)
        line = f"{done} of {total} {self._what}, {_span(left_s)} left"
        if self._seen:
            full = WIDTH * done // max(total, 1)
            sys.stderr.write(f"\r\x1b[K[{'#' * full}{'.' * (WIDTH - full)}] {line}")
            self._drawn = True
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
