"""The open database and what is done to it, one transaction at a time. Used by the write thread only."""

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from agent.config import StoreConfig
from agent.errors import StoreFailed
from agent.ports import Clock
from agent.store import database, outbox, records
from agent.store.house import Free, House
from agent.store.inbox import Fact, Happening, Item, Opening, Put
from agent.store.mark import Mark, read_mark, restored, write_mark
from agent.store.migrate import bring_up, refuse_newer
from agent.store.values import Encoder, StoredPart
from agent.store.windows import Temperature, Windows

log = logging.getLogger(__name__)

CHECKPOINT_S = 60.0
State = tuple[int, str, int]
Answers = dict[Item, int]
LISTED = 40
"""Interrupted parts that one event names."""


class Book:
    """`results.db`, opened by its one writer."""

    def __init__(
        self,
        *,
        path: Path,
        config: StoreConfig,
        settle: outbox.Settle,
        lanes: Sequence[str],
        encoder: Encoder,
        clock: Clock,
        temperature_c: Temperature,
        reserve_bytes: int,
        free: Free,
    ) -> None:
        self.path = path
        self._settle = settle
        self._encoder = encoder
        self._clock = clock
        self._windows = Windows(lanes, config.window_s, encoder, temperature_c)
        self._house = House(path.parent, config, encoder, reserve_bytes, free)
        self._keys = records.Keys()
        self._engine = database.writer(path)
        self._conn: Connection | None = None
        self._tried: tuple[State, Answers] | None = None
        """How the database stands if a group that seemed to fail was committed after all, and its answers."""
        self._mark: Mark | None = None
        self._broken: dict[str, str] | None = None
        """Of a database that was moved aside: what the event that is to be written says."""
        self._marks = True
        """Whether the outbox may have moved since the mark was set."""
        self._checkpoint_ns = 0

    # Opening and closing ---------------------------------------------------------------------------

    def open(self) -> None:
        """Check, migrate, and finish what an earlier run left undone. A broken database is moved aside.

        Raises StoreTooNew (untouched), StoreFailed, or SQLite's own refusal; after that it may be tried again.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._make_whole()
        except OSError as error:
            raise StoreFailed(f"{self.path}: {error.strerror}") from error
        with self._connection().begin():
            self._begin(self._clock.now().utc_us)
            if self._broken is not None:
                self._event("database_broken", **self._broken)
        self._broken = None
        self._set_mark()

    def _make_whole(self) -> None:
        try:
            found = refuse_newer(self.path)
            if found is not None:
                database.check(self.path)
            bring_up(self.path, found)
        except (DBAPIError, sqlite3.Error) as error:
            if not database.means_broken(error):
                raise
            aside = database.move_aside(self.path, self._clock.now().utc_us)
            log.error("%s is broken (%s): moved to %s, a new one begins", self.path, database.reason(error), aside)
            self._broken = {"file": aside.name, "reason": database.reason(error)[:200]}
            bring_up(self.path, None)

    def _begin(self, now_us: int) -> None:
        conn = self._connection()
        outbox.begin(conn, now_us, self._settle)
        mark = read_mark(self.path)
        epoch, last_seq = outbox.numbering(conn)
        if mark is not None and restored(mark, epoch, last_seq) and (last_seq or mark.epoch == epoch):
            held = mark.settled if mark.epoch == epoch else 0
            born = outbox.renew(conn, self._encoder, lambda seq: seq <= held)
            self._event("database_restored", old=epoch, new=born, highest=last_seq, marked=mark.last_seq)
        self._list_interrupted(records.interrupt(conn, now_us))
        self._windows.begin(conn, now_us)

    def _list_interrupted(self, parts: Sequence[StoredPart]) -> None:
        for start in range(0, len(parts), LISTED):
            some = parts[start : start + LISTED]
            self._event(
                "interrupted",
                parts=len(some),
                ids=",".join(str(p.id) for p in some),
                part_ids=",".join(p.record.part_id for p in some if p.record.part_id),
            )

    def _event(self, name: str, **detail: str | int | float) -> None:
        outbox.add_event(self._connection(), self._encoder, self._clock.now(), name, detail)

    def _connection(self) -> Connection:
        if self._conn is None:
            self._conn = self._engine.connect()
        return self._conn

    def let_go(self) -> None:
        """Drop the connection, whatever state it is in; the next use opens another."""
        conn, self._conn = self._conn, None
        self._keys.forget()
        if conn is not None:
            conn.invalidate()
            conn.close()

    def close(self) -> None:
        """Close the database; SQLite folds the WAL into it when nobody reads."""
        self.let_go()
        self._engine.dispose()

    def suspect(self) -> None:
        """The database was found broken while in use: the next start checks all of it."""
        database.mark_suspect(self.path)

    # One transaction each --------------------------------------------------------------------------

    def write(self, group: Sequence[Item]) -> Answers:
        """Commit a group; the ids that its records got and the answers that its facts gave.

        When it raises, nothing of the group is in the database; should the commit have been durable all
        the same, the group given again (less who no longer waits) finds that out and is not written twice.
        """
        conn = self._connection()
        with conn.begin():
            before = self._state(conn)
            if self._tried is not None and before == self._tried[0]:
                answers = self._tried[1]
                left = [i for i in answers if isinstance(i, Opening) and i not in group]
                records.interrupt(conn, self._clock.now().utc_us, [answers[i] for i in left])
            else:
                answers = self._apply(conn, group)
                after = self._state(conn)
                self._tried = None if after == before else (after, answers)
        self._tried = None
        self._marks |= any(isinstance(item, Happening | Fact) for item in group)
        return answers

    def _state(self, conn: Connection) -> State:
        return records.last_id(conn), *outbox.numbering(conn)

    def _apply(self, conn: Connection, group: Sequence[Item]) -> Answers:
        new = [item for item in group if _makes_row(item)]
        rows = [(i.record, "open" if isinstance(i, Opening) else "judged") for i in new if isinstance(i, Put | Opening)]
        answers: Answers = dict(zip(new, records.add(conn, self._keys, rows), strict=True))
        for item in group:
            if isinstance(item, Put) and item.record.open_id is not None:
                closed = records.close(conn, self._keys, item.record)
                if closed is None:
                    self._event("close_refused", id=item.record.open_id, lane=item.record.origin.lane)
                else:
                    answers[item] = closed
            elif isinstance(item, Happening):
                outbox.add_event(conn, self._encoder, item.at, item.name, item.detail)
            elif isinstance(item, Fact):
                answer = self._stated(conn, item)
                if answer is not None:
                    answers[item] = answer
        return answers

    def _stated(self, conn: Connection, fact: Fact) -> int | None:
        """What the fact's own write answers. One that fails for its own fault is undone and refused, alone."""
        conn.exec_driver_sql("SAVEPOINT fact")
        try:
            answer = fact.write(conn)
        except (ArithmeticError, LookupError, TypeError, ValueError, DBAPIError) as error:
            # What the disk refuses is for the whole group, and SQLite may have ended the transaction by then.
            if isinstance(error, DBAPIError) and (database.passes(error) or database.means_broken(error)):
                raise
            log.exception("%s: a change was refused", self.path)
            conn.exec_driver_sql("ROLLBACK TO fact")
            if fact.done is not None and not fact.done.done():
                fact.done.set_exception(StoreFailed(f"{self.path}: refused: {database.reason(error)}"))
            answer = None
        conn.exec_driver_sql("RELEASE fact")
        return answer

    def cut(self) -> None:
        """Cut the windows that have ended."""
        now = self._clock.now()
        if not self._windows.due(now.utc_us):
            return
        conn = self._connection()
        with conn.begin():
            starts = self._windows.turn(conn, now.utc_us)
        self._windows.commit(starts)
        self._marks = True

    def keep_house(self) -> None:
        """After each turn the mark; now and then retention, the outbox's quota, a checkpoint."""
        now = self._clock.now()
        conn = self._connection()
        self._marks |= self._house.keep(conn, now)
        if now.mono_ns - self._checkpoint_ns >= CHECKPOINT_S * 1e9:
            self._checkpoint_ns = now.mono_ns
            database.checkpoint(conn)
        if self._marks:
            self._set_mark()

    def _set_mark(self) -> None:
        conn = self._connection()
        with conn.begin():
            mark = Mark(*outbox.numbering(conn), outbox.settled_up_to(conn))
        if mark != self._mark:
            write_mark(self.path, mark)
            self._mark = mark
        self._marks = False


def _makes_row(item: Item) -> bool:
    return isinstance(item, Opening) or (isinstance(item, Put) and item.record.open_id is None)
