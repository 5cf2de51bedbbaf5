"""The challenge runs of a station, built from its configuration and begun."""

from collections.abc import Mapping
from contextlib import ExitStack

from agent.challenges import Challenges
from agent.config import Config
from agent.ports import Clock
from agent.shifts import Calendar, zone_of
from agent.station.challenge.gate import LaneGate
from agent.station.challenge.runs import ChallengeRuns
from agent.station.challenge.sets import Sets
from agent.station.lane import Lane
from agent.store.read import Reader
from agent.store.write import Writer


def gates_of(config: Config, run: str, clock: Clock) -> dict[str, LaneGate]:
    """A gate for each lane. `run`: the station process's."""
    return {name: LaneGate(lane, run, clock) for name, lane in config.lanes.items()}


def challenge_runs(
    config: Config,
    lanes: Mapping[str, Lane],
    gates: Mapping[str, LaneGate],
    store: Writer,
    reader: Reader,
    clock: Clock,
    stack: ExitStack,
) -> ChallengeRuns:
    """They go on until the stack ends them."""
    zone = zone_of(config.station.timezone)
    runs = ChallengeRuns(
        lanes=lanes,
        gates=gates,
        sets=Sets(Challenges(config.station.data), zone, clock, lambda: store.clock_trusted),
        calendar=Calendar(config.shifts, zone),
        store=store,
        reader=reader,
        clock=clock,
    )
    runs.start()
    stack.callback(runs.stop)
    return runs
