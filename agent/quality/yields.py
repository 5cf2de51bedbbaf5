"""Yield: how many parts passed, of all and at the first attempt."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """Production parts by verdict. UNSURE is not a pass."""

    parts: int = 0
    ok: int = 0
    ng: int = 0
    unsure: int = 0
    first: int = 0
    """Judged at attempt 1."""
    first_ok: int = 0

    @property
    def passed(self) -> float | None:
        """Yield, 0..1; None of no parts."""
        return self.ok / self.parts if self.parts else None

    @property
    def first_passed(self) -> float | None:
        """First-pass yield, 0..1: OK at attempt 1 over attempt 1."""
        return self.first_ok / self.first if self.first else None


def summed(counts: Iterable[Counts]) -> Counts:
    """All of them together."""
    parts = ok = ng = unsure = first = first_ok = 0
    for each in counts:
        parts, ok, ng, unsure = parts + each.parts, ok + each.ok, ng + each.ng, unsure + each.unsure
        first, first_ok = first + each.first, first_ok + each.first_ok
    return Counts(parts, ok, ng, unsure, first, first_ok)
