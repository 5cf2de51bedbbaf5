"""What persons' verdicts say about the machine's: questions to be asked through `Reader.ask`.

Two sets of reviews that are never mixed. The newest review of a part says what the part is. The newest review of the
stratum `audit` says what a person saw who did not know the machine's verdict: rates come from those alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Select, func, select

from agent.store.blind import waits
from agent.store.reviews import review_of
from agent.store.rows import PARTS, stored_parts
from agent.store.schema import DRAWN, inspections, origins, reviews
from agent.store.search import unindexed
from agent.store.values import PersonVerdict, Review, StoredPart
from pipelines.values import Outcome, Purpose

Kind = Literal["escape", "overkill", "unsure"]
"""escape: the machine passed what a person found bad. overkill: it rejected what a person found good. unsure: it could
not judge, a person did."""
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Period:
    """Of which parts; "" and None do not restrict. Times are those of the capture."""

    recipe: str = ""
    model: str = ""
    since_utc_us: int | None = None
    until_utc_us: int | None = None


ALWAYS = Period()


@dataclass(frozen=True, slots=True)
class Audited:
    """Parts that were drawn with one probability and judged blind by a person with one result."""

    recipe: str
    recipe_hash: str
    model: str
    share: float
    """The probability with which they were drawn."""
    outcome: Outcome
    """The machine's."""
    verdict: PersonVerdict
    parts: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger."""

    part: StoredPart
    review: Review
    """The part's newest."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A person's word beside the machine's."""

    review: Review
    outcome: Outcome | None
    """None: the part was drawn for the audit and nobody has judged it blind yet."""


def audited(period: Period) -> Callable[[Connection], tuple[Audited, ...]]:
    """The audit's results. A part counts once, by the newest of its blind reviews."""

    def ask(conn: Connection) -> tuple[Audited, ...]:
        part, judge = inspections.c, origins.c
        blind = select(func.max(reviews.c.id)).where(reviews.c.stratum == "audit").group_by(reviews.c.inspection_id)
        alike = judge.recipe, judge.recipe_hash, judge.model, part.audit_share, part.outcome, reviews.c.verdict
        counted = (
            _joined(select(*alike, func.count()))
            .where(reviews.c.id.in_(blind), DRAWN, *_of(period))
            .group_by(*alike)
            .order_by(*alike)
        )
        return tuple(_audited(*row) for row in conn.execute(counted))

    return ask


def _audited(
    recipe: str, recipe_hash: str, model: str, share: float, outcome: str, verdict: PersonVerdict, parts: int
) -> Audited:
    return Audited(recipe, recipe_hash, model, share, Outcome(outcome), verdict, parts)


def waiting(period: Period) -> Callable[[Connection], int]:
    """How many drawn parts nobody has judged blind, whatever the machine said of them and whether a picture is left."""

    def ask(conn: Connection) -> int:
        blind = reviews.c.inspection_id == inspections.c.id, reviews.c.stratum == "audit"
        drawn = (
            select(func.count())
            .select_from(inspections)
            .join(origins, origins.c.id == inspections.c.origin_id)
            .where(DRAWN, ~select(reviews.c.id).where(*blind).exists(), *_of(period))
        )
        return conn.scalar(drawn) or 0

    return ask


def counts(period: Period) -> Callable[[Connection], dict[tuple[Kind, bool], int]]:
    """How many parts of each kind there are, by (kind, whether drawn for the audit)."""

    def ask(conn: Connection) -> dict[tuple[Kind, bool], int]:
        found = {(kind, drawn): 0 for kind in KINDS for drawn in (False, True)}
        drawn = inspections.c.audit_share.is_not(None)
        alike = inspections.c.outcome, reviews.c.verdict, drawn
        counted = _joined(select(*alike, func.count())).where(_newest(), ~waits(), *_of(period)).group_by(*alike)
        for outcome, verdict, is_drawn, parts in conn.execute(counted):
            for kind, (its, said) in _KINDS.items():
                if its == outcome and said in ("", verdict):
                    found[kind, bool(is_drawn)] += int(parts)
        return found

    return ask


