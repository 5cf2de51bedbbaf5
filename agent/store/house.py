"""Keeping the house: what is done now and then so that the database stays within its age, its quota and its disk."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from agent.config import StoreConfig
from agent.store import outbox, retention
from agent.store.queries import removable
from agent.store.rollup import Quota
from agent.store.steady import Steady
from agent.store.values import Encoder
from pipelines.values import Stamp

log = logging.getLogger(__name__)

EVERY_S = 10.0
BEHIND_S = 1.0
"""While more waits to be deleted than one batch: 500 rows a second, against 100 parts a second at the most."""
PATIENCE_S = 60.0
"""So long the disk must have been nearly full: pictures go first, and those that no row names are looked for."""
TOLD_S = 3_600.0
"""For want of room rows go with an event, and while it goes on with one more so often."""
MB = 1_000_000

Free = Callable[[Path], int]


def free_bytes(folder: Path) -> int:
    """Free space for this user on the folder's disk."""
    return shutil.disk_usage(folder).free


class House:
    """Retention and the outbox's quota. Used by the write thread only."""

    def __init__(self, folder: Path, config: StoreConfig, encoder: Encoder, reserve_bytes: int, free: Free) -> None:
        """`folder` is the database's; below `reserve_bytes` of free space the oldest rows go."""
        self._folder = folder
        self._keep_us = round(config.keep_days * retention.DAY_US)
        self._encoder = encoder
        self._reserve_bytes = reserve_bytes
        self._free = free
        self._quota = Quota(config.unsettled_max)
        self._steady = Steady()
        self._kept_ns = 0
        self._behind = False
        self._low_ns: int | None = None
        self._untold = 0
        self._told_ns: int | None = None

    def keep(self, conn: Connection, now: Stamp) -> bool:
        """One transaction, when it is time; whether the outbox may have moved."""
        steady = self._steady.trusts(now)
        if now.mono_ns - self._kept_ns < (BEHIND_S if self._behind else EVERY_S) * 1e9:
            return False
        self._kept_ns = now.mono_ns
        with conn.begin():
            gone = retention.drop_old(conn, now.utc_us - self._keep_us) if steady else 0
            gone = max(gone, self._make_room(conn, now.mono_ns))
            told = self._tell(conn, now)
            rolled = self._quota.keep(conn, self._encoder, now)
        self._behind = gone >= retention.BATCH
        return told or rolled

    def _make_room(self, conn: Connection, mono_ns: int) -> int:
        """Where the disk is nearly full and there is no picture to go first, the oldest rows go; how many."""
        try:
            free = self._free(self._folder)
        except OSError as error:
            log.warning("%s: its free space cannot be told: %s", self._folder, error)
            return 0
        # What deleted rows left inside the file counts: or else rows would go on and on, for none gives room back.
        if free + retention.reusable_bytes(conn) >= self._reserve_bytes or removable(conn, 1, None):
            self._low_ns = None
            return 0
        if self._low_ns is None:
            self._low_ns = mono_ns
        if mono_ns - self._low_ns < PATIENCE_S * 1e9:
            return 0
        gone = retention.drop_oldest(conn)
        self._untold += gone
        return gone

    def _tell(self, conn: Connection, now: Stamp) -> bool:
        due = self._told_ns is None or now.mono_ns - self._told_ns >= TOLD_S * 1e9
        if not self._untold or not due:
            return False
        detail: dict[str, str | int | float] = {"rows": self._untold, "reserve_mb": self._reserve_bytes // MB}
        outbox.add_event(conn, self._encoder, now, "rows_dropped", detail)
        self._untold, self._told_ns = 0, now.mono_ns
        return True
