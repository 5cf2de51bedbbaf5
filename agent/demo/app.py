"""`okng demo`: station, uplink and page on a virtual line; the real processes, with real files and broker."""

import json
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config, VirtualConfig
from agent.control import ask
from agent.demo.broker import find_mosquitto, mosquitto
from agent.demo.figures import Summaries, figures, write_figures
from agent.demo.screen import Screen
from agent.errors import ControlFailed, OkngError
from agent.run import Children, okng
from agent.settings import load
from agent.status import Status
from agent.store.read import Reader

TURN_S = 0.1
SHOW_EVERY_S = 0.5
SETTLE_S = 15.0
"""After the last board: how long the last window's summary may take to reach the broker."""
WINDOW_S = 5.0
EVERY = 1_000_000
"""More messages than a demo makes."""

SETTINGS = """\
# Written by `okng demo`; a station of your own begins with a copy of this.
[station]
site = "demo"
line = "line1"
name = "station1"
data = {data}
runtime = {runtime}

[store]
window_s = {window_s}

[evidence]
quota_mb = 500
reserve_mb = 200

[uplink]
host = {host}
port = {port}
settle = "puback"     # no centre acknowledges in the demo: the broker's word is taken
commands = false

[web]
port = {page}
this_machine = "engineer"   # so that the demo opens without a log-in

[log]
level = "warning"
"""
LANE = """
[lanes.{name}]
recipe = "demo-board"

[lanes.{name}.camera]
kind = "virtual"
layout = {number}
seed = {number}
rate_hz = {rate_hz}
boards = {boards}
bad_share = 0.3
"""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for on the command line."""

    parts: int
    """End after so many boards over all lanes; 0: never."""
    rate_hz: float
    lanes: int
    page: bool
    json: Path | None
    port: int
    data: Path | None
    broker: str
    """HOST:PORT; empty: an own mosquitto where it is installed."""


def run(wishes: Wishes) -> int:
    """Run the demo until Ctrl-C or its last board. 0: stopped cleanly; 1: something did not start."""
    _check(wishes)
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: signals.append(got))
    with ExitStack() as stack:
        # A Unix socket's path has room for 107 characters only: the runtime folder is not below `data`.
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okng-demo-")))
        runtime, data = own / "run", (wishes.data or own / "data").absolute()
        data.mkdir(parents=True, exist_ok=True)
        host, port, broker = _broker(wishes, data, stack)
        settings = data / "station.toml"
        settings.write_text(_settings(wishes, data, runtime, host, port))
        config = load(settings).config
        print(_greeting(wishes, config, settings, broker), flush=True)
        demo = _Demo(wishes, config, settings, stopped=lambda: bool(signals))
        stack.callback(demo.children.stop)
        code = demo.run()
        demo.children.stop()
        if wishes.json is not None:
            values = demo.figures(broker)
            write_figures(wishes.json, values)
            print(json.dumps(values), flush=True)
        return code


class _Demo:
    """The running demo, watched from the terminal."""

    def __init__(self, wishes: Wishes, config: Config, settings: Path, stopped: Callable[[], bool]) -> None:
        self._wishes = wishes
        self._config = config
        self._stopped = stopped
        verbs = ["station", *(["uplink"] if config.uplink.host else []), *(["web"] if wishes.page else [])]
        self.children = Children([okng(verb, "--config", str(settings)) for verb in verbs])
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
            if self._wishes.parts and all(lane.camera == "ended" for lane in status.lanes):
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

    def figures(self, broker: str) -> dict[str, object]:
        cameras = {n: c.camera for n, c in self._config.lanes.items() if isinstance(c.camera, VirtualConfig)}
        return figures(self._reader, cameras, self._summaries(), max(self._last_s - self._first_s, 0.0), broker)

    def _summaries(self) -> Summaries:
        """Of all outbox messages, the summaries: made, taken by the broker, settled."""
        made = [m.seq for m in self._reader.messages(1, EVERY, limit=EVERY) if m.topic.startswith("summary/")]
        waiting = {m.seq for m in self._reader.unsettled(limit=EVERY)}
        sent = self._status.uplink.sent if self._status else 0
        settled = [seq for seq in made if seq not in waiting]
        return Summaries(len(made), len({seq for seq in made if seq <= sent} | set(settled)), len(settled))


def _check(wishes: Wishes) -> None:
    if wishes.parts < 0 or wishes.rate_hz <= 0 or not 1 <= wishes.lanes <= 16:
        raise OkngError(
            f"--parts {wishes.parts}, --rate {wishes.rate_hz:g}, --lanes {wishes.lanes}: "
            "allowed are parts from 0, a rate above 0, 1 to 16 lanes"
        )
    if wishes.page:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wishes.port))
            except OSError as error:
                raise OkngError(f"port {wishes.port} is taken ({error.strerror}); another one: --port N") from error


def _broker(wishes: Wishes, data: Path, stack: ExitStack) -> tuple[str, int, str]:
    """(host, port, what it is in words); host is empty when there is none."""
    if wishes.broker:
        host, _, port = wishes.broker.rpartition(":")
        if not host or not port.isdigit():
            raise OkngError(f"--broker {wishes.broker}: HOST:PORT is allowed")
        return host, int(port), f"configured, {wishes.broker}"
    program = find_mosquitto()
    if program is None:
        return "", 1883, "none (mosquitto is not installed): summaries wait in the outbox"
    port_number = stack.enter_context(mosquitto(program, data / "broker"))
    return "127.0.0.1", port_number, f"own mosquitto on port {port_number}"


def _settings(wishes: Wishes, data: Path, runtime: Path, host: str, port: int) -> str:
    boards = -(-wishes.parts // wishes.lanes) if wishes.parts else 0
    text = SETTINGS.format(
        data=json.dumps(str(data)),
        runtime=json.dumps(str(runtime)),
        window_s=WINDOW_S,
        host=json.dumps(host),
        port=port,
        page=wishes.port,
    )
    for number in range(1, wishes.lanes + 1):
        text += LANE.format(name=f"board{number}", number=number, rate_hz=wishes.rate_hz, boards=boards)
    return text


def _greeting(wishes: Wishes, config: Config, settings: Path, broker: str) -> str:
    page = f"page   http://{config.web.host}:{config.web.port}" if wishes.page else "page   off (--headless)"
    trouble = f"okng misbehave dark --lane board1 --config {settings}"
    return (
        f"okng demo: {wishes.lanes} virtual line(s), {wishes.rate_hz:g} boards a second each\n"
        f"{page}\nbroker {broker}\ntrouble {trouble}\nend    Ctrl-C"
    )
