"""What the uplink says to its station over the control socket, in threads of its own.

A station that is away or slow holds up its own answers and nothing else: the stored outbox goes on. A
command that may take long has a thread to itself, so that neither acknowledgements nor a pause wait for it.
"""

import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.control import ask
from agent.errors import ControlFailed
from agent.slot import Slot
from agent.status import Alarm, Status, UplinkState
from agent.uplink.commands import Order

SAY_S = 1.0
"""How the uplink is, is said this often, and at once when it changed, s."""
RETRY_S = 1.0
LOOK_S = 2.0
"""How often the station is asked which alarms stand, s."""
ORDER_S = 10.0
"""Longest wait for a command, s."""
SLOW_S = 180.0
"""Longest wait for one of SLOW, s: a model that is compiled on a small machine takes 80 s."""
SLOW = frozenset({"recipe"})
MAX_ORDERS = 20


@dataclass(frozen=True, slots=True)
class Says:
    """How the uplink is."""

    state: UplinkState
    detail: str
    sent: int = 0
    settled: int = 0
    refused: int = 0
    """Commands that were refused since the start."""


@dataclass(frozen=True, slots=True)
class Settle:
    """What the centre (or the broker, with settle = puback) holds."""

    epoch: str
    seq: int
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the station said of itself when it was last asked."""

    alarms: tuple[Alarm, ...] | None
    """None: it did not answer, twice in a row."""


@dataclass(frozen=True, slots=True)
class Done:
    """A command was carried out, or why not."""

    order: Order
    said: dict[str, Any]
    error: str


class Talk:
    """The conversation with the station.

    `turn` belongs to one thread and `slow_turn` to another; the rest may be called from a third.
    """

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._orders: Slot[Order] = Slot(MAX_ORDERS, newest=False)
        self._slow: Slot[Order] = Slot(MAX_ORDERS, newest=False)
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._says: Says | None = None
        self._settle: Settle | None = None
        self._said: Says | None = None
        self._said_at = 0.0
        self._settle_at = 0.0
        self._look_at = 0.0
        self._missed = False
        self.seen: Seen | None = None
        """None: it was not asked yet."""
        self.away = ""
        """Why the station does not answer; empty when it does."""

    def order(self, order: Order) -> None:
        """Have a command carried out; `done` tells how it went."""
        waiting = self._slow if order.name in SLOW else self._orders
        if not waiting.put(order, timeout_s=0.0):
            self._done.put(Done(order, {}, f"too many commands wait: {MAX_ORDERS}"))

    def done(self) -> list[Done]:
        """The commands that were carried out since the last call."""
        done = []
        while not self._done.empty():
            done.append(self._done.get_nowait())
        return done

    def settle(self, settle: Settle) -> None:
        """Tell the station what is settled; only the newest word counts, for it says everything."""
        with self._lock:
            self._settle = settle

    def say(self, says: Says) -> None:
        """How the uplink is now."""
        with self._lock:
            self._says = says

    def turn(self) -> None:
        """Carry out what waits, and say what is to be said."""
        order = self._orders.take(timeout_s=0.1)
        if order is not None:
            self._carry_out(order, ORDER_S)
        self._pass_on()
        self._speak()
        self._look()

    def slow_turn(self) -> None:
        """Carry out one command that may take minutes; an end of the process does not wait for it."""
        order = self._slow.take(timeout_s=0.5)
        if order is not None:
            self._carry_out(order, SLOW_S)

    def last_word(self, says: Says) -> None:
        """Say how it ended; called once no thread makes turns any more."""
        self._pass_on()
        self._try("uplink", 1.0, **_fields(says))

    # -- inside ---------------------------------------------------------------------------------

    def _carry_out(self, order: Order, timeout_s: float) -> None:
        try:
            said = ask(self._runtime, order.name, timeout_s=timeout_s, **order.arguments)
        except (ControlFailed, ValueError) as error:
            late = isinstance(error.__cause__, TimeoutError)
            why = f"no answer within {timeout_s:g} s; it may be carried out yet" if late else str(error)
            self._done.put(Done(order, {}, why))
        else:
            self._done.put(Done(order, said, ""))

    def _pass_on(self) -> None:
        with self._lock:
            settle = self._settle
        if settle is None or time.monotonic() < self._settle_at:
            return
        if not self._try("settle", 5.0, epoch=settle.epoch, seq=settle.seq, missing=list(settle.missing)):
            self._settle_at = time.monotonic() + RETRY_S
            return
        with self._lock:
            if self._settle is settle:
                self._settle = None

    def _speak(self) -> None:
        with self._lock:
            says = self._says
        now = time.monotonic()
        changed = self._said is None or says is None or _gist(says) != _gist(self._said)
        if says is None or (now - self._said_at < SAY_S and not (changed and not self.away)):
            return
        self._said, self._said_at = says, now
        self._try("uplink", 2.0, **_fields(says))

    def _look(self) -> None:
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_S
        try:
            said = ask(self._runtime, "status", timeout_s=LOOK_S)
            self.seen, self._missed = Seen(Status.model_validate(said["status"]).alarms), False
        except (ControlFailed, ValueError, KeyError):  # ValidationError is a ValueError
            # A station that is busy once is not down: who looks at a dashboard would see it flicker.
            self.seen, self._missed = (Seen(None) if self._missed else self.seen), True

    def _try(self, verb: str, timeout_s: float, **arguments: object) -> bool:
        """False when the station is away or refuses; `away` says why."""
        try:
            ask(self._runtime, verb, timeout_s=timeout_s, **arguments)
        except (ControlFailed, ValueError) as error:
            self.away = str(error)
            return False
        self.away = ""
        return True


def _gist(says: Says) -> tuple[str, str]:
    """What is worth saying at once: not each message's number, nor each refused command."""
    return says.state, says.detail


def _fields(says: Says) -> dict[str, object]:
    return {
        "state": says.state,
        "detail": says.detail,
        "sent": says.sent,
        "settled": says.settled,
        "refused": says.refused,
    }
