"""Whether the station gets on with its work: what feeds the watchdog."""

import logging
from collections.abc import Iterable

from agent.station.lane import Lane
from agent.store.write import Writer

log = logging.getLogger(__name__)

STUCK_S = 60.0
"""A lane with a job that neither judged nor proved itself for so long is stuck: no more watchdog."""


def progresses(lanes: Iterable[Lane], store: Writer, mono_ns: int) -> bool:
    """Fed only by progress: parts judged or honestly failed, golden pictures proven, commits made.

    While the disk refuses, the lanes wait with what they hold; killing the process would only lose it.
    """
    if store.trouble:
        return store.alive
    working = [lane for lane in lanes if lane.started and lane.job is not None and not lane.ended]
    stuck = [lane.name for lane in working if (mono_ns - lane.progress_ns) / 1e9 > STUCK_S]
    if stuck:
        log.error("no progress for %.0f s on lane(s) %s", STUCK_S, ", ".join(stuck))
    return not stuck and store.alive
