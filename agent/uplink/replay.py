"""Which message goes next. Decides only: it reads the outbox, and neither sends nor waits.

A pass goes through the unsettled messages by rising seq and then waits for new ones. A new pass begins
after a reconnect, and when something was sent but not settled for 5 min, doubling to 1 h. What the
centre names missing, or a command asks for, goes before the pass. In memory are one page of messages
and the numbers of those in flight, however much waits on disk.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from agent.store.values import Message, Outbox

WINDOW = 20
"""So many messages are in flight at most."""
PAGE = 20
POLL_S = 0.25
"""How often the outbox is asked for new messages, s."""
LOOK_S = 5.0
"""How often it is asked how it stands: it counts what waits, which takes long when much does, s."""
MISSING_PAUSE_S = 10.0
"""A message named missing again is not sent again within this time: its acknowledgement is on its way."""
_MAX_RANGES = 2000


class Source(Protocol):
    """The outbox, read only (`agent.store.read.Reader`). Raises StoreFailed."""

    def outbox(self) -> Outbox: ...

    def unsettled(self, after_seq: int, limit: int) -> tuple[Message, ...]:
        """The unsettled messages above `after_seq`, by rising seq."""
        ...

    def messages(self, from_seq: int, to_seq: int) -> tuple[Message, ...]:
        """What is stored of the range, both ends included, settled or not, by rising seq."""
        ...


@dataclass(slots=True)
class Pass:
    """How far the way through the outbox is."""

    after: int = 0
    """Every unsettled message up to here was handed out in this pass."""
    sweep_s: float = 0.0
    """When a new pass may be due, monotonic; 0: nothing is waited for."""
    sweep_to: int = 0
    """It is due when something up to here is still unsettled."""
    interval_s: float = 0.0
    unproven: bool = False
    """Something was handed out since the sweep was planned."""
    refused_from: int = 0
    """Lowest seq that the broker refused in this pass; 0: none."""


@dataclass(slots=True)
class Replay:
    """The order of what is sent. One thread uses it. `now` is monotonic, s."""

    source: Source
    asks_settled: bool = True
    """False for settle = none: nothing is sent twice, and what was queued before the start is left."""
    first_s: float = 300.0
    longest_s: float = 3600.0
    epoch: str = ""
    last_seq: int = 0
    """Highest seq seen."""
    sent: int = 0
    """Highest seq that the broker has acknowledged in this epoch."""
    window: int = WINDOW
    _pass: Pass = field(default_factory=Pass)
    _page: deque[Message] = field(default_factory=deque)
    _in_flight: dict[int, int] = field(default_factory=dict)
    """The network's message id -> seq."""
    _ranges: deque[tuple[int, int]] = field(default_factory=deque)
    _named: dict[int, float] = field(default_factory=dict)
    _poll_s: float = 0.0
    _look_s: float = 0.0

    def connected(self, window: int = WINDOW) -> None:
        """Begin anew at the lowest unsettled message."""
        self.window = min(window, WINDOW)
        self._in_flight.clear()
        self._poll_s = self._look_s = 0.0
        if self.asks_settled:
            self._begin()

    def disconnected(self) -> None:
        """What was in flight is on its way no more, and nobody has acknowledged it."""
        if self.asks_settled:
            self._begin()  # not only once connected: `floor` is asked in between
        elif self._in_flight:
            self._ask(min(self._in_flight.values()), max(self._in_flight.values()))
        self._in_flight.clear()

    def take(self, now: float) -> Message | None:
        """The next message to send; None when there is none or enough are in flight. Raises StoreFailed."""
        if len(self._in_flight) >= self.window:
            return None
        if not self._page and (self._ranges or now >= self._poll_s):
            self._fill(now)
        return self._page[0] if self._page else None

    def flying(self, mid: int, message: Message) -> None:
        """The message that `take` gave is with the network now, under this id."""
        if self._page and self._page[0] is message:
            self._page.popleft()
            self._in_flight[mid] = message.seq

    def landed(self, mid: int, refused: bool = False) -> bool:
        """The broker acknowledged what had this id, or refused it; False for what is not of the outbox."""
        seq = self._in_flight.pop(mid, 0)
        if refused and seq:
            self._pass.refused_from = min(seq, self._pass.refused_from or seq)
        else:
            self.sent = max(self.sent, seq)
        return bool(seq)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def floor(self) -> int:
        """The broker has acknowledged every message up to here."""
        waiting = [*self._in_flight.values(), *(m.seq for m in self._page), self._pass.after + 1]
        if self._pass.refused_from:
            waiting.append(self._pass.refused_from)
        return min(waiting) - 1

    def missing(self, seqs: Iterable[int], now: float) -> None:
        """The centre lacks these. Those that the pass has still before it come anyway."""
        self._named = {seq: at for seq, at in self._named.items() if now - at < MISSING_PAUSE_S}
        there = {*self._in_flight.values(), *(m.seq for m in self._page)}
        for seq in sorted(set(seqs)):
            if seq <= self._pass.after and seq not in there and seq not in self._named:
                self._named[seq] = now
                self._ask(seq, seq)

    def resend(self, from_seq: int, to_seq: int) -> None:
        """Send this range again, settled or not."""
        self._ask(from_seq, to_seq)

    # -- inside ---------------------------------------------------------------------------------

    def _ask(self, from_seq: int, to_seq: int) -> None:
        last = self._ranges[-1] if self._ranges else (0, -1)
        if last[1] + 1 == from_seq:
            self._ranges[-1] = (last[0], to_seq)
        elif len(self._ranges) < _MAX_RANGES:
            self._ranges.append((from_seq, to_seq))

    def _begin(self) -> None:
        """A new pass from the lowest seq on."""
        self._page.clear()
        self._pass.after, self._pass.refused_from, self._pass.sweep_s = 0, 0, 0.0

    def _fill(self, now: float) -> None:
        if now >= self._look_s:
            self._note(self.source.outbox())
            self._look_s = now + LOOK_S
        if self._ranges:
            self._page.extend(self._of_ranges())
            return
        if self._pass.sweep_s and now >= self._pass.sweep_s:
            self._sweep()
        after = self._pass.after
        if self.asks_settled:
            page = self.source.unsettled(after, PAGE)
        else:
            page = self.source.messages(after + 1, after + PAGE)
        if any(m.epoch != self.epoch for m in page):
            self._look_s = 0.0
        elif page:
            self._page.extend(page)
            self._pass.after, self._pass.unproven = page[-1].seq, True
            self.last_seq = max(self.last_seq, page[-1].seq)
        else:
            self._finish(now)

    def _note(self, outbox: Outbox) -> None:
        """What the outbox says of itself. Another epoch: another database, nothing known holds."""
        if outbox.epoch != self.epoch:
            first_look = not self.epoch
            self.epoch, self.sent, self._pass = outbox.epoch, 0, Pass(interval_s=self.first_s)
            self._page.clear()
            self._ranges.clear()
            self._named.clear()
            self._in_flight.clear()
            if first_look and not self.asks_settled:
                self._pass.after = outbox.last_seq
        self.last_seq = outbox.last_seq

    def _of_ranges(self) -> tuple[Message, ...]:
        from_seq, to_seq = self._ranges.popleft()
        if to_seq > self.last_seq:
            self._note(self.source.outbox())
        upto = min(to_seq, from_seq + PAGE - 1, self.last_seq)
        if upto < min(to_seq, self.last_seq):
            self._ranges.appendleft((upto + 1, to_seq))
        return self.source.messages(from_seq, upto) if from_seq <= upto else ()

    def _finish(self, now: float) -> None:
        """The pass is at the end."""
        self._poll_s = now + POLL_S
        if not self.asks_settled:  # over a gap that retention left
            self._pass.after = max(self._pass.after, min(self._pass.after + PAGE, self.last_seq - PAGE))
        elif self._pass.unproven and not self._pass.sweep_s:
            self._pass.sweep_s, self._pass.sweep_to = now + self._pass.interval_s, self._pass.after
            self._pass.unproven = False

    def _sweep(self) -> None:
        """Whatever is still unsettled although it was sent long ago makes a new pass."""
        left = self.source.unsettled(0, 1)
        if left and left[0].seq <= self._pass.sweep_to:
            self._begin()
            self._pass.interval_s = min(self._pass.interval_s * 2, self.longest_s)
        else:
            self._pass.sweep_s, self._pass.interval_s = 0.0, self.first_s
