"""kill -9 of any process at any moment: nothing shown is missing, nothing is counted twice."""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.control import ask
from agent.demo.broker import find_mosquitto, mosquitto
from agent.errors import ControlFailed, StoreFailed
from agent.run import Children, Command
from agent.store.read import Reader
from tests.station.rig import virtual, write_settings
from tests.uplink.rig import Listener

ROUNDS = 8
UPLINK = '[uplink]\nhost = "127.0.0.1"\nport = {port}\nsettle = "puback"\nretry_min_s = 0.05\nretry_max_s = 0.5\n'
STORE = "[store]\nwindow_s = 0.5\n"


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
        commands = [
            Command(verb, (sys.executable, "-m", "agent.cli", verb, "--config", str(settings)))
            for verb in ("station", "uplink")
        ]
        reader, listener = Reader(data / "results.db"), Listener(port, "okng/plant/line1/station1/summary/#")
        children = Children(commands)
        shown: set[int] = set()
        try:
            for _ in range(ROUNDS):
                before = judged(reader)
                end = time.monotonic() + 30
                while judged(reader) < before + 20:
                    assert time.monotonic() < end, "the station did not come back"
                    children.turn()
                    shown.add(newest_shown(runtime, "top"))
                    time.sleep(0.02)
                time.sleep(random.uniform(0.0, 0.3))
                victim = random.choice(children.children)
                if victim.pid:
                    os.kill(victim.pid, signal.SIGKILL)
            end = time.monotonic() + 30
            children.turn()
            while not judged(reader) or reader.outbox().unsettled > 2:
                assert time.monotonic() < end, "the outbox does not drain"
                children.turn()
                time.sleep(0.05)
        finally:
            children.stop()
        wait_end = time.monotonic() + 10
        while time.monotonic() < wait_end and not _holds(reader, listener):
            time.sleep(0.1)
        listener.close()
        assert shown - {0} <= {i for i in shown if i and reader.part(i) is not None}, "a shown part is missing"
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
    rows = sum(1 for i in range(1, last + 1) if (part := reader.part(i)) is not None and part.state == "judged")
    return sum(p["parts"] for p in once.values()) == rows
