"""Class thresholds that keep a promise: escapes under a limit, with a confidence.

Learn then Test: A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, arXiv:2110.01052. For each
setting of the thresholds on a path the hypothesis "its rate is above the limit" is tested on parts that the
model was not trained on. The path starts at the lowest thresholds, where the fewest escape, and rises;
fixed-sequence testing (their section 2) goes up it until the first hypothesis that is not rejected, and
every setting before holds its limit, all of them together, with the confidence asked for, whatever the model
and whatever the scores' distribution. So the one taken may be chosen among them by the overkill it costs.

p-values: the exact binomial tail, of as many parts as those of one board are worth. A promise by defect and not by
part is one on one-defect parts (`training.parts`).

What it assumes, and what voids it: docs/thresholds.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.quality.binomial import interval, needed
from agent.station.models.bundle import Overkill, Promise
from pipelines.values import Detection
from training.alike import boards_of, design_effect
from training.datasets.values import Box
from training.evaluate.calls import touches
from training.losses import Losses, PromiseRefused, lowest_limit, too_few, too_many

SOURCE = "Angelopoulos, Bates, Candès, Jordan, Lei: Learn then Test, arXiv:2110.01052"


@dataclass(frozen=True, slots=True)
class Tops:
    """The highest scores on one part."""

    scores: Mapping[str, float]
    """Label of the detection -> its highest score. For a bad part only of detections that are on a defect: a part
    rejected for a false call was not seen to be bad."""
    unsure: bool = False
    """It could not be judged: no pass at any threshold."""
    board: str = ""
    """What a part was made from, where several were made from one and are alike; "" is one of its own."""


@dataclass(frozen=True, slots=True)
class Counted:
    """k of n with what is known of the rate."""

    k: int
    n: int
    low: float
    """Two-sided exact 95 % interval (Clopper and Pearson)."""
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The thresholds, what they promise and what they cost."""

    thresholds: Mapping[str, float]
    """By label, for every label."""
    promise: Promise
    failures: Counted
    """Escapes of the calibration parts at `thresholds`."""
    bound: float
    """The lowest limit that `failures` alone would bear, never above the promise's. Of thresholds that were chosen for
    their failures it would be too low: the promise is its limit."""
    overkills: Counted
    highest: Mapping[str, float]
    """The highest thresholds that keep the promise; `thresholds` are at or below them."""
    boards: int
    """That the parts of `failures` are made from."""

    def __str__(self) -> str:
        p, f, o = self.promise, self.failures, self.overkills
        alike = f" of {self.boards} boards, which count as {p.parts}," if self.boards < f.n else ""
        return (
            f"at most {100 * p.limit:g} % escapes with {100 * p.confidence:g} % confidence: "
            f"{f.k} of {f.n}{alike} in calibration (95 %: {100 * f.low:.2f} to {100 * f.high:.2f} %); "
            f"overkill {o.k} of {o.n} (95 %: {100 * o.low:.2f} to {100 * o.high:.2f} %)"
        )


Thresholds = NDArray[np.float64]
"""(steps, labels): thresholds that rise, or stay, from step to step."""


def common_path(labels: Sequence[str], floor: float = 0.01, steps: int = 990) -> Thresholds:
    """One threshold for all labels, from `floor` (lower scores were not kept) to 0.999. Always a valid path."""
    each = np.round(np.linspace(floor, 0.999, steps), 4)
    return np.repeat(each[:, None], len(labels), axis=1)


def quantile_path(scores: Mapping[str, Sequence[float]], labels: Sequence[str], floor: float = 0.01) -> Thresholds:
    """Thresholds of equal quantiles of each label's scores: classes whose defects score lower get lower ones.

    The scores (of detections on true defects) must come from OTHER parts than those of the calibration
    (the training's validation split does): a path drawn from the calibration parts themselves would know
    the answers of the test. A label with fewer than 20 scores takes the quantiles of all of them.
    """
    pooled = np.concatenate([np.asarray(scores.get(label, ()), np.float64) for label in labels] or [np.zeros(0)])
    if pooled.size < 20:
        raise PromiseRefused(f"{pooled.size} scores are too few to draw a path from, at least 20 are needed")
    shares = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 400)])
    columns = []
    for label in labels:
        own = np.asarray(scores.get(label, ()), np.float64)
        known = own if own.size >= 20 else pooled
        inner = np.quantile(known, shares)
        columns.append(np.concatenate([np.linspace(floor, inner[0], 100, endpoint=False), inner]))
    rising = np.maximum.accumulate(np.column_stack(columns), axis=0)
    return np.floor(np.clip(rising, floor, 0.9999) * 1e4) / 1e4


def on_bad_part(found: Sequence[Detection], truth: Sequence[Box], unsure: bool = False) -> Tops:
    """What counts for a bad part: the best scores among the detections that are on one of its defects."""
    on: NDArray[np.bool_] = np.asarray(touches(truth, found).any(axis=0))
    return Tops(_best([d for d, hit in zip(found, on.tolist(), strict=True) if hit]), unsure)


def on_good_part(found: Sequence[Detection], unsure: bool = False) -> Tops:
    """What counts for a good part: its best scores."""
    return Tops(_best(found), unsure)


def _best(found: Sequence[Detection]) -> dict[str, float]:
    best: dict[str, float] = {}
    for d in found:
        best[d.label] = max(d.score, best.get(d.label, 0.0))
    return best


