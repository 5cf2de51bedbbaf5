"""`okng judge PICTURE...`: by a running station's push lane, or by a station that lives just for this."""

import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent import paths
from agent.atomic import write_atomically
from agent.clock import SystemClock
from agent.config import StationConfig
from agent.control import ask
from agent.errors import ControlFailed, OkngError, StoreFailed
from agent.lock import DataLock
from agent.recipes import read_recipe
from agent.settings import Loaded, load
from agent.station.app import Station
from agent.station.cameras.decode import read_picture
from agent.station.cameras.files import Files, printable
from agent.store.read import Reader
from agent.store.values import StoredPart
from agent.web.pictures import hand_over
from pipelines.values import Outcome, Purpose

LANE = "judge"
BUNDLED = "demo-board"
"""The recipe that comes with okng, for the model that comes with it."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
STATION_S = 30.0
SETTINGS = """\
[station]
name = "judge"
data = {data}
runtime = {runtime}

[store]
keep_days = 36500
[evidence]
keep_days = 36500
quota_mb = 1000000000

[lanes.judge]
recipe = "{recipe}"
queue = 1
camera = {{ kind = "push" }}
"""
"""What is kept of earlier results is for the folder's own station to say: here nothing grows too old."""
PATIENCE_MS = 60_000
"""Deadline of a part without a recipe of its own: no line waits for a file."""
MARK = "# Put here by okng judge, which replaces it when it judges by another recipe of this name.\n"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line."""

    pictures: tuple[Path, ...]
    config: Path | None
    lane: str
    data: Path | None
    model: Path | None
    recipe: Path | None
    json: Path | None
    purpose: Literal["production", "api", "setup", "replay", "challenge"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the pictures."""

    parts: Mapping[Path, StoredPart]
    failed: Mapping[Path, str] = field(default_factory=dict)
    """Those without a row, and why."""


def run(wishes: Wishes) -> int:
    """Judge the pictures and print each verdict. 0: all judged (whatever the verdicts); 1: not all."""
    files = tuple(dict.fromkeys(_files(wishes.pictures)))
    begun = time.monotonic()
    with ExitStack() as stack:
        if wishes.config is not None:
            judged = _by_station(wishes, files)
        else:
            data = wishes.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okng-judge-")))
            judged = _alone(wishes, files, data.absolute())
    _print(judged)
    if wishes.json is not None:
        wishes.json.write_text(json.dumps(_described(judged, time.monotonic() - begun), indent=1) + "\n")
    return 0 if len(judged.parts) == len(files) else 1


def _files(named: tuple[Path, ...]) -> Iterator[Path]:
    for path in named:
        if path.is_dir():
            yield from sorted(f for f in path.rglob("*") if f.suffix.lower() in SUFFIXES)
        elif path.exists():
            yield path
        else:
            raise OkngError(f"{path}: there is no such file or folder")


def _alone(wishes: Wishes, files: tuple[Path, ...], data: Path) -> Judged:
    """A whole station with one lane that reads the files; it ends when each has its row."""
    ids: dict[Path, int] = {}
    clock = SystemClock()
    camera = Files(files, Purpose(wishes.purpose), clock, lambda file, record_id: ids.update({file: record_id}))
    with ExitStack() as stack:
        # A Unix socket's path has room for 107 characters only: not below any folder of the user's.
        runtime = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okng-")))
        loaded = _loaded(wishes, data, runtime)
        station = Station(loaded, stack, clock, cameras={LANE: lambda: camera}, by_hand=True)
        lane = station.lanes[LANE]
        while not lane.ended and not lane.trouble:
            if crash := station.turn():
                raise OkngError(f"the judging ended: {crash}")
            time.sleep(0.05)
        if lane.trouble:
            raise OkngError(lane.trouble)
    reader = Reader(data / "results.db")
    found = {file: reader.part(ids[file]) for file in files if file in ids}
    parts = {file: part for file, part in found.items() if part is not None}
    return Judged(parts, {file: "has no row" for file in files if file not in parts})


def _loaded(wishes: Wishes, data: Path, runtime: Path) -> Loaded:
    """The settings of a station that lives for these pictures; nothing is written in another station's folder."""
    recipe = _recipe_text(wishes)
    name = wishes.recipe.stem if wishes.recipe is not None else LANE
    with DataLock(data):
        _place(data / "recipes" / f"{name}.toml", recipe)
        _place_reference(data / "recipes", wishes)
    settings = runtime / "judge.toml"
    settings.write_text(SETTINGS.format(data=json.dumps(str(data)), runtime=json.dumps(str(runtime)), recipe=name))
    return load(settings)


