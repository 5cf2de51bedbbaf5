"""`okng run`: starts the processes that the configuration names, for development, containers, the demo.

Under systemd the processes are units and this is not used. Each child has a session of its own (a
Ctrl-C in the terminal reaches it only through here) and gets SIGTERM when this process dies, however
it dies. Only the one that died is started again, after a wait that doubles up to a cap.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import notify
from agent.errors import EXIT_BAD_CONFIGURATION
from agent.priority import give_way
from agent.settings import for_page

log = logging.getLogger(__name__)

TURN_S = 0.1
RETRY_MIN_S, RETRY_MAX_S = 0.5, 30.0
STEADY_S = 60.0
"""A child that lived for so long begins with the shortest wait again."""
STOP_S = 10.0
"""What has not ended this long after SIGTERM is killed."""
JUDGES = ("station", "line")
BESIDE = 10
"""Lower by so much than these run those that only tell: five viewers of the page must not cost the line its pace."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Command:
    """One process to keep running."""

    name: str
    argv: tuple[str, ...]
    leads: bool = False
    """When it ends with 0 by itself, everything ends."""
    environment: Mapping[str, str] | None = None
    """None: this process's own."""
    gives_way: int = 0
    """By how much its priority is lower than ours; see `agent.priority`."""


def okng(verb: str, *arguments: str, leads: bool = False) -> Command:
    """`okng VERB ...` by this Python, wherever it is installed."""
    gives_way = 0 if verb in JUDGES else BESIDE
    return Command(verb, (sys.executable, "-m", "agent.cli", verb, *arguments), leads, gives_way=gives_way)


class Child:
    """One command's process, started again when it dies."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.code: int | None = None
        """Its exit status, once it is not started again."""
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._wait_s = RETRY_MIN_S
        self._due_s = 0.0

    @property
    def pid(self) -> int:
        """0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def turn(self, now_s: float) -> None:
        """Start it when it is due; notice when it died. `now_s` is a monotonic time."""
        if self.code is not None or self.alive:
            return
        if self._process is not None:
            self._died(self._process.returncode, now_s)
        elif now_s >= self._due_s:
            self._process = _start(self.command)
            self._started_s = now_s

    def send(self, number: int) -> None:
        """Hand a signal on."""
        if self._process is not None and self.alive:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it and everything in its session at once, and wait for it."""
        if self._process is not None and self.alive:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _died(self, code: int, now_s: float) -> None:
        self._process = None
        if code in (0, EXIT_BAD_CONFIGURATION):
            self.code = code
            log.info("%s ended with %d and is not started again", self.command.name, code)
            return
        if now_s - self._started_s >= STEADY_S:
            self._wait_s = RETRY_MIN_S
        log.warning("%s died (%s), starts again in %.1f s", self.command.name, _cause(code), self._wait_s)
        self._due_s = now_s + self._wait_s
        self._wait_s = min(self._wait_s * 2, RETRY_MAX_S)


class Children:
    """The processes of one station. Used by one thread, which must live as long as they do."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self.children = tuple(Child(command) for command in commands)

    def turn(self) -> bool:
        """Start, watch and restart; False once there is nothing left to keep running."""
        now_s = time.monotonic()
        for child in self.children:
            child.turn(now_s)
        led = any(child.command.leads and child.code == 0 for child in self.children)
        return not led and any(child.code is None for child in self.children)

    def stop(
        self, number: int = signal.SIGTERM, within_s: float = STOP_S, hurry: Callable[[], bool] | None = None
    ) -> None:
        """Hand the signal on and wait; what is not gone in time, or when `hurry` says so, is killed."""
        end_s = time.monotonic() + within_s
        for child in self.children:
            child.send(number)
        while any(child.alive for child in self.children) and time.monotonic() < end_s and not (hurry and hurry()):
            time.sleep(TURN_S / 2)
        for child in self.children:
            if child.alive:
                log.warning("%s did not end within %.0f s and is killed", child.command.name, within_s)
                child.kill()

    @property
    def code(self) -> int:
        """The exit status for all: 78 where one said so, else 0."""
        bad = any(child.code == EXIT_BAD_CONFIGURATION for child in self.children)
        return EXIT_BAD_CONFIGURATION if bad else 0


def run(commands: Sequence[Command]) -> int:
    """Keep the commands running until SIGTERM, SIGINT, or nothing is left; returns the exit status.

    A child that ends with 78 (bad configuration) stays down while the others go on: the page says
    why. The 78 is this process's own exit status in the end.
    """
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: signals.append(got))
    children = Children(commands)
    notify.ready(f"runs {', '.join(command.name for command in commands)}")
    try:
        while not signals and children.turn():
            time.sleep(TURN_S)
    finally:
        notify.stopping()
        children.stop(signals[0] if signals else signal.SIGTERM, hurry=lambda: len(signals) > 1)
    return children.code


def run_station(config: Path) -> int:
    """`okng run`: the station; the uplink and the page where the configuration has them."""
    settings, _ = for_page(config)
    file = ("--config", str(config))
    commands = [okng("station", *file)]
    if settings.uplink.host:
        commands.append(okng("uplink", *file))
    if settings.web.enabled:
        commands.append(okng("web", *file))
    return run(commands)


def _start(command: Command) -> "subprocess.Popen[bytes]":
    environment = dict(os.environ if command.environment is None else command.environment)
    for ours in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        environment.pop(ours, None)
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def in_the_child() -> None:
        """Between fork and exec: SIGTERM when the parent dies; it may be dead already (prctl(2))."""
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        if command.gives_way:
            give_way(command.gives_way)

    return subprocess.Popen(
        command.argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=in_the_child,  # noqa: PLW1509 - one thread, and nothing but a few system calls
    )


def _cause(code: int) -> str:
    return f"signal {-code}, {signal.strsignal(-code)}" if code < 0 else f"exit status {code}"
