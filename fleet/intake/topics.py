"""The stations' topics: which station a topic names, what to subscribe to, where to answer."""

import re
from dataclasses import dataclass

_PLACES = ("site", "line", "station")
_SLUG = r"[a-z0-9][a-z0-9_-]{0,62}"
_LEVEL = re.compile(_SLUG)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Which station: unique in the fleet."""

    site: str
    line: str
    station: str

    def __str__(self) -> str:
        return f"{self.site}/{self.line}/{self.station}"


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic below a station's prefix."""

    address: Address
    below: str
    """status, event, summary/LANE, ..."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of a fleet whose stations have the prefix `template`."""

    template: str
    """okng/{site}/{line}/{station}: each place once, and a whole level."""

    def parse(self, topic: str) -> Topic | None:
        """None for a topic that is not of a station's prefix."""
        levels, wanted = topic.split("/"), self.template.split("/")
        if len(levels) <= len(wanted):
            return None
        found: dict[str, str] = {}
        for level, want in zip(levels, wanted, strict=False):
            if want.startswith("{"):
                if not _LEVEL.fullmatch(level):
                    return None
                found[want.strip("{}")] = level
            elif level != want:
                return None
        return Topic(Address(**found), "/".join(levels[len(wanted) :]))

    def prefix(self, address: Address) -> str:
        """A station's own prefix."""
        filled = self.template
        for place in _PLACES:
            filled = filled.replace(f"{{{place}}}", getattr(address, place))
        return filled

    def every(self, below: str) -> str:
        """The filter of all stations' topics `below` their prefix."""
        levels = ["+" if level.startswith("{") else level for level in self.template.split("/")]
        return "/".join([*levels, below])


def problem_of(template: str) -> str:
    """What is wrong with a template; empty when nothing is."""
    places = [f"{{{place}}}" for place in _PLACES]
    levels = template.split("/")
    right = all(level in places or _LEVEL.fullmatch(level) for level in levels)
    if right and all(levels.count(place) == 1 for place in places):
        return ""
    return (
        f"is {template!r}, allowed: levels of a-z, 0-9, - and _ joined by /, "
        "and {site}, {line} and {station} each as one whole level"
    )
