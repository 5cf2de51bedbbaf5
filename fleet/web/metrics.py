"""`/metrics` of the fleet for Prometheus: base units, a label for each station, none for its parts."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from fleet.store.values import Refusal
from fleet.web.how import Seen

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PLACE = ("site", "line", "station", "box")


_GAUGES: tuple[tuple[str, str, Callable[[Seen], float]], ...] = (
    ("online", "Whether it is connected and has been heard.", lambda one: one.state == "online"),
    ("conflict", "Whether two machines use its name.", lambda one: one.glance.conflict),
    ("alarms", "Alarms that stand.", lambda one: len(one.glance.alarms)),
    ("missing_messages", "Messages missing between those that are there.", lambda one: one.glance.sync.missing),
)


class _Snapshot(Collector):
    """One scrape's values."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


def exposition(every: Sequence[Seen] | None, refusals: Sequence[Refusal]) -> bytes:
    """The text of one scrape; `every` None: the store cannot be read, and nothing else is known."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(_families(every, refusals)))
    return generate_latest(registry)


def _families(every: Sequence[Seen] | None, refusals: Sequence[Refusal]) -> Iterator[Metric]:
    yield GaugeMetricFamily("okng_fleet_store_readable", "Whether the centre's store can be read.", every is not None)
    if every is None:
        return
    states = Counter(one.state for one in every)
    family = GaugeMetricFamily("okng_fleet_stations", "Stations by their connection.", labels=("state",))
    for state, n in sorted(states.items()):
        family.add_metric((state,), n)
    yield family
    yield from _stations(every)
    aside = CounterMetricFamily("okng_fleet_set_aside", "Messages set aside, ever, by cause.", labels=("cause",))
    causes: Counter[str] = Counter()
    for refusal in refusals:
        causes[refusal.cause] += refusal.n
    for cause, n in sorted(causes.items()):
        aside.add_metric((cause,), n)
    yield aside


def _stations(every: Sequence[Seen]) -> Iterator[Metric]:
    now_s = time.time()
    for name, meaning, value in _GAUGES:
        family = GaugeMetricFamily(f"okng_fleet_station_{name}", meaning, labels=PLACE)
        for one in every:
            family.add_metric(_place(one), value(one))
        yield family
    lag = GaugeMetricFamily(
        "okng_fleet_station_lag_seconds", "Age of the moment up to which everything is there.", labels=PLACE
    )
    parts = GaugeMetricFamily(
        "okng_fleet_station_parts", "Parts of this hour and the one before.", labels=(*PLACE, "outcome")
    )
    for one in every:
        if one.glance.sync.complete_ms:
            lag.add_metric(_place(one), max(0.0, now_s - one.glance.sync.complete_ms / 1e3))
        for outcome in ("ok", "ng", "unsure"):
            parts.add_metric((*_place(one), outcome), getattr(one.glance.now, outcome))
    yield lag
    yield parts


def _place(one: Seen) -> tuple[str, ...]:
    at = one.glance.box.address
    return at.site, at.line, at.station, str(one.glance.box.number)
