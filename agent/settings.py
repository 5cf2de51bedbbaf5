"""The station's configuration: read, merged, checked, and the last good one kept.

defaults < device profile < `/etc/okng/station.toml` (or --config) < `OKNG_*` environment. An option
of a section is `OKNG_WEB__PORT=8081`; a list or table is written as in TOML: `OKNG_ENGINE__DEVICES=["CPU"]`.
Everything that is wrong is reported at once. Relative paths in the file are relative to the file.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agent import paths
from agent.atomic import write_atomically
from agent.checks import check
from agent.config import Config, LogConfig, StationConfig, WebConfig
from agent.errors import ConfigurationRefused, Problem, Refused
from agent.findings import Finding
from agent.layers import Layer, environment_layer, file_layer, flatten, merge, profile_layer, second_reading
from agent.machine import Machine, read_machine
from agent.options import suggest
from agent.problems import problems_of, what_is_left
from agent.profile import GENERIC, Match, Profile, match, read_profiles

LAST_GOOD = Path("last-good") / "station.json"
"""Below the data folder: the last configuration that a station worked on."""
DEFAULT = "default"
S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that may be used, and where it came from."""

    config: Config
    origins: Mapping[str, str]
    """Dotted name -> "default", "profile NAME", the file's path or the variable's name.

    Names that are not in it have their default."""
    profile: Profile
    profile_why: str
    profile_others: tuple[tuple[str, str], ...] = ()
    """(name, why not) of the profiles that were not taken."""
    warnings: tuple[Problem, ...] = ()
    """Allowed, but probably not meant."""
    safe_mode: str = ""
    """Not empty: this is the last good configuration, and why the new one was refused."""


def load(
    path: Path = paths.CONFIGURATION,
    environment: Mapping[str, str] = os.environ,
    machine: Machine | None = None,
    profiles: Path | None = None,
) -> Loaded:
    """Read and check the configuration. Raises ConfigurationRefused with every problem."""
    reading = read(path, environment, machine, profiles)
    if reading.config is None or reading.problems:
        raise ConfigurationRefused(f"configuration {path}", reading.problems)
    return Loaded(
        config=reading.config,
        origins=reading.origins,
        profile=reading.match.profile,
        profile_why=reading.match.why,
        profile_others=reading.match.others,
        warnings=reading.warnings,
    )


def load_or_last_good(
    path: Path = paths.CONFIGURATION,
    environment: Mapping[str, str] = os.environ,
    machine: Machine | None = None,
    profiles: Path | None = None,
) -> Loaded:
    """The configuration, or the last good one with `safe_mode` saying why.

    Raises ConfigurationRefused with the new one's problems where none was ever good.
    """
    try:
        return load(path, environment, machine, profiles)
    except ConfigurationRefused as refused:
        good = recall(data_folder(path, environment), machine, profiles)
        if good is None:
            raise
        return _with_safe_mode(good, str(refused))


def remember(loaded: Loaded) -> None:
    """Keep this configuration as the last good one; the station calls it once it works on it.

    One that is itself the last good one is not written again. Raises OSError.
    """
    if loaded.safe_mode:
        return
    file = loaded.config.station.data / LAST_GOOD
    file.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "config": loaded.config.model_dump(mode="json"),
        "origins": dict(loaded.origins),
        "profile": loaded.profile.name,
        "profile_why": loaded.profile_why,
    }
    write_atomically(file, json.dumps(body, indent=1).encode() + b"\n")


