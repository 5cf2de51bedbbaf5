"""`okng judge PICTURE...`: by a running station's push lane, or by a station that lives just for this."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

import numpy as np

from agent import paths
from agent.clock import SystemClock
from agent.control import ask
from agent.errors import OkngError
from agent.recipes import read_recipe
from agent.settings import Loaded, load
from agent.station.app import Station
from agent.station.cameras.decode import read_picture
from agent.station.cameras.files import Files
from agent.store.read import Reader
from agent.store.values import StoredPart
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

[lanes.judge]
recipe = "{recipe}"
queue = 1
camera = {{ kind = "push" }}
"""


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
    return 0 if len(judged) == len(files) else 1


def _files(named: tuple[Path, ...]) -> Iterator[Path]:
    for path in named:
        if path.is_dir():
            yield from sorted(f for f in path.rglob("*") if f.suffix.lower() in SUFFIXES)
        elif path.exists():
            yield path
        else:
            raise OkngError(f"{path}: there is no such file or folder")


def _alone(wishes: Wishes, files: tuple[Path, ...], data: Path) -> Mapping[Path, StoredPart]:
    """A whole station with one lane that reads the files; it ends when each has its row."""
    ids: dict[Path, int] = {}
    clock = SystemClock()
    camera = Files(files, Purpose(wishes.purpose), clock, lambda file, record_id: ids.update({file: record_id}))
    with ExitStack() as stack:
        # A Unix socket's path has room for 107 characters only: not below any folder of the user's.
        runtime = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okng-")))
        loaded = _loaded(wishes, data, runtime)
        station = Station(loaded, stack, clock, cameras={LANE: lambda: camera})
        lane = station.lanes[LANE]
        while not lane.ended and not lane.trouble:
            if crash := station.turn():
                raise OkngError(f"the judging ended: {crash}")
            time.sleep(0.05)
        if lane.trouble:
            raise OkngError(lane.trouble)
    reader = Reader(data / "results.db")
    found = {file: reader.part(record_id) for file, record_id in ids.items()}
    return {file: part for file, part in found.items() if part is not None}


def _loaded(wishes: Wishes, data: Path, runtime: Path) -> Loaded:
    recipe = _recipe_text(wishes)
    folder = data / "recipes"
    folder.mkdir(parents=True, exist_ok=True)
    name = wishes.recipe.stem if wishes.recipe is not None else LANE
    (folder / f"{name}.toml").write_text(recipe)
    settings = data / "judge.toml"
    settings.write_text(SETTINGS.format(data=json.dumps(str(data)), runtime=json.dumps(str(runtime)), recipe=name))
    return load(settings)


def _recipe_text(wishes: Wishes) -> str:
    if wishes.recipe is not None:
        read_recipe(wishes.recipe)  # refused here, before anything is written
        return wishes.recipe.read_text()
    if wishes.model is not None:
        return f'name = "{LANE}"\nmodel = {json.dumps(str(wishes.model.absolute()))}\n'
    return (paths.bundled_recipes() / f"{BUNDLED}.toml").read_text().replace(f'"{BUNDLED}"', f'"{LANE}"', 1)


def _by_station(wishes: Wishes, files: tuple[Path, ...]) -> Mapping[Path, StoredPart]:
    """Hand every picture to the running station; it judges and stores."""
    assert wishes.config is not None
    station = load(wishes.config).config.station
    folder = station.runtime / "push"
    reader = Reader(station.data / "results.db")
    judged: dict[Path, StoredPart] = {}
    for file in files:
        picture = read_picture(file)
        if picture.fault is not None:
            print(f"{file}: {picture.note}", file=sys.stderr)
            continue
        folder.mkdir(exist_ok=True)
        handed = folder / f"{uuid4().hex}.npy"
        np.save(handed, picture.pixels)
        answer = ask(
            station.runtime,
            "judge",
            timeout_s=STATION_S,
            file=handed.name,
            lane=wishes.lane,
            part_id=file.stem,
            source=str(file),
            purpose=wishes.purpose,
        )
        part = reader.part(int(answer["record"]))
        if part is not None:
            judged[file] = part
    return judged


def _print(judged: Mapping[Path, StoredPart]) -> None:
    for file, part in judged.items():
        verdict = part.record.verdict
        why = ", ".join(f"{r.rule} {r.label}".strip() for r in verdict.reasons)
        print(f"{verdict.outcome:6} {file}{f'  ({why})' if why else ''}")


def _described(judged: Mapping[Path, StoredPart], wall_s: float) -> Mapping[str, object]:
    counts = {outcome.value.lower(): sum(_is(p, outcome) for p in judged.values()) for outcome in Outcome}
    return {"parts": [_part(file, part) for file, part in judged.items()], **counts, "wall_s": round(wall_s, 3)}


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
