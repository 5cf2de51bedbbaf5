"""The process `okng station`: everything is built here, on one ExitStack; stop order is its reverse."""

import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from agent import notify
from agent.backup.restore import finish as finish_restore
from agent.clock import SystemClock
from agent.errors import OkngError
from agent.lock import DataLock
from agent.log import set_up
from agent.ports import Camera, Clock
from agent.recipe_versions import Versions
from agent.recipes import Recipes
from agent.settings import Loaded, load_or_last_good, remember
from agent.station.alarm_verbs import AlarmVerbs
from agent.station.backtest.asked import Backtests
from agent.station.backtest.verbs import BacktestVerbs
from agent.station.beside.casting import Opinions
from agent.station.cameras.hotplug import Hotplug
from agent.station.challenge.started import challenge_runs, gates_of
from agent.station.challenge.verbs import ChallengeVerbs
from agent.station.evidence import Evidence
from agent.station.lane import Lane
from agent.station.live import Live
from agent.station.memory import LaneMemory
from agent.station.modelling import modelling
from agent.station.models.signing import trust_of
from agent.station.outlook import Outlook
from agent.station.pause import Paused
from agent.station.progress import progresses
from agent.station.recipe_verbs import RecipeVerbs
from agent.station.recording.recorder import Recorder
from agent.station.recording.verbs import RecordVerbs
from agent.station.review_verbs import ReviewVerbs
from agent.station.server import ControlServer, Verb
from agent.station.sources import Sources
from agent.station.state import Facts
from agent.station.verbs import Verbs
from agent.status import Alarm
from agent.store.read import Reader
from agent.store.values import JudgedBy
from agent.store.write import Writer
from agent.temperature import temperature_c
from agent.uplink.payload import StationEncoder
from pipelines.recipe import Recipe
from pipelines.values import Frame, Record

log = logging.getLogger(__name__)

TURN_S = 0.5
JOIN_S = 2.0
"""How long all lanes together may take to end; a camera's thread that takes longer is left behind."""
DRAIN_S = 2.0


