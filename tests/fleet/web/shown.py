"""A small fleet whose messages were stored by the real intake, and its page as a process, for the tests."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.log import set_up
from benchmarks.fleet.simulated import MINUTE_US, Simulated
from fleet.config import FleetConfig
from fleet.intake.topics import Address
from fleet.rollout.values import Plan
from fleet.store.database import database_of
from fleet.store.read import Reader
from fleet.store.rollouts import Rollouts
from fleet.store.write import Writer
from tests.fleet.stored import taken
from tests.forked import Forked
from tests.ports import free_port
from tests.web.served import Served, wait_for

HOURS = 3
FORGED = b'{"schema":"okng.summary/1","station":"<script>alert(1)</script>"}'


def stations() -> tuple[Simulated, ...]:
    return (
        Simulated("aoi1", "wuxi", "smt1", lanes=("top", "side"), seed=1),
        Simulated("aoi2", "wuxi", "smt1", seed=2, bad_share=0.2),
        Simulated("aoi1", "wuxi", "smt2", seed=3),
        Simulated("aoi1", "suzhou", "smt1", seed=4),
        Simulated("aoi2", "suzhou", "smt1", seed=5),
    )


@dataclass(slots=True)
class ShownFleet:
    """Two sites, three lines, five stations; what they said comes up to the minute before this one."""

    data: Path
    stations: tuple[Simulated, ...] = field(default_factory=stations)
    writer: Writer = field(init=False)
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        database = database_of(self.config())
        database.bring_up()
        self.writer, self.reader = Writer(database), Reader(database)

    def config(self, **web: object) -> FleetConfig:
        fleet = {"data": str(self.data), "name": "Aurora", "timezone": "Asia/Shanghai"}
        rollout = {"address": "https://centre.plant:8090"}
        mail = {"name": "maintenance", "host": "mail.plant.example", "sender": "okng@plant.example"}
        told = [{**mail, "to": ["maintenance@plant.example", "night-shift@plant.example"]}]
        page = {"this_machine": "admin", **web}
        return FleetConfig.model_validate({"fleet": fleet, "web": page, "rollout": rollout, "mail": told})

    def store(self, station: Simulated, *messages: tuple[str, bytes]) -> None:
        now_us = time.time_ns() // 1000
        self.writer.store([taken(station.prefix, message) for message in messages], now_us)

    def fill(self) -> None:
        """Hours of windows; an alarm that stands, one that ended, a gap, a station that has gone, forged messages."""
        now_us = time.time_ns() // 1000
        begin_us = (now_us // MINUTE_US - HOURS * 60) * MINUTE_US
        for place, station in enumerate(self.stations):
            gone = place == 3
            self.store(station, ("status", station.birth(begin_us // 1000, not gone, why="lost" if gone else "")))
            minutes = range(0, HOURS * 60, 2)
            for minute in minutes:
                for lane in station.lanes:
                    window = station.window(begin_us + minute * MINUTE_US, lane)
                    if not (place == 1 and minute in (20, 22, 24)):  # lost on the way
                        self.store(station, window)
        first, second = self.stations[:2]
        at_us = now_us - 10 * MINUTE_US
        self.store(first, first.event(at_us, "alarm", alarm="disk_low", why="38 GB free"))
        self.store(second, second.event(at_us, "alarm", alarm="camera_gone", lane="top"))
        self.store(second, second.event(at_us + MINUTE_US, "alarm_end", alarm="camera_gone", lane="top"))
        self.store(second, ("summary/top", FORGED), ("summary/top", b"\xff\xfe\x00"))
        self.plan(now_us)

    def plan(self, now_us: int) -> None:
        """A roll-out that waits for a collector."""
        rollouts = Rollouts(self.reader.database)
        file = rollouts.add_file("t" * 43, "boards-2.okng", "boards-2", "ab" * 32, 10_000_000, "anna", now_us)
        (self.data / "models").mkdir()
        (self.data / "models" / f"{'t' * 43}.okng").write_bytes(b"a model")
        stations = tuple(Address(each.site, each.line, each.name) for each in self.stations)
        rollouts.begin(Plan(file, stations, 1, 0, True), "anna", now_us)


@contextmanager
def serving(fleet: ShownFleet, **web: object) -> Iterator[Served]:
    """The fleet's page on a free port of 127.0.0.1."""
    config = fleet.config(port=(port := free_port()), **web)
    process = Forked(_page, config.model_dump_json())
    served = Served(f"http://127.0.0.1:{port}", process)
    try:
        wait_for(served)
        yield served
    finally:
        process.send_signal(signal.SIGTERM)
        messages = process.ended(20)
        assert "Traceback" not in messages, messages


def _page(config: str) -> int:
    from fleet.web.app import run

    set_up("info")
    return run(FleetConfig.model_validate(json.loads(config)))
