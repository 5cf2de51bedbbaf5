"""How long a search over a million parts takes, as the history page asks it: the page of parts and the bounded count.

    python -m benchmarks.search [--parts 1000000] [--repeat 20] [--data FOLDER] [--json FILE]

The rows are made up but as a station writes them: two lanes over 14 days, 2 % NG in six classes and 0.5 % UNSURE, two
recipes of which one is rare, four models one after the other, part ids, 5,000 reviews. Each search opens the database
anew, as a request does; values and times change from one repetition to the next. The operating system's cache is warm.
`--data` keeps the database for the next run.
"""

import argparse
import json
import os
import platform
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.station.meters import percentile
from agent.store.migrate import bring_up
from agent.store.migrations.versions.r0005_sums import _FILL
from agent.store.read import Reader
from agent.store.values import PartQuery
from pipelines.values import Outcome

BEGIN_US = 1_780_012_800_000_000
DAYS = 14
DAY_US = 86_400_000_000
LABELS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
LANES = ("top", "side")
MODELS = 4
REVIEWS = 5_000
EVENTS = 100_000
CHUNK = 20_000
COUNTED = 10_001
TARGET_MS = 200.0

Row = tuple[object, ...]


def build(database: Path, parts: int) -> None:
    """A database of so many parts, by the writer's own schema."""
    bring_up(database, None)
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-200000")
    connection.execute("BEGIN")
    for number, (lane, recipe, model) in enumerate(_origins(), 1):
        names = (lane, lane, "SN-1", recipe, recipe.ljust(64, "a"), f"boards-{model}", str(model) * 64, "CPU", "0.1.0")
        connection.execute("INSERT INTO origins VALUES (?,?,?,?,?,?,?,?,?,?)", (number, *names))
    connection.execute("INSERT INTO runs VALUES (1, 'run-1', 'boot-1')")
    meta = "INSERT INTO meta (id, epoch, last_seq, settle, born_utc_us, software) VALUES (1, ?, 0, 'none', ?, '0.1.0')"
    connection.execute(meta, ("abcdef0123456789", BEGIN_US))
    columns = [row[1] for row in connection.execute("PRAGMA table_info(inspections)")]
    dice = random.Random(1)
    for start in range(0, parts, CHUNK):
        made = [_part(n, parts, dice) for n in range(start + 1, min(start + CHUNK, parts) + 1)]
        rows = [tuple(part.get(name) for name in columns) for part, _ in made]
        connection.executemany(f"INSERT INTO inspections VALUES ({','.join('?' * len(columns))})", rows)
        found = [(part["id"], label, part["lane"]) for part, label in made if label]
        connection.executemany("INSERT INTO detections VALUES (?, 0, ?, 0.9, 10, 10, 40, 40)", [f[:2] for f in found])
        connection.executemany("INSERT INTO defects (inspection_id, label, lane) VALUES (?, ?, ?)", found)
    said = [(n, n * 7919 % parts + 1, BEGIN_US, "ann", ("ok", "ng")[n % 2]) for n in range(1, REVIEWS + 1)]
    connection.executemany("INSERT INTO reviews VALUES (?, ?, ?, ?, ?, '[]', '', 'queue', NULL)", said)
    connection.execute("COMMIT")
    connection.close()


def complete(database: Path, parts: int) -> None:
    """What windows and their summaries have written, and the events of two weeks."""
    connection = sqlite3.connect(database)
    names = [row[1] for row in connection.execute("PRAGMA table_info(summaries)")]
    for number, lane in enumerate(LANES, 1):
        cut: dict[str, object] = {"id": number, "lane": lane, "first_id": 1, "last_id": parts, "body": "{}"}
        row = [cut.get(name, BEGIN_US) for name in names]
        connection.execute(f"INSERT INTO summaries VALUES ({','.join('?' * len(names))})", row)
    connection.execute(_FILL)
    step = DAYS * DAY_US // EVENTS
    said = ((BEGIN_US + n * step, ("alarm", "alarm_end")[n % 2], f'{{"lane":"{LANES[n % 4 // 2]}"}}')
            for n in range(EVENTS))  # fmt: skip
    connection.executemany(
        "INSERT INTO events (utc_us, mono_ns, boot, name, detail) VALUES (?, 1, 'boot-1', ?, ?)", said
    )
    connection.commit()
    connection.close()


def _origins() -> Iterator[tuple[str, str, int]]:
    for recipe in ("board", "rare"):
        for model in range(1, MODELS + 1):
            yield from ((lane, recipe, model) for lane in LANES)


