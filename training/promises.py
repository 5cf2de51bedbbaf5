"""A trained model's thresholds, with their promise, from the held-out pictures.

Bad parts are the hard ones where the data set has references: a reference with a single defect pasted in. Good
parts are those known to be good, and parts with every defect mended from their reference (a reference itself
equals what a guided model compares it with, and asks nothing).

What is chosen is chosen on some of the held-out pictures, and the promise is made on the others (`training.halves`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from agent.errors import OkngError
from agent.station.models.bundle import Bundle, Promise
from pipelines.values import Outcome
from training.datasets.values import Dataset, Picture
from training.evaluate.eye import Eye, Shown, open_eye, plain_recipe
from training.evaluate.shown import as_they_are, golden, repaired
from training.evaluate.values import Seen
from training.halves import Halves
from training.losses import PromiseRefused
from training.measure import best_accuracy, known, top
from training.parts import one_defect_parts
from training.thresholds import Tops, calibrate, on_bad_part, on_good_part, quantile_path

Say = Callable[[str], None]
FLOOR = 0.01
MOST_GROUPS = 2_000
"""Names of groups in a manifest, which may have 1 MiB."""


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


@dataclass(frozen=True, slots=True)
class Looked:
    """Held-out parts as a model sees them."""

    bad: list[Seen]
    boards: list[str]
    """What each bad part was made from; "" where it is a picture of its own."""
    good: list[Seen]

    @property
    def bad_tops(self) -> list[Tops]:
        return [
            Tops(on_bad_part(s.found, s.truth).scores, s.outcome is Outcome.UNSURE, board=board)
            for s, board in zip(self.bad, self.boards, strict=True)
        ]

    @property
    def good_tops(self) -> list[Tops]:
        return [on_good_part(s.found, s.outcome is Outcome.UNSURE) for s in self.good]


def thresholds(
    bundle: Bundle,
    held_out: Halves,
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
    labels = bundle.manifest.labels
    say(held_out.says)
    if held_out.calibrating is None and must:
        raise PromiseRefused(held_out.says)
    choosing = look(eye, held_out.choosing, split)
    say(f"{len(choosing.bad)} bad and {len(choosing.good)} good parts looked at, to choose by")
    if held_out.calibrating is None:
        return _without(choosing, labels, held_out.says)
    calibrating = look(eye, held_out.calibrating, split)
    say(f"{len(calibrating.bad)} bad and {len(calibrating.good)} good parts looked at, to promise by")
    try:
        found = calibrate(
            calibrating.bad_tops,
            calibrating.good_tops,
            labels,
            limit=limit,
            confidence=confidence,
            path=quantile_path(_scores(choosing), labels, FLOOR) if by_class else None,
            groups=named(held_out.calibrating, split),
            steering=choosing.good_tops,
        )
    except PromiseRefused as refused:
        if must:
            raise
        return _without(choosing, labels, str(refused))
    by_label = {label: round(value, 4) for label, value in found.thresholds.items()}
    return Thresholds(by_label, found.promise, f"{found}; {held_out.says}")


def look(eye: Eye, dataset: Dataset, split: str) -> Looked:
    """The bad and the good parts of a split."""
    pictures = known(dataset, split, 0)
    shown = list(_see_bad(eye, dataset, split, pictures))
    good = [eye.see(each) for each in _good(dataset, pictures, eye.facts.pipeline)]
    return Looked([seen for seen, _ in shown], [board for _, board in shown], good)


def named(dataset: Dataset, split: str) -> tuple[str, ...]:
    """The groups of a split, for a manifest; of very many the first, and how many more there are."""
    groups = sorted({p.group for p in dataset.of(split) if p.group})
    if len(groups) <= MOST_GROUPS:
        return tuple(groups)
    return (*groups[:MOST_GROUPS], f"and {len(groups) - MOST_GROUPS} more")


def _see_bad(eye: Eye, dataset: Dataset, split: str, pictures: Sequence[Picture]) -> Iterator[tuple[Seen, str]]:
    """Each with the name of the board that it was made from, "" for a part of its own."""
    if not any(p.reference is not None and p.boxes for p in pictures):
        for shown in as_they_are(dataset, [p for p in pictures if p.boxes]):
            yield eye.see(shown), ""
        return
    for part in one_defect_parts(dataset, split):
        origin = part.origin
        shown = Shown(part.name, part.pixels, (part.truth,), part.reference, reference_file=origin.reference)
        yield eye.see(shown), dataset.name(origin.file)


def _good(dataset: Dataset, pictures: Sequence[Picture], pipeline: str) -> Iterator[Shown]:
    with_reference = [p for p in pictures if p.reference is not None and p.boxes]
    rows = [as_they_are(dataset, [p for p in pictures if not p.boxes]), repaired(dataset, with_reference)]
    if pipeline == "detect":
        rows.append(golden(dataset, with_reference))
    return chain(*rows)


def _scores(looked: Looked) -> dict[str, list[float]]:
    """Scores on true defects, by label, for a path of thresholds by class."""
    scores: dict[str, list[float]] = {}
    for tops in looked.bad_tops:
        for label, value in tops.scores.items():
            scores.setdefault(label, []).append(value)
    return scores


def _without(looked: Looked, labels: Sequence[str], why: str) -> Thresholds:
    if not looked.bad:
        raise OkngError("no held-out picture has a defect: thresholds cannot be chosen; hold out other groups")
    accuracy, threshold = best_accuracy([top(s) for s in looked.bad], [top(s) for s in looked.good])
    says = f"no promise ({why}); threshold {threshold:g} judges {100 * accuracy:.2f} % of the held-out parts right"
    return Thresholds(dict.fromkeys(labels, threshold), None, says)
