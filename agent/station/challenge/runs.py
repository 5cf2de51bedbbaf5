"""Challenge runs of all lanes: begun, judged, ended and overridden; each step is durable before it counts.

A thread of its own ("challenge") takes the verdicts on challenge parts once they are committed, writes down
whether they were right, and ends runs. So neither the lane nor the write thread waits for it.
"""

import logging
import queue
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event, RLock

from agent.challenges import ChallengeSet
from agent.errors import ControlFailed, StoreFailed
from agent.ports import Clock
from agent.release import Bound, Ending, Ruled, Run, defects, wrong
from agent.shifts import Calendar
from agent.station.challenge.gate import LaneGate
from agent.station.challenge.sets import Sets
from agent.station.lane import Lane
from agent.store import challenges as stored
from agent.store.read import Reader
from agent.store.write import Writer
from agent.worker import Worker
from pipelines.values import Purpose, Record

log = logging.getLogger(__name__)

TURN_S = 0.25
RETRY_S = 0.5
IDLE_S = 1800.0
"""A run in which nothing was judged for so long was forgotten: it is ended, or the line would stand for ever."""
UNDER_WAY_S = 5.0
"""A run waits so long for the verdict on a part that was photographed, before somebody may end it."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A verdict on a challenge part, committed."""

    id: int
    record: Record


