"""The collector's work: take a batch, store it, acknowledge it to the broker and to the stations."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty

from agent.errors import StoreFailed
from agent.ports import Clock
from agent.uplink.messages import AckMessage
from agent.uplink.payload import encode
from fleet.collector.acks import Acks
from fleet.collector.mqtt import Arrived, Link, Say, Settled
from fleet.intake.read import read
from fleet.intake.topics import Topics
from fleet.intake.values import Answered, Heard, Item, SetAside, Taken
from fleet.store.database import StoreRefused
from fleet.store.rollout_steps import Asking
from fleet.store.values import Collector
from fleet.store.write import EpochKey, Stored, Writer

log = logging.getLogger(__name__)

WAIT_S = 0.2
RETRY_MIN_S, RETRY_MAX_S = 0.2, 10.0
ASK_S = 1.0
BEAT_S = 10.0
MOST_ASKED = 500
"""Acknowledgements made of one question."""


@dataclass(slots=True)
class Counted:
    """What became of the messages since the start."""

    new: int = 0
    again: int = 0
    set_aside: int = 0


@dataclass(slots=True)
class Keeper:
    """One thread's turns: from the link's arrivals into the store."""

    link: Link
    writer: Writer
    topics: Topics
    clock: Clock
    batch: int
    """Most messages in one transaction."""
    asking: Asking | None = None
    """Finds what stations are told of roll-outs; None: there are none here."""
    counted: Counted = field(default_factory=Counted)
    trouble: str = ""
    """Why the store takes nothing at the moment; empty when it does."""
    turned_at: float = field(default_factory=time.monotonic)
    """When the last turn began, monotonic, s."""
    _acks: Acks = field(default_factory=Acks)
    _waiting: list[tuple[Arrived, Item]] = field(default_factory=list)
    """Read, and not stored yet."""
    _retry_s: float = RETRY_MIN_S
    _asked_s: float = 0.0
    _beat_s: float = 0.0
    _started_us: int = 0

    def turn(self) -> None:
        """One batch, and the words that are due."""
        self.turned_at = time.monotonic()
        if not self._waiting:
            self._waiting = [(a, read(self.topics, a.topic, a.payload, a.retained)) for a in self._take()]
        try:
            if self._waiting:
                self._store([item for _, item in self._waiting])
                for arrived, _ in self._waiting:
                    self.link.orders.put(Settled(arrived.connection, arrived.mid, arrived.qos))
                self._waiting = []
            self._acknowledge()
            self._ask()
        except StoreFailed as error:
            self._wait(str(error))
            return
        if self.trouble:
            log.info("the store takes messages again")
        self.trouble, self._retry_s = "", RETRY_MIN_S

    def _take(self) -> list[Arrived]:
        """What has come: not more than a batch, and without waiting for one to fill."""
        taken: list[Arrived] = []
        try:
            taken.append(self.link.arrived.get(timeout=WAIT_S))
            while len(taken) < self.batch:
                taken.append(self.link.arrived.get_nowait())
        except Empty:
            pass
        return taken

    def _store(self, items: Sequence[Item]) -> None:
        """Store a batch; what the database refuses is found by halves and set aside, so that it stops nothing."""
        try:
            stored = self.writer.store(items, self._now_us())
        except StoreRefused as refused:
            if len(items) == 1:
                self._store([_unstorable(items[0], refused)])
                return
            middle = len(items) // 2
            self._store(items[:middle])
            self._store(items[middle:])
            return
        self._note(stored)

    def _note(self, stored: Stored) -> None:
        self.counted.new += stored.new
        self.counted.again += stored.again
        self.counted.set_aside += stored.set_aside
        now_s = time.monotonic()
        self._acks.touched(stored.touched, now_s)
        if stored.online:
            self._acks.touched(self.writer.newest_epochs(stored.online), now_s)

    def _acknowledge(self) -> None:
        now_s = time.monotonic()
        asked: list[EpochKey] = []
        if due := sorted(self._acks.due(now_s))[:MOST_ASKED]:
            for holding in self.writer.holdings(due):
                word = self._acks.say(holding, now_s)
                said = {"schema": "okng.ack/1", "epoch": holding.key.epoch, "seq": holding.held, "missing": word.named}
                topic = f"{self.topics.prefix(holding.key.address)}/ack"
                self.link.orders.put(Say(topic, encode(AckMessage.model_validate(said))))
                if word.named:
                    asked.append(holding.key)
        if asked:
            self.writer.note_asked(asked, self._now_us())
        if now_s - self._beat_s > BEAT_S:
            self._beat_s = now_s
            self._acks.tidy(now_s)
            self._beat()

    def _beat(self) -> None:
        now_us, counted = self._now_us(), self.counted
        self._started_us = self._started_us or now_us
        self.writer.beat(
            Collector(
                name=self.link.name,
                started_us=self._started_us,
                seen_us=now_us,
                broker=self.link.state,
                detail=self.link.detail,
                stored=counted.new,
                again=counted.again,
                set_aside=counted.set_aside,
            )
        )

    def _ask(self) -> None:
        """Tell stations what roll-outs have for them."""
        now_s = time.monotonic()
        if self.asking is None or not self.link.online or now_s - self._asked_s < ASK_S:
            return
        self._asked_s = now_s
        for told in self.asking.turn(self._now_us()):
            self.link.orders.put(Say(f"{self.topics.prefix(told.address)}/{told.below}", told.payload))

    def _wait(self, why: str) -> None:
        if why != self.trouble:
            log.warning("the store takes nothing, tried again: %s", why)
        self.trouble = why
        time.sleep(min(self._retry_s, 1.0))
        self._retry_s = min(self._retry_s * 2, RETRY_MAX_S)

    def _now_us(self) -> int:
        return self.clock.now().utc_us


def _unstorable(item: Item, refused: StoreFailed) -> SetAside:
    """No message is known that passes the intake and does not fit; should one, it must not come again for ever."""
    match item:
        case Taken(address, _, topic, payload):
            return SetAside("schema", f"the database refuses it: {refused}", topic, payload, address)
        case Answered(address):
            return SetAside("schema", f"the database refuses its answer: {refused}", str(address), b"", address)
        case Heard(address):
            return SetAside("schema", f"the database refuses its status: {refused}", str(address), b"", address)
        case SetAside():
            return SetAside(item.cause, "", "", b"")
