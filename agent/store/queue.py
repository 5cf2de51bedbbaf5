"""Which parts wait for a person: questions to be asked through `Reader.ask`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from agent.store.blind import waits
from agent.store.records import lanes_of
from agent.store.rows import ORIGIN, PARTS, stored_parts
from agent.store.schema import JUDGED, KEPT, defects, detections, inspections, origins, reviews
from agent.store.values import StoredPart
from pipelines.values import Origin, Outcome, Purpose

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the waiting parts; "" and None do not restrict."""

    lane: str = ""
    recipe: str = ""
    since_utc_us: int | None = None
    until_utc_us: int | None = None


EVERY = Wanted()


@dataclass(frozen=True, slots=True)
class Band:
    """Scores just under the limit of a class, as some origins judge: a pass with one of them had a low margin."""

    origins: tuple[int, ...]
    label: str
    low: float
    high: float
    """The limit itself: it is not in the band."""


def judges(conn: Connection) -> dict[int, Origin]:
    """Everything that ever judged, by the number it has in this database."""
    rows = conn.execute(select(origins)).mappings()
    return {row["id"]: Origin(*(row[name] for name in ORIGIN)) for row in rows}


def labels_seen(lane: str) -> Callable[[Connection], tuple[str, ...]]:
    """The defect classes that this lane ever rejected for; of drawn parts none, or the first of a class would tell."""
    names = (
        select(defects.c.label)
        .join(inspections, inspections.c.id == defects.c.inspection_id)
        .where(defects.c.lane == lane, inspections.c.audit_share.is_(None))
        .distinct()
        .order_by(defects.c.label)
    )
    return lambda conn: tuple(conn.scalars(names))


def queue(
    wanted: Wanted, bands: Sequence[Band], limit: int, before_id: int | None = None
) -> Callable[[Connection], tuple[StoredPart, ...]]:
    """Parts to be looked at for what the machine said of them, the newest first, that nobody has reviewed.

    NG, UNSURE, and passes with a score in one of the bands; production parts whose picture is kept. Parts that
    were drawn for the audit are not among them: who saw one here would know what the machine said of it.
    """

    def ask(conn: Connection) -> tuple[StoredPart, ...]:
        ids = sorted((n for some in _queued(conn, wanted, bands, limit, before_id) for n in some), reverse=True)[:limit]
        return _parts(conn, ids)

    return ask


def queue_length(wanted: Wanted, bands: Sequence[Band], most: int) -> Callable[[Connection], int]:
    """How many parts are queued; counted up to `most`."""
    return lambda conn: min(most, sum(len(some) for some in _queued(conn, wanted, bands, most, None)))


def _queued(
    conn: Connection, wanted: Wanted, bands: Sequence[Band], limit: int, before_id: int | None
) -> Iterable[Sequence[int]]:
    """The newest ids of each lane and outcome: with both given, the index of the kept pictures has them in order."""
    part = inspections.c
    reviewed = select(reviews.c.id).where(reviews.c.inspection_id == part.id).exists()
    where: list[Any] = [JUDGED, KEPT, ~reviewed, part.audit_share.is_(None), *_within(wanted)]
    if before_id is not None:
        where.append(part.id < before_id)
    for lane in (wanted.lane,) if wanted.lane else lanes_of(conn):
        for outcome in Outcome:
            if outcome is Outcome.OK and not bands:
                continue
            narrow = [_narrow(bands)] if outcome is Outcome.OK else []
            here = part.lane == lane, part.outcome == str(outcome)
            yield conn.scalars(_ids(wanted).where(*here, *where, *narrow).order_by(part.id.desc()).limit(limit)).all()


def _narrow(bands: Sequence[Band]) -> ColumnElement[bool]:
    seen = detections.c
    some = [
        and_(
            inspections.c.origin_id.in_(band.origins),
            seen.label == band.label,
            seen.score >= band.low,
            seen.score < band.high,
        )
        for band in bands
    ]
    return select(seen.n).where(seen.inspection_id == inspections.c.id, or_(*some)).exists()


def audits(wanted: Wanted, limit: int, after_id: int = 0) -> Callable[[Connection], tuple[StoredPart, ...]]:
    """Parts drawn for the audit that nobody has judged blind yet, the oldest first; which those are, and their order,
    hangs on nothing that the machine said."""

    def ask(conn: Connection) -> tuple[StoredPart, ...]:
        waiting = _ids(wanted).where(*_undecided(wanted), inspections.c.id > after_id)
        return _parts(conn, conn.scalars(waiting.order_by(inspections.c.id).limit(limit)).all())

    return ask


def audits_length(wanted: Wanted, most: int) -> Callable[[Connection], int]:
    """How many audits wait; counted up to `most`."""

    def ask(conn: Connection) -> int:
        some = _ids(wanted).where(*_undecided(wanted)).limit(most).subquery()
        return conn.scalar(select(func.count()).select_from(some)) or 0

    return ask


def _undecided(wanted: Wanted) -> list[Any]:
    lane = [inspections.c.lane == wanted.lane] if wanted.lane else []
    return [waits(), *lane, *_within(wanted)]


def _ids(wanted: Wanted) -> Select[Any]:
    ids: Select[Any] = select(inspections.c.id)
    if wanted.recipe:
        ids = ids.join(origins, origins.c.id == inspections.c.origin_id).where(origins.c.recipe == wanted.recipe)
    return ids


def _within(wanted: Wanted) -> list[ColumnElement[bool]]:
    part = inspections.c
    where = [part.purpose == str(Purpose.PRODUCTION)]
    if wanted.since_utc_us is not None:
        where.append(part.captured_utc_us >= wanted.since_utc_us)
    if wanted.until_utc_us is not None:
        where.append(part.captured_utc_us < wanted.until_utc_us)
    return where


def _parts(conn: Connection, ids: Sequence[int]) -> tuple[StoredPart, ...]:
    """The parts of these ids, in their order."""
    found: dict[int, StoredPart] = {}
    for start in range(0, len(ids), CHUNK):
        rows = conn.execute(PARTS.where(inspections.c.id.in_(ids[start : start + CHUNK]))).mappings().all()
        found |= {part.id: part for part in stored_parts(conn, rows)}
    return tuple(found[n] for n in ids)
