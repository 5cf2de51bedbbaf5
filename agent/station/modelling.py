"""The station's models put together: who makes jobs, who chooses, who takes in, who watches."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config
from agent.ports import Clock
from agent.recipes import Recipes
from agent.station.acts import Acts
from agent.station.beside.casting import Casting, Opinions
from agent.station.beside.company import Company
from agent.station.beside.keep import QUOTA_SHARE
from agent.station.beside.purse import Purse
from agent.station.beside.verbs import BesideVerbs
from agent.station.changes import Changes
from agent.station.engines.table import ENGINES
from agent.station.jobs import Jobs
from agent.station.lane import Lane
from agent.station.memory import LaneMemory
from agent.station.model_verbs import ModelVerbs
from agent.station.models.activations import Activations, find_again
from agent.station.models.choice import Choice
from agent.station.models.demand import Demand
from agent.station.models.gate import Gates
from agent.station.models.intake import Intake
from agent.station.models.library import Library
from agent.station.models.running import Running
from agent.station.models.signing import Trust
from agent.station.prepare import Preparer
from agent.station.rollout import Rollout
from agent.station.watch import HealthWatch
from agent.station.wayback import WayBack
from agent.station.windows import Windows
from agent.store.values import JudgedBy

Event = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Shelf:
    """What models there are, and which is chosen; touches no lane, and works without a station too."""

    library: Library
    gates: Gates
    choice: Choice
    intake: Intake
    recipes: Recipes
    activations: Activations


def shelf(config: Config, memory: LaneMemory, clock: Clock, event: Event, trust: Trust | None) -> Shelf:
    """The models of a data folder, whose lock is held by the caller."""
    data: Path = config.station.data
    library = Library(data, trust)
    recipes, activations = Recipes(data), Activations(data)
    gates = Gates(data, config.engine, clock)
    demand = Demand(config, recipes, activations, memory)
    choice = Choice(
        config=config, library=library, recipes=recipes, activations=activations, demand=demand, clock=clock
    )
    intake = Intake(
        config=config,
        library=library,
        gates=gates,
        needed=demand.needed,
        deadlines_ms=demand.deadlines_ms,
        inputs=demand.inputs,
        event=event,
        deciding=activations.deciding,
    )
    return Shelf(library, gates, choice, intake, recipes, activations)


@dataclass(frozen=True, slots=True)
class Modelling:
    """The parts of a running station that have to do with models."""

    preparer: Preparer
    rollout: Rollout
    changes: Changes
    watch: HealthWatch
    verbs: ModelVerbs
    company: Company
    beside: BesideVerbs
    running: Running
    shelf: Shelf
    lanes: Mapping[str, Lane]
    by_hand: bool
    """A person has named the models: nobody asks what judged before."""

    def start(self, then: Callable[[], None]) -> None:
        """Prepare the lanes in the background, then call `then`; watch from now on."""
        self.preparer.start(first=self._recover, then=then)
        self.watch.start()
        self.company.start()

    def _recover(self) -> None:
        self.rollout.back.recover()
        if not self.by_hand:
            self.changes.at_start()
        self.running.begin()

    def stop(self) -> None:
        """After the lanes: whether one of them has crashed decides how the next start sees a new model."""
        self.watch.stop()
        self.rollout.close()
        self.company.stop()
        if not any(lane.crash for lane in self.lanes.values()):
            self.running.end()


def modelling(
    *,
    config: Config,
    lanes: Mapping[str, Lane],
    memory: LaneMemory,
    clock: Clock,
    event: Event,
    judged_by: Callable[[str, int], JudgedBy],
    opinions: Opinions,
    trust: Trust | None,
) -> Modelling:
    """Put together for a station with these lanes. Without `trust`, whoever made a model is not asked."""
    there = shelf(config, memory, clock, event, trust)
    there.library.tidy()
    find_again(there.activations, there.recipes, event)
    jobs = Jobs(
        config=config,
        library=there.library,
        engine=ENGINES[config.engine.kind](config.engine, config.station.data / "cache"),
        recipes=there.recipes,
        gates=there.gates,
        clock=clock,
        event=event,
        by_hand=trust is None,
    )
    preparer = Preparer(
        lanes=lanes,
        jobs=jobs,
        recipes=there.recipes,
        activations=there.activations,
        memory=memory,
        event=event,
        errors_allowed=config.models.health_errors,
    )
    running, windows, acts = Running(config.station.data), Windows(config.models, clock), Acts()
    back = WayBack(
        config=config.models,
        lanes=lanes,
        choice=there.choice,
        jobs=jobs,
        preparer=preparer,
        clock=clock,
        event=event,
        judged_by=judged_by,
        running=running,
        windows=windows,
        acts=acts,
    )
    rollout = Rollout(
        config=config.models,
        lanes=lanes,
        choice=there.choice,
        intake=there.intake,
        jobs=jobs,
        preparer=preparer,
        event=event,
        back=back,
        windows=windows,
        acts=acts,
    )
    changes = Changes(
        lanes=lanes,
        choice=there.choice,
        intake=there.intake,
        gates=there.gates,
        jobs=jobs,
        preparer=preparer,
        rollout=rollout,
        memory=memory,
        event=event,
    )
    watch = HealthWatch(config.models, there.activations, rollout, there.intake)
    verbs = ModelVerbs(
        config=config.models, intake=there.intake, choice=there.choice, rollout=rollout, window=watch.window
    )
    casting = Casting(
        config=config,
        library=there.library,
        recipes=there.recipes,
        jobs=jobs,
        opinions=opinions,
        purse=Purse(QUOTA_SHARE * config.evidence.quota_mb * 1e6, opinions.stored, clock),
        clock=clock,
    )
    company = Company(
        config=config.models,
        lanes=lanes,
        activations=there.activations,
        casting=casting,
        preparer=preparer,
        event=event,
        running=running,
    )
    beside = BesideVerbs(
        config=config.models,
        lanes=lanes,
        choice=there.choice,
        intake=there.intake,
        casting=casting,
        company=company,
        preparer=preparer,
        clock=clock,
    )
    return Modelling(
        preparer=preparer,
        rollout=rollout,
        changes=changes,
        watch=watch,
        verbs=verbs,
        company=company,
        beside=beside,
        running=running,
        shelf=there,
        lanes=lanes,
        by_hand=trust is None,
    )
