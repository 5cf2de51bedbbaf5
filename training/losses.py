"""What bad parts lose at each step of a path of thresholds: how sure it is, and in words why it is not enough."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.errors import OkngError
from agent.quality.binomial import at_most, needed, upper

EXACT = "learn-then-test, fixed sequence, exact binomial"


class PromiseRefused(OkngError):
    """The promise cannot be made; says what it would take."""


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """What the bad parts show at each step of a path."""

    lost: NDArray[np.intp]
    """(steps,) failures; never falls."""
    units: int
    """Bad parts."""
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
        return EXACT + (told if self.boards < self.units else "")

    def failures(self, lost: int) -> int:
        """As many of the independent units, rounded up."""
        return math.ceil(lost / self.effect - 1e-9)

    def p(self, lost: int, limit: float) -> float:
        """p-value of "the rate is above `limit`"."""
        return at_most(self.failures(lost), self.worth, limit)


def too_few(limit: float, confidence: float, losses: Losses, least: int) -> str:
    promise = f"at most {100 * limit:g} % with {100 * confidence:g} % confidence"
    worth = losses.worth
    could = f"with {worth} the lowest limit is {100 * upper(0, worth, confidence):.3g} %" if worth else "there are none"
    return f"{promise} needs at least {least} bad parts (none of them failing), there are {_counted(losses)}: {could}"


def _counted(losses: Losses) -> str:
    if losses.worth == losses.units:
        return f"{losses.units}"
    return f"{losses.units} of {losses.boards} boards, which are alike and count as {losses.worth}"


def lowest_limit(failed: int, losses: Losses, confidence: float) -> float:
    """The lowest limit that so many failures could promise."""
    return upper(losses.failures(failed), losses.worth, confidence)


def too_many(limit: float, confidence: float, losses: Losses, lowest: float) -> str:
    failed = int(losses.lost[0])
    bound = lowest_limit(failed, losses, confidence)
    parts = math.ceil(losses.effect * needed(limit, confidence, losses.failures(failed)))
    return (
        f"even at the lowest thresholds ({lowest:g}) there are {failed} escapes of {_counted(losses)}: "
        f"{100 * bound:.3g} % can be promised with {100 * confidence:g} % confidence, not {100 * limit:g} %; "
        f"{failed} would need {parts} parts"
    )
