"""What the editor's template is given: the form as it was typed, what is wrong with it, what would change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.recipe_versions import Version
from agent.status import Status
from agent.web.board import reasons_of
from agent.web.recipes.backdrop import backdrop
from agent.web.recipes.desk import Draft, RecipeDesk
from agent.web.recipes.differ import Difference, differences, looks_anew
from agent.web.recipes.fields import CLASS_FIELDS, GROUPS, Field
from agent.web.recipes.shelf import Sheet, lanes_by
from agent.web.recipes.trial import PARTS, Tried
from agent.web.recipes.typed import MOST_REGIONS
from agent.web.recipes.words import beside
from agent.web.speech import CATALOGUE, Speech

VERSIONS = 8
"""Of a page."""
SPARE = 1
"""Empty rows for regions, for who has no script."""


@dataclass(frozen=True, slots=True)
class Editing:
    """One look at the editor."""

    sheet: Sheet
    """The file as it stands."""
    draft: Draft
    values: Mapping[str, str]
    """What the form shows."""
    expect: str
    """The content that the form was opened with."""
    tried: Tried | None = None
    conflict: bool = False
    refused: str = ""
    saved: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """A version, and what it changed."""

    version: Version
    changed: tuple[Difference, ...]
    first: bool


def editor(recipes: RecipeDesk, speech: Speech, now: Editing, status: Status | None, before: int) -> dict[str, Any]:
    """Everything that the template names. Raises StoreFailed."""
    sheet, draft = now.sheet, now.draft
    model = recipes.shelf.models.of(str(draft.data.get("model", "")), str(draft.data.get("pipeline", "detect")))
    # What the form could not place stands above it: nothing that is wrong is left unsaid.
    wrong = beside(speech, draft.wrong)
    lanes = lanes_by(status, sheet.name)
    past, more = _past(recipes, sheet.name, before)
    labels = tuple(dict.fromkeys((*model.labels, *_labels(draft.data))))
    placed = {field.path for group in GROUPS for field in group.fields}
    placed |= {f"classes.{label}.{field.name}" for label in labels for field in CLASS_FIELDS}
    placed |= {"quality", "reference", "difference", "tiles"}
    placed |= {f"require.{label}" for label in labels} | {f"regions.{row}" for row in range(MOST_REGIONS)}
    return {
        "now": now,
        "sheet": sheet,
        "values": now.values,
        "wrong": wrong,
        "elsewhere": {where: text for where, text in wrong.items() if where not in placed},
        "groups": {group.name: group.fields for group in GROUPS},
        "class_fields": CLASS_FIELDS,
        "labels": labels,
        "limits": model.limits or {},
        "models": recipes.shelf.models.names(),
        "bounds": lambda field: bounds(speech, field),
        "regions": _regions(now.values),
        "backdrop": backdrop(recipes, sheet.name, draft.recipe or sheet.recipe, status),
        "lanes": lanes,
        "past": past,
        "older": past[-1].version.number if past and more else 0,
        "newest": recipes.shelf.versions.newest(sheet.name),
        "option": lambda each: option(speech, each),
        "shown": lambda each, value: shown(speech, each, value),
        "most_tried": PARTS,
        "looks": looks_anew(sheet.data, draft.data) if now.tried is not None else (),
        "against": differences(sheet.data, draft.data) if now.conflict else (),
        "reasons": lambda reasons: reasons_of(speech, reasons),
    }


def bounds(speech: Speech, field: Field) -> str:
    """What may be typed, and what holds where nothing is."""
    low = f"≥ {field.least:g}" if field.least is not None else f"> {field.above:g}" if field.above is not None else ""
    high = f"≤ {field.most:g}" if field.most is not None else f"< {field.below:g}" if field.below is not None else ""
    both = f"{field.least:g} – {field.most:g}" if field.least is not None and field.most is not None else ""
    default = ""
    if field.default and field.kind in ("number", "whole"):
        default = speech.say("recipes.default", value=f"{field.default} {field.unit}".strip())
    return " · ".join(filter(None, (both or ", ".join(filter(None, (low, high))), default)))


def option(speech: Speech, each: Difference) -> str:
    """An option by its name on the page."""
    key = f"recipes.field.{each.text}"
    name = speech.say(key) if each.text and key in CATALOGUE else each.path
    if not each.of or not each.text:
        return name
    of = each.of if each.text == "regions" else speech.named("label", each.of)
    return f"{name} {of}" if each.text == "regions" else f"{of}: {name}"


def shown(speech: Speech, each: Difference, value: str) -> str:
    """A value of an option as people read it; where none is set, the default, or that there is none."""
    if each.text == "regions" and value:
        kind, _, points = value.partition(" ")
        return f"{speech.say(f'recipes.regions.{kind}')} {points}" if kind in ("inspect", "ignore") else value
    if each.text == "tiles.on":
        return speech.say("recipes.on" if value else "recipes.off")
    if not value:
        return speech.say("recipes.nothing" if each.text in ("regions", "require") else "recipes.unset")
    return speech.say(f"recipes.choice.{value}") if each.path in ("pipeline", "unsure") and _known(value) else value


def _known(choice: str) -> bool:
    return f"recipes.choice.{choice}" in CATALOGUE


def _labels(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Those that the recipe names, known to the model or not."""
    tables = (data.get("classes"), data.get("require"))
    return tuple(str(label) for table in tables if isinstance(table, Mapping) for label in table)


def _regions(values: Mapping[str, str]) -> tuple[tuple[int, str, str, str], ...]:
    """(row, name, kind, points), those with something in them first, and then an empty one."""
    filled = []
    for row in range(MOST_REGIONS):
        name, kind, points = (values.get(f"regions.{row}.{part}", "") for part in ("name", "kind", "points"))
        if name.strip() or points.strip():
            filled.append((name, kind or "inspect", points))
    rows = [*filled, *([("", "inspect", "")] * SPARE if len(filled) < MOST_REGIONS else [])]
    return tuple((row, *each) for row, each in enumerate(rows))


def _past(recipes: RecipeDesk, name: str, before: int) -> tuple[tuple[Past, ...], bool]:
    """A page of versions, the newest first, and whether there are older ones."""
    versions = recipes.shelf.versions
    numbers = [number for number in versions.numbers(name) if not before or number < before]
    read = [found for number in numbers[: VERSIONS + 1] if (found := versions.read(name, number)) is not None]
    tables = [recipes.shelf.of_text(name, version.text.encode()).data for version in read]
    past = []
    for place, version in enumerate(read[:VERSIONS]):
        older = tables[place + 1] if place + 1 < len(tables) else None
        changed = differences(older, tables[place]) if older is not None else ()
        past.append(Past(version, changed, older is None))
    return tuple(past), len(numbers) > VERSIONS
