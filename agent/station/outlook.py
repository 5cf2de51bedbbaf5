"""What the station says of itself: its state and its alarms, taken anew at each turn of the main loop."""

import logging
from collections.abc import Mapping

from agent.errors import StoreFailed
from agent.ports import Clock
from agent.station.alarms import Alarms
from agent.station.challenge.gate import LaneGate
from agent.station.evidence import Evidence
from agent.station.lane import Lane
from agent.station.modelling import Modelling
from agent.station.recording.recorder import Recorder
from agent.station.state import Facts, causes, lane_status, status, uplink_status
from agent.station.verbs import Verbs
from agent.status import LaneStatus
from agent.store.read import Reader
from agent.store.values import Outbox
from agent.store.write import Writer
from pipelines.values import Stamp

log = logging.getLogger(__name__)


class Outlook:
    """Looks at all parts of the station; the verb `status` tells what it saw last."""

    def __init__(
        self,
        *,
        facts: Facts,
        lanes: Mapping[str, Lane],
        gates: Mapping[str, LaneGate],
        models: Modelling,
        store: Writer,
        reader: Reader,
        evidence: Evidence,
        recorder: Recorder,
        verbs: Verbs,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._lanes = lanes
        self._gates = gates
        self._models = models
        self._store = store
        self._reader = reader
        self._evidence = evidence
        self._recorder = recorder
        self._verbs = verbs
        self._clock = clock
        self._outbox = Outbox(epoch="", last_seq=0, unsettled=0, oldest_unsettled_utc_us=0)
        self.alarms = Alarms(store.event)

    def look(self) -> None:
        """Take the state anew, begin and end alarms by it, and let the verbs tell it."""
        now = self._clock.now()
        outbox = self._outbox = self._read_outbox()
        state = status(
            facts=self._facts,
            lanes=tuple(self._lane_status(lane, now) for lane in self._lanes.values()),
            disk=self._evidence.disk(),
            uplink=uplink_status(self._verbs.uplink, outbox, now, self._facts),
            alarms=self.alarms.standing,
            recordings=self._recorder.states(),
            now=now,
            clock_trusted=self._store.clock_trusted,
        )
        self.alarms.update(causes(state, outbox, self._store.trouble), now.utc_us)
        self._verbs.snapshot = state.model_copy(update={"alarms": self.alarms.standing})

    def show_alarms(self) -> None:
        """What a person has just said of an alarm is seen at once, not at the next turn."""
        if self._verbs.snapshot is not None:
            self._verbs.snapshot = self._verbs.snapshot.model_copy(update={"alarms": self.alarms.standing})

    def _lane_status(self, lane: Lane, now: Stamp) -> LaneStatus:
        challenge = self._gates[lane.name].status(lane.job, now.utc_us)
        return lane_status(lane, self._clock, self._models, challenge)

    def _read_outbox(self) -> Outbox:
        try:
            return self._reader.outbox()
        except StoreFailed as error:  # a full disk at the very first start: the store's trouble says so
            log.debug("%s", error)
            return self._outbox
