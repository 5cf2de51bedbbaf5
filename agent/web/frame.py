"""What stands around every page of one program: where its head leads to, what it is called."""

from dataclasses import dataclass

from agent.web.who import Role


@dataclass(frozen=True, slots=True)
class Place:
    """A link of the navigation; its text is the catalogue's `nav.NAME`."""

    name: str
    """What a page says as `here`."""
    path: str
    least: Role = "viewer"
    """Who sees it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around every page of one program."""

    above: tuple[str, ...]
    """Where it is, the largest first."""
    name: str
    """What the page is of: the station, the fleet."""
    languages: str
    """"auto", or the language that a viewer who chose none gets."""
    unit: str
    """The systemd unit in whose log the set-up code stands."""
    places: tuple[Place, ...]
    """The head's, in the order shown."""
    setup: tuple[Place, ...]
    """The set-up's own second row, on pages below /setup."""
