"""A shadow's process, from the station's side."""

import fcntl
import logging
import os
import selectors
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from agent.errors import EngineFailed
from agent.station.beside.wire import MAX_LINE_BYTES, Answer, Part, Ready, Task, line_of
from pipelines.values import Pixels

log = logging.getLogger(__name__)

ENDS_S = 2.0
STDERR_LINES = 20
PIPE_BYTES = 1 << 20


class Apart:
    """One shadow's process. Used by one thread, but for `kill`. Whatever goes wrong is EngineFailed."""

    def __init__(self, task: Task) -> None:
        """Start it; it is not ready yet. Raises EngineFailed."""
        root = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        try:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "agent.station.beside.process"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path},
                # Priorities count within a session only (autogroup, sched(7)): it has its own.
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise EngineFailed(f"its process cannot be started: {error.strerror}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._given, self._said = self._process.stdin, self._process.stdout
        self._rest = b""
        self._last: deque[str] = deque(maxlen=STDERR_LINES)
        self._listener = threading.Thread(
            target=_listen, args=(self._process.stderr, self._last), name="shadow stderr", daemon=True
        )
        self._listener.start()
        os.set_blocking(self._said.fileno(), False)
        with suppress(OSError):  # fewer turns for a picture; an unprivileged user may have less room
            fcntl.fcntl(self._given, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._said, selectors.EVENT_READ)
        self._write(line_of(task))

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self, within_s: float) -> Ready | None:
        """What it says when it can judge, or why it cannot; None when it has said nothing within the time."""
        line = self._line(within_s)
        return None if line is None else Ready.model_validate_json(line)

    def give(self, part: Part, pixels: Pixels) -> None:
        """Hand it a part. Waits while the pipe takes the picture."""
        self._write(line_of(part))
        self._write(np.ascontiguousarray(pixels).data.cast("B"))

    def answer(self, within_s: float) -> Answer | None:
        """What it says of the part; None when it has said nothing within the time."""
        line = self._line(within_s)
        return None if line is None else Answer.model_validate_json(line)

    def kill(self) -> None:
        """End it and wait for its end, from any thread."""
        with suppress(OSError):
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_S)

    def close(self) -> None:
        """Let go of everything, by its own thread."""
        self.kill()
        self._listener.join(ENDS_S)
        self._selector.close()
        for pipe in (self._given, self._said):
            with suppress(OSError):
                pipe.close()
        assert self._process.stderr is not None
        if not self._listener.is_alive():
            self._process.stderr.close()

    def _write(self, data: bytes | memoryview) -> None:
        try:
            left = memoryview(data)
            while left.nbytes:
                left = left[self._given.write(left) or 0 :]
        except (OSError, ValueError) as error:
            raise EngineFailed(self._end()) from error

    def _line(self, within_s: float) -> bytes | None:
        while b"\n" not in self._rest:
            if not self._selector.select(within_s):
                return None
            more = self._said.read(MAX_LINE_BYTES)
            if not more:
                raise EngineFailed(self._end())
            self._rest += more
            if len(self._rest) > MAX_LINE_BYTES:
                raise EngineFailed("its process says too much")
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _end(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_S)
        self._listener.join(ENDS_S)
        code = self._process.returncode
        how = "closed its pipe" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"
        return f"its process ended ({how}): {self._last[-1] if self._last else 'it said nothing'}"[:500]


def _listen(stream: IO[bytes], last: "deque[str]") -> None:
    for line in stream:
        if text := line.decode(errors="replace").strip():
            log.debug("shadow: %s", text)
            last.append(text)