def _part(n: int, parts: int, dice: random.Random) -> tuple[dict[str, object], str]:
    """A row of `inspections` by name, and its defect class; "" without one."""
    lane, recipe = n % 2, dice.random() < 0.001
    origin = 1 + lane + 2 * (MODELS * (n - 1) // parts) + (2 * MODELS if recipe else 0)
    chance = dice.random()
    outcome = "NG" if chance < 0.02 else "UNSURE" if chance < 0.025 else "OK"
    label = dice.choice(LABELS) if outcome == "NG" else ""
    reasons = {"OK": [], "NG": [["defect", 0.9, 0.5, label, "", 0]], "UNSURE": [["blurred", 3.0, 10.0, "", "", None]]}
    at = BEGIN_US + n * (DAYS * DAY_US // parts)
    kept = outcome != "OK" or n % 20 == 0
    times = dict.fromkeys(("wait_ms", "quality_ms", "prepare_ms", "decode_ms", "judge_ms"), 0.5)
    row: dict[str, object] = {
        "id": n, "state": "judged", "lane": LANES[lane], "origin_id": origin, "run_id": 1, "sequence": n, "missed": 0,
        "purpose": "api" if n % 997 == 0 else "production", "attempt": 1, "part_id": f"SN{n:09d}", "source": "",
        "captured_utc_us": at, "captured_mono_ns": n, "decided_utc_us": at + 14_000, "clock_trusted": 1,
        "outcome": outcome, "reasons": json.dumps(reasons[outcome]), "note": "", "width_px": 640, "height_px": 640,
        **times, "infer_ms": 10.0, "total_ms": 12.5, "sharpness": 2000.0, "brightness": 128.0, "saturated": 0.01,
        "age_ms": 1.0, "identical": 0,
    }  # fmt: skip
    if kept:
        row |= {"evidence_file": f"{n}.jpg", "evidence_sha256": "c" * 64, "evidence_bytes": 60_000}
    return row, label


def searches(parts: int, dice: random.Random) -> dict[str, Callable[[], PartQuery]]:
    """What people look for, each with values that change."""

    def somewhen(hours: float) -> tuple[int, int]:
        start = BEGIN_US + int(dice.random() * DAYS * DAY_US)
        return start, start + int(hours * 3_600_000_000)

    def span(hours: float, query: PartQuery) -> PartQuery:
        since, until = somewhen(hours)
        return replace(query, since_utc_us=since, until_utc_us=until)

    def last(hours: float, query: PartQuery) -> PartQuery:
        return replace(query, since_utc_us=BEGIN_US + DAYS * DAY_US - int(hours * 3_600_000_000))

    def label() -> str:
        return dice.choice(LABELS)

    return {
        "the newest": PartQuery,
        "deep in the pages": lambda: PartQuery(before_id=dice.randrange(1, parts)),
        "one lane's NG": lambda: PartQuery(lane=dice.choice(LANES), outcome=Outcome.NG),
        "UNSURE of the last 7 days": lambda: last(168, PartQuery(outcome=Outcome.UNSURE)),
        "a defect class": lambda: PartQuery(label=label()),
        "a defect class in an 8 h shift": lambda: span(8, PartQuery(label=label())),
        "one lane in some hour": lambda: span(1, PartQuery(lane=dice.choice(LANES))),
        "today's production": lambda: last(24, PartQuery(purpose="production")),
        "NG of some day": lambda: span(24, PartQuery(outcome=Outcome.NG)),
        "a part id": lambda: PartQuery(part_id=f"SN{dice.randrange(1, parts):09d}"),
        "a part id that is not there": lambda: PartQuery(part_id="SN-none"),
        "a rare recipe": lambda: PartQuery(recipe="rare"),
        "NG of a model": lambda: PartQuery(model=f"boards-{dice.randint(1, MODELS)}", outcome=Outcome.NG),
        "a model in some shift": lambda: span(8, PartQuery(model=f"boards-{dice.randint(1, MODELS)}")),
        "overruled by a person": lambda: PartQuery(overridden=True, purpose="production"),
        "overruled NG of a lane": lambda: PartQuery(overridden=True, outcome=Outcome.NG, lane=dice.choice(LANES)),
        "not production": lambda: PartQuery(purpose="api"),
    }


@dataclass(slots=True)
class Times:
    """ms of each repetition."""

    page: list[float] = field(default_factory=list)
    """By the clock on the wall: the page of parts."""
    whole: list[float] = field(default_factory=list)
    """The page and its count."""
    cpu: list[float] = field(default_factory=list)
    """The same, of this process's processor time: what it is without neighbours on the machine."""

    def add(self, other: "Times") -> None:
        for mine, others in ((self.page, other.page), (self.whole, other.whole), (self.cpu, other.cpu)):
            mine.extend(others)

    def said(self) -> list[float]:
        """p50 and p95 of each."""
        return [round(percentile(sorted(ms), q), 1) for ms in (self.page, self.whole, self.cpu) for q in (0.5, 0.95)]


def measured(reader: Reader, ask: Callable[[], PartQuery], repeat: int) -> Times:
    """So many pages of a search, and each with its count."""
    times = Times()
    for _ in range(repeat):
        query = replace(ask(), limit=51)
        begun, cpu = time.perf_counter(), time.process_time()
        found = reader.parts(query)
        times.page.append((time.perf_counter() - begun) * 1e3)
        if len(found) == query.limit or query.before_id is not None:
            reader.count(query, COUNTED)
        times.whole.append((time.perf_counter() - begun) * 1e3)
        times.cpu.append((time.process_time() - cpu) * 1e3)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="okng-") as name:
        folder = options.data or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        database = folder / "results.db"
        if not database.exists():
            begun = time.monotonic()
            build(database, options.parts)
            print(
                f"{options.parts:,} parts made in {time.monotonic() - begun:.0f} s, {database.stat().st_size >> 20} MB"
            )
        reader, dice = Reader(database), random.Random(2)
        figures: dict[str, object] = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
            "parts": options.parts,
        }
        every = Times()
        print(f"{'':34} {'page':>15} {'with count':>15} {'of it CPU':>15}   p50 and p95, ms")
        for title, ask in searches(options.parts, dice).items():
            times = measured(reader, ask, options.repeat)
            every.add(times)
            figures[title] = times.said()
            print(f"{title:34}" + "".join(f"{ms:8.1f}" for ms in times.said()), flush=True)
        figures["all"] = every.said()
        print(f"{'all searches':34}" + "".join(f"{ms:8.1f}" for ms in every.said()) + f"   target p95 {TARGET_MS:.0f}")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
