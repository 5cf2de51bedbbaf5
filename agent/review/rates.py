"""Escapes and overkills as rates, from the audit alone. Pure.

Parts were drawn before anybody had judged them, each with a known probability; so each stands for as many others as
one over it (Horvitz and Thompson 1952, JASA 47, 663). Where all were drawn with one probability the weights cancel
and the bound is that of Clopper and Pearson (1934). Where the probability was changed in between, the bound is the
same one for the number of parts that the sample is worth (Kish 1965, "Survey Sampling"; Korn and Graubard 1998,
Survey Methodology 24, 193), rounded to the safe side: parts down, hits up.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.quality.shares import at_most, still_needed
from agent.store.ledger import Audited
from pipelines.values import Outcome


@dataclass(frozen=True, slots=True)
class Rate:
    """What share of some parts has something, as far as the audit tells."""

    hits: int
    parts: int
    """Audited parts, counted."""
    share: float | None
    """Weighted, 0..1; None of no parts."""
    worth: int
    """As so many parts drawn with one probability the sample counts; never more than `parts`."""
    worth_hits: int

    def at_most(self, confidence: float) -> float:
        """The share is not above this, one-sided; 1 of no parts."""
        return at_most(self.worth_hits, self.worth, confidence)

    def needed(self, limit: float, confidence: float) -> int:
        """So many more parts, none of them a hit, until `at_most` is under the limit; 0: it is."""
        return still_needed(self.worth_hits, self.worth, limit, confidence)


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit says about one machine, or several."""

    escapes: Rate
    """Bad parts among those that passed."""
    overkills: Rate
    """Rejected parts among those that a person found good."""
    unsure: int
    """Audited parts that the machine could not judge."""
    unsure_good: int
    """Of them those that a person found good."""
    parts: int

    def audits_needed(self, limit: float, confidence: float) -> int:
        """Audits still needed to show the escapes under the limit: passes needed, by how many audits are passes."""
        passes = self.escapes.needed(limit, confidence)
        if not passes or not self.parts:
            return passes
        # Of all audits, which come as parts come, only passes say something about escapes.
        return math.ceil(passes * (self.parts + 1) / (self.escapes.parts + 1))


def rate(rows: Iterable[Audited], holds: Callable[[Audited], bool]) -> Rate:
    """The share of the rows' parts for which it holds, weighted."""
    counted = [(row.parts, 1.0 / row.share, holds(row)) for row in rows if row.parts and row.share > 0]
    parts = sum(n for n, _, _ in counted)
    hits = sum(n for n, _, held in counted if held)
    if not parts:
        return Rate(0, 0, None, 0, 0)
    weights = math.fsum(n * w for n, w, _ in counted)
    share = math.fsum(n * w for n, w, held in counted if held) / weights
    if len({w for _, w, _ in counted}) == 1:
        return Rate(hits, parts, share, parts, hits)
    effective = weights**2 / math.fsum(n * w * w for n, w, _ in counted)
    worth = min(parts, math.floor(effective + 1e-9))
    return Rate(hits, parts, share, worth, min(worth, math.ceil(share * worth - 1e-9)))


def audit_of(rows: Sequence[Audited]) -> Audit:
    """The audit's answer. Only parts that were judged blind are among the rows."""
    unsure = [row for row in rows if row.outcome is Outcome.UNSURE]
    return Audit(
        escapes=rate((r for r in rows if r.outcome is Outcome.OK), lambda r: r.verdict == "ng"),
        overkills=rate((r for r in rows if r.verdict == "ok"), lambda r: r.outcome is Outcome.NG),
        unsure=sum(r.parts for r in unsure),
        unsure_good=sum(r.parts for r in unsure if r.verdict == "ok"),
        parts=sum(r.parts for r in rows),
    )
