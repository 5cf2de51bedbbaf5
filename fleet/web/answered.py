"""The store's values as REST answers them."""

from datetime import datetime

from agent.web.rest import moment
from fleet.store.values import Alarm, Aside, Box, FleetEvent, Found, Group, Refusal, Sums, WindowSums
from fleet.web.answers import (
    AlarmAnswer,
    AsideAnswer,
    BoxAnswer,
    CountsAnswer,
    EventAnswer,
    FoundAnswer,
    GroupAnswer,
    LaneAnswer,
    RefusalAnswer,
    StationAnswer,
    SumsAnswer,
    SyncAnswer,
    WindowAnswer,
)
from fleet.web.how import Seen

_THOUSANDTHS = ("latency_sum_ms", "brightness_sum", "sharpness_sum")


def station_answer(one: Seen) -> StationAnswer:
    glance = one.glance
    sync, presence = glance.sync, glance.presence
    return StationAnswer(
        at=_box(glance.box),
        state=one.state,
        conflict=glance.conflict,
        since=_ms(presence.since_ms),
        version=presence.version,
        last_part=_ms(glance.last_part_ms),
        last_hour=CountsAnswer(**{name: getattr(glance.now, name) for name in CountsAnswer.model_fields}),
        sync=SyncAnswer(
            proof=one.proof,
            complete_until=_ms(sync.complete_ms),
            epoch=sync.epoch,
            held=sync.held,
            highest=sync.highest,
            missing=sync.missing,
            gap_since=_us(sync.gap_since_us),
            asked=_us(sync.asked_us),
        ),
        lanes=tuple(
            LaneAnswer(
                name=lane.name,
                camera=lane.camera,
                models=lane.models,
                recipes=lane.recipes,
                last_part=_ms(lane.last_part_ms),
            )
            for lane in glance.lanes
        ),
        alarms=tuple(map(alarm_answer, glance.alarms)),
    )


def alarm_answer(one: Alarm) -> AlarmAnswer:
    return AlarmAnswer(
        at=_box(one.box),
        name=one.name,
        lane=one.lane,
        since=moment(one.since_ms * 1000),
        ended=_ms(one.ended_ms),
        detail=one.detail,
        known=_ms(one.known_ms),
        known_by=one.known_by,
    )


def sums_answer(sums: Sums) -> SumsAnswer:
    thousandths = {name: getattr(sums, f"{name}_e3") / 1000 for name in _THOUSANDTHS}
    same = {name: getattr(sums, name) for name in SumsAnswer.model_fields if name not in thousandths}
    return SumsAnswer(**same, **thousandths)


def group_answer(group: Group) -> GroupAnswer:
    return GroupAnswer(
        site=group.site,
        line=group.line,
        station=group.box.address.station if group.box else "",
        box=group.box.number if group.box else 0,
        lane=group.lane,
        hour=_ms(group.hour_ms),
        models=group.models,
        recipes=group.recipes,
        sums=sums_answer(group.sums),
    )


def found_answer(found: Found) -> FoundAnswer:
    return FoundAnswer(kind=found.kind, slug=found.slug, name=found.name, n=found.n)


def window_answer(one: WindowSums) -> WindowAnswer:
    return WindowAnswer(
        at=_box(one.box),
        lane=one.lane,
        seq=one.seq,
        start=moment(one.start_ms * 1000),
        end=moment(one.end_ms * 1000),
        models=one.models,
        recipes=one.recipes,
        found=dict(one.found),
        sums=sums_answer(one.sums),
    )


def event_answer(event: FleetEvent) -> EventAnswer:
    return EventAnswer(
        at=_box(event.box),
        seq=event.seq,
        time=moment(event.ts_ms * 1000),
        name=event.name,
        lane=event.lane,
        detail=dict(event.detail),
    )


def aside_answer(one: Aside) -> AsideAnswer:
    return AsideAnswer(
        id=one.id,
        time=moment(one.utc_us),
        cause=one.cause,
        reason=one.reason,
        topic=one.topic,
        station=str(one.station) if one.station else None,
        bytes=one.size,
    )


def refusal_answer(one: Refusal) -> RefusalAnswer:
    station = str(one.station) if one.station else None
    return RefusalAnswer(cause=one.cause, station=station, n=one.n, last=moment(one.last_us))


def _box(box: Box) -> BoxAnswer:
    at = box.address
    return BoxAnswer(site=at.site, line=at.line, station=at.station, box=box.number)


def _ms(at_ms: int) -> datetime | None:
    return moment(at_ms * 1000) if at_ms else None


def _us(at_us: int) -> datetime | None:
    return moment(at_us) if at_us else None
