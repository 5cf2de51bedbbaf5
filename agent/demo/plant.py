"""The demo's stations, and the settings that each one and the fleet's centre run by."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from agent.demo.broker import Broker
from agent.demo.wishes import Wishes
from agent.run import Command, okng

WINDOW_S = 5.0
OTHERS_HZ = 2.0
"""The stations beside the first one are there to be told apart at the centre, not to load the machine."""
OTHERS_GIVE_WAY = 5
"""So that the first station's latencies stay its own."""

SETTINGS = """\
# Written by `okng demo`; a station of your own begins with a copy of this.
[station]
site = "demo"
line = "line1"
name = "{name}"
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
protocol = {protocol}
settle = "{settle}"     # who says that a summary is kept: the centre, or where there is none, the broker
commands = false
retry_max_s = 5.0

[web]
enabled = {page}
port = {page_port}
this_machine = "engineer"   # so that the demo opens without a log-in

[log]
level = "warning"
"""
LANE = """
[lanes.{name}]
recipe = "demo-board"

[lanes.{name}.camera]
kind = "virtual"
layout = {layout}
seed = {seed}
rate_hz = {rate_hz}
boards = {boards}
bad_share = {bad_share}
"""
FLEET = """\
# Written by `okng demo`; a centre of your own begins with a copy of this.
[fleet]
name = "demo"
data = {data}

[broker]
host = {host}
port = {port}
protocol = {protocol}

[web]
port = {page_port}
this_machine = "engineer"

[log]
level = "warning"
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a station of the demo differs from the others."""

    bad_share: float
    drift: str = ""
    """Lines of the camera's section."""
    flaky: bool = False
    """Its way to the broker is cut again and again."""
    words: str = ""
    """What there is to be seen of it."""


HEALTHY = Kind(bad_share=0.05)
DRIFTING = Kind(bad_share=0.03, drift="drift_to = 0.4\ndrift_boards = 1200\n", words="drifts")
"""At two boards a second: from 3 to 40 % in ten minutes."""
FLAKY = Kind(bad_share=0.06, flaky=True, words="loses its link for 15 s every minute")
ALONE = Kind(bad_share=0.3)
"""Whoever looks at one station, or measures it, wants to see bad boards."""


@dataclass(frozen=True, slots=True)
class Place:
    """One station: where it lives and what it is like."""

    number: int
    data: Path
    runtime: Path
    kind: Kind

    @property
    def name(self) -> str:
        return f"station{self.number}"

    @property
    def settings(self) -> Path:
        return self.data / "station.toml"


def places(wishes: Wishes, data: Path, runtime: Path) -> tuple[Place, ...]:
    """The first station lives in the demo's own folder, the others in folders below it."""
    kinds = (HEALTHY, DRIFTING, FLAKY) if wishes.count > 1 else (ALONE,)
    made = []
    for number in range(1, wishes.count + 1):
        own = data if number == 1 else data / f"station{number}"
        kind = kinds[number - 1] if number <= len(kinds) else HEALTHY
        made.append(Place(number, own, runtime if number == 1 else runtime.with_name(f"run{number}"), kind))
    return tuple(made)


def write(place: Place, wishes: Wishes, broker: Broker) -> None:
    """Its `station.toml`. Raises OSError."""
    place.data.mkdir(parents=True, exist_ok=True)
    first = place.number == 1
    text = SETTINGS.format(
        name=place.name,
        data=json.dumps(str(place.data)),
        runtime=json.dumps(str(place.runtime)),
        window_s=WINDOW_S,
        host=json.dumps(broker.host),
        port=broker.port,
        protocol=broker.protocol,
        settle="centre" if wishes.fleet else "puback",
        page="true" if first and wishes.page else "false",
        page_port=wishes.port,
    )
    lanes, rate_hz = (wishes.lanes, wishes.rate_hz) if first else (1, OTHERS_HZ)
    boards = -(-wishes.parts // wishes.lanes) if wishes.parts and first else 0
    for lane in range(1, lanes + 1):
        seed = place.number - 1 + lane
        text += LANE.format(
            name=f"board{lane}",
            layout=seed,
            seed=seed,
            rate_hz=rate_hz,
            boards=boards,
            bad_share=place.kind.bad_share,
        )
        text += place.kind.drift
    place.settings.write_text(text)


def commands(place: Place, wishes: Wishes, broker: Broker) -> list[Command]:
    """Its processes."""
    first = place.number == 1
    verbs = ["station", *(["uplink"] if broker.host else []), *(["web"] if first and wishes.page else [])]
    made = [okng(verb, "--config", str(place.settings)) for verb in verbs]
    if first:
        return made
    return [
        replace(each, name=f"{place.name} {each.name}", gives_way=max(each.gives_way, OTHERS_GIVE_WAY)) for each in made
    ]


def centre(wishes: Wishes, data: Path, broker: Broker) -> Command:
    """The fleet's process, and its `fleet.toml`. Raises OSError."""
    own = data / "fleet"
    own.mkdir(parents=True, exist_ok=True)
    settings = own / "fleet.toml"
    settings.write_text(
        FLEET.format(
            data=json.dumps(str(own)),
            host=json.dumps(broker.host),
            port=broker.port,
            protocol=broker.protocol,
            page_port=wishes.fleet_port,
        )
    )
    return okng("fleet", "--config", str(settings))
