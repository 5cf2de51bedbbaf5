"""What REST answers about reviews."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from agent.review.rates import Audit, Rate
from agent.store.ledger import Entry, Judgement, Kind
from agent.store.values import Change, PersonVerdict, ReviewBox, StoredPart, Stratum
from agent.web.rest import moment
from agent.web.review.asked import Books
from agent.web.review.books import Machine
from pipelines.values import Outcome


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReviewBoxAnswer(_Answer):
    """A box as a person left it, px of the picture; a removed one is the machine's and no defect."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float
    change: Change


class ReviewAnswer(_Answer):
    """What a person said about a part."""

    id: int
    part: int
    verdict: PersonVerdict
    reviewer: str
    at: datetime
    stratum: Stratum
    boxes: tuple[ReviewBoxAnswer, ...]
    note: str
    outcome: Outcome | None
    """The machine's; null while the part waits for its audit."""


class ReviewsAnswer(_Answer):
    """A page of reviews, the newest first."""

    reviews: tuple[ReviewAnswer, ...]
    next_before_id: int | None
    """Give it as before_id to get the next page; null on the last one."""


class WaitingAnswer(_Answer):
    """A part that waits for a person."""

    id: int
    part_id: str
    lane: str
    recipe: str
    captured: datetime
    picture: str
    outcome: Outcome | None
    """The machine's; null in the audit, whose parts are judged without knowing it."""


class QueueAnswer(_Answer):
    """A page of the parts that wait."""

    pile: Literal["queue", "audit"]
    parts: tuple[WaitingAnswer, ...]
    next_after: int | None
    """Give it as after to get the next page; null on the last one."""


class RateAnswer(_Answer):
    """A share as the audit tells it."""

    hits: int
    parts: int
    share: float | None
    """Weighted by the parts' probabilities; null of no parts."""
    at_most: float
    """One-sided exact bound at the confidence asked for."""


class AuditAnswer(_Answer):
    """What the audit says, of all that was asked for or of one recipe revision and model."""

    recipe: str | None
    recipe_hash: str | None
    model: str | None
    audits: int
    escapes: RateAnswer
    overkills: RateAnswer
    unsure: int
    unsure_good: int
    audits_needed: int
    """So many more audits, none of them an escape, until the escapes are shown to be under the bound."""


class LedgerAnswer(_Answer):
    """Escapes and overkills. Rates come from the audit alone; `disputed` are counts and no estimate."""

    bound: float
    confidence: float
    waiting: int
    """Parts drawn for the audit that nobody has judged."""
    total: AuditAnswer
    by_machine: tuple[AuditAnswer, ...]
    disputed: dict[Kind, int]


class EntryAnswer(_Answer):
    part: int
    captured: datetime
    lane: str
    recipe: str
    model: str
    outcome: Outcome
    drawn: bool
    """It was drawn for the audit before anybody had judged it."""
    review: ReviewAnswer


class EntriesAnswer(_Answer):
    kind: Kind
    entries: tuple[EntryAnswer, ...]
    next_before_id: int | None


def review_answer(judgement: Judgement) -> ReviewAnswer:
    review = judgement.review
    return ReviewAnswer(
        id=review.id,
        part=review.part,
        verdict=review.verdict,
        reviewer=review.reviewer,
        at=moment(review.utc_us),
        stratum=review.stratum,
        boxes=tuple(map(_box, review.boxes)),
        note=review.note,
        outcome=judgement.outcome,
    )


def _box(box: ReviewBox) -> ReviewBoxAnswer:
    return ReviewBoxAnswer(label=box.label, x1=box.x1, y1=box.y1, x2=box.x2, y2=box.y2, change=box.change)


def waiting_answer(part: StoredPart, blind: bool) -> WaitingAnswer:
    record = part.record
    return WaitingAnswer(
        id=part.id,
        part_id=record.part_id,
        lane=record.origin.lane,
        recipe=record.origin.recipe,
        captured=moment(record.captured.utc_us),
        picture=f"/api/v1/inspections/{part.id}/picture",
        outcome=None if blind else record.verdict.outcome,
    )


def audit_answer(machine: Machine | None, audit: Audit, books: Books) -> AuditAnswer:
    return AuditAnswer(
        recipe=machine.recipe if machine else None,
        recipe_hash=machine.recipe_hash if machine else None,
        model=machine.model if machine else None,
        audits=audit.parts,
        escapes=_rate(audit.escapes, books),
        overkills=_rate(audit.overkills, books),
        unsure=audit.unsure,
        unsure_good=audit.unsure_good,
        audits_needed=audit.audits_needed(books.bound, books.confidence),
    )


def _rate(rate: Rate, books: Books) -> RateAnswer:
    return RateAnswer(hits=rate.hits, parts=rate.parts, share=rate.share, at_most=rate.at_most(books.confidence))


def entry_answer(entry: Entry) -> EntryAnswer:
    record = entry.part.record
    return EntryAnswer(
        part=entry.part.id,
        captured=moment(record.captured.utc_us),
        lane=record.origin.lane,
        recipe=record.origin.recipe,
        model=record.origin.model,
        outcome=record.verdict.outcome,
        drawn=entry.part.sampling.audit_share is not None,
        review=review_answer(Judgement(entry.review, record.verdict.outcome)),
    )
