"""kill -9 of any process at any moment: nothing shown is missing, nothing is counted twice."""

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.control import ask
from agent.demo.broker import find_mosquitto, mosquitto
from agent.errors import ControlFailed, StoreFailed
from agent.settings import load
from agent.store.read import Reader
from agent.store.values import PartQuery
from tests import forked
from tests.forked import Forked
from tests.station.rig import virtual, write_settings
from tests.uplink.rig import Listener

ROUNDS = 8
UPLINK = '[uplink]\nhost = "127.0.0.1"\nport = {port}\nsettle = "puback"\nretry_min_s = 0.05\nretry_max_s = 0.5\n'
STORE = "[store]\nwindow_s = 0.5\n"
EVERY = PartQuery(limit=1 << 30)


def newest_shown(runtime: Path, lane: str) -> int:
    """The record id that the live picture shows; 0 when there is none."""
    try:
        ask(runtime, "watch", timeout_s=1.0)
        return int(json.loads((runtime / "live" / f"{lane}.json").read_text())["id"])
    except (ControlFailed, OSError, ValueError):
        return 0


def judged(reader: Reader) -> int:
    try:
        return reader.tally().parts
    except StoreFailed:
        return 0


class Both:
    """Station and uplink, each begun anew when it is gone."""

    def __init__(self, *starts: Callable[[], Forked]) -> None:
        self._starts = starts
        self._running = [start() for start in starts]

    def turn(self) -> None:
        for n, process in enumerate(self._running):
            if process.poll() is not None:
                process.ended(20)
                self._running[n] = self._starts[n]()

    def kill_one(self) -> None:
        random.choice(self._running).send_signal(signal.SIGKILL)

    def stop(self) -> None:
        for process in self._running:
            process.send_signal(signal.SIGTERM)
        for process in self._running:
            process.ended(20)


@pytest.mark.slow
@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_killed_at_random(tmp_path: Path) -> None:
    """FIELD 17, 19 and 20, with the real processes and a real broker."""
    random.seed(7)
    with TemporaryDirectory(prefix="okng-") as name, mosquitto(str(find_mosquitto()), tmp_path / "broker") as port:
        runtime, data = Path(name), tmp_path / "data"
        data.mkdir()
        lanes = virtual(rate_hz=40, free_run=True)
        settings = write_settings(
            data, runtime, lanes, 'canned = [["spur", 0.9, 1, 1, 9, 9]]\n' + UPLINK.format(port=port) + STORE
        )
        config = load(settings, environment={}).config
        reader, listener = Reader(data / "results.db"), Listener(port, "okng/plant/line1/station1/summary/#")
        both = Both(
            lambda: forked.station(settings, tmp_path / "station.log"),
            lambda: forked.uplink(config, tmp_path / "uplink.log"),
        )
        shown: set[int] = set()
        try:
            for _ in range(ROUNDS):
                before = judged(reader)
                end = time.monotonic() + 90
                while judged(reader) < before + 20:
                    assert time.monotonic() < end, "the station did not come back"
                    both.turn()
                    shown.add(newest_shown(runtime, "top"))
                    time.sleep(0.02)
                time.sleep(random.uniform(0.0, 0.3))
                both.kill_one()
            end = time.monotonic() + 90
            both.turn()
            while not judged(reader) or reader.outbox().unsettled > 2:
                assert time.monotonic() < end, "the outbox does not drain"
                both.turn()
                time.sleep(0.05)
        finally:
            both.stop()
        wait_end = time.monotonic() + 10
        while time.monotonic() < wait_end and not _holds(reader, listener):
            time.sleep(0.1)
        listener.close()
        assert shown - {0} <= {part.id for part in reader.parts(EVERY)}, "a shown part is missing"
        assert _holds(reader, listener)


def _holds(reader: Reader, listener: Listener) -> bool:
    """Every settled summary arrived, and they add up to the rows of their ranges."""
    payloads = [json.loads(m.payload) for m in list(listener.got)]
    once = {(p["epoch"], p["seq"]): p for p in payloads}
    waiting = {m.seq for m in reader.unsettled(limit=10_000)}
    made = {m.seq for m in reader.messages(1, 100_000, limit=100_000) if m.topic.startswith("summary/")} - waiting
    if not made <= {seq for _, seq in once}:
        return False
    last = max((p["last_id"] for p in once.values()), default=0)
    rows = sum(1 for part in reader.parts(EVERY) if part.id <= last and part.state == "judged")
    return sum(p["parts"] for p in once.values()) == rows
