"""Where a training begins: given weights, none, or the model that judged the reviewed parts."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.errors import OkngError
from agent.station.models.bundle import Bundle
from training.datasets.values import Dataset
from training.inputs import evenly, network_inputs
from training.order import MODELS, Order
from training.restart import find_bundle, weights_of

STATISTICS = 64
"""Pictures that a rebuilt network's statistics come from."""


def start_of(order: Order, dataset: Dataset, pictures: tuple[Path, ...], to: Path) -> str | Path:
    """What the training starts with: a .pt file, or the name of a network's .yaml for random weights.

    `pictures`: training pictures as the network sees them. Raises OkngError, naming what would do.
    """
    if order.from_review:
        bundle = judged_by(order, dataset)
        given = list(network_inputs(evenly(pictures, STATISTICS), order.side_px))
        return weights_of(bundle, given, to / "start.pt")
    if order.start == "none":
        if order.model not in MODELS:
            raise OkngError(f"--start none: --model must be one of {', '.join(MODELS)}, not {order.model}")
        return f"{order.model}.yaml"
    if order.start == "download":
        return f"{order.model}.pt"
    return order.start_file


def judged_by(order: Order, dataset: Dataset) -> Bundle:
    """The model that judged the parts of a review export: `order.active`, or the one that judged the newest of them."""
    models = dataset.facts.get("models", {})
    return find_bundle(order.active, order.out, list(models) if isinstance(models, dict) else [])


def as_the_model(dataset: Dataset, labels: Sequence[str]) -> Dataset:
    """With the model's labels in the model's order, which its weights are in, and then whatever else was seen."""
    return replace(dataset, labels=tuple(dict.fromkeys((*labels, *dataset.labels))))


def guided_start(start: str | Path, pipeline: str, fold: bool, to: Path) -> str | Path:
    """For a guided model that starts from one of ordinary pictures: made to look at the part alone at first."""
    if pipeline != "guided" or not fold or not isinstance(start, Path):
        return start
    from training.deeppcb import fold_first

    to.mkdir(parents=True, exist_ok=True)
    return fold_first(start, to / "folded.pt")


def keep_weights(weights: Path, file: Path) -> Path:
    """The trained weights beside the bundle: later trainings start there. Never a part of the bundle."""
    temporary = file.with_suffix(".pt.tmp")
    shutil.copyfile(weights, temporary)
    temporary.replace(file)
    return file
