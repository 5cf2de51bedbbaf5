"""`okng config explain`: every option with its value, where that came from, what is allowed and meant."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from agent.config import Config, LaneConfig
from agent.errors import ConfigurationRefused
from agent.options import REQUIRED, Option, cameras, options_of
from agent.settings import DEFAULT, Loaded, load


def explain(config: Path) -> int:
    """Print all options of a configuration; with one that is refused, print their defaults.

    Raises ConfigurationRefused after printing, so that what is wrong stands at the end.
    """
    try:
        print(told(load(config)), end="")
    except ConfigurationRefused:
        print(f"{config} cannot be used (why stands at the end): these are the defaults, not its values\n")
        print(told_defaults(), flush=True)
        raise
    return 0


def told(loaded: Loaded) -> str:
    """All options of a configuration as text; at the end those of cameras that it does not have."""
    return "\n".join(_lines(loaded)) + "\n"


def told_defaults() -> str:
    """The same without a configuration: every option with its default."""
    lines = [line for option in options_of(Config) if option.name != "lanes" for line in _bare(option)]
    return "\n".join([*lines, "", *_kinds(), ""])


def _lines(loaded: Loaded) -> Iterator[str]:
    yield f"device profile: {loaded.profile.name} ({loaded.profile_why})"
    yield f"    {loaded.profile.description}; tested: {loaded.profile.tested}"
    for name, why in loaded.profile_others:
        yield f"    not {name}: {why}"
    yield ""
    for option in options_of(Config):
        if option.name != "lanes":
            yield from _set(option, _value(loaded.config, option.name), loaded.origins)
    for name, lane in loaded.config.lanes.items():
        yield ""
        for option in options_of(LaneConfig, f"lanes.{name}."):
            if option.name != f"lanes.{name}.camera":
                yield from _set(option, _value(loaded.config, option.name), loaded.origins)
        for option in options_of(type(lane.camera), f"lanes.{name}.camera."):
            yield from _set(option, _value(loaded.config, option.name), loaded.origins)
    yield ""
    yield from _kinds()


def _kinds() -> Iterator[str]:
    yield "A lane is [lanes.NAME] with these options:"
    for option in options_of(LaneConfig, "lanes.NAME."):
        if option.name != "lanes.NAME.camera":
            yield from _bare(option)
    for kind, section in cameras(LaneConfig.model_fields["camera"].annotation).items():
        yield ""
        yield f"lanes.NAME.camera with kind = {written(kind)}: {(section.__doc__ or '').strip()}"
        for option in options_of(section, "lanes.NAME.camera."):
            if option.name != "lanes.NAME.camera.kind":
                yield from _bare(option)


def _set(option: Option, value: Any, origins: Mapping[str, str]) -> Iterator[str]:
    origin = _origin(option.name, origins)
    default = "" if origin == DEFAULT or option.default is REQUIRED else f", default {written(option.default)}"
    yield f"{option.name} = {written(value)}    # {origin}{default}"
    yield f"    {_meaning(option)}"


def _bare(option: Option) -> Iterator[str]:
    default = "required" if option.default is REQUIRED else written(option.default)
    yield f"{option.name} = {default}"
    yield f"    {_meaning(option)}"


def _meaning(option: Option) -> str:
    unit = f" [{option.unit}]" if option.unit else ""
    return f"{option.meaning}{unit}; {option.allowed}"


def _origin(name: str, origins: Mapping[str, str]) -> str:
    """Where a value came from; a table's parts may come from several places."""
    inside = {origin for said, origin in origins.items() if said == name or said.startswith(f"{name}.")}
    return ", ".join(sorted(inside)) or DEFAULT


def _value(config: Config, name: str) -> Any:
    here: Any = config
    for step in name.split("."):
        here = here[step] if isinstance(here, dict) else getattr(here, step, None)
        if here is None:
            return None
    return here


def written(value: Any) -> str:
    """A value as TOML writes it; what is not set, which TOML cannot write, is (none)."""
    match value:
        case None:
            text = "(none)"
        case bool():
            text = "true" if value else "false"
        case str() | Path():
            text = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
        case BaseModel():
            text = written({n: v for n in type(value).model_fields if (v := getattr(value, n)) is not None})
        case dict():
            text = "{ " + ", ".join(f"{k} = {written(v)}" for k, v in value.items()) + " }" if value else "{}"
        case list() | tuple():
            text = "[" + ", ".join(map(written, value)) + "]"
        case _:
            text = str(value)
    return text
