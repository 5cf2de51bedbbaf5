"""A station's store as a process of its own, to be killed: prints each committed id, for ever."""

import sys
import threading
import time
from pathlib import Path

from agent.clock import SystemClock
from pipelines.values import Frame, Outcome, Record
from tests.store.made import frame, opening, record, writer


def main(data: Path, life: int) -> int:
    clock = SystemClock()
    store = writer(data, clock, lanes=("top", "side"), window_s=0.2).start()

    def shown(record_id: int, _made: Record, _picture: Frame | None) -> None:
        sys.stdout.write(f"{record_id}\n")
        sys.stdout.flush()

    def triggered() -> None:
        """Opened rows: some are judged, some are left to the kill."""
        for n in range(1, 1 << 30):
            open_id = store.open_part(opening(n, "side", at=clock.now(), part_id=f"{life}-{n}"))
            sys.stdout.write(f"open {open_id}\n")
            sys.stdout.flush()
            if n % 3:
                store.add(record(n, Outcome.NG, "side", at=clock.now(), open_id=open_id), frame(n), shown)

    threading.Thread(target=triggered, daemon=True).start()
    for n in range(1, 1 << 30):
        store.add(record(n, tuple(Outcome)[n % 3], at=clock.now(), missed=n % 7 == 0), frame(n), shown)
        if n % 50 == 0:
            store.event("fifty", n=n)
        time.sleep(0.002)
    return 0
