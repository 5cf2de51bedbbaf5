"""What the steps of a run share: the order, the work folder, the data, and how a graph is measured."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.station.models.bundle import Bundle
from training.datasets.values import Dataset, Picture
from training.halves import Halves
from training.measure import Score, score, working_bundle
from training.order import Order
from training.table import Row
from training.work import Say, Work

VAL = "val"
"""The held-out split: on some of it each step is measured, on the others the thresholds are calibrated."""


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
    held_out: Halves
    """Its held-out pictures, in two."""
    splits: str
    """`splits_digest` of it: in the key of every step that looks at pictures of its own accord."""
    say: Say
    rows: list[Row] = field(default_factory=list)
    """The table, as far as it is."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What goes into the manifest's figures."""

    def working(self, graph: Path) -> Bundle:
        """A bundle around a graph, for measuring."""
        return working_bundle(graph, self.dataset.labels, self.order.side_px, self.order.pipeline)

    @property
    def seen(self) -> dict[str, object]:
        """For the keys of what is measured on held-out pictures: another split, or another way of halving it, and
        nothing that was measured before holds."""
        o = self.order
        return {"splits": self.splits, "halves": [o.limit, o.confidence, o.seed]}

    def score(self, graph: Path, *, exact: bool) -> Score:
        """A graph on the held-out pictures that are for choosing."""
        return score(self.working(graph), self.held_out.choosing, VAL, self.order.measured, exact=exact)


def splits_digest(dataset: Dataset) -> str:
    """Of which picture is in which split and group, with which boxes and reference, and of the pictures' bytes:
    changes when the data do. Reads every picture, so it is made once a run."""
    digest = hashlib.sha256()
    bytes_of: dict[Path, bytes] = {}
    for p in sorted(dataset.pictures, key=lambda p: str(p.file)):
        digest.update(repr((dataset.labels, dataset.name(p.file), *_said(p))).encode())
        for file in (p.file, p.reference):
            if file is not None and file not in bytes_of:
                bytes_of[file] = _bytes_digest(file)
            digest.update(bytes_of[file] if file is not None else b"-")
    return digest.hexdigest()[:16]


def _said(p: Picture) -> tuple[object, ...]:
    return p.split, p.group, p.verdict, p.empty_known, p.boxes


def _bytes_digest(file: Path) -> bytes:
    """Of one picture; one that is not there is none, and is found wrong later."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError:
        return b"gone"


def file_digest(*files: Path) -> str:
    """Of files' bytes."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
