"""Two verdicts on one part: where they differ, and the stricter of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.values import Detection, Inspection, Outcome, Reason, Rule, Verdict

SAME_PLACE = 0.3
"""Overlap (intersection over union) from which two boxes of one class are one defect: drawn boxes vary."""
SEVERITY = {Outcome.OK: 0, Outcome.UNSURE: 1, Outcome.NG: 2}


@dataclass(frozen=True, slots=True)
class Compared:
    """What a second verdict says against the first."""

    rejects: bool
    """The first passed the part, the second would not."""
    passes: bool
    """The first did not pass the part, the second would."""
    defects: bool
    """A defect is in one of them only."""
    outcome: bool
    """The outcomes are not the same."""

    @property
    def differs(self) -> bool:
        return self.outcome or self.defects


def compared(seen: Inspection, verdict: Verdict, found: Sequence[Detection], second: Verdict) -> Compared:
    """The first model's inspection and verdict against the second's detections and verdict."""
    first = _defects(seen.detections, verdict)
    other = _defects(found, second)
    ok, would_be_ok = verdict.outcome is Outcome.OK, second.outcome is Outcome.OK
    return Compared(
        rejects=ok and not would_be_ok,
        passes=would_be_ok and not ok,
        defects=_only_in_one(first, other),
        outcome=verdict.outcome is not second.outcome,
    )


def stricter(verdict: Verdict, second: Verdict) -> Verdict:
    """The worse of the two, NG before UNSURE before OK; with the same outcome both give their reasons.

    The second one's reasons point to no detection: those of the record are the first model's.
    """
    if SEVERITY[second.outcome] < SEVERITY[verdict.outcome]:
        return verdict
    theirs = tuple(replace(reason, detection=None) for reason in second.reasons)
    if second.outcome is not verdict.outcome:
        return Verdict(second.outcome, theirs)
    known = {_what(reason) for reason in verdict.reasons}
    return Verdict(verdict.outcome, verdict.reasons + tuple(r for r in theirs if _what(r) not in known))


def _what(reason: Reason) -> tuple[Rule, str, str]:
    return reason.rule, reason.label, reason.region


def _defects(found: Sequence[Detection], verdict: Verdict) -> list[tuple[str, Detection | None]]:
    """(class, where) of everything that made the part NG; nowhere for what is missing."""
    if verdict.outcome is not Outcome.NG:
        return []
    return [(r.label, found[r.detection] if r.detection is not None else None) for r in verdict.reasons]


def _only_in_one(first: list[tuple[str, Detection | None]], other: list[tuple[str, Detection | None]]) -> bool:
    left = list(other)
    for label, place in first:
        same = next((o for o in left if o[0] == label and _same_place(place, o[1])), None)
        if same is None:
            return True
        left.remove(same)
    return bool(left)


def _same_place(one: Detection | None, other: Detection | None) -> bool:
    if one is None or other is None:
        return one is other
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    both = max(0.0, width) * max(0.0, height)
    return both > SAME_PLACE * (one.width * one.height + other.width * other.height - both)
