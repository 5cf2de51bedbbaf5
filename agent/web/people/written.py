"""Acts are written into `web.db`, and into the log as well."""

import asyncio
import json
import logging
import threading
import time

from agent.errors import StoreFailed
from agent.store.people import acts
from agent.store.people.database import PeopleDatabase
from agent.store.people.values import Outcome
from agent.web.acts import State
from agent.web.who import Person

log = logging.getLogger(__name__)

MOST_SUBJECT, MOST_STATE = 300, 20_000
DAY_S = 86_400.0
REFUSALS_PER_MIN = 60
"""More refusals than these are counted, not written: whoever is refused must not fill the disk."""


class WrittenActs:
    """Keeps acts in `web.db`. Thread-safe. `note` raises StoreFailed where the act cannot be written."""

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._minute = 0
        self._refused = 0

    def note(self, who: Person, act: str, subject: str, before: State = None, after: State = None) -> None:
        log.info("%s: %s %s", who.name or "nobody", act, subject)
        self._write(who, act, subject, "done", _text(before), _text(after))

    def refused(self, who: Person, act: str, subject: str, why: str) -> None:
        """Refused is refused, whether it can be written down or not."""
        log.warning("%s from %s: %s %s refused: %s", who.name or "nobody", who.address, act, subject[:80], why)
        if not self._room():
            return
        try:
            self._write(who, act, subject, "refused", "", _text({"why": why}))
        except StoreFailed as error:
            log.error("a refusal cannot be written down: %s", error)

    def _room(self) -> bool:
        minute = int(time.monotonic() // 60)
        with self._lock:
            if minute != self._minute:
                self._minute, self._refused = minute, 0
            self._refused += 1
            return self._refused <= REFUSALS_PER_MIN

    def _write(self, who: Person, act: str, subject: str, outcome: Outcome, before: str, after: str) -> None:
        now_utc_us = time.time_ns() // 1000
        row = acts.note(who.doer, act, subject[:MOST_SUBJECT], outcome, before, after, now_utc_us)
        self._database.change(row)


def _text(state: State) -> str:
    if state is None:
        return ""
    text = json.dumps(state, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= MOST_STATE else json.dumps({"too_long": len(text), "begins": text[:1000]})


async def forget_daily(database: PeopleDatabase, days: float) -> None:
    """Remove acts older than `days`, at once and then daily, for ever."""
    while True:
        before = time.time_ns() // 1000 - int(days * 86400e6)
        try:
            gone = await asyncio.to_thread(database.change, acts.forget_before(before))
        except StoreFailed as error:
            log.warning("old acts cannot be removed: %s", error)
        else:
            if gone:
                log.info("%d acts older than web.acts_days were removed", gone)
        await asyncio.sleep(DAY_S)
