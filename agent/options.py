"""Walks the models of `agent.config`: which options there are, what each may be, which name was meant.

A name is dotted: web.port, lanes.NAME.camera.fps. Values of the camera's union are found by its kind.
"""

import difflib
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from agent.config import Config

REQUIRED = PydanticUndefined
"""Default of an option that has none."""
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}

PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]{0,62}$": "of lower case letters, digits, - and _, at most 63",
    r"^rtsps?://": "beginning with rtsp:// or rtsps://",
    r"^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$": "a public key: 32 bytes in base64, 44 characters",
    r"^([a-z0-9-]+(\.[a-z0-9-]+)*)(:[1-9][0-9]{0,4})?$": "a host in lower case, or host:port",
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": "a time of day, HH:MM",
    r"^(|sqlite:////?[^?]+|postgresql\+psycopg://\S+)$": "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE",
    r"^[^@\s<>,]+@[^@\s<>,]+$": "a mail address, as line1@plant.example",
    r"^(|https?://[^\s?#]+)$": "empty, or an address beginning with https:// or http://, without ? and #",
    r"^https?://[^\s@#]+$": "an address beginning with https:// or http://, without user and password",
    r"^[^\x00-\x1f/]+$": "at most 32 characters, none of them /",
    r"^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$": "empty, or levels of letters, digits, - and _ joined by /",
}
"""The configuration's patterns in words."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as its line in `agent.config` declares it."""

    name: str
    default: Any
    """REQUIRED where there is none."""
    allowed: str
    unit: str
    meaning: str


def options_of(model: type[BaseModel], prefix: str = "") -> Iterator[Option]:
    """The options of a model and of the sections in it, in the order of their lines.

    Tables by name and unions (the lanes and their cameras) are not entered: a caller that has one
    asks for its model.
    """
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        section = _section(field.annotation)
        if section is not None:
            yield from options_of(section, f"{path}.")
        elif not isinstance(_bare(field.annotation), type) or not _is_table(field.annotation):
            yield Option(path, default_of(field), allowed(field), unit_of(field), field.description or "")


def default_of(field: FieldInfo) -> Any:
    """The default, REQUIRED where there is none."""
    return field.get_default(call_default_factory=False)


def unit_of(field: FieldInfo) -> str:
    """The unit, empty where there is none."""
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def allowed(field: FieldInfo) -> str:
    """What the option may be, in words: "a whole number, 1 to 65535"."""
    words = _allowed(field.annotation)
    bounds = _bounds(field)
    return f"{words}, {bounds}" if bounds else words


def allowed_of(annotation: Any) -> str:
    """What a value of an annotated type (Slug, ...) may be, in words."""
    return allowed(FieldInfo.from_annotation(annotation))


