"""The store: the only writer of `results.db`, on a thread of its own.

Callers on any thread hand over what is to be kept; the write thread commits it in groups, as soon as
nothing more waits, and only then calls back. A full, failing or read-only disk is a state with a name
(`trouble`): what was handed over stays queued and is tried again, and nothing is shown meanwhile. A
broken database ends the thread; the next start moves it aside.
"""

import logging
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import suppress
from pathlib import Path
from threading import Event

from sqlalchemy.exc import DBAPIError

from agent.config import StoreConfig
from agent.errors import StoreFailed
from agent.ports import Clock, OnCommit
from agent.store import database, outbox
from agent.store.book import Book
from agent.store.facts import Facts
from agent.store.house import Free, free_bytes
from agent.store.inbox import Happening, Inbox, Item, Opening, Put, refuse
from agent.store.losses import Losses
from agent.store.steady import CLOCK_HOLD_S, CLOCK_JUMP_S, Steady
from agent.store.values import Encoder
from agent.store.windows import Temperature
from agent.worker import Worker
from pipelines.values import Frame, Record

log = logging.getLogger(__name__)

DATABASE = "results.db"
IDLE_S = 0.1
"""So often it looks at the clock while nothing comes."""
OPEN_TIMEOUT_S = 15.0
"""Longer than the write thread is ever busy with one thing, shorter than a watchdog waits."""
RETRY_MAX_S = 1.0
STUCK_S = 60.0
CLOSE_S = 5.0


