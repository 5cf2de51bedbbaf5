"""Compiled models on disk: one file a key, checked before use, the oldest evicted above a size cap.

A file is a line of JSON (the key's facts and the sha256 of what follows) and the compiled model. It
is written beside its name and renamed, so a power cut leaves either nothing or all of it; a file
that is cut or edited is removed and the model compiled again: bytes that a driver did not write
never reach it.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from agent.atomic import write_atomically

MAX_HEAD_BYTES = 64 * 1024
SUFFIX = ".compiled"


class CompiledCache:
    """A folder of compiled models. A folder that cannot be used is as good as an empty one."""

    def __init__(self, folder: Path, cap_mb: int) -> None:
        self._folder = folder
        self._cap_bytes = cap_mb * 1_000_000
        self._in_use: set[Path] = set()

    def get(self, facts: Mapping[str, str]) -> bytes | None:
        """What was compiled under exactly these facts, or None. It then counts as used just now."""
        file = self._file(facts)
        try:
            with file.open("rb") as stream:
                head = stream.readline(MAX_HEAD_BYTES)
                body = stream.read()
            said = json.loads(head)
            whole = said["facts"] == dict(facts) and said["sha256"] == hashlib.sha256(body).hexdigest()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            self.drop(facts)
            return None
        self._in_use.add(file)
        with contextlib.suppress(OSError):
            os.utime(file)
        return body

    def put(self, facts: Mapping[str, str], body: bytes) -> None:
        """Keep a compiled model, then evict the least recently used ones above the cap."""
        file = self._file(facts)
        if not self._cap_bytes or len(body) > self._cap_bytes:
            return
        head = json.dumps({"facts": dict(facts), "sha256": hashlib.sha256(body).hexdigest()}).encode()
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(file, head + b"\n" + body)
            self._in_use.add(file)
            self._evict()

    def drop(self, facts: Mapping[str, str]) -> None:
        """Remove what was kept under these facts: it is of no use."""
        file = self._file(facts)
        self._in_use.discard(file)
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)

    def _file(self, facts: Mapping[str, str]) -> Path:
        key = hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()
        return self._folder / f"{key}{SUFFIX}"

    def _evict(self) -> None:
        """Oldest first; leftovers of a power cut go at once; what this process uses stays."""
        for part in self._folder.glob(".*.new"):
            part.unlink(missing_ok=True)
        kept = sorted(((f.stat(), f) for f in self._folder.glob(f"*{SUFFIX}")), key=lambda pair: pair[0].st_mtime_ns)
        total = sum(stat.st_size for stat, _ in kept)
        for stat, file in kept:
            if total <= self._cap_bytes:
                return
            if file not in self._in_use:
                file.unlink(missing_ok=True)
                total -= stat.st_size
