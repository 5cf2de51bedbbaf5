"""Processes that begin at once: each is forked off one that has imported the program before.

It is a process like any other, with an identity, signals and an end of its own; only what it imports is shared. How
the program starts from its command line is tested where that is the matter (tests/commands, tests/web/test_process.py).
"""

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from subprocess import TimeoutExpired
from threading import Timer

from agent.config import Config

IMPORTED = ("agent.web.app", "agent.uplink.app", "agent.station.app", "tests.store.killed")
"""By the process that all are forked off; what it lacks, each imports for itself."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(list(IMPORTED))


class Forked:
    """A process, as `subprocess.Popen` has it; it ends with what its program returns."""

    def __init__(self, program: Callable[..., int], *arguments: object, says: int = 2) -> None:
        """`program` and `arguments` can be pickled; `said` is what it writes to the descriptor `says`."""
        here, there = _FORKS.Pipe(duplex=False)
        with here, there:
            self._process = _FORKS.Process(target=_begin, args=(there, says, program, arguments))
            self._process.start()
            self.said = open(os.dup(here.fileno()), encoding="utf-8")  # noqa: SIM115 - closed by `ended`
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        """Its exit status, minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> int:
        """Its exit status. Raises TimeoutExpired."""
        self._process.join(timeout_s)
        status = self.poll()
        if status is None:
            raise TimeoutExpired(self._process.name, timeout_s)
        return status

    def ended(self, within_s: float) -> str:
        """What it said up to its end, and was not read before; what has not ended by then is killed."""
        late = Timer(within_s, self.send_signal, (signal.SIGKILL,))
        late.start()
        with self.said:
            left = self.said.read()
        self._process.join()
        late.cancel()
        late.join()
        return left


def station(settings: Path, log: Path) -> Forked:
    """`okng station --config SETTINGS`; what it says is added to the file `log`."""
    return Forked(_station, settings, log)


def uplink(config: Config, log: Path) -> Forked:
    """`okng uplink` of this configuration; what it says is added to the file `log`."""
    return Forked(_uplink, config, log)


def _station(settings: Path, log: Path) -> int:
    from agent.station.app import run

    _say_into(log)
    return run(settings)


def _uplink(config: Config, log: Path) -> int:
    from agent.uplink.app import run

    _say_into(log)
    return run(config)


def _say_into(log: Path) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)


def _begin(there: Connection, says: int, program: Callable[..., int], arguments: tuple[object, ...]) -> None:
    """In the new process."""
    os.setsid()
    os.dup2(there.fileno(), says)
    there.close()
    warnings.simplefilter("error")
    raise SystemExit(program(*arguments))
