"""Whether a lane may give verdicts: pure rules over what challenge runs and overrides have said.

A lane is released by a run in which every challenge part of its recipe's set was judged right, or for the time
being by a person who takes it upon himself. What released it is bound to the circumstances (`Bound`): another
shift, recipe, model or start of the station asks for a run again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from agent.challenges import ChallengePart
from agent.config import Occasion
from pipelines.values import Outcome, Rule, Verdict

Why = Literal["first", "failed", "shift_start", "recipe", "model", "restart"]
"""Why a run is required: none was ever passed; the last one failed; or what has changed since."""
WHYS: tuple[Why, ...] = get_args(Why)
Ruling = Literal["passed", "failed", "overridden", "lapsed"]
Ending = Literal["passed", "failed", "aborted"]


@dataclass(frozen=True, slots=True)
class Bound:
    """The circumstances under which a lane was released."""

    recipe: str = ""
    recipe_hash: str = ""
    model: str = ""
    model_hash: str = ""
    run: str = ""
    """The station process's run."""
    shift: str = ""
    """`Shift.key`; empty between shifts."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """The newest ruling about a lane: a run that was passed or failed, an override, or that such a one has lapsed."""

    ruling: Ruling
    bound: Bound
    utc_us: int
    by: str = ""
    reason: str = ""
    """Of an override."""
    why: tuple[Why, ...] = ()
    """Of a lapse: what had changed. It stays so when that is changed back."""

    def lapsed(self, why: tuple[Why, ...], utc_us: int) -> "Ruled":
        """After something changed that asks for a run."""
        return Ruled("lapsed", self.bound, utc_us, why=why)


def required(at: Collection[Occasion], ruled: Ruled | None, now: Bound) -> tuple[Why, ...]:
    """Why a run is required now; empty: the lane is released.

    Without any ruling, and after a failed run, one always is, whatever `at` says. Between shifts no shift begins.
    """
    if ruled is None:
        return ("first",)
    if ruled.ruling == "failed":
        return ("failed",)
    was = ruled.bound
    model = now.model_hash != was.model_hash
    # A revision pins its model: where a change of model is asked about, that alone is no change of recipe too.
    by_model = model and "model" in at
    changed: Mapping[Why, bool] = {
        "shift_start": bool(now.shift) and now.shift != was.shift,
        "recipe": now.recipe != was.recipe or (now.recipe_hash != was.recipe_hash and not by_model),
        "model": model,
        "restart": now.run != was.run,
    }
    return tuple(why for why in WHYS if why in ruled.why or (changed.get(why) and why in at))


def wrong(part: ChallengePart, verdict: Verdict) -> str:
    """What is wrong with a verdict on a challenge part: "" when it is right, else verdict or defect."""
    outcome = verdict.outcome
    if part.expected == "ok":
        return "" if outcome is Outcome.OK else "verdict"
    if outcome is Outcome.OK or (outcome is Outcome.UNSURE and part.expected == "ng"):
        return "verdict"
    if outcome is Outcome.NG and part.defect and part.defect not in defects(verdict):
        return "defect"
    return ""


def defects(verdict: Verdict) -> tuple[str, ...]:
    """The classes of defect that a verdict was made for, each once."""
    return tuple(dict.fromkeys(r.label for r in verdict.reasons if r.rule in (Rule.DEFECT, Rule.MISSING) and r.label))


@dataclass(frozen=True, slots=True)
class Run:
    """A challenge run that is on. Immutable; each result makes another one."""

    id: int
    lane: str
    parts: tuple[ChallengePart, ...]
    bound: Bound
    started_utc_us: int
    by: str
    right: frozenset[str] = field(default=frozenset())
    """Codes of the parts that were judged, and right each time."""
    mistaken: frozenset[str] = field(default=frozenset())
    """Codes of the parts that were judged wrong at least once: once is once too often."""

    def judged(self, part: ChallengePart, is_right: bool) -> "Run":
        """After one more verdict on one of its parts."""
        if is_right and part.id not in self.mistaken:
            return replace(self, right=self.right | {part.id})
        return replace(self, right=self.right - {part.id}, mistaken=self.mistaken | {part.id})

    def part(self, code: str) -> ChallengePart | None:
        """The part with this code; None where it is none of the run's."""
        return next((part for part in self.parts if part.id == code), None)

    @property
    def complete(self) -> bool:
        """Every part was judged."""
        return len(self.right) + len(self.mistaken) == len(self.parts)

    def ending(self) -> Ending:
        """What the run is if it ends now. A mistake stands, however the run ends."""
        if self.mistaken:
            return "failed"
        return "passed" if self.complete and self.parts else "aborted"