def _place(file: Path, recipe: str) -> None:
    """Put the recipe there. Raises OkngError where another one is that was not put there by us."""
    there = file.read_text("utf-8", errors="replace") if file.exists() else MARK
    if there == recipe:
        return
    if not there.startswith(MARK):
        raise OkngError(f"{file} is another recipe and is not overwritten: judge by a file of another name")
    file.parent.mkdir(exist_ok=True)
    write_atomically(file, f"{MARK}{recipe}".encode())


def _place_reference(folder: Path, wishes: Wishes) -> None:
    """Put the recipe's reference picture beside it. Raises OkngError where another file has its name."""
    reference = None if wishes.recipe is None else read_recipe(wishes.recipe).reference
    if wishes.recipe is None or reference is None:
        return
    data, file = (wishes.recipe.parent / reference.picture).read_bytes(), folder / reference.picture
    if file.exists() and file.read_bytes() != data:
        raise OkngError(f"{file} is another picture and is not overwritten: judge by a reference of another name")
    write_atomically(file, data)


def _recipe_text(wishes: Wishes) -> str:
    if wishes.recipe is not None:
        read_recipe(wishes.recipe)  # refused here, before anything is written
        return wishes.recipe.read_text("utf-8")
    if wishes.model is not None:
        return f'name = "{LANE}"\nmodel = {json.dumps(str(wishes.model.absolute()))}\ndeadline_ms = {PATIENCE_MS}\n'
    text = (paths.bundled_recipes() / f"{BUNDLED}.toml").read_text().replace(f'"{BUNDLED}"', f'"{LANE}"', 1)
    return re.sub(r"(?m)^deadline_ms = \d+", f"deadline_ms = {PATIENCE_MS}", text)


def _by_station(wishes: Wishes, files: tuple[Path, ...]) -> Judged:
    """Hand every picture to the running station; it judges and stores. One refusal loses no other's answer."""
    assert wishes.config is not None
    station = load(wishes.config).config.station
    reader = Reader(station.data / "results.db")
    judged: dict[Path, StoredPart] = {}
    failed: dict[Path, str] = {}
    gone = ""
    for file in files:
        if gone:
            failed[file] = gone
            continue
        try:
            record = _handed(wishes, station, file)
            part = reader.part(record)
        except ControlFailed as error:
            failed[file] = str(error)
            gone = str(error) if error.__cause__ is not None else ""  # it did not answer at all
        except (StoreFailed, OSError, ValueError) as error:
            failed[file] = str(error)
        else:
            judged.update({file: part} if part is not None else {})
            failed.update({file: f"record {record} is not there"} if part is None else {})
    return Judged(judged, failed)


def _handed(wishes: Wishes, station: StationConfig, file: Path) -> int:
    """Let the station judge one picture, or note that it cannot be read; returns the record's id."""
    picture = read_picture(file)
    said: dict[str, Any] = {
        "lane": wishes.lane,
        "part_id": printable(file.stem),
        "source": printable(str(file)),
        "purpose": wishes.purpose,
    }
    if picture.fault is not None:
        said |= {"fault": picture.fault.value, "note": f"{printable(str(file))}: {picture.note}"}
        return int(ask(station.runtime, "judge", STATION_S, **said)["record"])
    handed = hand_over(station.runtime, picture.pixels)
    try:
        return int(ask(station.runtime, "judge", STATION_S, file=handed.name, **said)["record"])
    finally:
        handed.unlink(missing_ok=True)


def _print(judged: Judged) -> None:
    for file, part in judged.parts.items():
        verdict = part.record.verdict
        why = ", ".join(f"{r.rule} {r.label}".strip() for r in verdict.reasons)
        print(f"{verdict.outcome:6} {printable(str(file))}{f'  ({why})' if why else ''}")
    for file, error in judged.failed.items():
        print(f"not judged: {printable(str(file))}: {error}", file=sys.stderr)


def _described(judged: Judged, wall_s: float) -> Mapping[str, object]:
    parts = judged.parts
    counts = {outcome.value.lower(): sum(_is(p, outcome) for p in parts.values()) for outcome in Outcome}
    return {
        "parts": [_part(file, part) for file, part in parts.items()],
        "failed": [{"picture": str(file), "error": error} for file, error in judged.failed.items()],
        **counts,
        "wall_s": round(wall_s, 3),
    }


def _is(part: StoredPart, outcome: Outcome) -> bool:
    return part.record.verdict.outcome is outcome


def _part(file: Path, part: StoredPart) -> Mapping[str, object]:
    record = part.record
    return {
        "picture": str(file),
        "id": part.id,
        "outcome": record.verdict.outcome.value,
        "reasons": [asdict(r) for r in record.verdict.reasons],
        "detections": [asdict(d) for d in record.inspection.detections],
        "latency_ms": record.inspection.stages.total_ms,
        "model": record.origin.model,
        "recipe": f"{record.origin.recipe}@{record.origin.recipe_hash[:12]}",
    }
