"""What the steps of a run share: the order, the work folder, the data, and how a graph is measured."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.station.models.bundle import Bundle
from training.datasets.values import Dataset
from training.measure import Score, score, working_bundle
from training.order import Order
from training.table import Row
from training.work import Say, Work

VAL = "val"
"""The held-out split: what each step is measured on and the thresholds are calibrated on."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph of a step, its score, and what making it took."""

    xml: Path
    score: Score
    seconds: float
    note: str = ""
    exact: bool = False
    """Measured in float32."""


@dataclass(frozen=True, slots=True)
class Shop:
    """One run."""

    order: Order
    work: Work
    dataset: Dataset
    say: Say
    rows: list[Row] = field(default_factory=list)
    """The table, as far as it is."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What goes into the manifest's figures."""

    def working(self, graph: Path) -> Bundle:
        """A bundle around a graph, for measuring."""
        return working_bundle(graph, self.dataset.labels, self.order.side_px, self.order.pipeline)

    def score(self, graph: Path, *, exact: bool) -> Score:
        """A graph on the held-out pictures."""
        return score(self.working(graph), self.dataset, VAL, self.order.measured, exact=exact)


def splits_digest(dataset: Dataset) -> str:
    """Of which picture is in which split, with which boxes: changes when the data do."""
    digest = hashlib.sha256()
    for p in sorted(dataset.pictures, key=lambda p: str(p.file)):
        digest.update(repr((dataset.name(p.file), p.split, p.verdict, p.empty_known, p.boxes)).encode())
        digest.update(str(p.file.stat().st_size if p.file.exists() else -1).encode())
    return digest.hexdigest()[:16]


def file_digest(*files: Path) -> str:
    """Of files' bytes."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
