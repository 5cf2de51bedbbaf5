"""The whole path: real store, real uplink process, real mosquitto that is killed and wiped, a centre."""

import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.config import Config
from agent.errors import StoreFailed
from agent.station.server import ControlServer
from agent.store.read import Reader
from agent.store.values import Outbox
from agent.store.write import Writer
from agent.uplink.payload import StationEncoder
from pipelines.values import Detection, Inspection, Origin, Outcome, Quality, Reason, Record, Rule, Stages, Verdict
from tests import forked

from .broker import Mosquitto, running
from .centre import Centre, centre
from .rig import config_of, wait_for

LANES = ("top", "bottom", "left", "right")


def record(lane: str, sequence: int) -> Record:
    origin = Origin(lane, lane, "serial", "board", "a" * 64, "deeppcb-1", "b" * 64, "CPU", "0.1.0")
    bad = sequence % 5 == 0
    reasons = (Reason(Rule.DEFECT, 0.9, 0.5, "pin-hole"),) if bad else ()
    found = (Detection("pin-hole", 0.9, 1, 1, 20, 20),) if bad else ()
    now = SystemClock().now()
    seen = Inspection(found, Quality(200.0, 100.0, 0.0, 5.0, 0), 640, 640, Stages(total_ms=12.0 + sequence % 7))
    verdict = Verdict(Outcome.NG if bad else Outcome.OK, reasons)
    return Record(origin, "run", sequence, 0, now, now.utc_us, seen, verdict)


class Station:
    """A station without cameras: the store, and the control socket's verbs for the uplink."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.fed = 0
        self.reader = Reader(config.station.data / "results.db")

    def start(self) -> None:
        config = self._config
        self._writer = Writer(
            config.station.data,
            config.store,
            config.uplink.settle,
            lanes=LANES,
            encoder=StationEncoder.of(config.station),
            clock=SystemClock(),
        ).start()
        settle = self._writer.settle
        self._server = ControlServer(
            config.station.runtime,
            {
                "settle": lambda said: {"settled": settle(said["epoch"], said["seq"], said["missing"])},
                "uplink": lambda _: {},
            },
        )
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
        self._writer.close()

    @contextmanager
    def feeding(self) -> Iterator[None]:
        """Parts on all lanes, some 80 a second."""
        stop = threading.Event()

        def feed() -> None:
            while not stop.wait(0.05):
                for lane in LANES:
                    self.fed += 1
                    self._writer.add(record(lane, self.fed), None)

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def outbox(self) -> Outbox | None:
        with suppress(StoreFailed):
            return self.reader.outbox()
        return None

    def all_settled(self, at_centre: Centre) -> bool:
        """All parts are in summaries, and the centre has acknowledged every message."""
        outbox = self.outbox()
        return outbox is not None and at_centre.parts() == self.fed and outbox.unsettled == 0

    def back_up(self, file: Path) -> None:
        with sqlite3.connect(self.reader.database) as connection:
            connection.execute("VACUUM INTO ?", (str(file),))
        connection.close()

    def restore(self, file: Path) -> None:
        for old in self.reader.database.parent.glob("results.db*"):
            old.unlink()
        shutil.copy(file, self.reader.database)


@contextmanager
def uplink_process(config: Config, folder: Path) -> Iterator[None]:
    process = forked.uplink(config, folder / "uplink.log")
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.ended(20)
        assert process.poll() == 0, (folder / "uplink.log").read_text()


def power_cut(broker: Mosquitto, away_s: float, wiped: bool = False) -> None:
    broker.kill()
    if wiped:
        broker.wipe()
    time.sleep(away_s)
    broker.start()


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_counted_twice(tmp_path: Path) -> None:
    """FIELD 19 and 20: the broker is killed twice and loses its store once; then an old backup is restored."""
    with ExitStack() as stack:
        broker = stack.enter_context(running(tmp_path / "broker"))
        config = config_of(tmp_path, broker.port, retry_max_s=1.0)
        config = config.model_copy(update={"store": config.store.model_copy(update={"window_s": 0.4})})
        os.makedirs(config.station.data)
        there = stack.enter_context(centre(broker.port))
        station = Station(config)
        station.start()
        stack.enter_context(uplink_process(config, tmp_path))

        with station.feeding():
            wait_for(lambda: len(there.summaries) >= 20, 60)
            power_cut(broker, away_s=2.0)
            wait_for(lambda: len(there.summaries) >= 40, 60)
        wait_for(lambda: station.all_settled(there), 60, "settled before the backup")
        station.back_up(tmp_path / "backup.db")

        with station.feeding():
            wait_for(lambda: len(there.summaries) >= 60, 60)
            power_cut(broker, away_s=2.0, wiped=True)
            wait_for(lambda: len(there.summaries) >= 104, 90)
        wait_for(lambda: station.all_settled(there), 60, "settled before the restore")
        station.stop()

        outbox = station.reader.outbox()
        (first,) = there.epochs()
        assert outbox.epoch == first
        # A window may have ended between the last look and the stop: the uplink sends it without a station.
        wait_for(lambda: there.seqs("station1", first) == set(range(1, outbox.last_seq + 1)), 30, "first epoch whole")
        assert len(there.summaries) >= 104
        newest = {s.lane: s for s in sorted(there.summaries.values(), key=lambda s: s.seq)}
        assert sum(s.parts_total for s in newest.values()) == station.fed

        station.restore(tmp_path / "backup.db")
        before = len(there.summaries)
        station.start()
        with station.feeding():
            wait_for(lambda: len(there.summaries) >= before + 12, 60)
        wait_for(lambda: station.all_settled(there), 60, "settled after the restore")
        station.stop()

        (second,) = there.epochs() - {first}
        outbox = station.reader.outbox()
        assert outbox.epoch == second
        wait_for(lambda: there.seqs("station1", second) == set(range(1, outbox.last_seq + 1)), 30, "second epoch whole")
        assert there.parts() == station.fed
        assert there.refused == []
