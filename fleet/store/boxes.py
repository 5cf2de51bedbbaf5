"""Whether two machines use one name, and which epochs are whose.

A station's epoch normally goes on with the one before: a database was restored, an outbox rolled up, the
box was replaced. Then the old epoch is silent for ever, but for what was already on its way. Two machines
of one name show in two ways: an older epoch says something new that happened after the newer one had begun;
or the station's status is by A, by B and by A again, as brokers throw one out when the other connects.
"""

from collections.abc import Iterable

from agent.uplink.messages import AlarmsMessage, EventMessage, StatusMessage
from fleet.intake.values import Heard, Taken
from fleet.store.places import CONFLICT_US
from fleet.store.standing import Epoch, Station

WILL_MS = 60_000
"""A last will is made before its connection stands, and so is a little older than the birth that follows."""
_BEGINNINGS = ("epoch_renewed", "outbox_rolled_up", "database_restored")
"""Events of a new epoch that say when it began: what it had not sent before, it says again under its own numbers."""


def begin(epoch: Epoch, new: Iterable[Taken]) -> None:
    """Note when an epoch began, where a message tells."""
    told = (each.said.ts for each in new if isinstance(each.said, EventMessage) and each.said.name in _BEGINNINGS)
    epoch.began_ms = max(epoch.began_ms, *told, 0)


def part_boxes(station: Station, epoch: Epoch, highest_before: int, new: Iterable[Taken], now_us: int) -> None:
    """An epoch said something new: does a later epoch of the station live at the same time?"""
    newest_ms = max((each.said.ts for each in new if each.said.seq > highest_before), default=0)
    later = [e for e in station.epochs if e.id > epoch.id and e.began_ms < newest_ms]
    beside = [e for e in later if e.box == epoch.box]
    if beside:
        number = max(e.box for e in station.epochs) + 1
        for each in beside:
            each.box = number
    if beside or any(now_us - e.last_heard_us < CONFLICT_US for e in later):
        station.conflict_us = now_us


def hear(station: Station, heard: Heard, now_us: int) -> bool:
    """Take in what is retained, unless it is old and comes late or again; whether a station said it is there."""
    if isinstance(heard.said, AlarmsMessage):
        _stand(station, heard.said, heard.retained)
        return False
    return _status(station, heard.said, heard.retained, now_us) and bool(heard.said.online)


def _stand(station: Station, said: AlarmsMessage, retained: bool) -> None:
    if said.ts >= station.standing_ms or not retained:
        station.up, station.standing, station.standing_ms = bool(said.up), said.names, said.ts


def _status(station: Station, said: StatusMessage, retained: bool, now_us: int) -> bool:
    another = bool(station.status_us) and said.instance != station.instance
    if not another:
        slack_ms = 0 if said.online else WILL_MS
        stale = bool(station.status_us) and said.since < station.since_ms - slack_ms
    elif said.instance == station.instance_before:
        stale = not said.online or said.since <= station.since_before_ms
        if not stale:
            station.conflict_us = now_us
    else:
        stale = not said.online or (retained and said.since < station.since_ms)
    if stale:
        return False
    if another:
        station.instance_before, station.since_before_ms = station.instance, station.since_ms
    station.online, station.since_ms, station.why = bool(said.online), said.since, said.why[:100]
    station.version, station.boot, station.instance = said.version[:100], said.boot[:100], said.instance[:100]
    station.status_us = now_us
    return True
