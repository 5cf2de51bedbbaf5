"""Between the form of a recipe and the tables of its file: what is typed is what is written, no default is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.web.recipes.fields import CLASS_FIELDS, FIELDS, Field, typed

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+")
MOST_CHARACTERS = 400
MOST_POINTS = 4000
"""Characters of a polygon."""
MOST_REGIONS = 40
TILES_ON = "tiles.on"
CLASS_NAMES = tuple(each.name for each in CLASS_FIELDS)
_REQUIRED = Field("require", "whole", "", False, least=1)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is wrong: at which field, the catalogue's key `recipes.wrong.KIND`, and its values."""

    where: str
    kind: str
    values: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    """Said as it is where the catalogue has no words for it."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form says."""

    data: dict[str, Any]
    """As the tables of the recipe's file, its name left out."""
    wrong: tuple[Wrong, ...]
    """What is no value of its field's kind; whether it is allowed is the recipe's to say."""


def filled(form: Mapping[str, str]) -> Filled:
    """Read a form. Raises nothing: what is wrong is named."""
    wrong: list[Wrong] = []
    data: dict[str, Any] = {}
    for path, each in FIELDS.items():
        if (value := _value(each, path, form.get(path, ""), wrong)) is not None:
            _put(data, path.split("."), value)
    if form.get(TILES_ON):
        data.setdefault("tiles", {})
    else:
        data.pop("tiles", None)
    for label in _labels(form):
        for each in CLASS_FIELDS:
            path = f"classes.{label}.{each.name}"
            if (value := _value(each, path, form.get(path, ""), wrong)) is not None:
                _put(data, ["classes", label, each.name], value)
        if (value := _value(_REQUIRED, f"require.{label}", form.get(f"require.{label}", ""), wrong)) is not None:
            _put(data, ["require", label], value)
    if regions := list(_regions(form, wrong)):
        data["regions"] = regions
    return Filled(data, tuple(wrong))


def _labels(form: Mapping[str, str]) -> tuple[str, ...]:
    found = [name.removeprefix("require.") for name in form if name.startswith("require.")]
    for name in form:
        label, _, last = name.removeprefix("classes.").rpartition(".")
        if name.startswith("classes.") and label and last in CLASS_NAMES:
            found.append(label)
    return tuple(dict.fromkeys(found))


def _value(each: Field, path: str, said: str, wrong: list[Wrong]) -> object:
    """The typed value, None where nothing is typed."""
    said = said.strip()
    if not said:
        return None
    if len(said) > MOST_CHARACTERS:
        wrong.append(Wrong(path, "long", {"most": str(MOST_CHARACTERS)}))
        return None
    if each.kind in ("text", "choice"):
        return said
    if each.kind == "whole":
        if _WHOLE.fullmatch(said):
            return int(said)
        wrong.append(Wrong(path, "whole", {"said": said[:40]}))
        return None
    if _NUMBER.fullmatch(said) and (number := float(said)) - number == 0:  # neither infinite
        return number
    wrong.append(Wrong(path, "number", {"said": said[:40]}))
    return None


def _put(data: dict[str, Any], path: list[str], value: object) -> None:
    for step in path[:-1]:
        data = data.setdefault(step, {})
    data[path[-1]] = value


def _regions(form: Mapping[str, str], wrong: list[Wrong]) -> Iterator[dict[str, Any]]:
    """Rows without a polygon and a name are none: they were taken away, or never filled in."""
    kept = 0
    for row in range(MOST_REGIONS + 1):
        name, points = (form.get(f"regions.{row}.{part}", "").strip() for part in ("name", "points"))
        if not name and not points:
            continue
        if kept >= MOST_REGIONS or len(points) > MOST_POINTS:
            wrong.append(Wrong(f"regions.{kept}", "long", {"most": str(MOST_REGIONS)}))
            return
        found = tuple(_point(pair) for pair in points.split())
        if None in found:
            wrong.append(Wrong(f"regions.{kept}", "points"))
        corners = [list(point) for point in found if point is not None]
        yield {"name": name, "kind": form.get(f"regions.{row}.kind", "") or "inspect", "points": corners}
        kept += 1


def _point(pair: str) -> tuple[float, float] | None:
    """x,y in percent of the picture, as shares."""
    x, _, y = pair.partition(",")
    if not (_NUMBER.fullmatch(x) and _NUMBER.fullmatch(y)):
        return None
    return round(float(x) / 100, 6), round(float(y) / 100, 6)


def values_of(data: Mapping[str, Any]) -> dict[str, str]:
    """What a form shows for a file with these tables; what cannot be shown as text is left out."""
    values: dict[str, str] = {}
    for path in FIELDS:
        if (value := _found(data, path.split("."))) is not None:
            values[path] = typed(value)
    if isinstance(data.get("tiles"), dict):
        values[TILES_ON] = "1"
    for label, rule in _table(data, "classes").items():
        values |= {f"classes.{label}.{name}": typed(value) for name, value in _table({"": rule}, "").items()}
    values |= {f"require.{label}": typed(value) for label, value in _table(data, "require").items()}
    regions = data.get("regions", ())
    for row, region in enumerate(regions if isinstance(regions, list | tuple) else ()):
        if isinstance(region, Mapping):
            values |= {f"regions.{row}.{name}": typed(region.get(name)) for name in ("name", "kind")}
            values[f"regions.{row}.points"] = " ".join(_pair(point) for point in region.get("points") or ())
    return values


def _pair(point: Any) -> str:
    try:
        x, y = point
        return f"{float(x) * 100:.6g},{float(y) * 100:.6g}"
    except (TypeError, ValueError):
        return str(point)


def _found(data: Any, path: list[str]) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return None if isinstance(data, Mapping | list) else data


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}
