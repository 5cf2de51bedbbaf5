"""Reading `results.db`, from any process: short transactions, values only, what is committed only."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, case, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from agent.errors import StoreFailed, StoreNotReady, StoreTooNew
from agent.store.database import means_broken, open_read_only, passes, reason, schema_version
from agent.store.judged import ids_judged_by, judged_by
from agent.store.queries import committed, outcomes_query, removable
from agent.store.records import lanes_of
from agent.store.reviews import UNREVIEWED, beside_bytes_query, newest_reviews, opinion_of, review_of
from agent.store.rows import PARTS, stored_event, stored_parts, summary_of
from agent.store.schema import (
    HEAD,
    JUDGED,
    KEPT,
    WAITING,
    events,
    inspections,
    meta,
    origins,
    outbox,
    reviews,
    second_opinions,
    summaries,
)
from agent.store.search import count_parts, find_parts
from agent.store.values import (
    Committed,
    JudgedBy,
    Kept,
    Message,
    Outbox,
    PartQuery,
    Review,
    SecondOpinion,
    StoredEvent,
    StoredPart,
    Tally,
    Totals,
)
from agent.version import __version__
from pipelines.summary import Summary
from pipelines.values import Outcome, Purpose

T = TypeVar("T")


def _begin(conn: Connection) -> None:
    """One snapshot for all that a call asks."""
    conn.exec_driver_sql("BEGIN")


_MESSAGE = select(outbox.c.epoch, outbox.c.seq, outbox.c.topic, outbox.c.payload, outbox.c.utc_us)


FOREVER_UTC_US = 2**62
"""Later than any part."""


class Reader:
    """Answers from the database as it stands now. Threads may share one; each call opens and closes it.

    Every call raises StoreNotReady while there is no database yet or one of an older schema (the writer
    is about to move it), StoreTooNew for one of a newer okng, StoreFailed when it cannot be read.
    """

    def __init__(self, database: Path) -> None:
        self.database = database
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        event.listen(self._engine, "begin", _begin)

    def ask(self, question: Callable[[Connection], T]) -> T:
        """What a question of `agent.store` makes of one snapshot; its values hold no row."""
        with self._reading() as conn:
            return question(conn)

    def parts(self, query: PartQuery) -> tuple[StoredPart, ...]:
        """Judged parts, the newest first. A part that is still open is not shown."""
        with self._reading() as conn:
            return find_parts(conn, query)

    def count(self, query: PartQuery, most: int) -> int:
        """How many parts a search finds, whatever its page; counted up to `most`."""
        with self._reading() as conn:
            return count_parts(conn, query, most)

    def part(self, part_id: int) -> StoredPart | None:
        """One part, open or judged."""
        with self._reading() as conn:
            rows = conn.execute(PARTS.where(inspections.c.id == part_id)).mappings().all()
            return next(iter(stored_parts(conn, rows)), None)

    def neighbours(self, part_id: int) -> tuple[int | None, int | None]:
        """Ids of the judged parts of the same lane (before, after) this one."""
        with self._reading() as conn:
            lane = conn.scalar(select(inspections.c.lane).where(inspections.c.id == part_id))
            ids = select(inspections.c.id).where(inspections.c.lane == lane, JUDGED).limit(1)
            below = ids.where(inspections.c.id < part_id).order_by(inspections.c.id.desc())
            above = ids.where(inspections.c.id > part_id).order_by(inspections.c.id)
            return conn.scalar(below), conn.scalar(above)

    def tally(self, lane: str = "", since_utc_us: int = 0, until_utc_us: int = FOREVER_UTC_US) -> Tally:
        """Counts of the production parts captured in [since, until); every lane's for an empty name.

        `missed` counts frames before parts of any purpose, as in a summary.
        """
        part, first = inspections.c.purpose == str(Purpose.PRODUCTION), inspections.c.attempt == 1
        is_outcome = {o: inspections.c.outcome == str(o) for o in Outcome}
        counted = (
            part,
            *(part & is_outcome[o] for o in (Outcome.OK, Outcome.NG, Outcome.UNSURE)),
            part & first & is_outcome[Outcome.OK],
            part & first,
        )
        sums = [func.coalesce(func.sum(case((each, 1), else_=0)), 0) for each in counted]
        when = inspections.c.captured_utc_us >= since_utc_us, inspections.c.captured_utc_us < until_utc_us
        with self._reading() as conn:
            lanes = (lane,) if lane else lanes_of(conn)
            where = inspections.c.lane.in_(lanes), *when, inspections.c.state == "judged"
            row = conn.execute(select(*sums, func.coalesce(func.sum(inspections.c.missed), 0)).where(*where)).one()
        parts, ok, ng, unsure, first_ok, first_parts, missed = (int(n) for n in row)
        return Tally(parts, ok, ng, unsure, missed, first_pass_ok=first_ok, first_pass=first_parts)

    def committed(self, after_id: int) -> Committed:
        """The judged production parts above this id, whenever they were captured."""
        with self._reading() as conn:
            return committed(conn, after_id)

    def events(self, limit: int, before: int | None = None) -> tuple[StoredEvent, ...]:
        """Events, the newest first; `before`: only ids below it."""
        query = select(events).order_by(events.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(events.c.id < before)
        with self._reading() as conn:
            return tuple(stored_event(row) for row in conn.execute(query).mappings())

    def outbox(self) -> Outbox:
        """How the outbox stands."""
        waiting = select(func.count(), func.min(outbox.c.utc_us)).select_from(outbox).where(WAITING)
        with self._reading() as conn:
            epoch, last_seq = conn.execute(select(meta.c.epoch, meta.c.last_seq)).one()
            count, oldest = conn.execute(waiting).one()
        return Outbox(epoch, last_seq, count, oldest or 0)

    def unsettled(self, after_seq: int = 0, limit: int = 100) -> tuple[Message, ...]:
        """Messages of the current epoch that wait for the centre, from the lowest seq above `after_seq`."""
        return self._messages(WAITING, outbox.c.seq > after_seq, limit=limit)

    def messages(self, from_seq: int, to_seq: int, limit: int = 1000) -> tuple[Message, ...]:
        """Messages of the current epoch, settled or not, by seq."""
        return self._messages(outbox.c.seq.between(from_seq, to_seq), limit=limit)

    def _messages(self, *where: object, limit: int) -> tuple[Message, ...]:
        ours = select(meta.c.epoch).scalar_subquery()
        query = _MESSAGE.where(outbox.c.epoch == ours, *where).order_by(outbox.c.seq).limit(limit)  # type: ignore[arg-type]
        with self._reading() as conn:
            return tuple(Message(*row) for row in conn.execute(query))

    def summaries(self, lane: str, limit: int = 100) -> tuple[tuple[Summary, Totals], ...]:
        """A lane's windows with its totals after each, the newest first."""
        query = select(summaries).where(summaries.c.lane == lane).order_by(summaries.c.id.desc()).limit(limit)
        with self._reading() as conn:
            return tuple(summary_of(row) for row in conn.execute(query).mappings())

    def totals(self, lane: str) -> Totals:
        """A lane's totals up to and with its last window."""
        newest = self.summaries(lane, limit=1)
        return newest[0][1] if newest else Totals()

    def last_ids(self) -> dict[str, int]:
        """The newest judged part's id of each lane that has any."""
        newest = select(inspections.c.id).where(JUDGED).order_by(inspections.c.id.desc()).limit(1)
        with self._reading() as conn:
            found = {lane: conn.scalar(newest.where(inspections.c.lane == lane)) for lane in lanes_of(conn)}
        return {lane: last for lane, last in found.items() if last is not None}

    def removable(self, limit: int, before_utc_us: int | None = None) -> tuple[Kept, ...]:
        """Pictures that may go, in the order in which they go: good before bad, then the oldest.

        `before_utc_us`: only those captured before. Never of a part that the centre has not acknowledged.
        """
        with self._reading() as conn:
            return removable(conn, limit, before_utc_us)

    def kept_files(self, ids: Sequence[int]) -> frozenset[str]:
        """The pictures that these parts' rows name."""
        some = select(inspections.c.evidence_file).where(inspections.c.id.in_(ids), KEPT)
        with self._reading() as conn:
            return frozenset(conn.scalars(some))

    def last_kept(self) -> int:
        """The highest id of a part whose picture is kept; 0 when there is none."""
        with self._reading() as conn:
            return conn.scalar(select(func.max(inspections.c.id)).where(KEPT)) or 0

    def judged_by(self, model_hash: str, since_utc_us: int) -> JudgedBy:
        """The parts that this model has decided since then, by what is committed now."""
        with self._reading() as conn:
            return judged_by(conn, model_hash, since_utc_us)

    def ids_judged_by(self, model_hash: str, first_id: int, last_id: int) -> tuple[int, ...]:
        """Of a span of ids the judged parts of this model, the first one first."""
        with self._reading() as conn:
            return ids_judged_by(conn, model_hash, first_id, last_id)

    def outcomes(self, query: PartQuery) -> dict[Outcome, int]:
        """How many judged parts of each outcome a query is about, whatever its limit and page."""
        with self._reading() as conn:
            found = {str(outcome): int(n) for outcome, n in conn.execute(outcomes_query(query))}
        return {outcome: found.get(str(outcome), 0) for outcome in Outcome}

    def judged_for(self) -> tuple[frozenset[str], frozenset[str]]:
        """(lanes, recipes) of everything that was ever judged here, of lanes and recipes that are gone too."""
        with self._reading() as conn:
            rows = conn.execute(select(origins.c.lane, origins.c.recipe).distinct()).all()
        return frozenset(str(lane) for lane, _ in rows), frozenset(str(recipe) for _, recipe in rows)

    def reviews(self, parts: Sequence[int]) -> dict[int, Review]:
        """Of these parts the reviews that count: each one's newest."""
        with self._reading() as conn:
            return newest_reviews(conn, parts)

    def review_history(self, part: int) -> tuple[Review, ...]:
        """All that persons said about a part, the newest first."""
        query = select(reviews).where(reviews.c.inspection_id == part).order_by(reviews.c.id.desc())
        with self._reading() as conn:
            return tuple(review_of(row) for row in conn.execute(query).mappings())

    def audits_waiting(self) -> int:
        """How many parts were drawn for the audit, have a picture and are not reviewed yet."""
        waiting = select(func.count()).select_from(inspections).where(UNREVIEWED, KEPT)
        with self._reading() as conn:
            return conn.scalar(waiting) or 0

    def second_opinions(self, parts: Sequence[int]) -> tuple[SecondOpinion, ...]:
        """What second models said about these parts, in the order it was stored."""
        query = select(second_opinions).where(second_opinions.c.inspection_id.in_(parts)).order_by(second_opinions.c.id)
        with self._reading() as conn:
            return tuple(opinion_of(row) for row in conn.execute(query).mappings())

    def beside_bytes(self) -> int:
        """Bytes of the pictures that lie there because two models disagreed, and for no other reason."""
        with self._reading() as conn:
            return int(conn.scalar(beside_bytes_query()) or 0)

    def draw_key(self) -> bytes:
        """What the drawing of pictures hangs on: random, the database's own."""
        with self._reading() as conn:
            return bytes(conn.scalar(select(meta.c.draw_key)) or b"")

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as conn, conn.begin():
                yield conn
        except DBAPIError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: DBAPIError | sqlite3.Error) -> StoreFailed:
        if passes(error) or means_broken(error):
            return StoreFailed(f"{self.database}: {reason(error)}")
        return StoreFailed(f"{self.database} cannot be read: {reason(error)}")

    def _connect(self) -> sqlite3.Connection:
        try:
            if not self.database.exists() or self.database.stat().st_size == 0:
                raise StoreNotReady(f"{self.database}: there is none yet; the station has not started")
            connection = open_read_only(self.database)
        except OSError as error:
            raise StoreFailed(f"{self.database}: {error.strerror}") from error
        except sqlite3.Error as error:
            raise self._refusal(error) from error
        try:
            self._check_schema(schema_version(connection))
            self._check_born(connection)
            connection.execute("PRAGMA cache_size=-4000")
            connection.execute("PRAGMA temp_store=MEMORY")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_schema(self, found: str | None) -> None:
        if found == HEAD:
            return
        if found is None or found < HEAD:
            raise StoreNotReady(f"{self.database} has schema {found or 'none'}; the station is to move it to {HEAD}")
        raise StoreTooNew(f"{self.database} has schema {found}; okng {__version__} knows schemas up to {HEAD}")

    def _check_born(self, connection: sqlite3.Connection) -> None:
        """A new database gets its tables first and its epoch a moment later."""
        if connection.execute("SELECT 1 FROM meta").fetchone() is None:
            raise StoreNotReady(f"{self.database} has no epoch yet; the station is starting")
