"""axe-core, which looks for what a person cannot see, reach or understand on a page. Only the tests have it.

`npm ci` fetches it into build/axe, held to the hash in package-lock.json; a second run finds it there.
"""

import fcntl
import functools
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent / "axe"
_BUILT = _HERE.parents[2] / "build" / "axe"
_FILES = ("package.json", "package-lock.json")


@functools.cache
def source() -> str:
    """The script's text. Skips where it is not there and cannot be had."""
    with _alone():
        if not _is_current():
            _fetch()
    return (_BUILT / "node_modules" / "axe-core" / "axe.min.js").read_text()


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time: tests run in several."""
    _BUILT.mkdir(parents=True, exist_ok=True)
    with (_BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_current() -> bool:
    done = _BUILT / "done"
    return done.exists() and done.read_bytes() == (_HERE / "package-lock.json").read_bytes()


def _fetch() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core is not here and npm is not installed (Debian: npm)")
    for name in _FILES:
        shutil.copy(_HERE / name, _BUILT / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    ran = subprocess.run(command, cwd=_BUILT, capture_output=True, text=True, timeout=100, check=False)
    if ran.returncode:
        pytest.skip(f"axe-core could not be fetched: {ran.stderr.strip()[-300:]}")
    shutil.copy(_HERE / "package-lock.json", _BUILT / "done")
