"""One part's page: everything that is known of it, as values for the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from agent.errors import RecipeRefused
from agent.recipes import Recipes
from agent.store.blind import blind
from agent.store.line import beside
from agent.store.values import StoredPart
from agent.web import drawing
from agent.web.board import boxes_of, reasons_of
from agent.web.desk import Desk
from agent.web.shown import seen_of
from agent.web.speech import Speech
from agent.web.who import Person
from pipelines.recipe import Recipe
from pipelines.values import Stages

BESIDE = 5
"""So many parts are shown before and after this one."""
FOUND_SHOWN = 40
_STAGES = ("wait_ms", "quality_ms", "prepare_ms", "infer_ms", "decode_ms", "judge_ms")


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A detection beside the threshold of its class."""

    label: str
    score: float
    limit: float | None
    """None where it is the model's own and no reason names it."""
    place: str
    size: str
    counts: bool
    """It is one of the reasons."""


def part_values(desk: Desk, speech: Speech, part: StoredPart, who: Person) -> Mapping[str, Any]:
    """What the template shows."""
    results, seen = desk.results, seen_of(part)
    around = results.ask(lambda conn: beside(conn, part.id, BESIDE))
    older = max((p.id for p in around if p.id < part.id), default=None)
    newer = min((p.id for p in around if p.id > part.id), default=None)
    recipe = _recipe(desk, part)
    hidden = results.ask(blind([part.id, *(each.id for each in around)]))
    return {
        "part": part,
        "older": older,
        "newer": newer,
        "around": around,
        "hidden": hidden,
        "blind": part.id in hidden,
        "boxes": "" if part.id in hidden else drawing.boxes(boxes_of(speech, seen), seen.width_px, seen.height_px),
        "found": found_rows(speech, part, recipe),
        "found_more": max(len(seen.detections) - FOUND_SHOWN, 0),
        "stage_times": stage_times(speech, part.record.inspection.stages),
        "deadline_ms": recipe.deadline_ms if recipe else None,
        "genealogy": genealogy(speech, part, _versions(part) if recipe and who.may("operator") else ""),
        "recipe_text": recipe.model_dump_json(indent=2, exclude_defaults=True) if recipe else "",
        "reviews": results.review_history(part.id),
        "opinions": results.second_opinions([part.id]),
        "reasons_of": lambda verdict: reasons_of(speech, verdict.reasons),
    }


def _recipe(desk: Desk, part: StoredPart) -> Recipe | None:
    """The recipe as it was when this part was judged; None where its revision is not to be had."""
    try:
        return Recipes(desk.config.station.data).revision(part.record.origin.recipe_hash)
    except RecipeRefused:
        return None


def found_rows(speech: Speech, part: StoredPart, recipe: Recipe | None) -> Sequence[FoundRow]:
    """The detections, each with the limit that it was held against."""
    limits = {r.detection: r.limit for r in part.record.verdict.reasons if r.detection is not None}
    by_class = {r.label: r.limit for r in part.record.verdict.reasons if r.detection is not None}
    rows = []
    for place, found in enumerate(part.record.inspection.detections[:FOUND_SHOWN]):
        limit = limits.get(place, by_class.get(found.label))
        rows.append(
            FoundRow(
                label=speech.named("label", found.label),
                score=found.score,
                limit=_limit(recipe, found.label) if limit is None else limit,
                place=f"{found.x1:.0f}, {found.y1:.0f}",
                size=f"{found.width:.0f} × {found.height:.0f}",
                counts=place in limits,
            )
        )
    return rows


def _limit(recipe: Recipe | None, label: str) -> float | None:
    if recipe is None:
        return None
    rule = recipe.classes.get(label)
    return rule.threshold if rule and rule.threshold is not None else recipe.threshold


def stage_times(speech: Speech, stages: Stages) -> tuple[tuple[str, float], ...]:
    """(name, ms) of each stage, and what is left of the total."""
    known = tuple((speech.say(f"stage.{name}"), float(getattr(stages, name))) for name in _STAGES)
    rest = stages.total_ms - sum(ms for _, ms in known)
    return (*known, (speech.say("stage.rest_ms"), rest)) if rest > 0.005 else known


@dataclass(frozen=True, slots=True)
class Trait:
    """One line of a part's genealogy."""

    name: str
    value: str
    address: str = ""
    """Where more of its kind are."""
    detail: str = ""
    """A hash in full, for who points at it."""


def genealogy(speech: Speech, part: StoredPart, versions: str) -> tuple[Trait, ...]:
    """What made this verdict, and out of what; `versions`: where its recipe's are, "" for who may not see them."""
    record, origin = part.record, part.record.origin
    found = (
        Trait("part_id", record.part_id, _history(part_id=record.part_id)),
        Trait("purpose", speech.say(f"purpose.{record.purpose}")),
        Trait("attempt", str(record.attempt)),
        Trait("captured", speech.moment(record.captured.utc_us)),
        Trait("decided", speech.moment(record.decided_utc_us)),
        Trait("clock", "" if record.clock_trusted else speech.say("field.clock.untrusted")),
        Trait("lane", origin.lane, _history(lane=origin.lane)),
        Trait("camera", origin.camera),
        Trait("serial", origin.camera_serial),
        Trait("recipe", origin.recipe, _history(recipe=origin.recipe)),
        Trait("revision", origin.recipe_hash[:12], versions, detail=origin.recipe_hash),
        Trait("model", origin.model, _history(model=origin.model)),
        Trait("model_hash", origin.model_hash[:12], detail=origin.model_hash),
        Trait("device", origin.device),
        Trait("software", origin.software),
        Trait("run", record.run),
        Trait("sequence", speech.number(record.sequence)),
        Trait("missed", speech.number(record.missed) if record.missed else ""),
        Trait("boot", record.captured.boot),
        Trait("source", record.source),
        Trait("size", f"{record.inspection.width_px} × {record.inspection.height_px} px"),
        Trait("sha256", part.evidence.sha256 if part.evidence else ""),
    )
    return tuple(trait for trait in found if trait.value)


def _versions(part: StoredPart) -> str:
    return f"/setup/recipes/{quote(part.record.origin.recipe, safe='')}#versions"


def _history(**asked: str) -> str:
    return f"/parts?{urlencode(asked)}"
