"""Which parts go into an export, and what is true of each: the person's word, or that nobody has looked yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agent.store.read import Reader
from agent.store.values import PartQuery, Review, StoredPart
from pipelines.values import Detection, Outcome

PAGE = 500


@dataclass(frozen=True, slots=True)
class Chosen:
    """A part whose picture is kept, with the review that counts."""

    part: StoredPart
    review: Review | None
    """None: a pass that was drawn and that nobody has reviewed."""


def choose(reader: Reader, query: PartQuery, reviewed_only: bool) -> tuple[Chosen, ...]:
    """Reviewed parts and drawn passes, the oldest first. Raises StoreFailed.

    An unreviewed pass on which a second model disagreed was kept for that and not drawn: it is the
    likeliest to have been missed, and no empty picture before a person has said so.
    """
    chosen = []
    for page in kept(reader, query):
        ids = [part.id for part in page]
        reviews = reader.reviews(ids)
        doubted = {o.part for o in reader.second_opinions(ids) if o.verdict.outcome is not Outcome.OK}
        for part in page:
            review = reviews.get(part.id)
            is_pass = part.record.verdict.outcome is Outcome.OK and part.id not in doubted
            if review is not None or (is_pass and not reviewed_only):
                chosen.append(Chosen(part, review))
    return tuple(reversed(chosen))


def kept(reader: Reader, query: PartQuery) -> Iterator[tuple[StoredPart, ...]]:
    """The parts of a query whose pictures are kept, the newest first, a page at a time. Raises StoreFailed."""
    asked = replace(query, kept=True, limit=PAGE)
    while page := reader.parts(asked):
        yield page
        asked = replace(asked, before_id=page[-1].id)


def counting(part: StoredPart) -> tuple[Detection, ...]:
    """The detections for which the machine found the part bad."""
    found = part.record.inspection.detections
    which = sorted({r.detection for r in part.record.verdict.reasons if r.detection is not None})
    return tuple(found[n] for n in which if n < len(found))


def labels_of(models: Sequence[tuple[str, ...]], chosen: Sequence[Chosen]) -> tuple[str, ...]:
    """All labels: those of the models in their order (so that training can go on from the first), then others."""
    known = dict.fromkeys(label for labels in models for label in labels)
    boxes = {box.label for c in chosen if c.review is not None for box in c.review.boxes}
    seen = {d.label for c in chosen for d in c.part.record.inspection.detections}
    return (*known, *sorted((boxes | seen) - known.keys()))