def _allowed(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if tagged := _tagged(annotation):
        words = f"a table with kind = {', '.join(tagged)}"
    elif origin is Annotated:
        words = allowed_of(annotation)
    elif origin is Literal:
        words = ", ".join(map(str, arguments))
    elif origin in (Union, types.UnionType):
        words = " or ".join(_allowed(a) if a is not type(None) else "nothing" for a in arguments)
    elif origin is tuple:
        words = f"a list, each {_allowed(arguments[0])}" if Ellipsis in arguments else f"a list of {len(arguments)}"
    elif origin is dict:
        words = f"a table, each {_allowed(arguments[1])}"
    elif (section := _section(annotation)) is not None:
        words = f"a table of {', '.join(section.model_fields)}"
    else:
        words = _WORDS.get(annotation, str(annotation))
    return words


def _bounds(field: FieldInfo) -> str:
    found: dict[str, Any] = {}
    for constraint in field.metadata:
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern"):
            if (value := getattr(constraint, name, None)) is not None:
                found[name] = value
    if "pattern" in found:
        return PATTERNS.get(found["pattern"], f"matching {found['pattern']}")
    if "min_length" in found and found.get("max_length") == found["min_length"]:
        return f"{found['min_length']} characters"
    if "ge" in found and "le" in found:
        return f"{found['ge']} to {found['le']}"
    says = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return " and ".join(f"{word} {found[name]}" for name, word in says.items() if name in found)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an error's location leads in the models."""

    steps: tuple[str, ...]
    """The names on the way, without the tags that unions put in."""
    field: FieldInfo | None
    """The last option on the way; None when the first name is unknown already."""
    parent: type[BaseModel] | None
    """The model that holds, or does not know, the last name."""

    @property
    def name(self) -> str:
        """Dotted."""
        return ".".join(self.steps)


def place(location: Sequence[int | str], model: type[BaseModel] = Config) -> Place:
    """Follow a pydantic error's location from the configuration's root.

    The location ("lanes", "top", "camera", "v4l2", "fps") is the option lanes.top.camera.fps: for a
    union of sections told apart by their kind, pydantic names the kind as a step of its own.
    """
    here: Any = model
    field: FieldInfo | None = None
    parent: type[BaseModel] | None = None
    names: list[str] = []
    for step in location:
        tagged = _tagged(here)
        if tagged and str(step) in tagged:
            here = tagged[str(step)]
            continue
        if step == "[key]":  # pydantic's mark for "the name itself is wrong"
            continue
        names.append(str(step))
        section = _section(here)
        if section is not None:
            parent, field = section, section.model_fields.get(str(step))
            here = field.annotation if field else None
        else:
            parent = None
            here = _inside(here)
    return Place(tuple(names), field, parent)


def suggest(name: str, known: Sequence[str]) -> str:
    """ ", did you mean NAME?", or nothing where no known name is near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f", did you mean {near[0]}?" if near else ""


RETIRED: Mapping[tuple[str, str], str] = {
    ("WebConfig", "password_file"): (
        "; it is gone, because everybody has a name and a password of their own now: take it out, then make the "
        "first admin by the set-up code in the page's log, or by `okng user add NAME --role admin`"
    ),
}
"""(section, option) that was there once -> what to do instead."""


def suggest_option(name: str, parent: type[BaseModel] | None, root: type[BaseModel] = Config) -> str:
    """What was meant by an unknown option: a near name beside it, else the same name in another section."""
    retired = RETIRED.get((parent.__name__, name)) if parent else None
    if retired:
        return retired
    beside = suggest(name, list(parent.model_fields)) if parent else ""
    if beside:
        return beside
    elsewhere = [o.name for o in options_of(root) if o.name.rpartition(".")[2] == name]
    if elsewhere:
        return f", did you mean {' or '.join(elsewhere)}?"
    return f"; known here: {', '.join(parent.model_fields)}" if parent else ""


def cameras(annotation: Any) -> dict[str, type[BaseModel]]:
    """The sections of a union that are told apart by `kind`, by kind."""
    return _tagged(annotation)


def _bare(annotation: Any) -> Any:
    """Without Annotated and without `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [a for a in get_args(annotation) if a is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else annotation
    return annotation


def _section(annotation: Any) -> type[BaseModel] | None:
    bare = _bare(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _is_table(annotation: Any) -> bool:
    return get_origin(_bare(annotation)) is dict


def _tagged(annotation: Any) -> dict[str, type[BaseModel]]:
    bare = _bare(annotation)
    if get_origin(bare) not in (Union, types.UnionType):
        return {}
    sections = [section for a in get_args(bare) if (section := _section(a)) is not None]
    return {str(get_args(s.model_fields["kind"].annotation)[0]): s for s in sections if "kind" in s.model_fields}


def _inside(annotation: Any) -> Any:
    """The type of one entry of a list or table; None for what has no entries."""
    arguments = get_args(_bare(annotation))
    if not arguments:
        return None
    return arguments[1] if _is_table(annotation) else arguments[0]
