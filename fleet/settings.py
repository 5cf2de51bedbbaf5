"""The centre's configuration, read and checked: defaults < `fleet.toml` < `OKNG_FLEET_*` environment.

An option is OKNG_FLEET_BROKER__HOST=broker. All that is wrong is reported at once; relative paths of the
file are relative to the file.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ValidationError

from agent.errors import ConfigurationRefused, Problem
from agent.layers import FLEET_PREFIX, Layer, environment_layer, file_layer, flatten, merge, second_reading
from agent.problems import problems_of
from fleet.config import FleetConfig
from fleet.intake.topics import problem_of
from fleet.notices.check import wrong_channels

CONFIGURATION = Path("/etc/okng/fleet.toml")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that may be used, and where it came from."""

    config: FleetConfig
    origins: Mapping[str, str]
    """Dotted name -> the file's path or the variable's name; what is not in it has its default."""


def load(path: Path = CONFIGURATION, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Read and check the configuration. Raises ConfigurationRefused with every problem."""
    layers = [file_layer(path), environment_layer(environment, FLEET_PREFIX)]
    problems = [problem for layer in layers for problem in layer.problems]
    origins = {n: layer.names.get(n, layer.origin) for layer in layers for n in flatten(layer.values)}
    config, error = _validated(merge(layers), layers[1])
    problems += problems_of(error, origins, any(layer.cut for layer in layers), FleetConfig)
    if config is not None:
        problems += _checked(config)
    if config is None or problems:
        raise ConfigurationRefused(f"configuration {path}", problems)
    return Loaded(_absolute(config, path.parent, origins, str(path)), origins)


def _validated(raw: dict[str, Any], environment: Layer) -> tuple[FleetConfig | None, ValidationError | None]:
    """What the environment says is text first, and where that is refused, a TOML value."""
    try:
        return FleetConfig.model_validate(raw), None
    except ValidationError as first:
        again = second_reading(raw, environment, first, FleetConfig)
        if again is None:
            return None, first
    try:
        return FleetConfig.model_validate(again), None
    except ValidationError as second:
        return None, second


def _checked(config: FleetConfig) -> list[Problem]:
    """What no single option is wrong by."""
    problems = []
    if topic := problem_of(config.broker.topic):
        problems.append(Problem("broker.topic", topic))
    try:
        ZoneInfo(config.fleet.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        what = f"is {config.fleet.timezone!r}, allowed: an IANA name such as Europe/Berlin or Asia/Shanghai"
        problems.append(Problem("fleet.timezone", what))
    if config.broker.retry_min_s > config.broker.retry_max_s:
        what = f"is {config.broker.retry_min_s:g}, allowed: at most broker.retry_max_s ({config.broker.retry_max_s:g})"
        problems.append(Problem("broker.retry_min_s", what))
    return problems + wrong_channels(config)


def _absolute(config: FleetConfig, folder: Path, origins: Mapping[str, str], file: str) -> FleetConfig:
    def walk(value: Any, name: str) -> Any:
        if isinstance(value, Path):
            return (folder if _origin(origins, name) == file else Path.cwd()).absolute() / value
        if isinstance(value, tuple):
            return tuple(walk(entry, f"{name}.{n}") for n, entry in enumerate(value))
        if isinstance(value, BaseModel):
            fields = {f: walk(getattr(value, f), f"{name}.{f}".lstrip(".")) for f in type(value).model_fields}
            return value.model_copy(update=fields)
        return value

    absolute: FleetConfig = walk(config, "")
    return absolute


def _origin(origins: Mapping[str, str], name: str) -> str:
    """Where an option comes from: an option inside a list comes from where the whole list does."""
    while name not in origins and "." in name:
        name = name.rpartition(".")[0]
    return origins.get(name, "")
