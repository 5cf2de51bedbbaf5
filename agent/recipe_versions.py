"""Every content that a recipe's file has had: who saved it, when, why. `recipes/versions/NAME/000001.json`.

A version is a file that never changes: going back is saving an old content as the newest one. Only the station
writes here; the page reads. What somebody wrote into the file by hand is kept before it is replaced.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.atomic import write_atomically

Why = Literal["saved", "undone", "found"]
"""saved: by a person on the page or by REST; undone: the same, with an older content; found: written by hand."""
_MOST_BYTES = 4 << 20
CONFLICT = "conflict: "
"""How the station's refusal begins where somebody else has saved in the meantime."""


def mark_of(body: bytes) -> str:
    """sha256 of a recipe's file, hex: who changes it says which content was seen."""
    return hashlib.sha256(body).hexdigest()


class Version(BaseModel):
    """One content of a recipe's file."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int = Field(ge=1)
    utc_us: int
    by: str
    """Who saved it; empty where nobody knows."""
    why: Why
    of: int = 0
    """The version whose content it has again; 0: none."""
    text: str

    @property
    def mark(self) -> str:
        return mark_of(self.text.encode())


class Versions:
    """The versions of one data folder's recipes."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "recipes" / "versions"

    def numbers(self, name: str) -> tuple[int, ...]:
        """The newest first."""
        files = (self._folder / name).glob("[0-9]*.json")
        return tuple(sorted((int(f.stem) for f in files if f.stem.isdecimal()), reverse=True))

    def read(self, name: str, number: int) -> Version | None:
        """One version; None where it is not there, or was damaged."""
        with suppress(OSError, ValidationError):
            file = self._file(name, number)
            if file.stat().st_size <= _MOST_BYTES:
                return Version.model_validate_json(file.read_bytes())
        return None

    def newest(self, name: str) -> Version | None:
        return next((found for number in self.numbers(name) if (found := self.read(name, number))), None)

    def add(self, name: str, body: bytes, utc_us: int, by: str, why: Why, of: int = 0) -> Version:
        """Keep one more. Raises OSError; nothing of it is there then."""
        numbers = self.numbers(name)
        text = body.decode("utf-8", errors="replace")
        version = Version(number=numbers[0] + 1 if numbers else 1, utc_us=utc_us, by=by, why=why, of=of, text=text)
        file = self._file(name, version.number)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(version.model_dump()).encode(), mode=0o440)
        return version

    def _file(self, name: str, number: int) -> Path:
        return self._folder / name / f"{number:06d}.json"
