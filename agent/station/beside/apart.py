"""A shadow's process, from the station's side."""

import fcntl
import os
import selectors
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from agent.errors import EngineFailed
from agent.station.beside.wire import MAX_LINE_BYTES, Answer, Part, Ready, Task, line_of
from pipelines.values import Pixels

TURN_S = 0.5
"""It is looked at so often while it is waited for."""
ENDS_S = 2.0
REAPED_S = 15.0
"""A killed process of the lowest priority needs a turn of a busy processor to die."""
TAIL_BYTES = 4096
"""Of what it and its libraries print, kept to say why it ended."""
PIPE_BYTES = 1 << 20
COMPILING = 2
"""So many times the memory may be taken before it is ready: compiling takes more than what it leaves."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
"""Of the libraries around the engine; the engine's own are in the task."""


class Apart:
    """One shadow's process. Used by one thread, but for `kill`. Whatever goes wrong is EngineFailed."""

    def __init__(self, task: Task, stopping: threading.Event) -> None:
        """Start it; it is not ready yet. Once `stopping` is set, whatever waits for it ends. Raises EngineFailed."""
        root = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        try:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "agent.station.beside.process", str(os.getpid())),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
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
        self._stopping = stopping
        self._task, self._is_ready = task, False
        self._rest = b""
        self._tail = bytearray()
        self._listener = threading.Thread(
            target=_listen, args=(self._process.stderr, self._tail), name="shadow stderr", daemon=True
        )
        self._listener.start()
        with suppress(OSError):  # fewer turns for a picture; an unprivileged user may have less room
            fcntl.fcntl(self._given, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        # A process that hangs must not hold up whoever writes to it.
        self._takes, self._tells = selectors.DefaultSelector(), selectors.DefaultSelector()
        for selector, pipe, kind in (
            (self._takes, self._given, selectors.EVENT_WRITE),
            (self._tells, self._said, selectors.EVENT_READ),
        ):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, kind)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self, within_s: float) -> Ready:
        """What it says when it can judge, or why it cannot."""
        until = time.monotonic() + within_s
        self._write(line_of(self._task), until, f"it was not ready after {within_s:g} s")
        said = Ready.model_validate_json(self._line(until, f"it was not ready after {within_s:g} s"))
        self._is_ready = not said.why
        return said

    def judge(self, part: Part, pixels: Pixels, within_s: float) -> Answer:
        """Hand it a part; what it says of it."""
        until, hung = time.monotonic() + within_s, f"it has not answered for {within_s:g} s"
        self._look_at_memory()
        self._write(line_of(part), until, hung)
        self._write(np.ascontiguousarray(pixels).data.cast("B"), until, hung)
        return Answer.model_validate_json(self._line(until, hung))

    def kill(self) -> None:
        """End it and wait for its end, from any thread."""
        with suppress(OSError):
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_S)

    def close(self) -> None:
        """Let go of everything, by its own thread."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(REAPED_S)
        self._listener.join(ENDS_S)
        self._takes.close()
        self._tells.close()
        for pipe in (self._given, self._said):
            with suppress(OSError):
                pipe.close()
        assert self._process.stderr is not None
        if not self._listener.is_alive():
            self._process.stderr.close()

    def _write(self, data: bytes | memoryview, until: float, hung: str) -> None:
        left = memoryview(data)
        while left.nbytes:
            self._wait(self._takes, until, hung)
            try:
                left = left[self._given.write(left) or 0 :]
            except (OSError, ValueError) as error:
                raise EngineFailed(self._end()) from error

    def _line(self, until: float, hung: str) -> bytes:
        while b"\n" not in self._rest:
            self._wait(self._tells, until, hung)
            more = self._said.read(MAX_LINE_BYTES)
            if more == b"":
                raise EngineFailed(self._end())
            self._rest += more or b""
            if len(self._rest) > MAX_LINE_BYTES:
                raise EngineFailed("its process says too much")
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _wait(self, pipe: selectors.BaseSelector, until: float, hung: str) -> None:
        """Until the pipe can be used."""
        while not pipe.select(TURN_S):
            if self._stopping.is_set():
                raise EngineFailed("it was told to end")
            if time.monotonic() > until:
                raise EngineFailed(hung)
            self._look_at_memory()

    def _look_at_memory(self) -> None:
        """What it keeps resident (proc(5), statm): more than it may would be taken from the lanes."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):  # it has ended: the pipe says so
            return
        takes_mb = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        most_mb = self._task.memory_mb * (1 if self._is_ready else COMPILING)
        if takes_mb > most_mb:
            raise EngineFailed(f"its process takes {takes_mb:.0f} MB, {most_mb} MB are allowed")

    def _end(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_S)
        self._listener.join(ENDS_S)
        code = self._process.returncode
        how = "closed its pipe" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"
        said = bytes(self._tail).decode(errors="replace").strip().splitlines() or ["it said nothing"]
        return f"its process ended ({how}): {said[-1]}"[:500]


def _listen(stream: IO[bytes], tail: bytearray) -> None:
    while said := stream.read(TAIL_BYTES):
        tail += said
        del tail[:-TAIL_BYTES]
