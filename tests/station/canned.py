"""Stations with canned models that were imported already, for trials of a model's life."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from agent.station.models.bundle import read_bundle
from agent.station.models.gate import FILE as GATES
from agent.station.models.gate import Entry
from agent.station.rollout import Rollout
from tests.station.rig import Rig, running, virtual
from tests.station.test_models_killed import ANSWER, bundle

CANNED = f"canned = {json.dumps([ANSWER])}\n"
RECIPE = 'model = "canned-{model}"\nevidence_ok_rate = 0.0\ndeadline_ms = 60000\n[quality]\nmax_age_ms = 60000\n'
BOTH = virtual(rate_hz=50) + virtual(rate_hz=50).replace("lanes.top", "lanes.side")
WATCH = "health_s = 3600\nhealth_parts = 1000\n"


def stocked(data: Path, *versions: str, memory_mb: float = 10.0) -> Path:
    """A data folder with models that were imported, as far as `gates.json` says."""
    entries = []
    for version in versions:
        bundle(data / "models" / f"canned-{version}", version)
        digest = read_bundle(data / "models" / f"canned-{version}").digest
        entry = Entry(
            model=f"canned-{version}", digest=digest, device="CPU", precision="f32", runtime="canned", p99_ms=1.0
        )
        entries.append(entry.model_copy(update={"memory_mb": memory_mb}))
    (data / GATES).write_text(json.dumps({"entries": [entry.model_dump(mode="json") for entry in entries]}))
    return data


def station(
    data: Path, lanes: str = BOTH, models: str = "", recipe: str = RECIPE.format(model="a")
) -> AbstractContextManager[Rig]:
    """A station that judges by canned-a, or as it was left."""
    return running(data, lanes, f'{CANNED}devices = ["CPU"]\n', recipe=recipe, models=models)


def judged_by(rig: Rig) -> dict[str, str]:
    """Lane -> the model that judges there."""
    return {name: lane.job.origin.model if lane.job else "" for name, lane in rig.station.lanes.items()}


def up(rig: Rig) -> None:
    rig.until(lambda: all(lane.job is not None and lane.started for lane in rig.station.lanes.values()), 120)


def rename(data: Path, model: str, more: str = "") -> None:
    """A person writes another model into the recipe's file."""
    (data / "recipes" / "trial.toml").write_text(more + RECIPE.format(model=model))


def events(rig: Rig, name: str) -> list[dict[str, Any]]:
    return [dict(e.detail) for e in rig.reader.events(200) if e.name == name]


def parts(rig: Rig, model: str) -> int:
    """How many parts of each lane together were judged by the jobs that are on trial."""
    trials = [lane.on_trial for lane in rig.station.lanes.values()]
    return sum(job.standing.history.parts for job in trials if job is not None and job.origin.model == model)


def inside(rig: Rig) -> Rollout:
    return rig.station._models.rollout
