"""A work folder whose steps are made once: what an interrupted run left is found again.

    WORK/steps/NAME.json    {"key": what it was made from, "result": ..., "seconds": ...}
    WORK/NAME/              the step's own files

A step whose key is another than before is made anew, and with it every later one that has its result in
its key. Nothing is half done: the JSON file appears, by rename, after the step's files are there.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.atomic import write_atomically
from agent.errors import OkngError

Say = Callable[[str], None]
Result = dict[str, Any]
"""What JSON can hold."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a step gave."""

    name: str
    result: Result
    seconds: float
    """Of making it, however often it was found again."""
    digest: str
    """Of its key and result: for the keys of the steps that build on it."""


class Work:
    """The steps of one run, in one folder."""

    def __init__(self, folder: Path, say: Say, *, resume: bool) -> None:
        """Raises OkngError where the folder holds an earlier run that is not to be gone on with."""
        self.folder, self._say = folder.resolve(), say
        there = sorted(path.stem for path in (self.folder / "steps").glob("*.json"))
        if there and not resume:
            raise OkngError(
                f"{folder}: holds an unfinished run ({', '.join(there)}): --resume goes on with it, "
                "or take it away, or choose another version"
            )
        (self.folder / "steps").mkdir(parents=True, exist_ok=True)

    def step(
        self, name: str, key: Mapping[str, object], make: Callable[[Path], Result], *, goes_on: bool = False
    ) -> Done:
        """The step's result, made by `make(folder of its own)` unless it was made from the same key before.

        `goes_on`: the step can go on with what an interrupted `make` left in its folder; else that is empty.
        Paths in a result are relative to the folder (`relative`, `path`), so that a run can be moved.
        """
        wanted = json.loads(json.dumps(dict(key), default=str))
        file, own = self.folder / "steps" / f"{name}.json", self.folder / name
        known = _read(file)
        if known is not None and known.get("key") == wanted:
            self._say(f"{name}: made before ({known['seconds']:.0f} s)")
            return _done(name, known)
        file.unlink(missing_ok=True)
        if not goes_on:
            shutil.rmtree(own, ignore_errors=True)
        own.mkdir(parents=True, exist_ok=True)
        self._say(f"{name} ...")
        began = time.monotonic()
        result = make(own)
        made = {"key": wanted, "result": result, "seconds": round(time.monotonic() - began, 1)}
        write_atomically(file, (json.dumps(made, indent=1) + "\n").encode())
        self._say(f"{name}: {made['seconds']:.0f} s")
        return _done(name, json.loads(json.dumps(made)))

    def relative(self, path: Path) -> str:
        """A path below the work folder, for a result."""
        return path.resolve().relative_to(self.folder).as_posix()

    def path(self, text: str) -> Path:
        """A result's path, back."""
        return self.folder / text


def _read(file: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):  # not there, or cut
        return None
    return known if isinstance(known, dict) and {"key", "result", "seconds"} <= set(known) else None


def _done(name: str, made: Mapping[str, Any]) -> Done:
    text = json.dumps([made["key"], made["result"]], sort_keys=True)
    return Done(name, made["result"], float(made["seconds"]), hashlib.sha256(text.encode()).hexdigest()[:16])
