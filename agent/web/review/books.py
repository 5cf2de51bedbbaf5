"""The ledger's figures, put together: what the audits show, machine by machine, and what persons disputed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agent.review.rates import Audit, audit_of
from agent.store import ledger
from agent.store.ledger import KINDS, Audited, Kind
from agent.store.read import Reader
from agent.web.review.asked import Books


@dataclass(frozen=True, slots=True)
class Machine:
    """A revision of a recipe with the model that it ran."""

    recipe: str
    recipe_hash: str
    model: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything that the ledger's page says."""

    audit: Audit
    """Of all machines together."""
    machines: tuple[tuple[Machine, Audit], ...]
    waiting: int
    """Drawn parts that nobody has judged blind."""
    disputed: Mapping[tuple[Kind, bool], int]
    """(kind, whether drawn) -> parts, by their newest review."""

    def count(self, kind: Kind) -> int:
        return self.disputed[kind, False] + self.disputed[kind, True]


def sheet(results: Reader, books: Books) -> Sheet:
    """Asks the database; raises StoreFailed."""
    rows = results.ask(ledger.audited(books.period))
    machines: dict[Machine, list[Audited]] = {}
    for row in rows:
        machines.setdefault(Machine(row.recipe, row.recipe_hash, row.model), []).append(row)
    return Sheet(
        audit_of(rows),
        tuple((machine, audit_of(its)) for machine, its in machines.items()),
        results.ask(ledger.waiting(books.period)),
        results.ask(ledger.counts(books.period)),
    )


def counts(found: Sheet) -> dict[Kind, int]:
    return {kind: found.count(kind) for kind in KINDS}


def percent_up(share: float) -> str:
    """A bound as a percentage with two significant digits, never less than it is: "0.99 %" is not "1.0 %"."""
    if share <= 0:
        return "0 %"
    digits = max(0, 1 - math.floor(math.log10(share * 100)))
    scale = 10**digits
    return f"{min(100.0, math.ceil(share * 100 * scale - 1e-9) / scale):.{digits}f} %"


def percent(share: float) -> str:
    """An estimate as a percentage."""
    if share <= 0:
        return "0 %"
    digits = max(0, 1 - math.floor(math.log10(share * 100)))
    return f"{share * 100:.{digits}f} %"


def percent_plain(share: float) -> str:
    """What somebody chose, as a percentage."""
    return f"{share * 100:g} %"
