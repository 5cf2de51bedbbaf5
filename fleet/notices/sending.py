"""The collector's thread "notices": takes letters from the outbox and sends them, each channel on its own."""

import logging
import random
import time
from dataclasses import dataclass

from agent.errors import StoreFailed
from agent.ports import Clock
from fleet.config import FleetConfig, MailConfig
from fleet.notices.delivery import Channel, NotDelivered
from fleet.notices.mail import Mail
from fleet.notices.webhook import Webhook
from fleet.notices.words import wording_of
from fleet.store.database import Database
from fleet.store.notices import Wish
from fleet.store.outbox import Letter, Outbox

log = logging.getLogger(__name__)

TURN_S = 0.5
TIDY_S = 3600.0
RETRY_MIN_S, RETRY_MAX_S = 15.0, 3600.0
JITTER = 0.2
"""Each wait is longer by up to this share, so that many do not come again at once."""


@dataclass(slots=True)
class Sending:
    """One channel's turns. One thread uses it."""

    name: str
    channel: Channel
    outbox: Outbox
    clock: Clock
    gather_us: int
    retry_min_s: float = RETRY_MIN_S
    trouble: str = ""
    """Why the store cannot be asked at the moment; empty when it can."""
    _tidy_s: float = 0.0

    def turn(self) -> None:
        """Send one letter where one is due; else wait a moment."""
        try:
            letter = self._claim()
            if letter is None:
                time.sleep(TURN_S)
            else:
                self._send(letter)
        except StoreFailed as error:
            if str(error) != self.trouble:
                log.warning("notices wait for the store: %s", error)
            self.trouble = str(error)
            time.sleep(TURN_S)
        else:
            self.trouble = ""

    def _claim(self) -> Letter | None:
        now_us = self._now_us()
        if time.monotonic() >= self._tidy_s:
            self._tidy_s = time.monotonic() + TIDY_S
            self.outbox.tidy(now_us)
        if not self.outbox.due(self.name, now_us):
            return None
        return self.outbox.claim(self.name, self.gather_us, now_us)

    def _send(self, letter: Letter) -> None:
        try:
            self.channel.send(letter)
        except NotDelivered as error:
            now_us = self._now_us()
            again_us = now_us + int(self._wait_s(letter.tries) * 1e6)
            if self.outbox.failed(letter, str(error), again_us, now_us):
                log.error("%d notices by %s are given up after a day: %s", len(letter.notices), self.name, error)
            else:
                log.warning("notices by %s are not delivered, tried again: %s", self.name, error)
            return
        self.outbox.delivered(letter, self._now_us())
        log.info("%d notices are told by %s", len(letter.notices), self.name)

    def _wait_s(self, tries: int) -> float:
        wait_s = min(self.retry_min_s * 2.0 ** min(tries, 20), RETRY_MAX_S)
        return wait_s * (1 + random.uniform(0, JITTER))

    def _now_us(self) -> int:
        return self.clock.now().utc_us


def sendings_of(config: FleetConfig, database: Database, clock: Clock) -> tuple[Sending, ...]:
    """One for each configured channel: each is a thread of its own, so that a slow one holds up no other."""
    wording, outbox = wording_of(config), Outbox(database)
    return tuple(
        Sending(
            each.name,
            Mail(each, wording) if isinstance(each, MailConfig) else Webhook(each, wording),
            outbox,
            clock,
            each.gather_s * 1_000_000,
        )
        for each in config.channels
    )


def wishes_of(config: FleetConfig) -> tuple[Wish, ...]:
    """What each configured channel tells."""
    return tuple(
        Wish(
            channel=each.name,
            alarms=frozenset(each.alarms),
            sites=frozenset(each.sites),
            lines=frozenset(each.lines),
            ended=each.ended,
            quiet_us=each.quiet_s * 1_000_000,
        )
        for each in config.channels
    )
