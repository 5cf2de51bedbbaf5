"""What a changed recipe would have made of the last parts: their stored inspections judged anew by the same rules.

Nothing is looked at again: what was found on a picture, and how good the picture was, is stored with every part.
Options that change the look itself (the model, tiles, ...) are named as what this cannot tell: `okng backtest`
replays pictures.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agent.review.known_models import Model
from agent.store.read import Reader
from agent.store.values import PartQuery, StoredPart
from agent.web.recipes.shelf import Shelf
from pipelines.recipe import Recipe
from pipelines.rules import judge, late
from pipelines.values import Outcome, Reason, Rule, Verdict

PARTS = 50
_STATION = frozenset({Rule.NOT_READY, Rule.INTERRUPTED, Rule.ERROR, Rule.INCOMPLETE, Rule.UNREADABLE, Rule.WRONG_SIZE})
"""Why a part was UNSURE whatever its recipe said."""


@dataclass(frozen=True, slots=True)
class Change:
    """A part that would have another outcome."""

    part: StoredPart
    outcome: Outcome
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the last parts."""

    parts: int
    """That could be judged anew."""
    skipped: int
    """That could not: for the station's own faults, or because a second model had a say."""
    changes: tuple[Change, ...]
    moves: Mapping[tuple[Outcome, Outcome], int]
    """(as it was, as it would be) -> parts, where they differ."""
    before: Mapping[Outcome, int]
    after: Mapping[Outcome, int]
    floor: float = 0.0
    """Detections under this score were not stored, and a class counts from less by now; 0: nothing is missing."""
    regions: bool = False
    """Other inspected regions: the picture's quality was measured inside the old ones."""


def try_on(results: Reader, shelf: Shelf, recipe: Recipe) -> Tried:
    """Judge the last parts of this recipe's name by it. Raises StoreFailed."""
    query = PartQuery(recipe=recipe.name, limit=PARTS, purpose="production")
    parts = results.parts(query) or results.parts(replace(query, purpose=""))
    changes: list[Change] = []
    before: Counter[Outcome] = Counter()
    after: Counter[Outcome] = Counter()
    skipped, floor, regions = 0, 0.0, False
    models: dict[str, Model] = {}
    for part in parts:
        origin = part.record.origin
        then = shelf.revision(origin.recipe_hash)
        model = models.setdefault(
            origin.model, shelf.models.of(origin.model, then.pipeline if then else recipe.pipeline)
        )
        verdict = _anew(part, recipe, model)
        if verdict is None or (then is not None and not _same(_anew(part, then, model), part.record.verdict)):
            skipped += 1
            continue
        if then is not None:
            regions = regions or _inspected(then) != _inspected(recipe)
            if min(model.limits_by(recipe).values(), default=1.0) < then.keep_score:
                floor = max(floor, then.keep_score)
        was = part.record.verdict.outcome
        before[was] += 1
        after[verdict.outcome] += 1
        if verdict.outcome is not was:
            changes.append(Change(part, verdict.outcome, verdict.reasons))
    return Tried(
        parts=before.total(),
        skipped=skipped,
        changes=tuple(changes),
        moves=Counter((c.part.record.verdict.outcome, c.outcome) for c in changes),
        before=before,
        after=after,
        floor=floor,
        regions=regions,
    )


def _anew(part: StoredPart, recipe: Recipe, model: Model) -> Verdict | None:
    """The verdict by another recipe; None where none can be made of what is stored."""
    seen = part.record.inspection
    if model.limits is None or (seen.fault is not None and seen.fault in _STATION):
        return None
    if {reason.rule for reason in part.record.verdict.reasons} & _STATION:
        return None
    verdict = judge(seen, recipe, model.limits_by(recipe))
    return late(verdict, seen.stages.total_ms, recipe.deadline_ms)


def _same(anew: Verdict | None, stored: Verdict) -> bool:
    return anew is not None and anew.outcome is stored.outcome


def _inspected(recipe: Recipe) -> tuple[object, ...]:
    return tuple(region.points for region in recipe.regions if region.kind == "inspect")
