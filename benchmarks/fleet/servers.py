"""What a fleet runs on: mosquitto, PostgreSQL, collectors: real processes, stopped and killed by their pids."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.demo.broker import find_mosquitto, free_port
from agent.errors import OkngError

USER = "okng"
BROKER = """\
{user}persistence true
persistence_location {store}/
autosave_interval 1
max_queued_messages 0
max_inflight_messages 0
log_dest file {folder}/log
log_type error
allow_anonymous true
listener {port} 127.0.0.1
"""
POSTGRES = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 40
port = {port}
"""
CENTRE = """\
[fleet]
data = "data"
[broker]
port = {port}
collector = "{name}"
session_s = 3600
retry_min_s = 0.05
retry_max_s = 1.0
[store]
url = "{url}"
"""


def until(what: Callable[[], Any], timeout_s: float, why: str) -> None:
    """Wait until it is true. Raises OkngError when it does not become so in time."""
    end = time.monotonic() + timeout_s
    while not what():
        if time.monotonic() > end:
            raise OkngError(f"did not happen within {timeout_s:g} s: {why}")
        time.sleep(0.05)


class Process:
    """One process that is killed and started again."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    def stop(self, number: int = signal.SIGTERM, within_s: float = 60.0) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(within_s)

    def cpu_s(self) -> float:
        """Processor time that it has used, s."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Broker(Process):
    """mosquitto without bounds on what it keeps. Raises OkngError where there is none."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        program = find_mosquitto()
        if program is None:
            raise OkngError("mosquitto is not installed (Debian: mosquitto)")
        self._program = program
        self.port = free_port()
        self._store = folder / "store"
        self._store.mkdir(parents=True)
        self._file = folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        self._file.write_text(BROKER.format(user=user, store=self._store, folder=folder, port=self.port))

    def start(self) -> "Broker":
        self._process = subprocess.Popen([self._program, "-c", str(self._file)], stderr=subprocess.DEVNULL)
        until(self._answers, 20, "mosquitto listens")
        return self

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def wipe(self) -> None:
        """Lose its store: sessions, queued and retained messages."""
        shutil.rmtree(self._store)
        self._store.mkdir()


def postgres_programs() -> Path | None:
    """Where the newest installed PostgreSQL has its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


class Postgres(Process):
    """Debian's PostgreSQL. Raises OkngError where there is none.

    Root may not run it: then it is the user postgres that the package makes, and the folder must be where that
    user may go. SIGINT cuts the connections and writes what was committed; SIGQUIT is a crash.
    """

    def __init__(self, folder: Path, port: int = 0, durable: bool = True) -> None:
        super().__init__()
        programs = postgres_programs()
        if programs is None:
            raise OkngError("PostgreSQL is not installed (Debian: postgresql)")
        self._programs = programs
        self._user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None
        self.port = port or free_port()
        self._folder, self._log = folder / "pg", folder / "log"
        folder.chmod(0o755)
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(self._folder), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with (self._folder / "postgresql.conf").open("a") as file:
            file.write(POSTGRES.format(port=self.port))
            file.write("" if durable else "fsync = off\nsynchronous_commit = off\n")

    def start(self) -> "Postgres":
        argv: list[str | Path] = [self._programs / "postgres", "-D", self._folder]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(argv, user=self._user, stdout=log, stderr=log, cwd="/")
        until(lambda: self._try("pg_isready", *self._at(), "-q") == 0, 60, "PostgreSQL answers")
        return self

    def fresh(self, name: str) -> str:
        """The address, as okng takes it, of a new empty database."""
        for what in (f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"'):
            self._run("psql", *self._at(), "-U", USER, "-d", "postgres", "-q", "-c", what)
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{name}"

    def _at(self) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port))

    def _try(self, program: str, *arguments: str) -> int:
        argv: list[str | Path] = [self._programs / program, *arguments]
        return subprocess.run(argv, check=False, user=self._user, capture_output=True, cwd="/").returncode

    def _run(self, program: str, *arguments: str) -> None:
        argv: list[str | Path] = [self._programs / program, *arguments]
        done = subprocess.run(argv, check=False, user=self._user, capture_output=True, cwd="/")
        if done.returncode:
            raise OkngError(f"{program}: {done.stderr.decode(errors='replace')}")


class Collecting(Process):
    """`okng fleet collect`."""

    def __init__(self, folder: Path, port: int, url: str, name: str) -> None:
        super().__init__()
        self._folder = folder / name
        self._folder.mkdir(parents=True)
        self._file = self._folder / "fleet.toml"
        self._file.write_text(CENTRE.format(port=port, url=url, name=name))
        self._starts = 0

    def start(self) -> "Collecting":
        argv = [sys.executable, "-m", "agent.cli", "fleet", "collect", "--config", str(self._file)]
        self._starts += 1
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        return self

    def online(self) -> "Collecting":
        """Wait until it has connected since its start."""
        until(lambda: self.log().count("connected to") >= self._starts, 120, f"a collector connects: {self.log()}")
        return self

    def log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")