class Writer(Facts):
    """Keeps what was judged, what happened and what goes to the centre. Implements `agent.ports.Store`."""

    def __init__(
        self,
        data: Path,
        config: StoreConfig,
        settle: outbox.Settle,
        *,
        lanes: Sequence[str],
        encoder: Encoder,
        clock: Clock,
        temperature_c: Temperature = lambda _: None,
        reserve_bytes: int = 0,
        free: Free = free_bytes,
        idle_s: float = IDLE_S,
    ) -> None:
        """`data` is the folder of `results.db`; every lane named gets its summaries, empty ones too.

        Where the disk has less than `reserve_bytes` free and no picture can go, the oldest rows go. `idle_s`:
        so often windows and housekeeping have their turn while nothing comes.
        """
        super().__init__(data / DATABASE, Inbox(2 * config.group_max), encoder, clock)
        self._config = config
        self._idle_s = idle_s
        self._book = Book(
            path=self.database,
            config=config,
            settle=settle,
            lanes=lanes,
            encoder=encoder,
            clock=clock,
            temperature_c=temperature_c,
            reserve_bytes=reserve_bytes,
            free=free,
        )
        self._steady = Steady(CLOCK_JUMP_S, CLOCK_HOLD_S)
        self._opened = False
        self._group: list[Item] = []
        self._turns = 0
        self._moved_ns = 0
        self._failures = 0
        self._failing_since_ns = 0
        self._losses = Losses()
        self._worker = Worker("write", self.turn)

    # From any thread -------------------------------------------------------------------------------

    def start(self) -> "Writer":
        """Open the database and begin; on a full or failing disk it begins in `trouble`.

        Raises StoreTooNew, or StoreFailed where waiting would not help.
        """
        self._moved_ns = self._clock.now().mono_ns
        try:
            self._open()
        except (DBAPIError, sqlite3.Error) as error:
            self._fail(error)
        self._worker.start()
        return self

    def open_part(self, record: Record) -> int:
        """See `agent.ports.Store`. Refuses at once while nothing can be written."""
        if self.trouble:
            raise StoreFailed(f"{self.database}: {self.trouble}")
        opening = Opening(record, Future())
        self._inbox.put(opening)
        with suppress(NoAnswer):
            return opening.done.result(OPEN_TIMEOUT_S)
        if opening.done.cancel():
            raise StoreFailed(f"{self.database}: no row within {OPEN_TIMEOUT_S:.0f} s {self.trouble}")
        # Its commit has begun. Should the disk never come back from it, the watchdog ends the process.
        return self._answer(opening.done)

    def add(self, record: Record, frame: Frame | None, on_commit: OnCommit | None = None) -> None:
        """See `agent.ports.Store`."""
        self._inbox.put(Put(record, frame, on_commit))

    @property
    def clock_trusted(self) -> bool:
        """Whether the wall clock may be believed: it was set, and has not jumped within a minute. From any thread."""
        return self._steady.is_trusted(self._clock.now())

    @property
    def waiting(self) -> int:
        """How much is handed over and not yet durable."""
        return len(self._inbox)

    @property
    def crash(self) -> str:
        """What ended the write thread; empty while it runs."""
        return self._worker.crash

    def progress(self) -> int:
        """Rises with every turn of the write thread, also one that a full disk made fail."""
        return self._turns

    @property
    def alive(self) -> bool:
        """Whether the write thread has made a turn lately; False is for the watchdog."""
        return not self.crash and (self._clock.now().mono_ns - self._moved_ns) / 1e9 < STUCK_S

    def close(self) -> None:
        """Commit what is queued, and leave; what a failing disk does not take is named in the log."""
        self._inbox.close(f"{self.database} is closed")
        pause = Event()
        for _ in range(round(CLOSE_S / 0.02)):
            if not self.waiting or self.crash:
                break
            pause.wait(0.02)
        if self._worker.stop():
            self._book.close()
        if left := self.waiting:
            log.error("%s: %d things were not written: %s", self.database, left, self.trouble or self.crash)
        if untold := self._losses.untold((self._inbox.pictures_let_go, self._inbox.events_lost)):
            log.warning("%s: let go and not yet told: %d pictures, %d events", self.database, *untold)
        self._inbox.abandon(f"{self.database} is closed")

    # On the write thread ---------------------------------------------------------------------------

    def turn(self) -> None:
        """One group, the windows that have ended, and the housekeeping."""
        ended = False
        try:
            self._turn()
            ended = True
        finally:
            if not ended:
                why = f"{self.database}: the write thread has crashed"
                self._inbox.abandon(why)
                refuse(self._group, why)

    def _open(self) -> None:
        if not self._opened:
            self._book.open()
            self._opened = True

    def _turn(self) -> None:
        if by_s := self._steady.look(self._clock.now()):
            log.warning("the wall clock jumped by %.1f s", by_s)
            self.event("clock_jumped", by_s=round(by_s, 3))
        if not self._group:
            self._group = self._begun(
                self._inbox.take(self._config.group_max, self._idle_s, self._config.group_ms / 1e3)
            )
            self._inbox.hold(len(self._group))
        try:
            self._open()
            if self._group:
                self._commit()
            self._report_losses()
            self._book.cut()
            self._book.keep_house()
        except (DBAPIError, sqlite3.Error) as error:
            self._fail(error)
        else:
            self._recover()
        self._turns += 1
        self._moved_ns = self._clock.now().mono_ns

    @staticmethod
    def _begun(group: list[Item]) -> list[Item]:
        """The group without the openings whose callers gave up; the others' can no longer be cancelled."""
        return [i for i in group if not isinstance(i, Opening) or i.done.set_running_or_notify_cancel()]

    def _commit(self) -> None:
        answers = self._book.write(self._group)
        group, self._group = self._group, []
        for item in group:
            answer = answers.get(item)
            if isinstance(item, Put):
                if item.on_commit is not None and answer is not None:
                    item.on_commit(answer, item.record, item.frame)
            elif not isinstance(item, Happening) and item.done is not None and answer is not None:
                item.done.set_result(answer)
        self._inbox.hold(0)

    def _fail(self, error: DBAPIError | sqlite3.Error) -> None:
        """A state, not an exception, unless the database is broken or the fault is our own."""
        self._book.let_go()
        if database.means_broken(error):
            self._book.suspect()
        if not database.passes(error):
            raise StoreFailed(f"{self.database}: {database.reason(error)}") from error
        if not self.trouble:
            self._failing_since_ns = self._clock.now().mono_ns
            log.error("%s: nothing can be written: %s", self.database, database.reason(error))
        self.trouble = database.reason(error)
        self._failures += 1
        # Who waits for an answer is told now: a part whose row is not durable must not pass.
        self._group = refuse(self._group, f"{self.database}: {self.trouble}")
        self._inbox.hold(len(self._group))
        self._worker.stopping.wait(min(RETRY_MAX_S, 0.05 * 2 ** min(self._failures, 10)))

    def _recover(self) -> None:
        if not self.trouble:
            return
        failed_s = round((self._clock.now().mono_ns - self._failing_since_ns) / 1e9, 1)
        log.warning("%s: written again after %.1f s", self.database, failed_s)
        self.event("store_back", reason=self.trouble, failed_s=failed_s)
        self.trouble, self._failures = "", 0

    def _report_losses(self) -> None:
        lost = self._inbox.pictures_let_go, self._inbox.events_lost
        if new := self._losses.report(self._clock.now().mono_ns, lost):
            self.event("overflow", pictures_let_go=new[0], events_lost=new[1])
