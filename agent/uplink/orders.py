"""The commands about updates, between the thread that takes them and the one that carries them out."""

import queue
import threading
from typing import Any

from agent.config import Config
from agent.uplink.commands import Order
from agent.uplink.fetch import Fetch, FetchRefused, address_of
from agent.uplink.incoming import Job
from agent.uplink.talk import Done


class Orders:
    """One update at a time, which may be cancelled until it is closed.

    `order`, `cancel`, `done` and `stop` belong to the thread that takes commands, the rest to the other one.
    """

    def __init__(self, fetch: Fetch) -> None:
        self.ending = fetch.stopping
        """Ends what waits: the process stops, or the update was cancelled."""
        self._fetch = fetch
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._busy = ""
        """The command that is carried out."""
        self._cancelling: Order | None = None
        self._closed = ""
        """Why it cannot be cancelled any more; empty: it can."""
        self._stopped = False

    def order(self, order: Order) -> None:
        """Take a command; `done` tells whether it was accepted, events how it goes on."""
        with self._lock:
            if self._busy:
                known = self._busy == order.id
                said: dict[str, Any] = {"accepted": 1} if known else {}
                self._done.put(Done(order, said, "" if known else f"busy: update {self._busy} is under way"))
                return
            self._busy = order.id
        self._orders.put(order)

    def cancel(self, order: Order) -> None:
        """Give the update up that the order names; `done` tells when it was, or why not."""
        named = str(order.arguments["update"])
        with self._lock:
            why = self._closed
            if self._busy != named:
                why = f"update {named} is not under way; {self._busy or 'none'} is"
            elif self._cancelling is not None:
                why = f"update {named} is being cancelled already"
            if why:
                self._done.put(Done(order, {}, why))
                return
            self._cancelling = order
            self.ending.set()
        self._fetch.hang_up()

    def done(self) -> list[Done]:
        """The commands that were answered since the last call."""
        done = []
        while not self._done.empty():
            done.append(self._done.get_nowait())
        return done

    def stop(self) -> None:
        """End what waits, for good."""
        with self._lock:
            self._stopped = True
        self._fetch.stop()

    # The other thread ------------------------------------------------------------------------------

    def take(self, timeout_s: float) -> Order | None:
        """The next command to carry out; None where there is none."""
        try:
            return self._orders.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def answer(self, order: Order, said: dict[str, Any], why: str = "") -> None:
        """`why`: it is refused for this."""
        self._done.put(Done(order, said, why))

    def taken_up(self, command: str, closed: str = "") -> None:
        """An update that the last process left is under way again; `closed`: why it cannot be cancelled any more."""
        with self._lock:
            self._busy, self._closed = command, closed

    def cancelled(self) -> Order | None:
        """Who wants the update cancelled."""
        return self._cancelling

    def gave_up(self, why: str, said: dict[str, Any]) -> None:
        """The update was cancelled as it was wanted; `why` is for whoever wants it again."""
        with self._lock:
            order = self._let_go(why)
        if order is not None:
            self.answer(order, said)

    def close(self, why: str) -> None:
        """From now on the update cannot be cancelled, not even by who has just asked for it."""
        with self._lock:
            order = self._let_go(why)
        if order is not None:
            self.answer(order, {}, why)

    def close_unless_cancelled(self, why: str) -> bool:
        """As `close`, but whoever has asked for it before comes first: False."""
        with self._lock:
            if self._cancelling is None:
                self._closed = why
            return self._cancelling is None

    def open(self) -> None:
        """The update can be cancelled again."""
        with self._lock:
            self._closed = ""

    def free(self) -> None:
        """The update is over; another one may come."""
        self.close(f"update {self._busy} has ended already")
        with self._lock:
            self._busy = self._closed = ""

    def _let_go(self, why: str) -> Order | None:
        order, self._cancelling, self._closed = self._cancelling, None, why
        if order is not None and not self._stopped:
            self.ending.clear()
        return order


def job_of(order: Order, config: Config, now_utc_us: int) -> Job:
    """The job that a command asks for. Raises FetchRefused where the configuration does not allow it."""
    said, update = order.arguments, config.uplink.update
    address_of(said["url"], update.hosts)
    if said["bytes"] > update.cap_mb * 1_000_000:
        raise FetchRefused(f"bytes {said['bytes']}: at most {update.cap_mb} MB (uplink.update.cap_mb)")
    if said["activate"] and not config.models.activate_on_import:
        raise FetchRefused("activate 1: a command may not activate here: models.activate_on_import is false")
    return Job(
        command=order.id,
        url=said["url"],
        sha256=said["sha256"],
        bytes=said["bytes"],
        activate=bool(said["activate"]),
        recipe=said["recipe"],
        accepted_utc_us=now_utc_us,
    )