def recall(data: Path, machine: Machine | None = None, profiles: Path | None = None) -> Loaded | None:
    """The last good configuration of a data folder; None where there is none that can be used."""
    try:
        body = json.loads((data / LAST_GOOD).read_bytes())
        config = Config.model_validate(_without_retired(body["config"]))
        origins, name, why = dict(body["origins"]), str(body["profile"]), str(body["profile_why"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known, _ = _profiles(profiles)
    profile = next((p for p in known if p.name == name), None)
    found = Match(profile, why, ()) if profile else match(machine or read_machine(), known)
    return Loaded(config, origins, found.profile, found.why, found.others)


def _without_retired(values: Any) -> Any:
    """What was a good configuration for an okng of before, still is."""
    web = values.get("web") if isinstance(values, dict) else None
    if isinstance(web, dict):
        web.pop("password_file", None)
    return values


def for_page(path: Path = paths.CONFIGURATION, environment: Mapping[str, str] = os.environ) -> tuple[Config, str]:
    """What the page starts with, whatever is wrong, and a text that says what is (empty: nothing).

    Where neither the configuration nor the last good one can be used, the sections station, web and
    log are taken as far as they are right; an address that was not checked is never listened on.
    """
    try:
        loaded = load_or_last_good(path, environment)
        return loaded.config, loaded.safe_mode
    except ConfigurationRefused as refused:
        return _salvage(path, environment, refused), str(refused)


def data_folder(path: Path, environment: Mapping[str, str]) -> Path:
    """The data folder that a configuration names, as far as it can be read; else the default one."""
    raw, origins = _merged(path, environment)
    station = _right_of(StationConfig, raw.get("station"))
    return _absolute(Config(station=station), path.parent, origins, str(path)).station.data


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that reading a configuration gave, right or wrong."""

    config: Config | None
    """What is left of it when the options that are wrong have their defaults; None: nothing is."""
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    origins: Mapping[str, str]
    match: Match


def read(
    path: Path = paths.CONFIGURATION,
    environment: Mapping[str, str] = os.environ,
    machine: Machine | None = None,
    folder: Path | None = None,
) -> Reading:
    """Read the configuration and say all that is wrong; `load` refuses what this only reports."""
    said = [file_layer(path), environment_layer(environment)]
    problems = [problem for layer in said for problem in layer.problems]
    cut = any(layer.cut for layer in said)
    found, found_problems = _find_profile(merge(said), machine, folder)
    problems += found_problems
    layers = [profile_layer(found.profile, merge(said)), *said]
    raw, origins = merge(layers), _origins(layers)
    config, error, raw = _validate(raw, said[1])
    problems += problems_of(error, origins, cut)
    removed = frozenset[str]()
    if error is not None:
        config, removed = what_is_left(raw, error)
    findings: list[Finding] = []
    if config is not None:
        config = _absolute(config, path.parent, origins, str(path))
        findings = [f for f in check(config) if not f.involves(removed) and not (cut and f.where == "lanes")]
        problems += [f.problem for f in findings if not f.only_warns]
    warnings = tuple(f.problem for f in findings if f.only_warns)
    return Reading(config, tuple(problems), warnings, origins, found)


def _validate(raw: dict[str, Any], environment: Layer) -> tuple[Config | None, ValidationError | None, dict[str, Any]]:
    """The validated configuration, or the error; and the values that were validated.

    What the environment says is text first ("0815" may be a name); where text is refused, it is read
    once more as a TOML value (5, true).
    """
    try:
        return Config.model_validate(raw), None, raw
    except ValidationError as first:
        again = second_reading(raw, environment, first)
        if again is None:
            return None, first, raw
    try:
        return Config.model_validate(again), None, again
    except ValidationError as second:
        return None, second, again


def _find_profile(raw: Mapping[str, Any], machine: Machine | None, folder: Path | None) -> tuple[Match, list[Problem]]:
    known, problems = _profiles(folder)
    station = raw.get("station")
    asked = station.get("profile", "auto") if isinstance(station, Mapping) else "auto"
    best = match(machine or read_machine(), known)
    if asked == "auto" or not isinstance(asked, str):
        return best, problems
    named = next((p for p in known if p.name == asked), None)
    if named is None:
        names = ["auto", *(p.name for p in known)]
        what = f"is {asked!r}, allowed: {', '.join(names)}{suggest(asked, names)}"
        return best, [*problems, Problem("station.profile", what)]
    others = tuple((name, why) for name, why in best.others if name != asked)
    return Match(named, "named in the configuration", others), problems


def _profiles(folder: Path | None) -> tuple[tuple[Profile, ...], list[Problem]]:
    """The profiles; a broken one is a problem, and then only the generic one is left."""
    try:
        return read_profiles(folder or paths.device_profiles()), []
    except Refused as refused:
        return (GENERIC,), [Problem(f"{refused.subject}: {p.where}", p.what) for p in refused.problems]


def _origins(layers: list[Layer]) -> dict[str, str]:
    return {name: layer.names.get(name, layer.origin) for layer in layers for name in flatten(layer.values)}


def _absolute(config: Config, folder: Path, origins: Mapping[str, str], file: str) -> Config:
    """Relative paths made absolute: those of the file from its folder, the others from here."""

    def walk(value: Any, name: str) -> Any:
        if isinstance(value, Path):
            return (folder if origins.get(name) == file else Path.cwd()).absolute() / value
        if isinstance(value, BaseModel):
            fields = {f: walk(getattr(value, f), f"{name}.{f}".lstrip(".")) for f in type(value).model_fields}
            return value.model_copy(update=fields)
        if isinstance(value, dict):
            return {key: walk(inner, f"{name}.{key}") for key, inner in value.items()}
        return value

    absolute: Config = walk(config, "")
    return absolute


def _merged(path: Path, environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    said = [file_layer(path), environment_layer(environment)]
    return merge(said), _origins(said)


def _salvage(path: Path, environment: Mapping[str, str], refused: Refused) -> Config:
    raw, origins = _merged(path, environment)
    web_wrong = any(p.where.startswith("web.") for p in refused.problems)
    config = Config(
        station=_right_of(StationConfig, raw.get("station")),
        web=WebConfig() if web_wrong else _right_of(WebConfig, raw.get("web")),
        log=_right_of(LogConfig, raw.get("log")),
    )
    return _absolute(config, path.parent, origins, str(path))


def _right_of(section: type[S], raw: object) -> S:
    """A section with those of its options that are right by themselves; the others have their defaults."""
    taken: dict[str, Any] = {}
    for name, value in raw.items() if isinstance(raw, Mapping) else ():
        with contextlib.suppress(ValidationError):
            section.model_validate({name: value})
            taken[name] = value
    return section.model_validate(taken)


def _with_safe_mode(loaded: Loaded, why: str) -> Loaded:
    return Loaded(
        loaded.config, loaded.origins, loaded.profile, loaded.profile_why, loaded.profile_others, safe_mode=why
    )
