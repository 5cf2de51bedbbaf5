"""A trained model's thresholds, with their promise, from the held-out pictures.

Bad parts are the hard ones where the data set has references: a reference with a single defect pasted in. Good
parts are those known to be good, and parts with every defect mended from their reference (a reference itself
equals what a guided model compares it with, and asks nothing).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from agent.errors import OkngError
from agent.station.models.bundle import Bundle, Promise
from pipelines.values import Outcome
from training.datasets.values import Dataset
from training.evaluate.eye import Eye, open_eye, plain_recipe
from training.evaluate.shown import as_they_are, golden, one_defect, repaired
from training.evaluate.values import Seen
from training.measure import best_accuracy, known, top
from training.thresholds import PromiseRefused, Tops, calibrate, on_bad_part, on_good_part, quantile_path

Say = Callable[[str], None]
FLOOR = 0.01
PATH_PICTURES = 200
"""Training pictures that a path of thresholds by class is drawn from."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a bundle is made with."""

    by_label: dict[str, float]
    promise: Promise | None
    says: str
    """The promise in words, or why there is none."""

    def as_json(self) -> dict[str, Any]:
        promise = self.promise.model_dump(mode="json") if self.promise is not None else None
        return {"by_label": self.by_label, "promise": promise, "says": self.says}


def of_json(told: dict[str, Any]) -> Thresholds:
    """Back from `as_json`."""
    promise = Promise.model_validate(told["promise"]) if told["promise"] is not None else None
    return Thresholds(told["by_label"], promise, told["says"])


def thresholds(
    bundle: Bundle,
    dataset: Dataset,
    split: str,
    *,
    limit: float,
    confidence: float,
    must: bool,
    by_class: bool = False,
    say: Say = print,
) -> Thresholds:
    """Thresholds under which at most `limit` of the bad parts escape, with `confidence`, at the least overkill.

    Where the held-out parts are too few or escape too often: raises PromiseRefused if the promise `must` be
    made; else gives the one threshold that judges most of these parts right, and says why no more.
    """
    eye = open_eye(bundle, plain_recipe(bundle)).at(FLOOR)
    bad, good = _bad(eye, dataset, split), _good(eye, dataset, split, bundle.facts.pipeline)
    say(f"{len(bad)} bad and {len(good)} good held-out parts looked at")
    labels = bundle.manifest.labels
    groups = sorted({p.group for p in dataset.of(split) if p.group})
    bad_tops = [on_bad_part(s.found, s.truth, s.outcome is Outcome.UNSURE) for s in bad]
    good_tops: list[Tops] = [on_good_part(s.found, s.outcome is Outcome.UNSURE) for s in good]
    try:
        path = quantile_path(_training_scores(eye, dataset), labels, FLOOR) if by_class else None
        found = calibrate(
            bad_tops, good_tops, labels, limit=limit, confidence=confidence, path=path, groups=groups[:64]
        )
    except PromiseRefused as refused:
        if must:
            raise
        return _without(bad, good, labels, str(refused))
    return Thresholds({k: round(v, 4) for k, v in found.thresholds.items()}, found.promise, str(found))


def _bad(eye: Eye, dataset: Dataset, split: str) -> list[Seen]:
    pictures = known(dataset, split, 0)
    if any(p.reference is not None and p.boxes for p in pictures):
        return [eye.see(shown) for shown in one_defect(dataset, split, 0)]
    return [eye.see(shown) for shown in as_they_are(dataset, [p for p in pictures if p.boxes])]


def _good(eye: Eye, dataset: Dataset, split: str, pipeline: str) -> list[Seen]:
    pictures = known(dataset, split, 0)
    rows = [as_they_are(dataset, [p for p in pictures if not p.boxes])]
    with_reference = [p for p in pictures if p.reference is not None and p.boxes]
    if with_reference:
        rows.append(repaired(dataset, with_reference))
        if pipeline == "detect":
            rows.append(golden(dataset, with_reference))
    return [eye.see(shown) for shown in chain(*rows)]


def _training_scores(eye: Eye, dataset: Dataset) -> dict[str, list[float]]:
    """Scores on true defects of training pictures, by label: a path drawn from them knows no held-out answer."""
    scores: dict[str, list[float]] = {}
    pictures = [p for p in known(dataset, "train", PATH_PICTURES) if p.boxes]
    for seen in map(eye.see, as_they_are(dataset, pictures)):
        for label, value in on_bad_part(seen.found, seen.truth).scores.items():
            scores.setdefault(label, []).append(value)
    return scores


def _without(bad: Sequence[Seen], good: Sequence[Seen], labels: Sequence[str], why: str) -> Thresholds:
    if not bad:
        raise OkngError("no held-out picture has a defect: thresholds cannot be chosen; hold out other groups")
    accuracy, threshold = best_accuracy([top(s) for s in bad], [top(s) for s in good])
    says = f"no promise ({why}); threshold {threshold:g} judges {100 * accuracy:.2f} % of the held-out parts right"
    return Thresholds(dict.fromkeys(labels, threshold), None, says)
