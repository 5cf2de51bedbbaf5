"""`/metrics` for Prometheus: base units, few labels, no part ids; a registry of its own.

Counters are since the station's process started, or since this one or the uplink's did (`okng_parts_total`,
`okng_commands_refused_total`);
Prometheus takes a smaller value for a restart.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from agent.errors import StoreFailed
from agent.status import LaneStatus, Status
from agent.store.read import Reader
from agent.store.values import Outbox
from agent.web.link import Heard
from agent.web.query import MAX_ID
from pipelines.values import Outcome

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MB = 1_000_000

_LANE_COUNTERS: tuple[tuple[str, str, Callable[[LaneStatus], float]], ...] = (
    ("okng_frames_captured", "Pictures captured, since the station started.", lambda lane: lane.captured),
    ("okng_frames_judged", "Pictures judged, since the station started.", lambda lane: lane.judged),
    ("okng_frames_missed", "Pictures missed, since the station started.", lambda lane: lane.missed),
)
_LANE_GAUGES: tuple[tuple[str, str, Callable[[LaneStatus], float]], ...] = (
    ("okng_parts_per_second", "Parts judged a second, over the last 10 s.", lambda lane: lane.parts_per_s),
    ("okng_latency_p50_seconds", "Median, frame to verdict.", lambda lane: lane.latency_p50_ms / 1e3),
    ("okng_latency_p99_seconds", "99th percentile, frame to verdict.", lambda lane: lane.latency_p99_ms / 1e3),
    ("okng_deadline_seconds", "The recipe's deadline.", lambda lane: lane.deadline_ms / 1e3),
    ("okng_paused", "Whether the lane is paused.", lambda lane: lane.paused),
    ("okng_device_fallback", "Whether another device answers than the first.", lambda lane: bool(lane.fallback)),
)


_OUTCOMES = (Outcome.OK, Outcome.NG, Outcome.UNSURE)

PartKind = tuple[str, Outcome]
"""Lane and outcome."""


class PartCounts:
    """Counts parts since this process started, each once, by id: however late its row was committed or closed.

    What is above the lowest open row is counted anew at each call, so that a row that is judged (or closed
    after a crash) later than those behind it is not passed over. Thread-safe.
    """

    def __init__(self, results: Reader) -> None:
        self._results = results
        self._counted: Counter[PartKind] = Counter()
        self._upto: int | None = None if results.database.exists() else 0
        """Every part up to this id is in `_counted`; None: nothing could be read yet."""
        self._lock = threading.Lock()
        try:
            self.now()
        except StoreFailed:  # the first call that succeeds says where the count begins
            return

    def now(self) -> Mapping[PartKind, int]:
        """The counts. Raises StoreFailed."""
        with self._lock:
            if self._upto is None:
                return self._begin()
            found = self._results.committed(self._upto)
            if found.upto_id < self._upto:  # another database, whose ids are lower
                return self._begin()
            self._counted.update(found.until)
            self._upto = found.upto_id
            return self._counted + Counter(found.beyond)

    def _begin(self) -> Mapping[PartKind, int]:
        """What is judged already does not count; what is still open will."""
        upto = self._results.committed(MAX_ID).upto_id
        found = self._results.committed(upto)
        self._upto = upto
        self._counted = Counter()
        self._counted.subtract(found.until)
        self._counted.subtract(found.beyond)
        return Counter()


class _Snapshot(Collector):
    """One scrape's values."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database says at one scrape."""

    lanes: tuple[str, ...]
    """These are there from 0 on."""
    counts: Mapping[PartKind, int]
    outbox: Outbox


def exposition(heard: Heard, stored: Stored | None, viewers: int, refused: Mapping[int, int]) -> bytes:
    """The text of one scrape; what is not known now is left out, not shown as 0.

    `refused`: HTTP status -> answers since this process started.
    """
    registry = CollectorRegistry()
    registry.register(_Snapshot((*_families(heard, stored, viewers), _refused(refused))))
    return generate_latest(registry)


