"""How persons and tokens may be called."""

import unicodedata

from agent.errors import OkngError
from agent.web.who import CONSOLE, MACHINE

MAX_NAME = 40
_FURTHER = " .-_'@"


class NameRefused(OkngError):
    """`key` is the catalogue's text that says why."""

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(f"the name is refused: {key.rpartition('.')[2].replace('_', ' ')}")


def checked_name(typed: str) -> str:
    """The name as it is kept: letters of any script, digits, and a few signs between them. Raises NameRefused."""
    name = unicodedata.normalize("NFC", " ".join(typed.split()))
    if not name:
        raise NameRefused("name.missing")
    if len(name) > MAX_NAME:
        raise NameRefused("name.too_long", most=MAX_NAME)
    if not all(c.isalnum() or unicodedata.category(c) in ("Mn", "Mc") or c in _FURTHER for c in name):
        raise NameRefused("name.odd")
    if not name[0].isalnum() or name.casefold() in (MACHINE, CONSOLE.name):
        raise NameRefused("name.odd")
    return name
