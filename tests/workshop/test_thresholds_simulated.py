"""The promise kept: 1,000 simulated calibrations of a model whose true risk is known.

A bad part has one defect of one of three classes; the score of the best detection on it follows a known
distribution (some defects are not found at any score). The risk at any thresholds is then known exactly, and
so is whether a calibration broke its promise.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from training.thresholds import Tops, calibrate, common_path, quantile_path

LABELS = ("open", "short", "spur")
SHARES = (0.5, 0.3, 0.2)
POWERS = (6.0, 3.0, 9.0)
"""Of class c: P(score < t) = lost + (1 - lost) * t ** power."""
LOST = 0.002
DRAWS = 1000


def risk(thresholds: NDArray[np.float64]) -> float:
    """True share of bad parts that escape."""
    below = (share * (LOST + (1 - LOST) * t**p) for share, p, t in zip(SHARES, POWERS, thresholds, strict=True))
    return float(sum(below))


def draw_bad(rng: np.random.Generator, n: int) -> list[Tops]:
    kinds = rng.choice(len(LABELS), n, p=SHARES)
    scores = np.where(rng.random(n) < LOST, 0.0, rng.random(n) ** (1 / np.array(POWERS)[kinds]))
    return [Tops({LABELS[k]: s}) for k, s in zip(kinds.tolist(), scores.tolist(), strict=True)]


def most(delta: float) -> float:
    """delta + 3 sigma of a share of DRAWS."""
    return delta + 3 * math.sqrt(delta * (1 - delta) / DRAWS)


@pytest.mark.parametrize(("own_path", "limit", "confidence", "n"), [(False, 0.02, 0.9, 400), (True, 0.05, 0.8, 250)])
def test_violations_stay_within_the_confidence(own_path: bool, limit: float, confidence: float, n: int) -> None:
    """At the highest thresholds that are allowed: the others are below them."""
    rng = np.random.default_rng(20)
    path = common_path(LABELS, steps=400)
    if own_path:  # drawn from other parts than those of the calibration
        others = draw_bad(rng, 300)
        path = quantile_path(
            {label: [p.scores[label] for p in others if label in p.scores] for label in LABELS}, LABELS
        )
    good = [Tops({"open": float(s)}) for s in rng.random(200) ** 2]
    broken = chosen_broken = 0
    for _ in range(DRAWS):
        done = calibrate(draw_bad(rng, n), good, LABELS, limit=limit, confidence=confidence, path=path)
        broken += risk(np.array([done.highest[label] for label in LABELS])) > limit
        chosen_broken += risk(np.array([done.thresholds[label] for label in LABELS])) > limit
    delta = 1 - confidence
    print(f"{broken} and {chosen_broken} of {DRAWS} broken, allowed {most(delta) * DRAWS:.0f} ({delta:g} + 3 sigma)")
    assert chosen_broken <= broken <= most(delta) * DRAWS
    assert broken >= delta * DRAWS / 4  # not by being needlessly careful


def alike(rng: np.random.Generator, boards: int, each: int) -> tuple[list[Tops], list[Tops]]:
    """(parts that know their board, the same without): half of the boards' parts are as hard as their board."""
    hard = rng.random((boards, 1)) ** (1 / 6)
    own = rng.random((boards, each)) ** (1 / 6)
    scores = np.where(rng.random((boards, 1)) < 0.5, hard, own)
    known = [Tops({"open": float(s)}, board=str(b)) for b, row in enumerate(scores) for s in row]
    return known, [Tops(one.scores) for one in known]


def test_parts_of_one_board_keep_the_promise_only_as_what_they_are_worth() -> None:
    """Ten parts a board, half of the boards hard or easy as a whole, each part as often missed as if it were by itself.

    Counted as if each were of its own, the promise is broken far more often than it says.
    """
    rng = np.random.default_rng(23)
    path, limit, confidence, draws = common_path(("open",), steps=200), 0.05, 0.8, DRAWS // 2
    good = [Tops({"open": float(s)}) for s in rng.random(100)]
    broken = careless = 0
    for _ in range(draws):
        known, blind = alike(rng, 60, 10)
        wish = {"limit": limit, "confidence": confidence, "path": path}
        broken += calibrate(known, good, ("open",), **wish).highest["open"] ** 6 > limit  # type: ignore[arg-type]
        careless += calibrate(blind, good, ("open",), **wish).highest["open"] ** 6 > limit  # type: ignore[arg-type]
    allowed = (1 - confidence + 3 * math.sqrt((1 - confidence) * confidence / draws)) * draws
    print(f"{broken} of {draws} broken, {careless} where boards are not looked at, allowed {allowed:.0f}")
    assert broken <= allowed < careless
