"""What a backup is: one zip with a station's configuration, recipes, models and people, and what it says of itself.

| in the zip | is |
|---|---|
| `backup.json` | this table's `Contents`: every other file with its size and sha256 |
| `config/station.toml` | the configuration |
| `data/...` | of the data folder: what `KEPT` names |
| `people/web.db` | users, tokens and acts, without anybody's session |
| `results/results.db` | the results, where asked for; never the pictures |

What is not in it: secrets that lie in files of their own (they are named), pictures, the cache, and what proves a
model on one device: the spare box proves every model anew.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from agent.errors import OkngError

FORMAT = 1
ABOUT, CONFIG, PEOPLE, RESULTS = "backup.json", "config/station.toml", "people/web.db", "results/results.db"
DATA = "data/"
KEPT = ("recipes", "last-good/recipes", "models", "models.json", "lanes.json", "challenges")
"""Files and folders of the data folder; what begins with a dot in them is on its way and left out."""

MAX_FILES = 50_000
MAX_BYTES = 200_000_000_000
MAX_ABOUT_BYTES = 32_000_000
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.+@-]{0,127}"
NAME = re.compile(rf"{_PART}(/{_PART}){{0,8}}")


class BackupRefused(OkngError):
    """A backup that is not whole, not ours, or not for this okng."""


class Entry(BaseModel):
    """One file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(max_length=1000)]
    size: Annotated[int, Field(ge=0, le=MAX_BYTES)]
    """Bytes."""
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class Contents(BaseModel):
    """`backup.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    okng: Annotated[str, StringConstraints(max_length=64)]
    station: Annotated[str, StringConstraints(max_length=300)]
    """SITE/LINE/NAME."""
    utc_us: Annotated[int, Field(ge=0)]
    files: Annotated[tuple[Entry, ...], Field(max_length=MAX_FILES)]
    by_hand: tuple[str, ...] = ()
    """Files that the configuration names and that are to be placed by hand: secrets."""

    @model_validator(mode="after")
    def _names_are_ours(self) -> "Contents":
        names = [entry.name for entry in self.files]
        if len(set(names)) != len(names):
            raise ValueError("files: a name stands twice")
        for name in names:
            if not is_ours(name):
                raise ValueError(f"files: {name[:100]!r} is no file of a backup")
        if CONFIG not in names:
            raise ValueError(f"files: {CONFIG} is not among them")
        return self


def is_ours(name: str) -> bool:
    """Whether a file of this name belongs into a backup: nothing else is ever written to a disk."""
    if NAME.fullmatch(name) is None:
        return False
    return name in (CONFIG, PEOPLE, RESULTS) or f"{name}/".startswith(tuple(f"{DATA}{kept}/" for kept in KEPT))


def read_contents(body: bytes) -> Contents:
    """Raises BackupRefused with everything that is wrong."""
    try:
        found = Contents.model_validate_json(body)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'all'}: {e['msg']}" for e in error.errors()[:5])
        raise BackupRefused(f"{ABOUT}: {said}") from error
    if found.format != FORMAT:
        raise BackupRefused(f"{ABOUT}: format {found.format}, this okng reads format {FORMAT}")
    return found


def total_bytes(files: Sequence[Entry]) -> int:
    return sum(entry.size for entry in files)