def entries(
    kind: Kind, period: Period, limit: int, before_review: int | None = None
) -> Callable[[Connection], tuple[Entry, ...]]:
    """The ledger's lines of a kind, the newest review first; `before_review`: only reviews below this id."""

    def ask(conn: Connection) -> tuple[Entry, ...]:
        page = [] if before_review is None else [reviews.c.id < before_review]
        some = _joined(select(reviews)).where(_newest(), *_kind(kind), *_of(period), *page)
        found = [review_of(row) for row in conn.execute(some.order_by(reviews.c.id.desc()).limit(limit)).mappings()]
        rows = conn.execute(PARTS.where(inspections.c.id.in_([r.part for r in found]))).mappings().all()
        parts = {part.id: part for part in stored_parts(conn, rows)}
        return tuple(Entry(parts[review.part], review) for review in found)

    return ask


@dataclass(frozen=True, slots=True)
class Said:
    """Which reviews; 0 and "" do not restrict. The newest first."""

    part: int = 0
    reviewer: str = ""
    stratum: str = ""
    before_id: int | None = None
    limit: int = 50


def judgements(said: Said) -> Callable[[Connection], tuple[Judgement, ...]]:
    """All that persons said, each beside the machine's verdict where that may be told."""

    def ask(conn: Connection) -> tuple[Judgement, ...]:
        where: list[ColumnElement[bool]] = []
        if said.part:
            where.append(reviews.c.inspection_id == said.part)
        if said.reviewer:
            where.append(reviews.c.reviewer == said.reviewer)
        if said.stratum:
            where.append(reviews.c.stratum == said.stratum)
        if said.before_id is not None:
            where.append(reviews.c.id < said.before_id)
        some = (
            select(reviews, inspections.c.outcome, (~waits()).label("told"))
            .join(inspections, inspections.c.id == reviews.c.inspection_id)
            .where(*where)
            .order_by(reviews.c.id.desc())
            .limit(said.limit)
        )
        return tuple(_judgement(row) for row in conn.execute(some).mappings())

    return ask


def _judgement(row: Any) -> Judgement:
    review = review_of(row)
    if row["told"]:
        return Judgement(review, Outcome(row["outcome"]))
    # Boxes that were kept, moved or removed are the machine's, and would tell what it said.
    return Judgement(replace(review, boxes=()), None)


def review_with(token: str) -> Callable[[Connection], Review | None]:
    """The review that was stored with this token."""

    def ask(conn: Connection) -> Review | None:
        row = conn.execute(select(reviews).where(reviews.c.token == token)).mappings().one_or_none()
        return None if row is None else review_of(row)

    return ask


def judged_with(conn: Connection) -> tuple[tuple[str, str], ...]:
    """The (recipe, model) pairs that ever judged, for a choice."""
    pairs = select(origins.c.recipe, origins.c.model).distinct().order_by(origins.c.recipe, origins.c.model)
    return tuple((str(recipe), str(model)) for recipe, model in conn.execute(pairs))


def _joined(chosen: Select[Any]) -> Select[Any]:
    return (
        chosen.select_from(reviews)
        .join(inspections, inspections.c.id == reviews.c.inspection_id)
        .join(origins, origins.c.id == inspections.c.origin_id)
    )


def _newest() -> ColumnElement[bool]:
    other = reviews.alias()
    later = select(other.c.id).where(other.c.inspection_id == reviews.c.inspection_id, other.c.id > reviews.c.id)
    return ~later.exists()


_KINDS: Mapping[Kind, tuple[Outcome, str]] = {
    "escape": (Outcome.OK, "ng"),
    "overkill": (Outcome.NG, "ok"),
    "unsure": (Outcome.UNSURE, ""),
}
"""Kind -> what the machine said, what the person said; "" is whatever it was."""


def _kind(kind: Kind) -> list[ColumnElement[bool]]:
    outcome, said = _KINDS[kind]
    where: list[ColumnElement[bool]] = [unindexed("outcome") == str(outcome), ~waits()]
    return [*where, reviews.c.verdict == said] if said else where


def _of(period: Period) -> list[ColumnElement[bool]]:
    """Parts are not looked for by an index of their own: reviews are few, parts are many."""
    when = unindexed("captured_utc_us")
    where: list[ColumnElement[bool]] = [unindexed("purpose") == str(Purpose.PRODUCTION)]
    if period.recipe:
        where.append(origins.c.recipe == period.recipe)
    if period.model:
        where.append(origins.c.model == period.model)
    if period.since_utc_us is not None:
        where.append(when >= period.since_utc_us)
    if period.until_utc_us is not None:
        where.append(when < period.until_utc_us)
    return where
