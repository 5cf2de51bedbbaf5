"""What two contents of a recipe differ in, option by option; and what of it a stored inspection cannot tell."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.web.recipes.fields import CLASS_FIELDS, FIELDS, typed

LOOKS = (
    "pipeline",
    "model",
    "model_hash",
    "keep_score",
    "nms_iou",
    "max_detections",
    "tiles",
    "reference",
    "difference",
)
"""Options that change what is seen on a picture, and not only what is made of it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One option that is another."""

    path: str
    before: str
    """As it would be typed; empty: not set, so that the default holds."""
    after: str

    @property
    def text(self) -> str:
        """Its name in the catalogue, and for a class or region which one."""
        return text_of(self.path)[0]

    @property
    def of(self) -> str:
        return text_of(self.path)[1]


def text_of(path: str) -> tuple[str, str]:
    """(key below `recipes.field.`, the class or region); the key is empty where the option is not known."""
    if path in FIELDS:
        return path, ""
    if path == "tiles.on":
        return path, ""
    table, _, rest = path.partition(".")
    if table == "require":
        return "require", rest
    if table == "regions":
        return "regions", rest
    label, _, name = rest.rpartition(".")
    if table == "classes" and name in {each.name for each in CLASS_FIELDS}:
        return f"classes.{name}", label
    return "", path


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Of the tables of two files."""
    one, other = dict(_flat(before)), dict(_flat(after))
    names = dict.fromkeys((*one, *other))
    return tuple(
        Difference(name, one.get(name, ""), other.get(name, ""))
        for name in names
        if one.get(name, "") != other.get(name, "")
    )


def looks_anew(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """The differences that only a new look at a picture can tell of."""
    return tuple(d for d in differences(before, after) if d.path.partition(".")[0] in LOOKS)


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in data.items():
        path = f"{prefix}{key}"
        if path == "name":
            continue
        if path == "tiles":
            yield "tiles.on", "1"
        if path == "regions" and isinstance(value, list | tuple):
            yield from _regions(value)
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        else:
            yield path, _said(value)


def _regions(regions: list[Any] | tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    for number, region in enumerate(regions, 1):
        if isinstance(region, Mapping):
            name = str(region.get("name") or number)
            points = " ".join(f"{_share(x)},{_share(y)}" for x, y in _pairs(region.get("points")))
            yield f"regions.{name}", f"{region.get('kind', '')} {points}".strip()


def _pairs(points: object) -> Iterator[tuple[object, object]]:
    for point in points if isinstance(points, list | tuple) else ():
        if isinstance(point, list | tuple) and len(point) == 2:
            yield point[0], point[1]


def _share(value: object) -> str:
    return f"{value * 100:.4g}" if isinstance(value, int | float) else str(value)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return typed(float(value))
    return str(value)
