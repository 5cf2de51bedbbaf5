"""The places that a configuration comes from, each read into one layer, and their merging."""

import copy
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from agent.config import Config
from agent.errors import Problem
from agent.options import place
from agent.profile import Profile

PREFIX = "OKNG_"
FLEET_PREFIX = "OKNG_FLEET_"
"""Of the centre's own configuration: not the station's, though it begins alike."""
_MAX_BYTES = 1 << 20
_MAX_SYNTAX_ERRORS = 20
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says, as nested tables."""

    origin: str
    values: dict[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)
    """Dotted name -> a more precise origin (the variable) than `origin`."""
    problems: tuple[Problem, ...] = ()
    cut: bool = False
    """Something of it could not be read: what is missing may have been said there."""


def file_layer(file: Path) -> Layer:
    """The file's layer. Lines that are not TOML are problems, and the rest is read without them."""
    name = str(file)
    try:
        if file.stat().st_size > _MAX_BYTES:
            return Layer(name, {}, problems=(Problem(name, f"larger than {_MAX_BYTES} bytes"),), cut=True)
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        return Layer(name, {}, problems=(Problem(name, f"cannot be read: {error.strerror}"),), cut=True)
    except UnicodeDecodeError as error:
        return Layer(name, {}, problems=(Problem(name, f"is not UTF-8: {error.reason}"),), cut=True)
    values, problems = read_toml(text, name)
    return Layer(name, values, problems=problems, cut=bool(problems))


def read_toml(text: str, name: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """What a TOML text says, leaving out the lines that are wrong, each of which is a problem."""
    lines, problems = text.split("\n"), list[Problem]()
    while len(problems) < _MAX_SYNTAX_ERRORS:
        try:
            return tomllib.loads("\n".join(lines)), tuple(problems)
        except tomllib.TOMLDecodeError as error:
            said = str(error)
        at = _AT.search(said)
        number = int(at[1]) if at and at[1] else len(lines)
        where = f"{name} line {number}" if at and at[1] else f"{name} end"
        problems.append(Problem(where, f"is not TOML: {_AT.sub('', said)}{_quote(lines[number - 1])}"))
        if not lines[number - 1].strip():  # an error that no line can be blamed for: an open list, ...
            return _longest_readable(lines[: number - 1]), tuple(problems)
        lines[number - 1] = ""
    return {}, tuple(problems)


def _longest_readable(lines: Sequence[str]) -> dict[str, Any]:
    for end in range(len(lines), 0, -1):
        try:
            return tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
    return {}


def _quote(line: str) -> str:
    line = line.strip()
    return f": {line[:60]}" if line else ""


def environment_layer(environment: Mapping[str, str], prefix: str = PREFIX) -> Layer:
    """The layer of the variables with a prefix: OKNG_WEB__PORT is web.port."""
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    problems: list[Problem] = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(prefix) or (prefix == PREFIX and variable.startswith(FLEET_PREFIX)):
            continue
        steps = variable.removeprefix(prefix).lower().split("__")
        if text.lstrip().startswith(("[", "{")):
            value = _value(text)
            if value is None:
                problems.append(Problem(variable, f"is {text!r}, a list or table as TOML writes it was meant"))
                continue
        else:
            value = text
        if not _put(values, steps, value):
            problems.append(Problem(variable, "names an option inside another that is not a section"))
            continue
        dotted = ".".join(steps)
        names |= {dotted: variable} | {f"{dotted}.{inner}": variable for inner in flatten(value)}
    return Layer("environment", values, names, tuple(problems), cut=bool(problems))


def profile_layer(profile: Profile, said: Mapping[str, Any]) -> Layer:
    """What the device profile says: the engine, and the cameras of the lanes that are there, by kind."""
    values: dict[str, Any] = {"engine": copy.deepcopy(profile.engine)} if profile.engine else {}
    lanes = said.get("lanes")
    for name, lane in lanes.items() if isinstance(lanes, Mapping) else ():
        camera = lane.get("camera") if isinstance(lane, Mapping) else None
        kind = camera.get("kind") if isinstance(camera, Mapping) else None
        defaults = next((d for k, d in profile.camera.items() if k == kind), None)
        if defaults:
            values.setdefault("lanes", {})[name] = {"camera": copy.deepcopy(defaults)}
    return Layer(f"profile {profile.name}", values)


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """One set of nested tables; later layers win, lists are replaced as a whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge_into(merged, layer.values)
    return merged


def flatten(values: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of everything that is said and is not a table itself."""
    if not isinstance(values, Mapping):
        if prefix:
            yield prefix
        return
    for name, value in values.items():
        yield from flatten(value, f"{prefix}.{name}" if prefix else str(name))


def second_reading(
    raw: Mapping[str, Any], environment: Layer, error: ValidationError, root: type[BaseModel] = Config
) -> dict[str, Any] | None:
    """With the refused texts of the environment read as TOML values; None where that changes nothing."""
    again: dict[str, Any] = copy.deepcopy(dict(raw))
    changed = False
    for found in error.errors():
        steps, text = place(found["loc"], root).steps, found["input"]
        if ".".join(steps) not in environment.names or not isinstance(text, str):
            continue
        value = _value(text)
        if value is not None and not isinstance(value, str):
            changed = _put(again, list(steps), value) or changed
    return again if changed else None


def _value(text: str) -> Any:
    """The TOML value in a text; None where there is none."""
    try:
        said = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return None
    return said["value"] if set(said) == {"value"} else None


def _put(values: dict[str, Any], steps: Sequence[str], value: Any) -> bool:
    here = values
    for step in steps[:-1]:
        here = here.setdefault(step, {})
        if not isinstance(here, dict):
            return False
    here[steps[-1]] = value
    return True


def _merge_into(target: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = target.get(name)
            if not isinstance(inner, dict):
                inner = target[name] = {}
            _merge_into(inner, value)
        else:
            target[name] = copy.deepcopy(value)
