"""The demo's live line in the terminal."""

import shutil
import sys
from collections.abc import Sequence

from agent.status import Status
from agent.store.values import Tally


class Screen:
    """One line, drawn anew in place on a terminal; a line every few seconds elsewhere."""

    def __init__(self, every: int = 10) -> None:
        self._in_place = sys.stdout.isatty()
        self._every = every
        self._turns = 0

    def show(self, tally: Tally, status: Status) -> None:
        """What is committed and how fast it goes."""
        line = self._line(tally, status)
        if self._in_place:
            # A line that wraps could not be drawn anew in place.
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[2K{line[:width]}", end="", flush=True)
        elif self._turns % self._every == 0:
            print(line, flush=True)
        self._turns += 1

    def _line(self, tally: Tally, status: Status) -> str:
        rate = sum(lane.parts_per_s for lane in status.lanes)
        p50 = _worst([lane.latency_p50_ms for lane in status.lanes])
        p99 = _worst([lane.latency_p99_ms for lane in status.lanes])
        waiting = f"{status.uplink.unsettled} waiting" if status.uplink.unsettled else "all settled"
        lanes = ", ".join(f"{lane.name} {lane.camera}/{lane.engine}" for lane in status.lanes)
        return (
            f"{tally.parts} parts  OK {tally.ok}  NG {tally.ng}  UNSURE {tally.unsure}  missed {tally.missed}  "
            f"{rate:.1f}/s  latency p50 {p50:.1f} p99 {p99:.1f} ms  "
            f"messages {status.uplink.queued} ({waiting}, {status.uplink.state})  {lanes}"
        )

    def end(self) -> None:
        if self._in_place:
            print(flush=True)


def _worst(values: Sequence[float]) -> float:
    return max(values, default=0.0)
