"""Class thresholds that keep a promise: escapes (or missed defects) under a limit, with a confidence.

Learn then Test: A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei, arXiv:2110.01052. For each
setting of the thresholds on a path the hypothesis "its rate is above the limit" is tested on parts that the
model was not trained on. The path starts at the lowest thresholds, where the fewest escape, and rises;
fixed-sequence testing (their section 2) goes up it until the first hypothesis that is not rejected, and
every setting before holds its limit, all of them together, with the confidence asked for, whatever the model
and whatever the scores' distribution. So the one taken may be chosen among them by the overkill it costs.

p-values: the exact binomial tail where a part's loss is 0 or 1, Hoeffding-Bentkus (their section 1.3, after
S. Bates et al., arXiv:2101.02703) where it is a share (a part's defects that are missed).

What it assumes, and what voids it: docs/thresholds.md.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from agent.errors import OkngError
from agent.station.models.bundle import Overkill, Promise
from pipelines.values import Detection
from training.binomial import at_most, interval, needed, upper
from training.datasets.values import Box
from training.evaluate.calls import touches

SOURCE = "Angelopoulos, Bates, Candès, Jordan, Lei: Learn then Test, arXiv:2110.01052"
EXACT = "learn-then-test, fixed sequence, exact binomial"
BENTKUS = "learn-then-test, fixed sequence, Hoeffding-Bentkus"


class PromiseRefused(OkngError):
    """The promise cannot be made; says what it would take."""


@dataclass(frozen=True, slots=True)
class Tops:
    """The highest scores on one part, or on one defect."""

    scores: Mapping[str, float]
    """Label of the detection -> its highest score. For a bad part (or a defect) only of detections that
    are on a defect (on this one): a part rejected for a false call was not seen to be bad."""
    unsure: bool = False
    """It could not be judged: no pass at any threshold."""
    part: str = ""
    """Which part a defect is of, where several are of one; "" is a part of its own."""


@dataclass(frozen=True, slots=True)
class Counted:
    """k of n with what is known of the rate."""

    k: float
    """A whole number, but for shares of a part's defects, summed."""
    n: int
    low: float
    """Two-sided exact 95 % interval (Clopper and Pearson); of shares, for their sum rounded up."""
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The thresholds, what they promise and what they cost."""

    thresholds: Mapping[str, float]
    """By label, for every label."""
    promise: Promise
    failures: Counted
    """Escapes (or missed defects) of the calibration parts at `thresholds`."""
    bound: float
    """The rate is below this with the confidence of the promise; never above its limit."""
    overkills: Counted
    highest: Mapping[str, float]
    """The highest thresholds that keep the promise; `thresholds` are at or below them."""

    def __str__(self) -> str:
        p, f, o = self.promise, self.failures, self.overkills
        what = "escapes" if p.kind == "escape" else "missed defects"
        return (
            f"at most {100 * p.limit:g} % {what} with {100 * p.confidence:g} % confidence: "
            f"{f.k:.4g} of {f.n} in calibration (95 %: {100 * f.low:.2f} to {100 * f.high:.2f} %); "
            f"overkill {o.k:g} of {o.n} (95 %: {100 * o.low:.2f} to {100 * o.high:.2f} %)"
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


def on_defects(found: Sequence[Detection], truth: Sequence[Box], part: str, unsure: bool = False) -> list[Tops]:
    """As `on_bad_part`, for each defect of a part by itself; `part` is the part's name."""
    on = touches(truth, found)
    return [Tops(_best([d for d, hit in zip(found, row, strict=True) if hit]), unsure, part) for row in on]


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
    kind: Literal["escape", "miss"] = "escape",
    path: Thresholds | None = None,
    groups: Sequence[str] = (),
) -> Calibration:
    """The thresholds on `path` (none: `common_path`) that keep the promise at the least overkill.

    `bad`: one Tops a bad part ("escape") or a defect ("miss"; those of one part count as that part's share
    of missed defects). `good`: one a good part. `groups`: names of what was held out of the training.
    Where several settings cost the fewest overkills, the middle one of them: room on both sides.
    Raises PromiseRefused: too few parts (with the number needed), or too many escapes even at the lowest.
    """
    _check_wish(limit, confidence, good)
    path = common_path(labels) if path is None else path
    weights, units = _weights(bad)
    if units < (least := needed(limit, confidence)):
        raise PromiseRefused(_too_few(kind, limit, confidence, units, least))
    lost, exact = _passed(bad, labels, path, weights), units == len(bad)
    held = _held(lost, units, limit, 1 - confidence, exact)
    if held == 0:
        raise PromiseRefused(_too_many(kind, limit, confidence, float(lost[0]), units, exact, float(path[0].min())))
    overkills = len(good) - _passed(good, labels, path, np.ones(len(good)))[:held]
    cheapest = np.flatnonzero(overkills == overkills[held - 1])
    chosen = int((cheapest[0] + held - 1) // 2)
    failed, rejected = float(lost[chosen]), round(float(overkills[chosen]))
    low, high = interval(rejected, len(good))
    promise = Promise(
        kind=kind,
        limit=limit,
        confidence=confidence,
        parts=units,
        groups=tuple(groups),
        overkill=Overkill(measured=rejected / len(good), low=low, high=high, parts=len(good)),
        method=EXACT if exact else BENTKUS,
        source=SOURCE,
    )
    return Calibration(
        thresholds=_named(labels, path[chosen]),
        promise=promise,
        failures=Counted(failed, units, *interval(math.ceil(failed - 1e-9), units)),
        bound=min(limit, _bound(failed, units, confidence, exact)),
        overkills=Counted(rejected, len(good), low, high),
        highest=_named(labels, path[held - 1]),
    )


def _check_wish(limit: float, confidence: float, good: Sequence[Tops]) -> None:
    if not 0 < limit < 1 or not 0 < confidence < 1:
        raise PromiseRefused(f"limit {limit} and confidence {confidence} must lie between 0 and 1")
    if not good:
        raise PromiseRefused("no good part: escapes are not promised without saying what they cost in overkill")


def _named(labels: Sequence[str], row: NDArray[np.float64]) -> dict[str, float]:
    return {label: float(value) for label, value in zip(labels, row, strict=True)}


def _weights(bad: Sequence[Tops]) -> tuple[NDArray[np.float64], int]:
    """(what each counts, units): the defects of one part share its weight of 1."""
    if not any(one.part for one in bad):
        return np.ones(len(bad)), len(bad)
    counts = Counter(one.part for one in bad if one.part)
    weights = np.array([1 / counts[one.part] if one.part else 1.0 for one in bad])
    return weights, len(counts) + sum(not one.part for one in bad)


def _passed(
    parts: Sequence[Tops], labels: Sequence[str], path: Thresholds, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(steps,) weight of those that pass at each step. Raises PromiseRefused for a path that is none."""
    if path.ndim != 2 or path.shape[1] != len(labels) or not path.shape[0]:
        raise PromiseRefused(f"a path of {path.shape} is not one of {len(labels)} labels")
    if (np.diff(path, axis=0) < 0).any() or not ((path > 0) & (path < 1)).all():
        raise PromiseRefused("the thresholds of a path lie between 0 and 1 and never fall from step to step")
    scores = np.array([[p.scores.get(label, 0.0) for label in labels] for p in parts], np.float64)
    scores = scores.reshape(len(parts), len(labels))
    # The thresholds rise: a label rejects up to the last step whose threshold its score reaches.
    reached = [np.searchsorted(path[:, c], scores[:, c], side="right") for c in range(len(labels))]
    steps = np.max(reached, axis=0)
    steps[np.array([p.unsure for p in parts], bool)] = path.shape[0]
    sums = np.cumsum(np.bincount(steps, weights, path.shape[0] + 1))[:-1]
    return np.asarray(np.round(sums, 9), np.float64)  # thirds add up to one again


def _held(lost: NDArray[np.float64], units: int, limit: float, risk: float, exact: bool) -> int:
    """How many steps, from the first on, are rejected hypotheses without a gap. `lost` never falls."""
    held = 0
    for sum_ in np.unique(lost).tolist():
        p = at_most(round(sum_), units, limit) if exact else bentkus(sum_ / units, units, limit)
        if p > risk:
            break
        held = int(np.searchsorted(lost, sum_, side="right"))
    return held


def bentkus(mean: float, n: int, limit: float) -> float:
    """Hoeffding-Bentkus p-value of "the mean loss is above `limit`", for n losses within 0..1 of this mean."""
    if mean >= limit:
        return 1.0
    divergence = (mean * math.log(mean / limit) if mean > 0 else 0.0) + (1 - mean) * math.log((1 - mean) / (1 - limit))
    return min(1.0, math.exp(-n * divergence), math.e * at_most(math.ceil(n * mean - 1e-9), n, limit))


def _too_few(kind: str, limit: float, confidence: float, units: int, least: int) -> str:
    promise = f"at most {100 * limit:g} % with {100 * confidence:g} % confidence"
    could = f"with {units} the lowest limit is {100 * upper(0, units, confidence):.3g} %" if units else "there are none"
    what = "bad parts" if kind == "escape" else "parts with defects"
    return f"{promise} needs at least {least} {what} (none of them failing), there are {units}: {could}"


def _bound(failed: float, units: int, confidence: float, exact: bool) -> float:
    """The lowest limit that so much loss could promise."""
    if exact:
        return upper(round(failed), units, confidence)
    low, high = failed / units, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if bentkus(failed / units, units, middle) <= 1 - confidence else (middle, high)
    return high


def _too_many(kind: str, limit: float, confidence: float, failed: float, units: int, exact: bool, lowest: float) -> str:
    what = "escapes" if kind == "escape" else "parts' worth of missed defects"
    bound = _bound(failed, units, confidence, exact)
    more = f"; {failed:g} would need {needed(limit, confidence, round(failed))} parts" if exact else ""
    return (
        f"even at the lowest thresholds ({lowest:g}) there are {failed:.3g} {what} of {units}: "
        f"{100 * bound:.3g} % can be promised with {100 * confidence:g} % confidence, not {100 * limit:g} %{more}"
    )
