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
from agent.errors import OkngError, StoreFailed
from agent.lock import DataLock
from agent.log import set_up
from agent.ports import Camera, Clock
from agent.recipe_versions import Versions
from agent.recipes import Recipes
from agent.settings import Loaded, load_or_last_good, remember
from agent.station.alarm_verbs import AlarmVerbs
from agent.station.alarms import Alarms
from agent.station.backtest.asked import Backtests
from agent.station.backtest.verbs import BacktestVerbs
from agent.station.beside.casting import Opinions
from agent.station.cameras.hotplug import Hotplug
from agent.station.cameras.push import Push
from agent.station.cameras.table import CAMERAS
from agent.station.challenge.started import challenge_runs, gates_of
from agent.station.challenge.verbs import ChallengeVerbs
from agent.station.evidence import Evidence
from agent.station.lane import Lane, Paused
from agent.station.live import Live
from agent.station.memory import LaneMemory
from agent.station.modelling import modelling
from agent.station.models.signing import trust_of
from agent.station.recipe_verbs import RecipeVerbs
from agent.station.recording.recorder import Recorder
from agent.station.recording.verbs import RecordVerbs
from agent.station.review_verbs import ReviewVerbs
from agent.station.server import ControlServer, Verb
from agent.station.state import Facts, causes, lane_status, status, uplink_status
from agent.station.verbs import Verbs
from agent.status import Alarm, LaneStatus
from agent.store.read import Reader
from agent.store.values import JudgedBy, Outbox
from agent.store.write import Writer
from agent.temperature import temperature_c
from agent.uplink.payload import StationEncoder
from pipelines.recipe import Recipe
from pipelines.values import Frame, Record, Stamp

log = logging.getLogger(__name__)

TURN_S = 0.5
JOIN_S = 2.0
"""How long all lanes together may take to end; a camera's thread that takes longer is left behind."""
DRAIN_S = 2.0
STUCK_S = 60.0
"""A lane with a job that neither judged nor proved itself for so long is stuck: no more watchdog."""


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
        self._outbox = Outbox(epoch="", last_seq=0, unsettled=0, oldest_unsettled_utc_us=0)
        self._memory = LaneMemory(data)
        self._by_hand = by_hand
        self._cameras = cameras or {}
        self.pushes: dict[str, Push] = {}
        self._drivers: dict[str, Camera] = {}
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
        self._alarms = Alarms(self.store.event)
        self._verbs = Verbs(
            runtime=runtime,
            lanes=self.lanes,
            pushes=self.pushes,
            drivers=self._drivers,
            store=self.store,
            live=self._live,
            clock=clock,
            change_recipe=self._models.changes.change,
            memory=self._memory,
            stop=self._stopping.set,
        )
        models = self._models
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
            AlarmVerbs(self._alarms, lambda: self._clock.now().utc_us, self._show_alarms).table(),
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
            make_camera=self._camera(name),
            store=self.store,
            on_commit=self._committed,
            clock=self._clock,
            run=self._facts.run,
            paused=Paused(told.paused, told.why),
            clock_trusted=lambda: self.store.clock_trusted,
            gate=self._gates[name],
        )

    def _camera(self, name: str) -> Callable[[], Camera]:
        """What makes the lane's camera, anew after each death; a push lane's is one that all hand pictures to."""
        config = self._facts.loaded.config
        camera, state = config.lanes[name].camera, config.station.data / "cameras"
        if name in self._cameras:
            return self._cameras[name]
        if camera.kind == "push":
            push = self.pushes.setdefault(name, Push(camera, self._clock))
            return lambda: push

        # Remembered, so that a virtual line can be told to misbehave.
        def make() -> Camera:
            driver = self._drivers[name] = CAMERAS[camera.kind](camera, self._clock, state)
            return driver

        return make

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
        return self._alarms.standing

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
        now = self._clock.now()
        outbox = self._outbox = self._read_outbox()
        self._challenges.look_at_the_clock()
        lanes = tuple(self._lane_status(lane, now) for lane in self.lanes.values())
        uplink = uplink_status(self._verbs.uplink, outbox, now, self._facts)
        state = status(
            facts=self._facts,
            lanes=lanes,
            disk=self._evidence.disk(),
            uplink=uplink,
            alarms=self._alarms.standing,
            recordings=self._recorder.states(),
            now=now,
            clock_trusted=self.store.clock_trusted,
        )
        self._alarms.update(causes(state, outbox, self.store.trouble), now.utc_us)
        self._verbs.snapshot = state.model_copy(update={"alarms": self._alarms.standing})
        crashes = [lane.capture.revive() or lane.crash for lane in self.lanes.values()]
        crash = next(filter(None, [*crashes, *(part.crash for part in self._parts)]), "")
        if not crash and self._progresses(now.mono_ns):
            notify.watchdog()
        return crash

    def _lane_status(self, lane: Lane, now: Stamp) -> LaneStatus:
        challenge = self._gates[lane.name].status(lane.job, now.utc_us)
        return lane_status(lane, self._clock, self._models, challenge)

    def _show_alarms(self) -> None:
        """What a person has just said of an alarm is seen at once, not at the next turn."""
        if self._verbs.snapshot is not None:
            self._verbs.snapshot = self._verbs.snapshot.model_copy(update={"alarms": self._alarms.standing})

    def _read_outbox(self) -> Outbox:
        try:
            return self._reader.outbox()
        except StoreFailed as error:  # a full disk at the very first start: the store's trouble says so
            log.debug("%s", error)
            return self._outbox

    def _progresses(self, mono_ns: int) -> bool:
        """Fed only by progress: parts judged or honestly failed, golden pictures proven, commits made.

        While the disk refuses, the lanes wait with what they hold; killing the process would only lose it.
        """
        if self.store.trouble:
            return self.store.alive
        working = [lane for lane in self.lanes.values() if lane.started and lane.job is not None and not lane.ended]
        stuck = [lane.name for lane in working if (mono_ns - lane.progress_ns) / 1e9 > STUCK_S]
        if stuck:
            log.error("no progress for %.0f s on lane(s) %s", STUCK_S, ", ".join(stuck))
        return not stuck and self.store.alive


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
