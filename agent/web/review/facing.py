"""What a person finds on the page of one part. Of a blind one: nothing that the machine said, or that hangs on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.review.layout import Box
from agent.review.word import class_of, shown
from agent.web.board import reasons_of
from agent.web.review.bench import Look, name_of
from agent.web.speech import Speech
from agent.web.who import Person
from pipelines.values import Outcome


@dataclass(frozen=True, slots=True)
class Told:
    """What the machine said."""

    outcome: Outcome
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Before:
    """What a person said before."""

    reviewer: str
    verdict: str
    when: str
    label: str
    blind: bool


def facing(speech: Speech, look: Look, who: Person) -> Mapping[str, object]:
    """The values of the template."""
    part, record = look.part, look.part.record
    boxes = shown(part, look.history, look.stance, name_of(who))
    labels = tuple(dict.fromkeys([*look.rules.defects, *(box[0] for box in boxes)]))
    newest = look.history[0] if look.history and not look.blind else None
    return {
        "id": part.id,
        "blind": look.blind,
        "kept": part.evidence is not None,
        "width": record.inspection.width_px,
        "height": record.inspection.height_px,
        "part_id": record.part_id,
        "lane": record.origin.lane,
        "recipe": record.origin.recipe,
        "captured": speech.moment(record.captured.utc_us),
        "boxes": tuple(_rounded(box) for box in boxes),
        "labels": tuple((label, speech.named("label", label)) for label in labels),
        "told": None if look.blind else Told(record.verdict.outcome, reasons_of(speech, record.verdict.reasons)),
        "before": None
        if newest is None
        else Before(
            newest.reviewer, newest.verdict, speech.moment(newest.utc_us), class_of(newest), newest.stratum == "audit"
        ),
        "again": bool(look.history),
    }


def _rounded(box: Box) -> tuple[str, float, float, float, float]:
    """To a hundredth of a pixel: enough to be the same box."""
    return (box[0], *(round(edge, 2) for edge in box[1:]))  # type: ignore[return-value]