def _families(heard: Heard, stored: Stored | None, viewers: int) -> Iterator[Metric]:
    yield GaugeMetricFamily("okng_station_up", "Whether the station answers.", heard.link == "up")
    yield GaugeMetricFamily("okng_results_readable", "Whether the database can be read.", stored is not None)
    yield GaugeMetricFamily("okng_web_viewers", "Browsers on the line view.", viewers)
    if stored is not None:
        yield _parts(stored)
        outbox = stored.outbox
        yield GaugeMetricFamily("okng_outbox_unsettled", "Messages the centre has not settled.", outbox.unsettled)
        oldest = GaugeMetricFamily(
            "okng_outbox_oldest_timestamp_seconds", "When the oldest unsettled message was made; 0: none."
        )
        oldest.add_metric([], outbox.oldest_unsettled_utc_us / 1e6)
        yield oldest
    if heard.status is not None:
        yield from _station(heard.status)
        yield from _lanes(heard.status.lanes)


def _refused(refused: Mapping[int, int]) -> Metric:
    family = CounterMetricFamily(
        "okng_web_requests_refused", "Requests answered with an error, since this process started.", labels=("status",)
    )
    for status, many in refused.items():
        family.add_metric((str(status),), many)
    return family


def _parts(stored: Stored) -> Metric:
    family = CounterMetricFamily(
        "okng_parts", "Production parts committed, since this process started.", labels=("lane", "outcome")
    )
    for lane in stored.lanes:
        for outcome in _OUTCOMES:
            family.add_metric((lane, outcome.lower()), stored.counts.get((lane, outcome), 0))
    return family


def _station(status: Status) -> Iterator[Metric]:
    info = InfoMetricFamily("okng_station", "The station.")
    info.add_metric(
        [],
        {
            "site": status.site,
            "line": status.line,
            "station": status.station,
            "version": status.version,
            "profile": status.profile,
        },
    )
    yield info
    gauges = (
        ("okng_start_timestamp_seconds", "When the station's process started.", status.started_utc_us / 1e6),
        ("okng_clock_trusted", "Whether the wall clock is believed.", status.clock_trusted),
        ("okng_safe_mode", "Whether it runs on the last good configuration.", bool(status.safe_mode)),
        ("okng_resident_memory_bytes", "Memory of the station's process.", status.resident_mb * MB),
        ("okng_disk_free_bytes", "Free space of the data folder.", status.disk.free_mb * MB),
        ("okng_disk_reserve_bytes", "Free space that pictures never use.", status.disk.reserve_mb * MB),
        ("okng_evidence_bytes", "Space that kept pictures use.", status.disk.evidence_mb * MB),
        ("okng_evidence_quota_bytes", "Space that kept pictures may use.", status.disk.quota_mb * MB),
    )
    for name, text, value in gauges:
        yield GaugeMetricFamily(name, text, value)
    alarms = GaugeMetricFamily("okng_alarm", "Alarms that stand.", labels=("alarm", "lane"))
    for alarm in status.alarms:
        alarms.add_metric((alarm.name, alarm.lane), 1)
    yield alarms
    yield CounterMetricFamily(
        "okng_commands_refused", "Commands that were refused, since the uplink started.", status.uplink.refused
    )
    yield _states("okng_uplink_state", "State of the way to the broker.", [((), status.uplink.state)], ())


def _lanes(lanes: tuple[LaneStatus, ...]) -> Iterator[Metric]:
    info = InfoMetricFamily("okng_lane", "What judges on a lane.", labels=("lane",))
    for lane in lanes:
        info.add_metric(
            (lane.name,),
            {"camera": lane.camera_kind, "device": lane.device, "model": lane.model, "recipe": lane.recipe},
        )
    yield info
    for name, text, value in _LANE_COUNTERS:
        counter = CounterMetricFamily(name, text, labels=("lane",))
        for lane in lanes:
            counter.add_metric((lane.name,), value(lane))
        yield counter
    for name, text, value in _LANE_GAUGES:
        gauge = GaugeMetricFamily(name, text, labels=("lane",))
        for lane in lanes:
            gauge.add_metric((lane.name,), value(lane))
        yield gauge
    yield _states("okng_camera_state", "State of the camera.", [((x.name,), x.camera) for x in lanes], ("lane",))
    yield _states("okng_engine_state", "State of the model.", [((x.name,), x.engine) for x in lanes], ("lane",))


def _states(
    name: str, text: str, states: Iterable[tuple[tuple[str, ...], str]], labels: tuple[str, ...]
) -> GaugeMetricFamily:
    """The state that holds has the value 1; the others are not there."""
    family = GaugeMetricFamily(name, text, labels=(*labels, "state"))
    for values, state in states:
        family.add_metric((*values, state), 1)
    return family
