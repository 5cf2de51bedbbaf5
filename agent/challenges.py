"""Challenge parts: known good and known bad ones that a station must judge right before it is released.

A set per recipe, `data/challenges/RECIPE.toml`, written by the station at an engineer's word and read by
everybody. It is a file and no table: it goes with the recipes onto a spare box, and it stays when a broken
database is moved aside.

    [[parts]]
    id = "C-07"
    expected = "ng"
    defect = "spur"
    expires = "2027-06-30"
    note = "burr on the second track, drawer 3"
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.atomic import write_atomically
from agent.errors import Problem, Refused
from agent.recipes import NAME

Expected = Literal["ok", "ng", "not_ok"]
"""ok: the part must be judged OK; UNSURE fails it. ng: it must be NG, and by its defect where one is named; UNSURE
fails it, because the defect was not recognised. not_ok: NG or UNSURE, for parts that nobody could judge."""
MOST_PARTS = 60
MOST_BYTES = 64 * 1024
FOLDER = "challenges"


class ChallengeRefused(Refused):
    """A set of challenge parts that cannot be used; names every problem."""


class ChallengePart(BaseModel):
    """One part of a set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=64)
    """The code that is printed on it, as the scanner reads it."""
    expected: Expected
    defect: str = Field("", max_length=64)
    """The class of defect that must be found on an NG part; empty: any."""
    expires: str = ""
    """Last day, YYYY-MM-DD in the plant's zone, on which it may release a station; empty: none."""
    note: str = Field("", max_length=200)

    @field_validator("id", "defect", "note")
    @classmethod
    def _plain(cls, text: str) -> str:
        if text != text.strip() or not (text.isprintable() or not text):
            raise ValueError("printable characters without spaces around them are allowed")
        return text

    @field_validator("expires")
    @classmethod
    def _day(cls, text: str) -> str:
        if text and date.fromisoformat(text).isoformat() != text:
            raise ValueError("YYYY-MM-DD is allowed")
        return text

    def expired(self, today: date) -> bool:
        """Whether it may not release a station any more."""
        return bool(self.expires) and date.fromisoformat(self.expires) < today


class ChallengeSet(BaseModel):
    """The challenge parts of one recipe, in the order in which they are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    parts: tuple[ChallengePart, ...] = ()

    @property
    def revision(self) -> str:
        """Of its content: who edits says which one he has seen."""
        return hashlib.sha256(json.dumps([p.model_dump() for p in self.parts]).encode()).hexdigest()[:16]

    def part(self, code: str) -> ChallengePart | None:
        """The part with this code; None where it is none of the set."""
        return next((part for part in self.parts if part.id == code), None)


def checked(recipe: str, rows: object) -> ChallengeSet:
    """A set out of what a form or a file says. Raises ChallengeRefused with every problem, each by its place."""
    subject = f"challenge parts of recipe {recipe}"
    if not NAME.match(recipe):
        raise ChallengeRefused(subject, [Problem("recipe", f"is {recipe[:70]!r}, allowed: {NAME.pattern}")])
    if not isinstance(rows, list | tuple) or len(rows) > MOST_PARTS:
        raise ChallengeRefused(subject, [Problem("parts", f"a list of at most {MOST_PARTS} parts is allowed")])
    parts: dict[int, ChallengePart] = {}
    problems: list[Problem] = []
    for n, row in enumerate(rows):
        try:
            parts[n] = ChallengePart.model_validate(row)
        except ValidationError as error:
            problems += [_problem(n, each) for each in error.errors(include_url=False)[:10]]
    problems += _same(parts)
    if problems:
        raise ChallengeRefused(subject, problems)
    return ChallengeSet(recipe=recipe, parts=tuple(parts.values()))


def _problem(n: int, error: Any) -> Problem:
    where = ".".join(map(str, (f"parts.{n}", *error["loc"])))
    got = "" if isinstance(error["input"], dict) else f" (got {str(error['input'])[:60]!r})"
    return Problem(where, f"{error['msg'].removeprefix('Value error, ')}{got}")


def _same(parts: Mapping[int, ChallengePart]) -> list[Problem]:
    """What is wrong between the parts, and between the words of one."""
    seen: set[str] = set()
    problems = []
    for n, part in parts.items():
        if part.id in seen:
            problems.append(Problem(f"parts.{n}.id", f"is {part.id!r}, which another part has; each has its own"))
        seen.add(part.id)
        if part.defect and part.expected == "ok":
            problems.append(Problem(f"parts.{n}.defect", f"is {part.defect!r}, but the part is expected to be OK"))
    return problems


class Challenges:
    """The sets of one data folder. Only the station writes there."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER

    def of(self, recipe: str) -> ChallengeSet:
        """A recipe's set; an empty one where there is none. Raises ChallengeRefused for a file that cannot be used."""
        subject = f"challenge parts of recipe {recipe}"
        if not NAME.match(recipe):
            raise ChallengeRefused(subject, [Problem("recipe", f"is {recipe[:70]!r}, allowed: {NAME.pattern}")])
        file = self._file(recipe)
        try:
            if file.stat().st_size > MOST_BYTES:
                raise ChallengeRefused(subject, [Problem(file.name, f"larger than {MOST_BYTES} bytes")])
            raw = tomllib.loads(file.read_bytes().decode("utf-8"))
        except FileNotFoundError:
            return ChallengeSet(recipe=recipe)
        except OSError as error:
            raise ChallengeRefused(subject, [Problem(file.name, f"cannot be read: {error.strerror}")]) from error
        except ValueError as error:
            raise ChallengeRefused(subject, [Problem(file.name, f"is not TOML: {error}")]) from error
        if unknown := sorted(set(raw) - {"parts"}):
            raise ChallengeRefused(subject, [Problem(unknown[0], "unknown; [[parts]] are allowed")])
        return checked(recipe, raw.get("parts", []))

    def recipes(self) -> tuple[str, ...]:
        """Recipes that have a set."""
        return tuple(sorted(file.stem for file in self._folder.glob("*.toml")))

    def save(self, parts: ChallengeSet, seen: str) -> ChallengeSet:
        """Replace a recipe's set by this one. `seen` is the revision that its editor saw.

        Raises ChallengeRefused when another one stands there by now, OSError.
        """
        try:
            standing = self.of(parts.recipe).revision
        except ChallengeRefused:
            standing = seen  # a file that cannot be used is there to be replaced
        if seen != standing:
            what = f"somebody has changed the set meanwhile (it is {standing}, you saw {seen[:20]!r}): look at it again"
            raise ChallengeRefused(f"challenge parts of recipe {parts.recipe}", [Problem("revision", what)])
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file(parts.recipe), _toml(parts).encode())
        return parts

    def _file(self, recipe: str) -> Path:
        return self._folder / f"{recipe}.toml"


def _toml(parts: ChallengeSet) -> str:
    """A JSON string without what TOML does not know is a TOML string: only printable text is in a set."""
    lines = ["# Challenge parts, written by the station; see docs/shift.md."]
    for part in parts.parts:
        said = part.model_dump(exclude_defaults=True)
        lines += ["", "[[parts]]", *(f"{name} = {json.dumps(v, ensure_ascii=False)}" for name, v in said.items())]
    return "\n".join(lines) + "\n"
