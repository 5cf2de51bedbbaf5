"""The support bundle: what somebody who helps from afar has to see, as one zip, without pictures and without secrets.

Everything in it passes `secrets.hidden`. What cannot be had is a line that says why: a bundle is most wanted
when things are broken.
"""

import csv
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from agent.atomic import write_atomically
from agent.backup.take import by_hand
from agent.control import ask
from agent.errors import OkngError
from agent.explain import told
from agent.settings import Loaded
from agent.store.read import Reader
from agent.support.secrets import hidden, secrets_in
from agent.version import __version__

EVENTS = 5_000
JOURNAL_BYTES = 5_000_000
JOURNAL_S = 20
_PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "openvino",
    "onnxruntime",
    "SQLAlchemy",
    "paho-mqtt",
    "pyudev",
    "fastapi",
    "uvicorn",
)
_STATE = ("models.json", "gates.json", "lanes.json")
_UNITS = ("okng-station", "okng-uplink", "okng-web", "okng-line")
_PROC = ("meminfo", "loadavg", "uptime", "mounts", "version")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of the bundle."""

    name: str
    text: str


def bundle_bytes(loaded: Loaded) -> bytes:
    """The whole bundle. Reads only; nothing of it raises."""
    secrets = secrets_in(by_hand(loaded.config))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for piece in pieces(loaded):
            archive.writestr(piece.name, hidden(piece.text, secrets))
    return buffer.getvalue()


def write_bundle(loaded: Loaded, file: Path) -> int:
    """Write the bundle; returns its bytes. Raises OkngError where it cannot be written."""
    body = bundle_bytes(loaded)
    try:
        write_atomically(file, body, 0o600)
    except OSError as error:
        raise OkngError(f"support bundle {file} cannot be written: {error.strerror}") from error
    return len(body)


def pieces(loaded: Loaded) -> Iterator[Piece]:
    """The files, secrets still in them."""
    data, runtime = loaded.config.station.data, loaded.config.station.runtime
    reader = Reader(data / "results.db")
    made: tuple[tuple[str, Callable[[], str]], ...] = (
        ("about.json", about),
        ("configuration.txt", lambda: told(loaded)),
        ("warnings.txt", lambda: "\n".join((loaded.safe_mode, *map(str, loaded.warnings))) + "\n"),
        ("status.json", lambda: _pretty(ask(runtime, "status"))),
        ("models.json", lambda: _pretty(ask(runtime, "models"))),
        ("events.csv", lambda: _events(reader)),
        ("database.json", lambda: _database(reader, data)),
        ("disk.json", lambda: _disk(data)),
        *((f"state/{name}", (data / name).read_text) for name in _STATE),
        *((f"recipes/{file.name}", file.read_text) for file in sorted((data / "recipes").glob("*.toml"))),
        *((f"machine/{name}", (Path("/proc") / name).read_text) for name in _PROC),
        ("machine/cameras.txt", _cameras),
        *((f"journal/{unit}.txt", lambda unit=unit: _journal(unit)) for unit in _UNITS),
    )
    for name, text in made:
        yield _piece(name, text)


def _piece(name: str, text: Callable[[], str]) -> Piece:
    try:
        return Piece(name, text())
    except (OkngError, OSError, ValueError, subprocess.SubprocessError) as error:
        return Piece(f"{name}.missing.txt", f"{type(error).__name__}: {error}\n")


def about() -> str:
    """Versions and when this was made."""
    return _pretty(
        {
            "okng": __version__,
            "made_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "python": sys.version,
            "platform": platform.platform(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "packages": {name: _version(name) for name in _PACKAGES},
        }
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _pretty(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _events(reader: Reader) -> str:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("id", "utc_us", "name", "detail"))
    rows.writerows((e.id, e.utc_us, e.name, e.detail) for e in reader.events(EVENTS))
    return out.getvalue()


def _database(reader: Reader, data: Path) -> str:
    tally, outbox = reader.tally(), reader.outbox()
    sizes = {file.name: file.stat().st_size for file in sorted(data.glob("*.db*"))}
    return _pretty(
        {
            "bytes": sizes,
            "parts": tally.parts,
            "ok": tally.ok,
            "ng": tally.ng,
            "unsure": tally.unsure,
            "missed": tally.missed,
            "epoch": outbox.epoch,
            "last_seq": outbox.last_seq,
            "unsettled": outbox.unsettled,
            "last_ids": reader.last_ids(),
        }
    )


def _disk(data: Path) -> str:
    usage = shutil.disk_usage(data)
    folders = {place.name: _bytes_below(place) for place in sorted(data.iterdir()) if place.is_dir()}
    return _pretty({"total": usage.total, "free": usage.free, "folders": folders})


def _bytes_below(folder: Path) -> int:
    return sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names)


def _cameras() -> str:
    by_id = Path("/dev/v4l/by-id")
    return "\n".join(sorted(place.name for place in by_id.iterdir())) + "\n" if by_id.is_dir() else "none\n"


def _journal(unit: str) -> str:
    """The last two days of a unit's messages, the newest JOURNAL_BYTES of them."""
    asked = ("journalctl", "--unit", unit, "--since", "-2d", "--output", "short-iso", "--no-pager")
    ran = subprocess.run(asked, capture_output=True, timeout=JOURNAL_S, check=True)
    return ran.stdout[-JOURNAL_BYTES:].decode("utf-8", "replace")
