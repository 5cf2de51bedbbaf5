"""The recipe's options as fields of a form: read off the one declaration in `pipelines.recipe`, never written twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipelines.recipe import ClassRule, DifferenceRule, QualityGate, Recipe, Reference, Tiling

Kind = Literal["number", "whole", "text", "choice"]
ELSEWHERE = ("name", "classes", "require", "regions", "reference", "difference", "quality", "tiles")
"""Options of the recipe that are no single field."""


@dataclass(frozen=True, slots=True)
class Field:
    """One option."""

    path: str
    """Dotted, as in the file: quality.min_sharpness. Its texts are the catalogue's `recipes.field.PATH`."""
    kind: Kind
    default: str
    """As it would be typed; empty where there is none."""
    needed: bool
    choices: tuple[str, ...] = ()
    least: float | None = None
    above: float | None = None
    """Not itself allowed."""
    most: float | None = None
    below: float | None = None
    """Not itself allowed."""

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def unit(self) -> str:
        """By the house's suffixes."""
        suffix = self.name.rpartition("_")[2]
        return {"ms": "ms", "px": "px", "deg": "°"}.get(suffix, "")


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together."""

    name: str
    fields: tuple[Field, ...]


def typed(value: object) -> str:
    """A value as somebody would type it."""
    match value:
        case None:
            return ""
        case float():
            return f"{value:.10g}"
        case _:
            return str(value)


def _fields(model: type[BaseModel], prefix: str = "", without: tuple[str, ...] = ()) -> Iterator[Field]:
    for name, info in model.model_fields.items():
        if name not in without:
            yield _field(f"{prefix}{name}", info)


def _field(path: str, info: FieldInfo) -> Field:
    kind, choices, further = _kind(info.annotation)
    bounds = {name: value for each in (*info.metadata, *further) for name, value in _bounds(each)}
    default = info.get_default()
    none = default is PydanticUndefined
    return Field(
        path=path,
        kind=kind,
        default="" if none else typed(default),
        needed=none,
        choices=choices,
        least=bounds.get("ge"),
        above=bounds.get("gt"),
        most=bounds.get("le"),
        below=bounds.get("lt"),
    )


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...], tuple[Any, ...]]:
    """What may be typed, what may be chosen, and further bounds."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        kind, choices, _ = _kind(arguments[0])
        return kind, choices, arguments[1:]
    if origin in (Union, UnionType):
        return _kind(next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        return "choice", tuple(map(str, arguments)), ()
    kinds: dict[Any, Kind] = {float: "number", int: "whole"}
    return kinds.get(annotation, "text"), (), ()


def _bounds(constraint: Any) -> Iterator[tuple[str, float]]:
    metadata = constraint.metadata if isinstance(constraint, FieldInfo) else [constraint]
    for each in metadata:
        for name in ("ge", "gt", "le", "lt"):
            if (value := getattr(each, name, None)) is not None:
                yield name, float(value)


def _some(names: tuple[str, ...]) -> tuple[Field, ...]:
    known = {field.path: field for field in _fields(Recipe, without=ELSEWHERE)}
    return tuple(known[name] for name in names)


_MODEL = ("pipeline", "model", "model_hash")
_SCORES = ("threshold", "keep_score", "nms_iou", "max_detections")
_OUTCOME = ("unsure", "deadline_ms", "evidence_ok_rate")
GROUPS: tuple[Group, ...] = (
    Group("model", _some(_MODEL)),
    Group("scores", _some(_SCORES)),
    Group("quality", tuple(_fields(QualityGate, "quality."))),
    Group("outcome", _some(_OUTCOME)),
    Group("reference", tuple(_fields(Reference, "reference."))),
    Group("difference", tuple(_fields(DifferenceRule, "difference."))),
    Group("tiles", tuple(_fields(Tiling, "tiles."))),
)
FIELDS: dict[str, Field] = {field.path: field for group in GROUPS for field in group.fields}
CLASS_FIELDS: tuple[Field, ...] = tuple(_fields(ClassRule, "classes."))
"""Of one class; `classes.NAME` stands for classes.LABEL.NAME."""
UNNAMED = frozenset(Recipe.model_fields) - {*_MODEL, *_SCORES, *_OUTCOME, *ELSEWHERE}
"""Options that no group has: there must be none."""
