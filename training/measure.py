"""What each step of the workshop cost and gained: measured through the station's own engine and look."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.station.models.bundle import Bundle, Manifest, sha256_of
from pipelines.values import Outcome
from training.datasets.values import Dataset, Picture
from training.evaluate import coco
from training.evaluate.eye import FLOOR, Eye, open_eye, plain_recipe
from training.evaluate.shown import as_they_are, chosen, golden
from training.evaluate.values import Seen


@dataclass(frozen=True, slots=True)
class Score:
    """One graph on the held-out pictures."""

    map50: float
    map50_95: float
    accuracy: float
    """Of parts, at the one threshold for all classes that suits these parts best: an upper bound, the same for
    every step."""
    threshold: float
    """That threshold."""
    bad: int
    good: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def working_bundle(graph: Path, labels: Sequence[str], side_px: int, pipeline: str) -> Bundle:
    """A bundle around a graph of the work folder, for measuring: without golden pictures, never given away."""
    told = {
        "schema": "okng.bundle/1",
        "name": "work",
        "version": "1",
        "pipeline": pipeline,
        "labels": list(labels),
        "head": "raw",
        "input": {"width_px": side_px, "height_px": side_px},
        "graph": graph.name,
        "variants": {"f32": graph.name},
        "threshold": 0.25,
        "data": "-",
        "licence": "-",
        "files": {graph.name: sha256_of(graph), graph.with_suffix(".bin").name: sha256_of(graph.with_suffix(".bin"))},
    }
    text = json.dumps(told, sort_keys=True)
    return Bundle(graph.parent, Manifest.model_validate(told), hashlib.sha256(text.encode()).hexdigest())


def known(dataset: Dataset, split: str, most: int) -> tuple[Picture, ...]:
    """Pictures of a split whose boxes, or whose having none, are known."""
    return tuple(p for p in chosen(dataset, split, most) if p.boxes or p.bad is False)


def see(eye: Eye, dataset: Dataset, pictures: Sequence[Picture]) -> tuple[list[Seen], list[Seen]]:
    """(the pictures, their references as good parts), looked at down to the lowest scores."""
    low = eye.at(FLOOR)
    seen = [low.see(shown) for shown in as_they_are(dataset, pictures)]
    return seen, [low.see(shown) for shown in golden(dataset, pictures)]


def score(bundle: Bundle, dataset: Dataset, split: str, most: int, *, exact: bool = False) -> Score:
    """Measures a graph. `exact`: infer in float32; else as a station would."""
    eye = open_eye(bundle, plain_recipe(bundle), precision="f32" if exact else "")
    pictures = known(dataset, split, most)
    seen, references = see(eye, dataset, pictures)
    found = coco.precision(seen, bundle.manifest.labels)
    bad = [top(one) for one in seen if one.truth]
    good = [top(one) for one in (*seen, *references) if not one.truth]
    accuracy, threshold = best_accuracy(bad, good)
    return Score(found.map50 or 0.0, found.map50_95 or 0.0, accuracy, threshold, len(bad), len(good))


def top(seen: Seen) -> float:
    """The score at which a part is still rejected; 1 where it could not be judged."""
    return 1.0 if seen.outcome is Outcome.UNSURE else max((d.score for d in seen.found), default=0.0)


def best_accuracy(bad: Sequence[float], good: Sequence[float]) -> tuple[float, float]:
    """(share of parts judged right, threshold), in the middle of the widest range of the best thresholds."""
    if not bad and not good:
        return 0.0, 0.25
    steps = np.arange(0.02, 0.981, 0.005)
    ng, ok = np.array(bad, np.float64), np.array(good, np.float64)
    right = (ng[:, None] >= steps).sum(axis=0) + (ok[:, None] < steps).sum(axis=0)
    best = np.flatnonzero(right == right.max())
    widest = max(np.split(best, np.flatnonzero(np.diff(best) > 1) + 1), key=len)
    return round(float(right.max()) / (len(bad) + len(good)), 4), round(float(steps[widest].mean()), 3)


def times_ms(bundles: Mapping[str, tuple[Bundle, bool]], dataset: Dataset, split: str, turns: int) -> dict[str, float]:
    """Median time of one inference, ms, of each (bundle, exact), taken in turns on the same pictures."""
    eyes = {
        name: open_eye(b, plain_recipe(b), precision="f32" if exact else "") for name, (b, exact) in bundles.items()
    }
    spent: dict[str, list[float]] = {name: [] for name in eyes}
    for shown in as_they_are(dataset, known(dataset, split, turns)):
        for name, eye in eyes.items():
            spent[name].append(eye.see(shown).stages.infer_ms)
    return {name: round(float(np.median(values)), 2) for name, values in spent.items() if values}


def bytes_of(graph: Path) -> int:
    """Of a graph with its weights, or of an ONNX file."""
    weights = graph.with_suffix(".bin")
    return graph.stat().st_size + (weights.stat().st_size if graph.suffix == ".xml" and weights.exists() else 0)
