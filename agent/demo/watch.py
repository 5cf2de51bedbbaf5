"""The running demo, watched from the terminal: its first station's counters, and whether it is done."""

import time
from collections.abc import Callable, Sequence

from agent.config import Config, VirtualConfig
from agent.control import ask
from agent.demo.broker import Broker
from agent.demo.figures import Summaries, figures
from agent.demo.screen import Screen
from agent.errors import ControlFailed, OkngError
from agent.run import Children, Command
from agent.status import Status
from agent.store.read import Reader

TURN_S = 0.1
SHOW_EVERY_S = 0.5
SETTLE_S = 15.0
"""After the last board: how long the last window's summary may take to reach the broker."""
EVERY = 1_000_000
"""More messages than a demo makes."""


class Watched:
    """All processes of the demo."""

    def __init__(self, parts: int, config: Config, commands: Sequence[Command], stopped: Callable[[], bool]) -> None:
        """`parts`: whether the line ends by itself; `config`: the first station's."""
        self._ends = bool(parts)
        self._config = config
        self._stopped = stopped
        self.children = Children(commands)
        self._reader = Reader(config.station.data / "results.db")
        self._screen = Screen()
        self._status: Status | None = None
        self._first_s = 0.0
        self._last_s = 0.0

    def run(self) -> int:
        shown_s = 0.0
        ended_s = 0.0
        while not self._stopped() and self.children.turn():
            time.sleep(TURN_S)
            now_s = time.monotonic()
            status = self._ask()
            if status is None:
                continue
            if any(lane.engine == "failed" for lane in status.lanes):
                self._screen.end()
                raise OkngError("; ".join(lane.engine_detail for lane in status.lanes if lane.engine_detail))
            if now_s - shown_s >= SHOW_EVERY_S:
                self._screen.show(self._reader.tally(), status)
                shown_s = now_s
            if self._ends and all(lane.camera == "ended" for lane in status.lanes):
                ended_s = ended_s or now_s
                if self._delivered(status) or now_s - ended_s > SETTLE_S:
                    break
        self._screen.end()
        return self.children.code

    def _ask(self) -> Status | None:
        try:
            answer = ask(self._config.station.runtime, "status", timeout_s=2.0)
        except ControlFailed:
            return None  # it is starting, or has just ended
        status = Status.model_validate(answer["status"])
        self._time(status)
        self._status = status
        return status

    def _time(self, status: Status) -> None:
        """When the first board was judged, and when the last."""
        judged = sum(lane.judged for lane in status.lanes)
        before = sum(lane.judged for lane in self._status.lanes) if self._status else 0
        if judged > before:
            self._first_s = self._first_s or time.monotonic()
            self._last_s = time.monotonic()

    def _delivered(self, status: Status) -> bool:
        """Every part is in a summary, and with a broker every summary has reached it."""
        if not self._config.uplink.host:
            return True
        outbox = self._reader.outbox()
        newest = [self._reader.summaries(lane, limit=1) for lane in self._config.lanes]
        summarised = sum(totals.parts for found in newest for _, totals in found)
        return summarised == self._reader.tally().parts and outbox.unsettled == 0 and status.uplink.sent > 0

    def figures(self, broker: Broker) -> dict[str, object]:
        cameras = {n: c.camera for n, c in self._config.lanes.items() if isinstance(c.camera, VirtualConfig)}
        return figures(self._reader, cameras, self._summaries(), max(self._last_s - self._first_s, 0.0), broker.words)

    def _summaries(self) -> Summaries:
        """Of all outbox messages, the summaries: made, taken by the broker, settled."""
        made = [m.seq for m in self._reader.messages(1, EVERY, limit=EVERY) if m.topic.startswith("summary/")]
        waiting = {m.seq for m in self._reader.unsettled(limit=EVERY)}
        sent = self._status.uplink.sent if self._status else 0
        settled = [seq for seq in made if seq not in waiting]
        return Summaries(len(made), len({seq for seq in made if seq <= sent} | set(settled)), len(settled))
