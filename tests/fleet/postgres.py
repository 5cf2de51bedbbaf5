"""A PostgreSQL of the tests' own: Debian's, on a free port, in a folder of its own, started and killed by its pid."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

from tests.ports import free_port

USER = "okng"
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 40
"""


def programs() -> Path | None:
    """Where the newest installed PostgreSQL has its programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


class Postgres:
    """One server. Root may not run it: then it is the user postgres that Debian's package makes."""

    def __init__(self, folder: Path, durable: bool = False) -> None:
        found = programs()
        if found is None:
            pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
        self._programs = found
        self._user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None
        self.port = free_port()
        self._folder = folder / "pg"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.chmod(0o755)
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", str(self._folder), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        settings = SETTINGS + ("" if durable else "fsync = off\nsynchronous_commit = off\n") + f"port = {self.port}\n"
        with (self._folder / "postgresql.conf").open("a") as file:
            file.write(settings)

    def start(self) -> "Postgres":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._folder], user=self._user, stdout=log, stderr=log, cwd="/"
            )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self._process.poll() is None, self._log.read_text()
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return self
        raise AssertionError(f"PostgreSQL does not answer: {self._log.read_text()}")

    def stop(self, number: int = signal.SIGINT) -> None:
        """SIGINT: connections are cut, what was committed is written. SIGQUIT: as a crash."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(60)

    def address(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def fresh(self, name: str) -> str:
        """The address, as okng takes it, of a new empty database."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as conn:
            conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            conn.execute(f'CREATE DATABASE "{name}"')
        return self.address(name).replace("postgresql:", "postgresql+psycopg:")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments], check=False, user=self._user, capture_output=True, cwd="/"
        )
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running(durable: bool = False) -> Iterator[Postgres]:
    """A server as long as the block lasts. Its folder lies where the user postgres may go."""
    folder = Path(mkdtemp(prefix="okng-pg-", dir="/tmp"))
    server: Postgres | None = None
    try:
        server = Postgres(folder, durable)
        yield server.start()
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
