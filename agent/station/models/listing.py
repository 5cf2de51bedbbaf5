"""The list of models, in plain values: where each is from, what the devices made of it, what it is used for.

A list is asked for again and again, and models are large: a file's hash is computed once and believed for as
long as its size, its inode and its times are the same. Nothing judges by it: whoever loads a model reads every byte.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from agent.errors import OkngError
from agent.station.models.bundle import Manifest, read_bundle, sha256_of
from agent.station.models.gate import Entry, Gates
from agent.station.models.library import Held, Library

SHOWN_FIGURES = 8
PAGE_BYTES = 40_000
"""An answer on the control socket has 64 KiB; who judges by what stands on the first page too."""
_Mark = tuple[int, int, int, int]


class Listing:
    """Lists the models of one data folder, from any thread."""

    def __init__(self, library: Library, gates: Gates, needed: Callable[[], Mapping[str, str]]) -> None:
        """`needed`: models that must stay, and what for."""
        self._library = library
        self._gates = gates
        self._needed = needed
        self._lock = Lock()
        self._hashes: dict[Path, tuple[_Mark, str]] = {}
        self.hashed = 0
        """Files that were read from end to end, so far."""

    def page(self, after: str = "") -> tuple[list[dict[str, Any]], str]:
        """The models behind `after`, as many as fit into one answer, and the last one's name where there are more."""
        needed, size = self._needed(), 0
        page: list[dict[str, Any]] = []
        # By name, so that a page goes on where it was even when the last one on it has been removed meanwhile.
        for one in sorted((one for one in self._library.held() if one.id > after), key=lambda held: held.id):
            said = self._listed(one, needed.get(one.id, ""))
            size += len(json.dumps(said))
            if page and size > PAGE_BYTES:
                return page, str(page[-1]["id"])
            page.append(said)
        return page, ""

    def _listed(self, held: Held, used: str) -> dict[str, Any]:
        said: dict[str, Any] = {"id": held.id, "source": held.source, "mb": round(held.bytes / 1e6, 1), "used": used}
        signed = self._library.signed(held.folder)
        said |= {"key": signed.name, "trusted": signed.accepted, "signature": signed.why[:200]}
        try:
            bundle = read_bundle(held.folder, self._hash)
        except (OSError, OkngError) as error:
            return {**said, "problem": str(error)[:300]}
        if bundle.id != held.id:
            return {**said, "problem": f"calls itself {bundle.id}"}
        said |= {"digest": bundle.digest} | _of_manifest(bundle.manifest)
        said["gates"] = [_gate(entry) for entry in self._gates.of(bundle.digest)]
        return said

    def _hash(self, file: Path) -> str:
        """sha256 of a file, hex; as it was when nothing about the file has changed since. Raises OSError."""
        now = file.lstat()
        mark = (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino)
        with self._lock:
            known = self._hashes.get(file)
        if known is not None and known[0] == mark:
            return known[1]
        found = sha256_of(file)
        with self._lock:
            self.hashed += 1
            self._hashes[file] = (mark, found)
            for gone in [other for other in self._hashes if not other.exists()] if known is None else ():
                del self._hashes[gone]
        return found


def _of_manifest(manifest: Manifest) -> dict[str, Any]:
    promise = manifest.promise
    kept = f"{promise.kind} rate under {promise.limit:.2%} with {promise.confidence:.0%} confidence" if promise else ""
    return {
        "pipeline": manifest.pipeline,
        "labels": list(manifest.labels)[:20],
        "threshold": manifest.threshold,
        "thresholds": dict(list(manifest.thresholds.items())[:20]),
        "input": f"{manifest.input.width_px} x {manifest.input.height_px}",
        "data": _cut(manifest.data, 120),
        "licence": manifest.licence[:80],
        "promise": kept,
        "figures": _scalars(manifest.figures),
    }


def _gate(entry: Entry) -> dict[str, Any]:
    return {
        "device": entry.device,
        "passed": entry.passed,
        "why": entry.why[:200],
        "runtime": entry.runtime[:120],
        "precision": entry.precision,
        "p50_ms": entry.p50_ms,
        "p99_ms": entry.p99_ms,
        "memory_mb": entry.memory_mb,
        "at_utc_us": entry.at_utc_us,
    }


def _scalars(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that fit on a line."""
    plain: Sequence[tuple[str, Any]] = [(n, v) for n, v in figures.items() if isinstance(v, int | float | str)]
    return {name: value if not isinstance(value, str) else _cut(value, 60) for name, value in plain[:SHOWN_FIGURES]}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
