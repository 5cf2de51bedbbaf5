"""`okng demo`: stations, broker, pages and the fleet's centre on virtual lines; the real processes and files."""

import json
import signal
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from agent.config import Config
from agent.demo.broker import Broker, own_broker
from agent.demo.figures import write_figures
from agent.demo.link import flaky
from agent.demo.plant import Place, centre, commands, places, write
from agent.demo.watch import Watched
from agent.demo.wishes import Wishes
from agent.errors import OkngError
from agent.settings import load


def run(wishes: Wishes) -> int:
    """Run the demo until Ctrl-C or its last board. 0: stopped cleanly; 1: something did not start."""
    wishes.check()
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: signals.append(got))
    with ExitStack() as stack:
        # A Unix socket's path has room for 107 characters only: the runtime folder is not below `data`.
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okng-demo-")))
        data = (wishes.data or own / "data").absolute()
        data.mkdir(parents=True, exist_ok=True)
        broker = _broker(wishes, data, stack)
        plant = places(wishes, data, own / "run")
        started = []
        for place in plant:
            way = _way(place, broker, stack)
            write(place, wishes, way)
            started += commands(place, wishes, way)
        if wishes.fleet and broker.host:
            started.append(centre(wishes, data, broker))
        config = load(plant[0].settings).config
        print(_greeting(wishes, config, plant, broker), flush=True)
        demo = Watched(wishes.parts, config, started, stopped=lambda: bool(signals))
        stack.callback(demo.children.stop)
        code = demo.run()
        demo.children.stop()
        if wishes.json is not None:
            values = demo.figures(broker)
            write_figures(wishes.json, values)
            print(json.dumps(values), flush=True)
        return code


def _broker(wishes: Wishes, data: Path, stack: ExitStack) -> Broker:
    if not wishes.broker:
        return stack.enter_context(own_broker(data / "broker"))
    host, _, port = wishes.broker.rpartition(":")
    if not host or not port.isdigit():
        raise OkngError(f"--broker {wishes.broker}: HOST:PORT is allowed")
    return Broker(host, int(port), 5, f"configured, {wishes.broker}")


def _way(place: Place, broker: Broker, stack: ExitStack) -> Broker:
    """How this station reaches the broker."""
    if not place.kind.flaky or not broker.host:
        return broker
    return replace(broker, host="127.0.0.1", port=stack.enter_context(flaky(broker.host, broker.port)))


def _greeting(wishes: Wishes, config: Config, plant: tuple[Place, ...], broker: Broker) -> str:
    lines = [f"okng demo: {wishes.lanes} virtual line(s), {wishes.rate_hz:g} boards a second each"]
    lines += [f"       {place.name} {place.kind.words}" for place in plant if place.kind.words]
    lines.append(f"page   http://{config.web.host}:{config.web.port}" if wishes.page else "page   off (--headless)")
    if wishes.fleet:
        where = f"http://127.0.0.1:{wishes.fleet_port}" if broker.host else "off, there is no broker"
        lines.append(f"fleet  {where}")
    lines.append(f"broker {broker.words}")
    lines.append(f"trouble okng misbehave dark --lane board1 --config {plant[0].settings}")
    return "\n".join([*lines, "end    Ctrl-C"])
