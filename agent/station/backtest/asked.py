"""Backtests that a station is asked for: one at a time, each a process; what they found is kept.

`backtests/NAME.json` and `NAME.html` in the data folder; the newest stay.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from agent.config import Config
from agent.errors import OkngError
from agent.ports import Clock
from agent.station.backtest.process import Said, Task
from agent.store.values import PartQuery
from agent.worker import Worker

log = logging.getLogger(__name__)

FOLDER = "backtests"
KEPT = 20
IDLE_S = 0.5
ENDS_S = 5.0


class BacktestRefused(OkngError):
    """A backtest that cannot begin; says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One backtest, running or the last one of this run."""

    name: str
    """Of its files, without the suffix: 20261130T140500Z-MODEL."""
    model: str
    query: PartQuery
    limit: int
    lossy: bool
    begun_utc_us: int
    done: int = 0
    total: int = 0
    running: bool = True
    why: str = ""
    """Not empty: it has ended without an answer, and why."""

    def said(self) -> dict[str, object]:
        return {
            "name": self.name,
            "model": self.model,
            "begun_utc_us": self.begun_utc_us,
            "done": self.done,
            "total": self.total,
            "running": self.running,
            "why": self.why,
        }


class Backtests:
    """`begin`, `end` and `now` from any thread; the process is its own thread's, which it ends with (prctl(2))."""

    def __init__(self, config: Config, clock: Clock, event: Callable[..., None]) -> None:
        self._config = config
        self._folder = config.station.data / FOLDER
        self._clock = clock
        self._event = event
        self._changed = threading.Condition()
        self._now: Asked | None = None
        self._wanted = False
        self._process: subprocess.Popen[bytes] | None = None
        self._worker = Worker("backtest", self._turn)

    def start(self) -> None:
        self._worker.start()

    def close(self) -> None:
        """End what runs, without an answer where it takes too long."""
        self.end()
        self._worker.stop(ENDS_S)

    @property
    def crash(self) -> str:
        return self._worker.crash

    @property
    def now(self) -> Asked | None:
        """The one that runs, else the last one of this run."""
        return self._now

    def begin(self, model: str, query: PartQuery, limit: int, lossy: bool) -> Asked:
        """Raises BacktestRefused while another one runs."""
        at = self._clock.now().utc_us
        name = f"{datetime.fromtimestamp(at / 1e6, UTC):%Y%m%dT%H%M%SZ}-{model}"
        with self._changed:
            if self._now is not None and self._now.running:
                raise BacktestRefused(f"a backtest of {self._now.model} is running: one at a time")
            self._now = asked = Asked(name, model, query, limit, lossy, at)
            self._wanted = True
            self._changed.notify_all()
        self._event("backtest_begun", model=model)
        return asked

    def end(self) -> bool:
        """Between two parts, with an answer of those that were replayed; whether one was running."""
        with self._changed:
            running, process = self._now is not None and self._now.running, self._process
            self._wanted = False
        if process is not None:
            with suppress(ProcessLookupError):
                process.terminate()
        return running

    # On its own thread -------------------------------------------------------------------------------

    def _turn(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._wanted, IDLE_S)
            asked = self._now if self._wanted else None
            self._wanted = False
        if asked is None:
            if self._now is not None and self._now.running:
                self._now = replace(self._now, running=False, why="it was ended before it began")
            return
        why = self._run(asked)
        self._now = replace(self._now or asked, running=False, why=why)
        self._event("backtest_ended", model=asked.model, file=asked.name, parts=self._now.done, why=why)
        self._tidy()

    def _run(self, asked: Asked) -> str:
        """Until it has ended; why there is no answer, or ""."""
        figures, page = self._folder / f"{asked.name}.json", self._folder / f"{asked.name}.html"
        task = Task(
            config=self._config,
            model=asked.model,
            since_utc_us=asked.query.since_utc_us or 0,
            until_utc_us=asked.query.until_utc_us or asked.begun_utc_us,
            lane=asked.query.lane,
            recipe=asked.query.recipe,
            limit=asked.limit,
            lossy=asked.lossy,
            figures=figures,
            page=page,
        )
        try:
            self._folder.mkdir(exist_ok=True)
            process = subprocess.Popen(
                (sys.executable, "-m", "agent.station.backtest.process"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                # Priorities count within a session only (autogroup, sched(7)): it has its own.
                start_new_session=True,
            )
        except OSError as error:
            return f"its process cannot be started: {error.strerror}"
        self._process = process
        try:
            why = self._listen(process, task)
        finally:
            self._process = None
        return why or ("" if figures.exists() else "it ended without an answer")

    def _listen(self, process: "subprocess.Popen[bytes]", task: Task) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        why = ""
        with process:
            with suppress(BrokenPipeError):
                process.stdin.write(task.model_dump_json().encode())
                process.stdin.close()
            for line in process.stdout:
                with suppress(ValidationError):
                    said = Said.model_validate_json(line)
                    why = said.why or why
                    if said.total and self._now is not None:
                        self._now = replace(self._now, done=said.done, total=said.total)
            code = process.wait()
        return why or (f"it ended with {code}" if code else "")

    def _tidy(self) -> None:
        """The newest answers stay."""
        with suppress(OSError):
            for file in sorted(self._folder.glob("*.json"), reverse=True)[KEPT:]:
                file.unlink(missing_ok=True)
                file.with_suffix(".html").unlink(missing_ok=True)


def _environment() -> dict[str, str]:
    """Ours, with the folder that okng was imported from: it need not be installed."""
    root = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}
