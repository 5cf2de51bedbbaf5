"""REST of the fleet, below /api/v1."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request

from agent.errors import Problem
from agent.web.query import MAX_PAGE, PAGE, QueryRefused, Reading
from agent.web.rest import PREFIX, REFUSALS, BeforeId, Limit, Text, moment
from fleet.store.values import By, EventQuery, Scope
from fleet.web.answered import (
    alarm_answer,
    aside_answer,
    event_answer,
    found_answer,
    group_answer,
    refusal_answer,
    station_answer,
    window_answer,
)
from fleet.web.answers import (
    AlarmsAnswer,
    AsidesAnswer,
    EventsAnswer,
    GroupsAnswer,
    ParetoAnswer,
    RefusalsAnswer,
    StationsAnswer,
    WindowsAnswer,
)
from fleet.web.desk import Desk
from fleet.web.overview import Glances
from fleet.web.period import period_of

BYS: tuple[By, ...] = get_args(By)
PLACES = ("site", "line", "station", "lane")
TIMES = ("range", "since", "until")
MOST_GROUPS = 50_000
MOST_WINDOWS = 5000
_Apart = Annotated[str, Query(max_length=80, description=f"told apart by, comma-separated: {', '.join(BYS)}")]
_Windows = Annotated[int, Query(ge=1, le=MOST_WINDOWS, description="how many, the newest")]


class FleetApi:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, glances: Glances) -> None:
        self._desk = desk
        self._glances = glances
        self.router = APIRouter(prefix=PREFIX, responses=REFUSALS, tags=["fleet"])
        add = self.router.add_api_route
        add("/stations", self.stations, response_model=StationsAnswer)
        add("/sums", self.sums, response_model=GroupsAnswer)
        add("/pareto", self.pareto, response_model=ParetoAnswer)
        add("/windows", self.windows, response_model=WindowsAnswer)
        add("/alarms", self.alarms, response_model=AlarmsAnswer)
        add("/events", self.events, response_model=EventsAnswer)
        add("/set-aside", self.asides, response_model=AsidesAnswer)
        add("/refusals", self.refusals, response_model=RefusalsAnswer)

    def stations(self, site: Text = "", line: Text = "", station: Text = "") -> StationsAnswer:
        """Every box as it is now: presence, last hour, proof of sync, standing alarms."""
        fleet = self._glances.look()
        found = fleet.within(Scope(site, line, station))
        return StationsAnswer(at=moment(fleet.at_us), stations=tuple(map(station_answer, found)))

    def sums(
        self,
        request: Request,
        by: _Apart = "",
        site: Text = "",
        line: Text = "",
        station: Text = "",
        lane: Text = "",
        range: Text = "",
        since: Text = "",
        until: Text = "",
    ) -> GroupsAnswer:
        """Sums of a place and time, by the hour; without a time the last 24 hours."""
        del site, line, station, lane, range, since, until  # declared for OpenAPI
        apart = _apart(by)
        scope = self._scope(request, "by")
        groups = self._desk.store.sums(scope, apart)
        if len(groups) > MOST_GROUPS:
            raise QueryRefused((Problem("by", f"{len(groups):,} groups: at most {MOST_GROUPS:,}; or take /export"),))
        since_at, until_at = _times(scope)
        return GroupsAnswer(since=since_at, until=until_at, groups=tuple(map(group_answer, groups)))

    def pareto(
        self,
        request: Request,
        site: Text = "",
        line: Text = "",
        station: Text = "",
        lane: Text = "",
        range: Text = "",
        since: Text = "",
        until: Text = "",
    ) -> ParetoAnswer:
        """Defects, missing things and causes of UNSURE, the most frequent first."""
        del site, line, station, lane, range, since, until
        scope = self._scope(request)
        since_at, until_at = _times(scope)
        found = self._desk.store.pareto(scope)
        return ParetoAnswer(since=since_at, until=until_at, found=tuple(map(found_answer, found)))

    def windows(
        self,
        request: Request,
        site: Text = "",
        line: Text = "",
        station: Text = "",
        lane: Text = "",
        range: Text = "",
        since: Text = "",
        until: Text = "",
        limit: _Windows = 1000,
    ) -> WindowsAnswer:
        """Single windows of a place and time."""
        del site, line, station, lane, range, since, until
        scope = self._scope(request, "limit")
        return WindowsAnswer(windows=tuple(map(window_answer, self._desk.store.windows(scope, limit))))

    def alarms(self, request: Request, site: Text = "", line: Text = "", station: Text = "") -> AlarmsAnswer:
        """Each alarm's newest turn, standing or ended, the newest first."""
        del site, line, station
        return AlarmsAnswer(alarms=tuple(map(alarm_answer, self._desk.store.alarms(_place(request.query_params)))))

    def events(
        self,
        request: Request,
        site: Text = "",
        line: Text = "",
        station: Text = "",
        name: Text = "",
        before: Text = "",
        limit: Limit = PAGE,
    ) -> EventsAnswer:
        """What stations said happened to them, the newest first; `before`: only what is older than this time."""
        del site, line, station, before
        reading = Reading(request.query_params, self._desk.zone, [])
        older_us = reading.moment("before")
        reading.refuse()
        query = EventQuery(
            _place(request.query_params),
            name,
            older_us // 1000 if older_us is not None else None,
            min(limit, MAX_PAGE),
        )
        return EventsAnswer(events=tuple(map(event_answer, self._desk.store.events(query))))

    def asides(self, before_id: BeforeId = None, limit: Limit = PAGE) -> AsidesAnswer:
        """Messages that were set aside, without their bytes, the newest first."""
        found = self._desk.store.asides(before_id, limit + 1)
        page = found[:limit]
        return AsidesAnswer(
            set_aside=tuple(map(aside_answer, page)), next_before_id=page[-1].id if len(found) > limit else None
        )

    def refusals(self) -> RefusalsAnswer:
        """How many messages were ever set aside, by cause and station."""
        return RefusalsAnswer(refusals=tuple(map(refusal_answer, self._desk.store.refusals())))

    def _scope(self, request: Request, *further: str) -> Scope:
        """Raises QueryRefused."""
        asked = request.query_params
        known = (*PLACES, *TIMES, *further)
        wrong = tuple(
            Problem(name[:40], f"unknown; known are {', '.join(known)}") for name in asked if name not in known
        )
        if wrong:
            raise QueryRefused(wrong)
        period = period_of(asked, self._desk.zone, time.time_ns() // 1_000_000)
        return replace(_place(asked), since_ms=period.since_ms, until_ms=period.until_ms)


def _place(asked: Mapping[str, str]) -> Scope:
    """Raises QueryRefused for a NUL, which no database can look for."""
    if wrong := tuple(Problem(name, "holds a NUL character") for name in PLACES if "\0" in asked.get(name, "")):
        raise QueryRefused(wrong)
    site, line, station, lane = (asked.get(name, "") for name in PLACES)
    return Scope(site, line, station, lane=lane)


def _apart(text: str) -> tuple[By, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if wrong := [name for name in names if name not in BYS]:
        raise QueryRefused((Problem("by", f"{wrong[0][:40]!r}: allowed are {', '.join(BYS)}"),))
    return tuple(name for name in BYS if name in names)


def _times(scope: Scope) -> tuple[datetime, datetime]:
    return moment((scope.since_ms or 0) * 1000), moment((scope.until_ms or 0) * 1000)