class ChallengeRuns:
    """Owns the lanes' gates. Verbs come from any thread."""

    def __init__(
        self,
        *,
        lanes: Mapping[str, Lane],
        gates: Mapping[str, LaneGate],
        sets: Sets,
        calendar: Calendar,
        store: Writer,
        reader: Reader,
        clock: Clock,
    ) -> None:
        self._lanes = lanes
        self._gates = gates
        self._sets = sets
        self._calendar = calendar
        self._store = store
        self._reader = reader
        self._clock = clock
        self._lock = RLock()
        self._judged: queue.SimpleQueue[_Judged] = queue.SimpleQueue()
        self._ready = False
        self._worker = Worker("challenge", self._turn)
        self._pause = Event()

    def start(self) -> None:
        self.look_at_the_clock()
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()

    @property
    def crash(self) -> str:
        return self._worker.crash

    def look_at_the_clock(self) -> None:
        """Which shift is on. By the main loop, so that no slow disk holds it up.

        A shift that has ended without the closing run that was due is an event, for the report and the centre.
        """
        shift = self._calendar.at(self._clock.now().utc_us)
        for lane, gate in self._gates.items():
            before, gate.shift = gate.shift, shift
            if before is not None and before != shift and gate.unclosed(before):
                self._store.event("closing_run_missed", lane=lane, shift=before.name, day=before.day.isoformat())

    def committed(self, record_id: int, record: Record) -> None:
        """A part's row is durable. On the write thread: quick."""
        if record.purpose is Purpose.CHALLENGE:
            self._judged.put(_Judged(record_id, record))

    # What persons say, from any thread -------------------------------------------------------------

    def begin(self, lane: str, by: str) -> int:
        """Begin a run on a lane; its id. Raises ControlFailed, ChallengeRefused, StoreFailed."""
        gate = self._gate(lane)
        with self._lock:
            job = self._lanes[lane].job
            if gate.run is not None:
                raise ControlFailed(f"lane {lane!r}: run {gate.run.id} is on already, begun by {gate.run.by}")
            if job is None:
                raise ControlFailed(
                    f"lane {lane!r} is not ready: {self._lanes[lane].trouble or 'it is being prepared'}"
                )
            found = self._sets.usable(job.recipe.name)
            at, bound = self._clock.now().utc_us, gate.bound(job)
            new = stored.NewRun(lane, bound, by, gate.required(job), found.parts, utc_us=at)
            number = self._store.state(lambda conn: stored.begin(conn, new))
            gate.begin(Run(number, lane, found.parts, bound, at, by))
        self._store.event("challenge_started", lane=lane, run_id=number, parts=len(found.parts), by=by)
        return number

    def awaits(self, lane: str, code: str) -> None:
        """The next picture shows this part; empty: nobody knows. Raises ControlFailed."""
        gate = self._gate(lane)
        with self._lock:
            run = self._running(gate, lane)
            if code and run.part(code) is None:
                known = ", ".join(part.id for part in run.parts)
                raise ControlFailed(f"{code!r} is no part of run {run.id}; its parts: {known}")
            gate.awaits(code)

    def end(self, lane: str, by: str) -> Ending:
        """End a run before its time. A mistake that was made in it stands. Raises ControlFailed, StoreFailed."""
        gate = self._gate(lane)
        run = self._running(gate, lane)
        gate.awaits("")
        for _ in range(round(UNDER_WAY_S / 0.05)):
            if not gate.under_way:
                break
            self._pause.wait(0.05)
        with self._lock:
            if gate.run is None or gate.run.id != run.id:  # the last verdict has ended it meanwhile
                return self._stood(run.id)
            return self._end(gate, f"{by} has ended it", by)

    def _stood(self, number: int) -> Ending:
        found = self._reader.ask(lambda conn: stored.run(conn, number))
        state = found.state if found is not None else "aborted"
        return state if state in ("passed", "failed") else "aborted"

    def override(self, lane: str, by: str, reason: str) -> int:
        """Release a lane without a run, until the next one is required. Raises ControlFailed, StoreFailed."""
        gate = self._gate(lane)
        with self._lock:
            job = self._lanes[lane].job
            if gate.run is not None:
                raise ControlFailed(f"lane {lane!r}: run {gate.run.id} is on; end it first")
            if job is None:
                raise ControlFailed(
                    f"lane {lane!r} is not ready: {self._lanes[lane].trouble or 'it is being prepared'}"
                )
            why = gate.required(job)
            if not why:
                raise ControlFailed(f"lane {lane!r} is released: there is nothing to override")
            at, bound = self._clock.now().utc_us, gate.bound(job)
            new = stored.NewRun(lane, bound, by, why, reason=reason, utc_us=at)
            number = self._store.state(lambda conn: stored.override(conn, new))
            gate.ruled = Ruled("overridden", bound, at, by, reason)
        self._store.event("challenge_overridden", lane=lane, run_id=number, by=by, reason=reason[:200])
        return number

    def save(self, parts: ChallengeSet, seen: str) -> str:
        """Replace a recipe's set; its new revision. Raises ChallengeRefused, ControlFailed."""
        with self._lock:
            return self._sets.save(parts, seen)

    def _gate(self, lane: str) -> LaneGate:
        if lane not in self._gates:
            raise ControlFailed(f"unknown lane {lane!r}; known: {', '.join(self._gates)}")
        if self._gates[lane].off:
            raise ControlFailed(f"lane {lane!r} asks for no challenge parts (lanes.{lane}.challenge is off)")
        if not self._gates[lane].known:
            raise ControlFailed("the station is starting")
        return self._gates[lane]

    @staticmethod
    def _running(gate: LaneGate, lane: str) -> Run:
        if gate.run is None:
            raise ControlFailed(f"lane {lane!r}: no challenge run is on")
        return gate.run

    # On the thread "challenge" ---------------------------------------------------------------------

    def _turn(self) -> None:
        try:
            if not self._ready:
                self._go_on()
            self._take()
            with self._lock:
                for lane, gate in self._gates.items():
                    self._watch(lane, gate)
        except StoreFailed as error:
            log.warning("challenge runs wait for the database: %s", error)
            self._worker.stopping.wait(RETRY_S)

    def _go_on(self) -> None:
        """Where the station ended: runs that were on are over, rulings stand."""
        now_us = self._clock.now().utc_us
        self._store.state(lambda conn: stored.interrupt(conn, now_us))
        standing = self._reader.ask(lambda conn: {lane: stored.standing(conn, lane) for lane in self._gates})
        for lane, gate in self._gates.items():
            gate.ruled, gate.passed_utc_us = standing[lane]
            gate.known = True
        self._ready = True

    def _take(self) -> None:
        try:
            judged = self._judged.get(timeout=TURN_S)
        except queue.Empty:
            return
        while not self._written(judged):
            if self._worker.stopping.wait(RETRY_S):
                return

    def _written(self, judged: _Judged) -> bool:
        """Whether it is durable what this verdict means for the run; False: the disk refuses, try again."""
        record = judged.record
        gate = self._gates[record.origin.lane]
        with self._lock:
            run = gate.run
            # A part of an earlier run, or of none, says nothing.
            if run is None or record.captured.mono_ns < gate.run_since_mono_ns:
                return True
            part = run.part(record.part_id)
            if part is None:
                gate.settled()
                return True
            if _other(run.bound, record):
                gate.settled()
                self._end(gate, "recipe or model was changed in the middle of it")
                return True
            mistake = wrong(part, record.verdict)
            outcome, found = record.verdict.outcome, defects(record.verdict)
            result = stored.StoredResult(part.id, judged.id, record.decided_utc_us, outcome, found, mistake)
            try:
                self._store.state(lambda conn: stored.add_result(conn, run.id, result))
            except StoreFailed as error:
                log.warning("challenge part %s of run %d waits for the database: %s", part.id, run.id, error)
                return False
            gate.run = run.judged(part, not mistake)
            gate.settled()
            if gate.run.complete:
                self._end(gate, "")
        return True

    def _watch(self, lane: str, gate: LaneGate) -> None:
        """End runs that can lead nowhere, and releases that hold no more."""
        run = gate.run
        if run is None:
            self._let_lapse(lane, gate)
            return
        job = self._lanes[lane].job
        if run.complete:  # the disk refused its end
            self._end(gate, "")
        elif job is not None and (job.origin.recipe_hash, job.origin.model_hash) != (
            run.bound.recipe_hash,
            run.bound.model_hash,
        ):
            self._end(gate, "recipe or model was changed in the middle of it")
        elif (self._clock.now().mono_ns - gate.active_mono_ns) / 1e9 > IDLE_S:
            self._end(gate, f"nothing was judged in it for {IDLE_S / 60:.0f} min")

    def _let_lapse(self, lane: str, gate: LaneGate) -> None:
        """Write down that a run is required, so that what is changed back stays changed."""
        ruled = gate.ruled
        if gate.off or ruled is None or ruled.ruling not in ("passed", "overridden"):
            return
        if why := gate.required(self._lanes[lane].job):
            at = self._clock.now().utc_us
            new = stored.NewRun(lane, ruled.bound, "", why, utc_us=at)
            self._store.state(lambda conn: stored.lapse(conn, new))
            gate.ruled = ruled.lapsed(why, at)
            self._store.event("challenge_required", lane=lane, why=",".join(why))

    def _end(self, gate: LaneGate, note: str, by: str = "") -> Ending:
        """The run is over, durably; then its ruling stands, then others are judged again."""
        run = gate.run
        assert run is not None
        ending, now_us = run.ending(), self._clock.now().utc_us
        if ending == "passed" and (late := self._sets.expired(run.parts)):
            ending, note = "aborted", f"expired challenge parts cannot release: {late}"
        self._store.state(lambda conn: stored.end(conn, run.id, ending, now_us, by, note))
        if ending != "aborted":
            gate.ruled = Ruled(ending, run.bound, run.started_utc_us)
        if ending == "passed":
            gate.passed_utc_us = run.started_utc_us
        gate.end()
        said: dict[str, str | int] = {"lane": run.lane, "run_id": run.id, "parts": len(run.parts)}
        if ending == "failed":
            log.error("lane %s: challenge run %d failed: %s", run.lane, run.id, ", ".join(sorted(run.mistaken)))
            self._store.event("challenge_failed", **said, mistaken=",".join(sorted(run.mistaken))[:200], why=note)
        elif ending == "passed":
            self._store.event("challenge_passed", **said)
        else:
            self._store.event("challenge_aborted", **said, judged=len(run.right), why=note[:200])
        return ending


def _other(bound: Bound, record: Record) -> bool:
    """Whether another recipe or model judged than the run is about."""
    origin = record.origin
    return (origin.recipe_hash, origin.model_hash) != (bound.recipe_hash, bound.model_hash)
