"""What a request of the review asks for, out of its query: which of the waiting parts, in which order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, TypeVar, get_args
from urllib.parse import urlencode

from agent.errors import Problem
from agent.store.ledger import Period
from agent.store.queue import Wanted
from agent.web.query import MAX_ID, MAX_PAGE, PAGE, Reading

T = TypeVar("T", bound=str)
Pile = Literal["queue", "audit"]
PILES: tuple[Pile, ...] = get_args(Pile)
Order = Literal["newest", "doubt"]
ORDERS: tuple[Order, ...] = get_args(Order)
BOUNDS = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
CONFIDENCES = (0.9, 0.95, 0.99)
FILTER = ("lane", "recipe", "since", "until")
WORK = (*FILTER, "order", "pile")
LEDGER = ("recipe", "model", "since", "until", "bound", "confidence", "kind")


@dataclass(frozen=True, slots=True)
class Work:
    """Which pile a person works through, and how."""

    pile: Pile
    wanted: Wanted
    order: Order
    kept: Mapping[str, str]
    """As it was asked, for the addresses that go on with it."""

    def address(self, path: str, **more: object) -> str:
        said = {**self.kept, **{name: str(value) for name, value in more.items()}}
        return f"{path}?{urlencode(said)}" if said else path


@dataclass(frozen=True, slots=True)
class Books:
    """Which part of the ledger is looked at, and what the audits shall show."""

    period: Period
    bound: float
    confidence: float
    kept: Mapping[str, str]


def read_work(asked: Mapping[str, str], zone: tzinfo, pile: Pile | None = None, more: tuple[str, ...] = ()) -> Work:
    """Raises QueryRefused with everything that is wrong. `more`: names that somebody else reads."""
    reading = _reading(asked, zone, (*WORK, *more))
    found = pile or _choice(reading, "pile", PILES) or "queue"
    order = _choice(reading, "order", ORDERS) or "newest"
    wanted = Wanted(
        lane=reading.text("lane"),
        recipe=reading.text("recipe"),
        since_utc_us=reading.moment("since"),
        until_utc_us=reading.moment("until"),
    )
    reading.refuse()
    kept = {name: asked[name] for name in (*FILTER, "order") if asked.get(name)}
    return Work(found, wanted, order, kept | ({"pile": "audit"} if found == "audit" else {}))


def read_books(asked: Mapping[str, str], zone: tzinfo, more: tuple[str, ...] = ()) -> Books:
    """Raises QueryRefused with everything that is wrong."""
    reading = _reading(asked, zone, (*LEDGER, *more))
    bound = _choice(reading, "bound", tuple(f"{b:g}" for b in BOUNDS)) or "0.01"
    confidence = _choice(reading, "confidence", tuple(f"{c:g}" for c in CONFIDENCES)) or "0.95"
    period = Period(
        recipe=reading.text("recipe"),
        model=reading.text("model"),
        since_utc_us=reading.moment("since"),
        until_utc_us=reading.moment("until"),
    )
    reading.refuse()
    return Books(period, float(bound), float(confidence), {n: asked[n] for n in LEDGER if asked.get(n)})


@dataclass(frozen=True, slots=True)
class Page:
    """Which page of a list."""

    before_id: int | None
    limit: int


def read_page(asked: Mapping[str, str], zone: tzinfo, name: str = "before_id") -> Page:
    reading = Reading(asked, zone, [])
    page = Page(reading.whole(name, MAX_ID), reading.whole("limit", MAX_PAGE) or PAGE)
    reading.refuse()
    return page


def _reading(asked: Mapping[str, str], zone: tzinfo, known: tuple[str, ...]) -> Reading:
    strange = [Problem(name[:40], f"unknown; known are {', '.join(known)}") for name in asked if name not in known]
    return Reading(asked, zone, strange)


def _choice(reading: Reading, name: str, allowed: tuple[T, ...]) -> T | None:
    said = reading.one_of(name, allowed)
    return next((value for value in allowed if value == said), None)
