"""How long the pages' questions take over a month of a large fleet's hours."""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from fleet.intake.topics import Address
from fleet.store.database import Database
from fleet.store.read import Reader
from fleet.store.schema import SUMMED, class_name, day_sum, defect_day, defect_sum, epoch, hour_sum, judged_by, lane
from fleet.store.standing import open_stations
from fleet.store.values import Scope

HOUR_MS = 3_600_000
CLASSES = ("open", "short", "spur", "mousebite", "copper", "pin_hole")


@dataclass(frozen=True, slots=True)
class Timed:
    """One question's times, ms."""

    name: str
    p50_ms: float
    p95_ms: float
    rows: int


def fill(database: Database, stations: int, days: int, now_ms: int) -> None:
    """Hours of so many stations: what their summaries would have become, written as such."""
    draw = random.Random(1)
    hours = range(now_ms // HOUR_MS - 24 * days + 1, now_ms // HOUR_MS + 1)

    def change(conn: Connection) -> None:
        addresses = [Address(f"site{n % 5}", f"line{n % 25}", f"station{n}") for n in range(stations)]
        made = open_stations(conn, addresses)
        judge = conn.execute(
            insert(judged_by).returning(judged_by.c.id), {"digest": b"x", "models": "boards-1", "recipes": "board@a"}
        ).scalar_one()
        conn.execute(insert(class_name), [{"slug": "pin_hole", "name": "pin-hole"}])
        for each in made.values():
            epoch_id = conn.execute(insert(epoch).returning(epoch.c.id), _epoch(each.id, now_ms)).scalar_one()
            conn.execute(insert(lane), _lane(epoch_id, now_ms))
            for sums, defects, step in ((hour_sum, defect_sum, 1), (day_sum, defect_day, 24)):
                at = sorted({hour // step * step for hour in hours})
                conn.execute(insert(sums), [_hour(draw, epoch_id, hour, judge) for hour in at])
                conn.execute(insert(defects), [row for hour in at for row in _defects(draw, epoch_id, hour)])

    database.change(change)


def ask(database: Database, now_ms: int, turns: int) -> list[Timed]:
    """The questions of the fleet's pages, `turns` times each."""
    reader = Reader(database)
    month = Scope(since_ms=now_ms - 30 * 24 * HOUR_MS)
    day = Scope(since_ms=now_ms - 24 * HOUR_MS)
    one = Scope("site0", "line0", "station0", since_ms=month.since_ms)
    questions: dict[str, Callable[[], tuple[Any, ...]]] = {
        "all stations at a glance": lambda: reader.glances(now_ms),
        "by line, a day": lambda: reader.sums(day, ("site", "line")),
        "compare all stations, a day": lambda: reader.sums(day, ("box",)),
        "one station by the hour, 30 days": lambda: reader.counts(one, ("lane", "hour")),
        "one site by the hour, 30 days": lambda: reader.counts(Scope("site0", since_ms=month.since_ms), ("hour",)),
        "whole fleet, 30 days": lambda: reader.sums(month),
        "whole fleet by the hour, 30 days": lambda: reader.counts(month, ("hour",)),
        "compare all stations, 30 days": lambda: reader.sums(month, ("box",)),
        "Pareto, 30 days": lambda: reader.pareto(month, ("defect",)),
    }
    return [_timed(name, question, turns) for name, question in questions.items()]


def _timed(name: str, question: Callable[[], tuple[Any, ...]], turns: int) -> Timed:
    rows = len(question())
    times = []
    for _ in range(turns):
        begun = time.perf_counter()
        question()
        times.append((time.perf_counter() - begun) * 1e3)
    cut = statistics.quantiles(times, n=20, method="inclusive")
    return Timed(name, statistics.median(times), cut[-1], rows)


def _epoch(station_id: int, now_ms: int) -> dict[str, Any]:
    zero = dict.fromkeys(("forgotten", "gap_since_us", "asked_us"), 0)
    numbers = {"began_ms": now_ms, "held": 9, "highest": 9, "stored": 9, "newest_ms": now_ms, "complete_ms": now_ms}
    heard = {"first_heard_us": now_ms * 1000, "last_heard_us": now_ms * 1000}
    return {"station_id": station_id, "epoch": f"{station_id:016x}", "box": 1, **numbers, **heard, **zero}


def _lane(epoch_id: int, now_ms: int) -> dict[str, Any]:
    texts = {"lane": "top", "camera": "top", "models": "boards-1", "recipes": "board@a"}
    return {"epoch_id": epoch_id, "seq": 9, "end_ms": now_ms, "last_part_ms": now_ms, "temperature_c": 50.0, **texts}


def _defects(draw: random.Random, epoch_id: int, hour: int) -> list[dict[str, Any]]:
    keys = {"epoch_id": epoch_id, "lane": "top", "hour": hour, "kind": "defect"}
    return [{**keys, "slug": slug, "n": draw.randint(1, 40)} for slug in CLASSES[: draw.randint(1, len(CLASSES))]]


def _hour(draw: random.Random, epoch_id: int, hour: int, judge: int) -> dict[str, Any]:
    parts = draw.randint(20_000, 36_000)
    counts = dict.fromkeys(SUMMED, parts) | {"ok": parts - 300, "ng": 250, "unsure": 50}
    keys = {"epoch_id": epoch_id, "lane": "top", "hour": hour, "judged_by_id": judge}
    return {**keys, "windows": 60, **counts, "latency_max_ms": draw.uniform(20, 200)}
