"""How a person may look at a part: open, with all that the machine said, or blind. Pure.

A part that was drawn for the audit is judged blind first. That judgement may be corrected by the same person for
a little while, blind as before: a slip of the finger is no opinion. Whoever speaks after that may know what the
machine said, and so the word counts for the part, in the export and in the ledger's lists, but no longer for rates.
"""

from collections.abc import Sequence
from typing import Literal

from agent.store.values import Review, StoredPart

Stance = Literal["open", "blind"]
UNDO_US = 10 * 60 * 1_000_000
"""So long after a blind judgement its author may still put it right."""


def stance(part: StoredPart, history: Sequence[Review], person: str, now_utc_us: int) -> Stance:
    """`history`: the part's reviews, the newest first."""
    if part.sampling.audit_share is None:
        return "open"
    blind = next((review for review in history if review.stratum == "audit"), None)
    if blind is None:
        return "blind"
    own = blind.reviewer == person and history[0] is blind
    return "blind" if own and 0 <= now_utc_us - blind.utc_us <= UNDO_US else "open"
