"""The draw: which parts' pictures are kept, which of them lossless, and which parts are for the audit.

By a keyed hash of the part's id, so that nothing of the part has a say in it and nobody can tell
beforehand. One number a part decides all of it: what a smaller share draws, a larger one draws too.
"""

import hashlib
from dataclasses import dataclass

from agent.store.values import Sampling
from pipelines.values import Outcome


def number_of(record_id: int, key: bytes) -> float:
    """This part's number: uniform in [0, 1)."""
    digest = hashlib.blake2b(record_id.to_bytes(8, "big"), digest_size=8, key=key).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the draw said about one part."""

    kept: bool
    """Its picture is kept ..."""
    lossless: bool
    """... without loss."""
    sampling: Sampling


def draw(record_id: int, outcome: Outcome, key: bytes, *, ok: float, lossless: float, audit: float) -> Drawn:
    """The draw of one part. `ok`: share of OK parts kept; `lossless`: of the others, kept without loss."""
    number = number_of(record_id, key)
    share = max(ok if outcome is Outcome.OK else lossless, audit)
    is_ok = outcome is Outcome.OK
    sampling = Sampling(
        evidence_share=share if is_ok else 1.0,
        lossless_share=share,
        audit_share=audit if number < audit else None,
    )
    return Drawn(kept=number < share or not is_ok, lossless=number < share, sampling=sampling)
