"""A person's word about a part, and the review that it becomes. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.review.against import against_machine
from agent.review.choose import counting
from agent.review.labels import clipped
from agent.review.layout import Box
from agent.review.stance import Stance
from agent.store.values import PersonVerdict, Review, ReviewBox, StoredPart

CLASS = "class: "
"""How the note begins where a person named a defect's class and drew no box of it."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a person says about a part."""

    verdict: PersonVerdict
    boxes: tuple[Box, ...] | None = None
    """The defects, px of the picture; None: those that were shown are right, if the part is bad."""
    label: str = ""
    """The class of a defect that nobody drew."""
    note: str = ""


def shown(part: StoredPart, history: Sequence[Review], stance: Stance, person: str) -> tuple[Box, ...]:
    """The boxes that a person finds on the picture: as the last one who found the part bad left them, else the
    machine's. Blind: only the person's own.
    """
    seen = part.record.inspection
    if stance == "blind":
        last = next((r for r in history if r.stratum == "audit" and r.reviewer == person), None)
        return _truth(last) if last is not None else ()
    if history and history[0].verdict == "ng":
        return _truth(history[0])
    found = [(d.label, d.x1, d.y1, d.x2, d.y2) for d in counting(part)]
    finite = [box for box in found if all(map(math.isfinite, box[1:]))]
    return clipped(finite, seen.width_px, seen.height_px)


def _truth(review: Review) -> tuple[Box, ...]:
    return tuple((b.label, b.x1, b.y1, b.x2, b.y2) for b in review.truth)


def review_of(
    part: StoredPart, history: Sequence[Review], stance: Stance, word: Word, person: str, token: str
) -> Review:
    """The review to be stored. A part that is good has no defects, whatever was drawn."""
    boxes = word.boxes if word.boxes is not None else shown(part, history, stance, person)
    said = against_machine(part, boxes if word.verdict == "ng" else ())
    return Review(
        part=part.id,
        verdict=word.verdict,
        reviewer=person,
        boxes=tuple(box for box in said if box.change != "removed" or _is_box(box)),
        note=_note(word, boxes),
        stratum="audit" if stance == "blind" else "queue",
        token=token,
    )


def _note(word: Word, boxes: Sequence[Box]) -> str:
    named = word.verdict == "ng" and word.label and all(box[0] != word.label for box in boxes)
    return "\n".join(filter(None, (f"{CLASS}{word.label}" if named else "", word.note.strip())))


def class_of(review: Review) -> str:
    """The class that was named without a box; empty where none was."""
    first = review.note.partition("\n")[0]
    return first.removeprefix(CLASS) if first.startswith(CLASS) else ""


def _is_box(box: ReviewBox) -> bool:
    """Whether a box that the machine drew can be stored as one: a model may say anything."""
    edges = box.x1, box.y1, box.x2, box.y2
    return all(map(math.isfinite, edges)) and box.x1 < box.x2 and box.y1 < box.y2
