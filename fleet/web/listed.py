"""Which stations are listed, in which order: what the search asks for. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, get_args
from urllib.parse import urlencode

from agent.errors import Problem
from agent.web.query import QueryRefused
from fleet.store.values import Glance
from fleet.web.how import Seen

Show = Literal["all", "attention", "offline", "alarms", "gaps", "conflict"]
SHOWS: tuple[Show, ...] = get_args(Show)
Order = Literal["place", "yield", "last", "alarms"]
ORDERS: tuple[Order, ...] = get_args(Order)
FIELDS = ("text", "show", "order")
MOST_TEXT = 80
MOST_ROWS = 600
"""More rows than that nobody reads: the search is narrowed."""

_SHOWN: Mapping[Show, Callable[[Seen], bool]] = {
    "all": lambda _: True,
    "attention": lambda one: one.needs_somebody,
    "offline": lambda one: one.state not in ("online", "unknown"),
    "alarms": lambda one: bool(one.glance.alarms),
    "gaps": lambda one: one.proof in ("missing", "behind"),
    "conflict": lambda one: one.glance.conflict,
}
_KEYS: Mapping[Order, Callable[[Seen], tuple[float, ...]]] = {
    "place": lambda _: (),
    "yield": lambda one: (one.glance.now.yield_share if one.glance.now.parts else 2.0,),  # type: ignore[dict-item, return-value]
    "last": lambda one: (one.glance.last_part_ms,),
    "alarms": lambda one: (-len(one.glance.alarms),),
}
"""What needs somebody first."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is listed."""

    text: str = ""
    """In the station's place, its models, recipes, version or alarms."""
    show: Show = "all"
    order: Order = "place"

    def address(self, path: str = "/", **changed: str) -> str:
        """Of the same search, with what `changed` says instead."""
        wanted = {"text": self.text, "show": self.show, "order": self.order, **changed}
        usual = {"text": "", "show": "all", "order": "place"}
        kept = {name: value for name, value in wanted.items() if value != usual[name]}
        return f"{path}?{urlencode(kept)}" if kept else path


def search_of(asked: Mapping[str, str]) -> Search:
    """Raises QueryRefused with everything that is wrong."""
    wrong = [Problem(name[:40], f"unknown; known are {', '.join(FIELDS)}") for name in asked if name not in FIELDS]
    text = asked.get("text", "").strip()
    if len(text) > MOST_TEXT or "\0" in text:
        wrong.append(Problem("text", f"{len(text)} characters: at most {MOST_TEXT} are allowed, and no NUL"))
    show = next((each for each in SHOWS if each == (asked.get("show") or "all")), None)
    order = next((each for each in ORDERS if each == (asked.get("order") or "place")), None)
    if show is None:
        wrong.append(Problem("show", f"{asked['show'][:40]!r}: allowed are {', '.join(SHOWS)}"))
    if order is None:
        wrong.append(Problem("order", f"{asked['order'][:40]!r}: allowed are {', '.join(ORDERS)}"))
    if wrong or show is None or order is None:
        raise QueryRefused(tuple(wrong))
    return Search(text, show, order)


@dataclass(frozen=True, slots=True)
class Section:
    """Stations under one heading; without a place where they are not listed by place."""

    site: str
    line: str
    rows: tuple[Seen, ...]


def found(every: Iterable[Seen], search: Search) -> tuple[Seen, ...]:
    """Those that are asked for, in their order."""
    words = search.text.casefold().split()
    chosen = [one for one in every if _SHOWN[search.show](one) and all(word in _text(one.glance) for word in words)]
    return tuple(sorted(chosen, key=_KEYS[search.order]))


def sections(rows: Sequence[Seen], search: Search) -> tuple[Section, ...]:
    """By site and line; in another order than by place all of them together."""
    if search.order != "place":
        return (Section("", "", tuple(rows)),) if rows else ()
    by_line = groupby(rows, key=lambda one: (one.glance.box.address.site, one.glance.box.address.line))
    return tuple(Section(site, line, tuple(some)) for (site, line), some in by_line)


def _text(glance: Glance) -> str:
    said = (str(glance.box), glance.presence.version, *glance.models, *glance.recipes)
    return " ".join((*said, *(alarm.name for alarm in glance.alarms))).casefold()
