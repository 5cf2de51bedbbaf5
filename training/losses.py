"""What bad parts lose at each step of a path of thresholds: how sure it is, and in words why it is not enough."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.errors import OkngError
from agent.quality.binomial import at_most, needed, upper

EXACT = "learn-then-test, fixed sequence, exact binomial"
BENTKUS = "learn-then-test, fixed sequence, Hoeffding-Bentkus"


class PromiseRefused(OkngError):
    """The promise cannot be made; says what it would take."""


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """What the bad parts show at each step of a path."""

    lost: NDArray[np.float64]
    """(steps,) failures; never falls."""
    units: int
    """Parts, or parts with defects."""
    exact: bool
    """A unit fails or it does not; else its loss is a share."""
    boards: int
    """That the units come from; as many as units where each is of its own."""
    effect: float
    """As many fewer independent units they count as, 1 and above (`training.alike`)."""

    @property
    def worth(self) -> int:
        """Independent units."""
        return math.floor(self.units / self.effect + 1e-9)

    @property
    def method(self) -> str:
        told = f", {self.units} parts of {self.boards} boards, design effect {self.effect:.2f}"
        return (EXACT if self.exact else BENTKUS) + (told if self.boards < self.units else "")

    def failures(self, lost: float) -> int:
        """As many of the independent units; of shares, their sum. Rounded up."""
        return math.ceil(lost / self.effect - 1e-9)

    def p(self, lost: float, limit: float) -> float:
        """p-value of "the rate is above `limit`"."""
        if self.exact:
            return at_most(self.failures(lost), self.worth, limit)
        return bentkus(lost / self.units, self.units, limit)


def bentkus(mean: float, n: int, limit: float) -> float:
    """Hoeffding-Bentkus p-value of "the mean loss is above `limit`", for n losses within 0..1 of this mean."""
    if mean >= limit:
        return 1.0
    divergence = (mean * math.log(mean / limit) if mean > 0 else 0.0) + (1 - mean) * math.log((1 - mean) / (1 - limit))
    return min(1.0, math.exp(-n * divergence), math.e * at_most(math.ceil(n * mean - 1e-9), n, limit))


def too_few(kind: str, limit: float, confidence: float, losses: Losses, least: int) -> str:
    promise = f"at most {100 * limit:g} % with {100 * confidence:g} % confidence"
    worth = losses.worth
    could = f"with {worth} the lowest limit is {100 * upper(0, worth, confidence):.3g} %" if worth else "there are none"
    what = "bad parts" if kind == "escape" else "parts with defects"
    return f"{promise} needs at least {least} {what} (none of them failing), there are {_counted(losses)}: {could}"


def _counted(losses: Losses) -> str:
    if losses.worth == losses.units:
        return f"{losses.units}"
    return f"{losses.units} of {losses.boards} boards, which are alike and count as {losses.worth}"


def lowest_limit(failed: float, losses: Losses, confidence: float) -> float:
    """The lowest limit that so much loss could promise."""
    if losses.exact:
        return upper(losses.failures(failed), losses.worth, confidence)
    low, high = failed / losses.units, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if losses.p(failed, middle) <= 1 - confidence else (middle, high)
    return high


def too_many(kind: str, limit: float, confidence: float, losses: Losses, lowest: float) -> str:
    what = "escapes" if kind == "escape" else "parts' worth of missed defects"
    failed = float(losses.lost[0])
    bound, more = lowest_limit(failed, losses, confidence), ""
    if losses.exact:
        parts = math.ceil(losses.effect * needed(limit, confidence, losses.failures(failed)))
        more = f"; {failed:g} would need {parts} parts"
    return (
        f"even at the lowest thresholds ({lowest:g}) there are {failed:.3g} {what} of {_counted(losses)}: "
        f"{100 * bound:.3g} % can be promised with {100 * confidence:g} % confidence, not {100 * limit:g} %{more}"
    )