def calibrate(
    bad: Sequence[Tops],
    good: Sequence[Tops],
    labels: Sequence[str],
    *,
    limit: float = 0.01,
    confidence: float = 0.95,
    path: Thresholds | None = None,
    groups: Sequence[str] = (),
    steering: Sequence[Tops] | None = None,
) -> Calibration:
    """The thresholds on `path` (none: `common_path`) that keep the promise at the least overkill.

    `bad`: one Tops a bad part; parts of one board count as fewer where they are alike. `good`: one a good part.
    `groups`: names of what was held out of the training. `steering`: other good parts, on which the cheapest setting
    is chosen; without them it is chosen on `good`, and the overkill that is told of it is a little too low.
    Where several settings cost the fewest overkills, the middle one of them: room on both sides.
    Raises PromiseRefused: too few parts (with the number needed), or too many escapes even at the lowest.
    """
    _check_wish(limit, confidence, good)
    path = common_path(labels) if path is None else path
    shown = _shown(bad, labels, path)
    if shown.worth < (least := needed(limit, confidence)):
        raise PromiseRefused(too_few(limit, confidence, shown, least))
    held = _held(shown, limit, 1 - confidence)
    if held == 0:
        raise PromiseRefused(too_many(limit, confidence, shown, float(path[0].min())))
    chosen = _cheapest(steering or good, labels, path, held)
    rejected = len(good) - int(_passed(good, labels, path)[chosen])
    low, high = interval(rejected, len(good))
    promise = Promise(
        kind="escape",
        limit=limit,
        confidence=confidence,
        parts=shown.worth,
        groups=tuple(groups),
        overkill=Overkill(measured=rejected / len(good), low=low, high=high, parts=len(good)),
        method=shown.method,
        source=SOURCE,
    )
    failed = int(shown.lost[chosen])
    return Calibration(
        thresholds=_named(labels, path[chosen]),
        promise=promise,
        failures=Counted(failed, shown.units, *interval(shown.failures(failed), shown.worth)),
        bound=min(limit, lowest_limit(failed, shown, confidence)),
        overkills=Counted(rejected, len(good), low, high),
        highest=_named(labels, path[held - 1]),
        boards=shown.boards,
    )


def _shown(bad: Sequence[Tops], labels: Sequence[str], path: Thresholds) -> Losses:
    steps = _passing_from(bad, labels, path)
    names = [one.board for one in bad]
    return Losses(_summed(steps, len(path)), len(bad), boards_of(names), design_effect(names, steps))


def _cheapest(good: Sequence[Tops], labels: Sequence[str], path: Thresholds, held: int) -> int:
    """Of the first `held` steps the one that rejects the fewest good parts; of several the middle one."""
    passed = _passed(good, labels, path)[:held]
    cheapest = np.flatnonzero(passed == passed[held - 1])
    return int((cheapest[0] + held - 1) // 2)


def _check_wish(limit: float, confidence: float, good: Sequence[Tops]) -> None:
    if not 0 < limit < 1 or not 0 < confidence < 1:
        raise PromiseRefused(f"limit {limit} and confidence {confidence} must lie between 0 and 1")
    if not good:
        raise PromiseRefused("no good part: escapes are not promised without saying what they cost in overkill")


def _named(labels: Sequence[str], row: NDArray[np.float64]) -> dict[str, float]:
    return {label: float(value) for label, value in zip(labels, row, strict=True)}


def _passed(parts: Sequence[Tops], labels: Sequence[str], path: Thresholds) -> NDArray[np.intp]:
    """(steps,) how many pass at each step. Raises PromiseRefused for a path that is none."""
    return _summed(_passing_from(parts, labels, path), len(path))


def _passing_from(parts: Sequence[Tops], labels: Sequence[str], path: Thresholds) -> NDArray[np.intp]:
    """The step from which each part passes; as many as there are steps: it never does. Raises PromiseRefused."""
    if path.ndim != 2 or path.shape[1] != len(labels) or not path.shape[0]:
        raise PromiseRefused(f"a path of {path.shape} is not one of {len(labels)} labels")
    if (np.diff(path, axis=0) < 0).any() or not ((path > 0) & (path < 1)).all():
        raise PromiseRefused("the thresholds of a path lie between 0 and 1 and never fall from step to step")
    scores = np.array([[p.scores.get(label, 0.0) for label in labels] for p in parts], np.float64)
    scores = scores.reshape(len(parts), len(labels))
    # The thresholds rise: a label rejects up to the last step whose threshold its score reaches.
    reached = [np.searchsorted(path[:, c], scores[:, c], side="right") for c in range(len(labels))]
    steps = np.asarray(np.max(reached, axis=0), np.intp)
    steps[np.array([p.unsure for p in parts], bool)] = path.shape[0]
    return steps


def _summed(steps: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """(count,) how many of those that pass from these steps on pass at each step."""
    return np.asarray(np.cumsum(np.bincount(steps, minlength=count + 1))[:-1], np.intp)


def _held(shown: Losses, limit: float, risk: float) -> int:
    """How many steps, from the first on, are rejected hypotheses without a gap. The losses never fall."""
    held = 0
    for lost in np.unique(shown.lost).tolist():
        if shown.p(lost, limit) > risk:
            break
        held = int(np.searchsorted(shown.lost, lost, side="right"))
    return held
