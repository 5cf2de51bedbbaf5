"""How long the end of shift report over a million parts takes: its figures, as page, PDF and CSV ask for them.

    python -m benchmarks.shift [--parts 1000000] [--repeat 24] [--data FOLDER]

The parts are those of `benchmarks.search`, with their sums in place as a station has them, and 100,000 events. Each
report opens the database anew, as a request does, and is of another shift. The operating system's cache is warm.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from agent.config import Config
from agent.shifts import Calendar, Shift
from agent.station.meters import percentile
from agent.store.read import Reader
from agent.web.shift.desk import ShiftDesk
from agent.web.shift.report import report_of
from benchmarks.search import BEGIN_US, DAY_US, DAYS, EVENTS, LANES, build, complete

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Desk:
    """As much of the page as a report asks for."""

    results: Reader


@dataclass(frozen=True, slots=True)
class Shifts:
    desk: Desk
    calendar: Calendar

    @staticmethod
    def now_us() -> int:
        return BEGIN_US + (DAYS + 1) * DAY_US


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=24)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="okng-") as name:
        folder = options.data or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        database = folder / "shift.db"
        if not database.exists():
            build(database, options.parts)
            complete(database, options.parts)
        desk = cast(ShiftDesk, Shifts(Desk(Reader(database)), Calendar(Config().shifts, UTC)))
        print(f"{options.parts:,} parts, {EVENTS:,} events, load {os.getloadavg()[0]:.1f}")
        for hours in (8, 24):
            wall, cpu, most = [], [], 0
            for n in range(options.repeat):
                start = BEGIN_US + n % DAYS * DAY_US
                day = datetime.fromtimestamp(start / 1e6, UTC).date()
                begun, worked = time.perf_counter(), time.process_time()
                report = report_of(desk, LANES[n % 2], Shift(day, "early", start, start + hours * HOUR_US))
                wall.append((time.perf_counter() - begun) * 1e3)
                cpu.append((time.process_time() - worked) * 1e3)
                most = max(most, report.tally.parts)
            said = ", ".join(
                f"{what} {percentile(sorted(ms), 0.5):.0f} / {percentile(sorted(ms), 0.95):.0f}"
                for what, ms in (("by the clock", wall), ("CPU", cpu))
            )
            print(f"a shift of {hours} h, up to {most:,} parts: p50 / p95 in ms, {said}", flush=True)


if __name__ == "__main__":
    main()