class Station:
    """The running station. `turn` is one round of its main loop."""

    def __init__(
        self,
        loaded: Loaded,
        stack: ExitStack,
        clock: Clock,
        cameras: Mapping[str, Callable[[], Camera]] | None = None,
        by_hand: bool = False,
    ) -> None:
        """`cameras`: drivers of lanes that do not come from the table. `by_hand`: a person has named the model,
        so that nobody need have signed it, and the configuration is not kept as the last good one."""
        config = loaded.config
        self._clock = clock
        self._facts = Facts(loaded, secrets.token_hex(8), clock.now())
        self._stopping = threading.Event()
        data, runtime = config.station.data, config.station.runtime
        stack.enter_context(DataLock(data))
        finish_restore(data, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()))
        self.lanes: dict[str, Lane] = {}
        self.store = Writer(
            data,
            config.store,
            config.uplink.settle if config.uplink.host else "off",
            lanes=tuple(config.lanes),
            encoder=StationEncoder.of(config.station),
            clock=clock,
            temperature_c=self._temperature_c,
            reserve_bytes=config.evidence.reserve_mb * 1_000_000,
        )
        self.store.start()
        stack.callback(self.store.close)
        self._evidence = Evidence(
            data / "evidence", config.evidence, self.store, clock, ok_rate_of=Recipes(data).ok_rate_of
        )
        self._evidence.start()
        stack.callback(self._evidence.close)
        stack.callback(self._drain)
        self._live = Live(runtime / "live", clock)
        self._live.start()
        stack.callback(self._live.stop)
        self._recorder = Recorder(config.evidence, config.station.name, clock, self.store.event)
        self._recorder.start()
        stack.callback(self._recorder.close)
        self._backtests = Backtests(config, clock, self.store.event)
        self._backtests.start()
        stack.callback(self._backtests.close)
        self._reader = Reader(data / "results.db")
        self._memory = LaneMemory(data)
        self._by_hand = by_hand
        self._sources = Sources(config, clock, cameras or {})
        self._gates = gates_of(config, self._facts.run, clock)
        self.lanes = {name: self._lane(name) for name in config.lanes}
        self._challenges = challenge_runs(config, self.lanes, self._gates, self.store, self._reader, clock, stack)
        self._models = modelling(
            config=config,
            lanes=self.lanes,
            memory=self._memory,
            clock=clock,
            event=self.store.event,
            judged_by=self._judged_by,
            opinions=Opinions(
                self.store.second_opinion, self._differing, self._reader.draw_key, self._reader.beside_bytes
            ),
            trust=None if by_hand else trust_of(config.models),
        )
        self._hotplug = stack.enter_context(Hotplug(self._wake))
        self._verbs = Verbs(
            runtime=runtime,
            lanes=self.lanes,
            pushes=self._sources.pushes,
            drivers=self._sources.drivers,
            store=self.store,
            live=self._live,
            clock=clock,
            change_recipe=self._models.changes.change,
            memory=self._memory,
            stop=self._stopping.set,
        )
        models = self._models
        self._outlook = Outlook(
            facts=self._facts,
            lanes=self.lanes,
            gates=self._gates,
            models=models,
            store=self.store,
            reader=self._reader,
            evidence=self._evidence,
            recorder=self._recorder,
            verbs=self._verbs,
            clock=clock,
        )
        self._server = ControlServer(runtime, self._table())
        self._server.start()
        stack.callback(self._server.stop)
        parts = (
            self.store,
            self._live,
            self._evidence,
            self._recorder,
            self._backtests,
            self._server,
            self._challenges,
        )
        self._parts = (*parts, models.preparer, models.watch, models.company)
        models.start(then=self._start_lanes)
        stack.callback(models.stop)
        stack.callback(self._stop_lanes)
        stack.callback(models.preparer.stop)

    def _table(self) -> dict[str, Verb]:
        """What can be said to the station."""
        tables = (
            self._verbs.table(),
            self._models.verbs.table(),
            self._models.beside.table(),
            ReviewVerbs(self.store).table(),
            AlarmVerbs(self._outlook.alarms, lambda: self._clock.now().utc_us, self._outlook.show_alarms).table(),
            RecordVerbs(self._recorder, self.lanes).table(),
            BacktestVerbs(self._backtests, self.lanes).table(),
            ChallengeVerbs(self._challenges).table(),
            self._recipe_verbs().table(),
        )
        return {name: verb for table in tables for name, verb in table.items()}

    def _recipe_verbs(self) -> RecipeVerbs:
        models = self._models
        return RecipeVerbs(
            shelf=models.shelf,
            versions=Versions(self._facts.loaded.config.station.data),
            on=lambda name: tuple(lane.name for lane in models.preparer.on(name)),
            change=models.changes.change,
            clock=self._clock,
            event=self.store.event,
        )

    def _lane(self, name: str) -> Lane:
        config = self._facts.loaded.config.lanes[name]
        told = self._memory.told(name)
        return Lane(
            name=name,
            config=config,
            make_camera=self._sources.of(name),
            store=self.store,
            on_commit=self._committed,
            clock=self._clock,
            run=self._facts.run,
            paused=Paused(told.paused, told.why),
            clock_trusted=lambda: self.store.clock_trusted,
            gate=self._gates[name],
        )

    def _committed(self, record_id: int, record: Record, frame: Frame | None, recipe: Recipe) -> None:
        self._challenges.committed(record_id, record)
        if frame is not None:
            self._live.show(record_id, record, frame)
            self._evidence.offer(record_id, record, frame, recipe.evidence_ok_rate)
            self._recorder.offer(record_id, record, frame)

    def _differing(self, record_id: int, record: Record, frame: Frame, ok_rate: float) -> bool:
        """Two models do not agree on this part: its picture is kept, drawn or not; whether for that reason alone."""
        return self._evidence.offer(record_id, record, frame, ok_rate, wanted=True)

    def _judged_by(self, model_hash: str, since_utc_us: int) -> JudgedBy:
        """What a model has judged so far; what waits is committed first."""
        self.store.flush()
        return self._reader.judged_by(model_hash, since_utc_us)

    def _temperature_c(self, lane: str) -> float | None:
        known = self.lanes.get(lane)
        return temperature_c(known.job.origin.device) if known is not None and known.job is not None else None

    def _wake(self) -> None:
        for lane in self.lanes.values():
            lane.capture.wake.set()

    def _start_lanes(self) -> None:
        if self._stopping.is_set():
            return
        for lane in self.lanes.values():
            lane.start()
        if not self._by_hand and any(lane.job is not None for lane in self.lanes.values()):
            self._remember()

    def _remember(self) -> None:
        try:
            remember(self._facts.loaded)
        except OSError as error:
            log.warning("the last good configuration cannot be kept: %s", error)

    def _stop_lanes(self) -> None:
        self._stopping.set()
        for lane in self.lanes.values():
            lane.halt()
        end = time.monotonic() + JOIN_S
        for lane in self.lanes.values():
            lane.join(max(0.1, end - time.monotonic()))

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """What stands now."""
        return self._outlook.alarms.standing

    def _drain(self) -> None:
        """Let the last parts be committed while the evidence of them can still be kept."""
        end = time.monotonic() + DRAIN_S
        while self.store.waiting and self.store.alive and time.monotonic() < end:
            time.sleep(0.01)

    @property
    def ended(self) -> bool:
        """Told to stop by a verb."""
        return self._stopping.is_set()

    def stop(self) -> None:
        self._stopping.set()

    def turn(self) -> str:
        """One round: state, alarms, watchdog. Returns a crash that ends the process, or ""."""
        self._challenges.look_at_the_clock()
        self._outlook.look()
        crashes = [lane.capture.revive() or lane.crash for lane in self.lanes.values()]
        crash = next(filter(None, [*crashes, *(part.crash for part in self._parts)]), "")
        if not crash and progresses(self.lanes.values(), self.store, self._clock.now().mono_ns):
            notify.watchdog()
        return crash


def run(config: Path) -> int:
    """Run the station until it is told to stop. 0: stopped; 1: something crashed; 78: bad configuration."""
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: signals.append(got))
    loaded = load_or_last_good(config)
    set_up(loaded.config.log.level)
    try:
        with ExitStack() as stack:
            stack.callback(notify.stopping)
            station = Station(loaded, stack, SystemClock())
            notify.ready("judging")
            log.info("station %s is up, data in %s", loaded.config.station.name, loaded.config.station.data)
            while not signals and not station.ended:
                if crash := station.turn():
                    log.error("the station ends: %s", crash)
                    return 1
                time.sleep(TURN_S)
        log.info("station stopped")
    except OkngError as error:
        log.error("%s", error)
        return 1
    _leave()
    return 0


def _leave() -> None:
    """End here and now if a thread still hangs in a camera driver or a compilation.

    At the interpreter's end such a thread would be unwound inside the library's C++ code, which
    aborts the process. Everything is committed and closed by now.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        os._exit(0)
